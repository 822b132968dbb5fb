"""The page and its API: two ASGI applications, loaded at the first request; `api` has a module for each resource."""
