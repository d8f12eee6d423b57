"""Models of sequences, one file each; each registers itself and is named on the command line.

Parameters of all runs are stacked, ``(R, ...)``, as everywhere; inputs are ``(R, n, 2, L)`` token
numbers (:mod:`gengap.sequences.pairs`), and logits ``(R, n, L, V)``.
"""
