"""Texts in many languages and encodings: what the reading of documents is measured and tested with."""
