"""The page and its API: what people see of their documents in a browser."""
