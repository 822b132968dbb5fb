"""Samples of the pages; the tests run them."""
