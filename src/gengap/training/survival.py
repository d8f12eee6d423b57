"""Estimators of scikit-survival, and what they are fitted to: ``--methods sksurv:NAME``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from gengap.base.errors import UsageError, listing, suggest

# Estimators whose predictions are risks, by the module of scikit-survival that has them.
ESTIMATORS = {
    "CoxPHSurvivalAnalysis": "linear_model",
    "CoxnetSurvivalAnalysis": "linear_model",
    "RandomSurvivalForest": "ensemble",
    "ExtraSurvivalTrees": "ensemble",
    "GradientBoostingSurvivalAnalysis": "ensemble",
    "ComponentwiseGradientBoostingSurvivalAnalysis": "ensemble",
    "SurvivalTree": "tree",
    "FastSurvivalSVM": "svm",
}
PREFIX = "sksurv:"


def survival_estimator(name: str, **parameters: Any) -> Any:
    """An estimator of :data:`ESTIMATORS`, not fitted.

    Raises:
        UsageError: scikit-survival is not installed, or has no such estimator or parameter.
    """
    if name not in ESTIMATORS:
        raise UsageError(
            f"There is no survival estimator {name!r}{suggest(name, ESTIMATORS)} "
            f"(there are: {listing(ESTIMATORS)})."
        )
    try:
        module = import_module(f"sksurv.{ESTIMATORS[name]}")
    except ImportError:
        raise UsageError(
            'Survival times need scikit-survival; run pip install "gengap[survival]".'
        ) from None
    kind = getattr(module, name)
    try:
        return kind(**parameters)
    except TypeError:
        known = kind().get_params()
        wrong = next((own for own in parameters if own not in known), "")
        raise UsageError(
            f"{PREFIX}{name} has no parameter {wrong!r}{suggest(wrong, known)} "
            f"(it has: {listing(known)})."
        ) from None


def reads_signed_times(estimator: Any) -> bool:
    """Whether an estimator reads times that end without the event as negative ones (XGBoost's)."""
    return str(getattr(estimator, "objective", "")).startswith("survival:cox")


def times(y: np.ndarray) -> np.ndarray:
    """Times ``(n,)``, negative without the event, as scikit-survival reads them."""
    found = np.empty(len(y), dtype=[("event", bool), ("time", np.float64)])
    found["event"], found["time"] = y > 0, np.abs(y)
    return found
