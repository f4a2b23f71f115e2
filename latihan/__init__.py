"""The lab's command line: runs the playbooks, shows what they do and reports what they proved."""
