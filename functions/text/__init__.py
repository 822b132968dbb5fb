"""From the bytes of a document to chunks of text with exact positions: no I/O."""
