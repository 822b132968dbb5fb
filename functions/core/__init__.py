"""Decisions as functions of values: no I/O, no locks, no clocks, no Azure import."""
