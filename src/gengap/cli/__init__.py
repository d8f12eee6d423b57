"""The command line: one file per command, each a thin layer over the Python interface."""

from gengap.cli import catalogues, compare, detect, detectors, examples, forecast, plan, run, shift
from gengap.cli.base import app, main

__all__ = [
    "app",
    "catalogues",
    "compare",
    "detect",
    "detectors",
    "examples",
    "forecast",
    "main",
    "plan",
    "run",
    "shift",
]
