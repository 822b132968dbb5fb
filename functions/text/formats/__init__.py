"""Text out of files: one extractor for each format, and the child process that runs them."""
