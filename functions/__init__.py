"""Entity Drop: documents dropped into a blob container come back as entities in another."""

__version__ = "0.1.0"
"""As in pyproject.toml."""
