"""A stand-in of the Read model of Azure AI Document Intelligence."""
