"""The conformance suites that every method, detector and problem passes, for subclassing.

A package that adds a training-time method tests it with

    from gengap.testing import MethodConformance

    class TestMine(MethodConformance):
        method = Mine

and pytest collects the checks: plain asserts on toy problems of every kind the method's record
claims, on the CPU, in about a second. Post-hoc detectors have theirs:

    from gengap.testing import DetectorConformance

    class TestMine(DetectorConformance):
        detector = Mine

Adapters have a third:

    from gengap.testing import AdapterConformance

    class TestMine(AdapterConformance):
        adapter = Mine

Problems, the things that studies run on, have a fourth:

    from gengap.testing import ProblemConformance

    class TestMine(ProblemConformance):
        def problem(self):
            return mine()

The toys can be used on their own.
"""

from gengap.testing.adapter_toys import KINDS, AdapterToy, adapter_toy
from gengap.testing.adapters import AdapterConformance
from gengap.testing.blobs import Blobs, blobs
from gengap.testing.conformance import MethodConformance
from gengap.testing.detectors import DetectorConformance
from gengap.testing.problems import ProblemConformance
from gengap.testing.toys import TASKS, RecordingOptimizer, Size, Toy, toy

__all__ = [
    "KINDS", "TASKS", "AdapterConformance", "AdapterToy", "Blobs", "DetectorConformance",
    "MethodConformance", "ProblemConformance", "RecordingOptimizer", "Size", "Toy", "adapter_toy",
    "blobs", "toy",
]  # fmt: skip
