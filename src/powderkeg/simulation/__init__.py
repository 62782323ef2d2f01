"""Simulated markets, for demonstrations and tests; never mixed with real data."""
