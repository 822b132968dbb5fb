"""`python -m functions`: see and steer the app from the command line; a module for each command."""
