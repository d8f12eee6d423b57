"""The conformance suites that every method and every detector passes, for subclassing.

A package that adds a training-time method tests it with

    from gengap.testing import MethodConformance

    class TestMine(MethodConformance):
        method = Mine

and pytest collects the checks: plain asserts on toy problems of every kind the method's record
claims, on the CPU, in about a second. Post-hoc detectors have theirs:

    from gengap.testing import DetectorConformance

    class TestMine(DetectorConformance):
        detector = Mine

The toys can be used on their own.
"""

from gengap.testing.blobs import Blobs, blobs
from gengap.testing.conformance import MethodConformance
from gengap.testing.detectors import DetectorConformance
from gengap.testing.toys import TASKS, RecordingOptimizer, Size, Toy, toy

__all__ = [
    "TASKS", "Blobs", "DetectorConformance", "MethodConformance", "RecordingOptimizer", "Size",
    "Toy", "blobs", "toy",
]  # fmt: skip
