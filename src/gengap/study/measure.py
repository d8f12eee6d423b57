"""One scikit-learn estimator, measured in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from gengap.base.progress import Progress
from gengap.environments.core import Environments
from gengap.study.resolve import estimator_kind
from gengap.study.result import Result
from gengap.study.study import Study


def measure(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    environment: Any,
    cluster: Any = None,
    seeds: int | Sequence[int] = 5,
    metric: str | None = None,
    splits: Any = "auto",
    jobs: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Measure what unseen environments cost any scikit-learn estimator.

    Args:
        estimator: a classifier, regressor or pipeline; cloned, never changed.
        X: ``(n, d)`` features as the estimator takes them: array, DataFrame or tensor.
        y: ``(n,)`` targets.
        environment: ``(n,)`` labels that say where each row came from.
        cluster: ``(n,)`` labels of rows that belong together, such as a patient's.

    Returns:
        the result of a study with this estimator alone; ``print(result)`` gives the answer.

    Example:
        >>> import numpy as np, gengap as gg
        >>> from sklearn.linear_model import Ridge
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 3)); where = np.repeat([0, 1, 2], 100)
        >>> result = gg.measure(Ridge(), X, X.sum(1) + where, environment=where, jobs=1)
        >>> bool(result.gaps.cost_of_unseen.mean() > 0)
        True
    """
    tasks: dict[str | None, Literal["classification", "regression"]] = {
        "classifier": "classification",
        "regressor": "regression",
    }
    environments = Environments.from_arrays(
        X, y, environment, cluster=cluster, task=tasks.get(estimator_kind(estimator))
    )
    study = Study(
        environments,
        [estimator],
        seeds=seeds,
        metric=metric,
        splits=splits,
        jobs=jobs,
    )
    return study.run(progress)
