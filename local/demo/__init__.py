"""See the product work on this machine: drop documents, watch, read what was found.

``python -m local.demo run`` drops the samples and ends; ``start`` watches a folder; ``measure`` takes the time.
"""
