"""Containers and queues: contract, Azure and in-memory implementation side by side, and the stores above them."""
