"""Tests of the Language stand-in."""
