"""What sequence tasks ask: functions that make ``count`` pairs of one length at a time.

Each takes a generator, a number of pairs and the length of the source, and returns sources
``(count, length)`` and targets ``(count, m)``, numbers from 0 on.
"""
