"""A stand-in for the asynchronous job API of Azure AI Language, for tests and for work without a cloud account."""
