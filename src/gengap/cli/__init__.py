"""The command line: one file per command, each a thin layer over the Python interface."""

from gengap.cli import (
    catalogues,
    clean,
    compare,
    detect,
    detectors,
    examples,
    forecast,
    migrate,
    plan,
    report,
    run,
    shift,
)
from gengap.cli.base import app, main

__all__ = [
    "app",
    "catalogues",
    "clean",
    "compare",
    "detect",
    "detectors",
    "examples",
    "forecast",
    "main",
    "migrate",
    "plan",
    "report",
    "run",
    "shift",
]
