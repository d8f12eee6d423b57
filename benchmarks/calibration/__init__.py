"""Simulated studies of what the commands promise: one module for each, and one for the library."""
