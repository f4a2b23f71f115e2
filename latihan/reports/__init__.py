"""What a run leaves behind: report, page, JUnit, and comparing two."""
