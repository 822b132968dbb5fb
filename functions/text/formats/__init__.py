"""Text out of files: one extractor for each format, and the child process that runs them."""

HEAD_BYTES = 65_536
"""What is looked at of a file to know what it is."""
