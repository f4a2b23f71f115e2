"""What a run leaves behind: report, page and JUnit XML; and the differences between two runs."""
