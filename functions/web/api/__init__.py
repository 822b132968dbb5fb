"""The resources of the API, a module for each; every module has `routes(parts)`, and openapi.json describes them."""
