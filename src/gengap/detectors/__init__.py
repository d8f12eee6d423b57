"""Out-of-distribution detectors: which inputs a model should not answer. One file each.

A detector gives every input a score, and larger is stranger, everywhere.
"""
