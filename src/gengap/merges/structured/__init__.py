"""Merges that bring models into one frame first: units in one order, changes at right angles."""
