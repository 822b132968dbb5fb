"""Labels files: read, written, checked and split, from values to values (docs/labels.md)."""
