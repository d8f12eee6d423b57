"""gengap: what a model loses where it has not been.

    import gengap as gg
    gg.measure(estimator, X, y, environment=where)

The names below are the public surface; everything else may move.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gengap.base.errors import SuspiciousInput, UsageError
    from gengap.control.levels import Levels
    from gengap.control.logged import Logged
    from gengap.delivery.loading import load
    from gengap.environments.core import Environments
    from gengap.environments.readers import read
    from gengap.environments.suites import load_suite, suites
    from gengap.guard import Guard
    from gengap.questions.forecasting.forecast import Forecasts, forecast
    from gengap.records.store import Store
    from gengap.sequences.problem import Sequences
    from gengap.study.measure import measure
    from gengap.study.result import Result
    from gengap.study.scorers import metric
    from gengap.study.study import Study

# Loaded on first use: torch takes seconds to import, and "gengap --help" needs none of it.
_HOMES = {
    "Environments": "gengap.environments.core",
    "Forecasts": "gengap.questions.forecasting.forecast",
    "Guard": "gengap.guard",
    "Levels": "gengap.control.levels",
    "Logged": "gengap.control.logged",
    "Result": "gengap.study.result",
    "Sequences": "gengap.sequences.problem",
    "Store": "gengap.records.store",
    "Study": "gengap.study.study",
    "SuspiciousInput": "gengap.base.errors",
    "UsageError": "gengap.base.errors",
    "forecast": "gengap.questions.forecasting.forecast",
    "load": "gengap.delivery.loading",
    "load_suite": "gengap.environments.suites",
    "measure": "gengap.study.measure",
    "metric": "gengap.study.scorers",
    "read": "gengap.environments.readers",
    "suites": "gengap.environments.suites",
}
__all__ = [
    "Environments", "Forecasts", "Guard", "Levels", "Logged", "Result", "Sequences", "Store",
    "Study", "SuspiciousInput", "UsageError", "forecast", "load", "load_suite", "measure", "metric",
    "read", "suites",
]  # fmt: skip


# Rooms that are met as modules, such as ``gg.adapters.Tent``.
_ROOMS = ("adapters", "merges")


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"gengap.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'gengap' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
