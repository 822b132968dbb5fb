"""Entity Drop: documents dropped into a blob container come back as entities in another."""
