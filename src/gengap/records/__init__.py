"""Runs and their per-example predictions, kept in SQLite or PostgreSQL."""
