"""A development stand-in for the Azure Functions host: runs a Python app's blob, queue and timer triggers locally."""
