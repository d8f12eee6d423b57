"""Formats of users' tables: one file a family, each from a path to a DataFrame."""
