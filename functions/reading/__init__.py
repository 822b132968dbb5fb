"""Document Intelligence, which reads scans: client, payloads, replies."""
