"""Sequences: one row of tokens in, another out, as a problem like any other.

A unit is a pair of a source and a target; its score is whether all of the target was said, or what
share of it. Models read both at once (:mod:`gengap.sequences.pairs`), so recurrent networks,
machines with a stack or a tape, and transformers are trained and scored alike.
"""
