"""Merges that treat the entries of a tensor each in its own way: masks, signs, importance."""
