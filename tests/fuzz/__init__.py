"""Fuzzing of the extractors, on request (docs/formats.md)."""
