"""What the service can be asked about a document: a module for each kind of task."""
