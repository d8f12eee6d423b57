"""The conformance suite that every training-time method passes, for subclassing.

A package that adds a method tests it with

    from gengap.testing import MethodConformance

    class TestMine(MethodConformance):
        method = Mine

and pytest collects the checks: plain asserts on toy problems of every kind the method's record
claims, on the CPU, in about a second. The toys can be used on their own.
"""

from gengap.testing.conformance import MethodConformance
from gengap.testing.toys import TASKS, RecordingAdamW, Size, Toy, toy

__all__ = ["TASKS", "MethodConformance", "RecordingAdamW", "Size", "Toy", "toy"]
