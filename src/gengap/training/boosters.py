"""Gradient boosting of other packages by its plain name: ``--methods xgboost``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gengap.base.errors import UsageError, first_line, listing, suggest

# The module, its classifier and regressor, and what keeps it quiet.
BOOSTERS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "xgboost": ("xgboost", "XGBClassifier", "XGBRegressor", {"verbosity": 0}),
    "lightgbm": ("lightgbm", "LGBMClassifier", "LGBMRegressor", {"verbosity": -1}),
    "catboost": (
        "catboost",
        "CatBoostClassifier",
        "CatBoostRegressor",
        {"verbose": False, "allow_writing_files": False},
    ),
}


def booster(name: str, task: str, **parameters: Any) -> Any:
    """An estimator of one of :data:`BOOSTERS`, not fitted.

    Args:
        name: its key.
        task: ``"classification"`` or ``"regression"``.
        parameters: hyperparameters by the package's own names.

    Raises:
        UsageError: the package is not installed, or has no such hyperparameter.
    """
    package, classifier, regressor, quiet = BOOSTERS[name]
    try:
        module = import_module(package)
    except ImportError:
        raise UsageError(f'{name} is not installed; run pip install "gengap[{name}]".') from None
    kind = getattr(module, classifier if task == "classification" else regressor)
    known = kind().get_params() if name != "catboost" else {}
    unknown = [own for own in parameters if known and own not in known]
    if unknown:
        raise UsageError(
            f"{name} has no parameter {unknown[0]!r}{suggest(unknown[0], known)} "
            f"(it has: {listing(known)})."
        )
    try:
        return kind(**{**quiet, **parameters})
    except Exception as error:  # whatever the package raises of its parameters
        raise UsageError(f"{name} refuses its parameters: {first_line(error)}.") from None
