"""Models that the user has, measured in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from gengap.base.errors import UsageError, unknown
from gengap.base.progress import Progress
from gengap.environments.core import Environments
from gengap.environments.targets import ordinal, survival
from gengap.study.resolve import estimator_kind, is_estimator
from gengap.study.result import Result
from gengap.study.study import Study

TASKS: dict[str | None, Literal["classification", "regression"]] = {
    "classifier": "classification",
    "regressor": "regression",
}


def measure(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    environment: Any,
    cluster: Any = None,
    seeds: int | Sequence[int] = 5,
    metric: Any = None,
    splits: Any = "auto",
    jobs: int = 0,
    progress: Callable[[Progress], None] | None = None,
    task: str | None = None,
    order: Sequence[Any] = (),
    event: Any = None,
    text_encoder: Any = None,
    **settings: Any,
) -> Result:
    """Measure what unseen environments cost a model, or several that are compared.

    Args:
        estimator: a classifier, regressor or pipeline with scikit-learn's methods (XGBoost's,
            LightGBM's and CatBoost's among them), cloned and never changed; a ``torch.nn.Module``,
            of which every run trains a copy; the name of a method such as ``"xgboost"``; or a list
            of these, or a mapping from names of your own to them, the first of them the baseline.
        X: ``(n, d)`` features as the estimator takes them: array, DataFrame or tensor.
        y: ``(n,)`` targets, or the column of ``X`` that holds them; ``(n, k)`` or several columns
            for several targets, all numbers or all labels of the same two values.
        environment: ``(n,)`` labels that say where each row came from, or that column of ``X``.
        cluster: ``(n,)`` labels of rows that belong together, such as a patient's, or that column.
        metric: see :class:`~gengap.study.study.Study`.
        task: ``"classification"``, ``"regression"`` or ``"ordinal"``; told apart when not given.
        order: the classes of an ordinal target, lowest first.
        event: ``(n,)`` whether the target, a time, ended in the event, or that column of ``X``.
        text_encoder: makes numbers of free text; see
            :meth:`~gengap.environments.core.Environments.from_arrays`.
        settings: further settings of a study, such as ``steps`` and ``store``.

    Returns:
        the result of a study of these models alone; ``print(result)`` gives the answer.

    Raises:
        UsageError: no such column, several networks, or what a study refuses.

    Example:
        >>> import numpy as np, gengap as gg
        >>> from sklearn.linear_model import Ridge
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 3)); where = np.repeat([0, 1, 2], 100)
        >>> result = gg.measure(Ridge(), X, X.sum(1) + where, environment=where, jobs=1)
        >>> bool(result.gaps.cost_of_unseen.mean() > 0)
        True
    """
    X, y, environment, cluster, event = _taken(
        X, y=y, environment=environment, cluster=cluster, event=event
    )
    methods, module = _models(estimator)
    bare = [_bare(method) for method in methods]
    kinds = [estimator_kind(each) for each in bare if is_estimator(each)]
    told = next((TASKS[kind] for kind in kinds if kind in TASKS), None)
    kind = {"ordinal": "classification"}.get(str(task), task or told)
    environments = Environments.from_arrays(
        X,
        y,
        environment,
        cluster=cluster,
        task="regression" if event is not None else kind,  # type: ignore[arg-type]
        text_encoder=text_encoder,
    )
    if task == "ordinal":
        environments = ordinal(environments, order or _levels(y))
    if event is not None:
        environments = survival(environments, event)
    network = {} if module is None else {"model": module, "plain_training": False}
    study = Study(
        environments,
        methods,
        seeds=seeds,
        metric=metric,
        splits=splits,
        jobs=jobs,
        **{**network, **settings},
    )
    return study.run(progress)


def _levels(y: Any) -> list[Any]:
    """The order that a pandas column of ordered categories has; of anything else none."""
    kind = getattr(y, "dtype", None)
    if not isinstance(kind, pd.CategoricalDtype) or not kind.ordered:
        return []
    return [level for level in kind.categories if (y == level).any()]


def _taken(X: Any, **columns: Any) -> tuple[Any, ...]:
    """``X`` without the columns that are named, and what they hold."""
    named: dict[str, Any] = {role: own for role, own in columns.items() if isinstance(own, str)}
    if isinstance(X, pd.DataFrame) and _names_columns(columns["y"], X):
        named["y"] = list(columns["y"])
    if not named:
        return X, *columns.values()
    if not isinstance(X, pd.DataFrame):
        role, name = next(iter(named.items()))
        raise UsageError(
            f"{role} is {name!r}, a column, but X is no DataFrame; give one value for each row."
        )
    each = [
        (role, name)
        for role, names in named.items()
        for name in ([names] if isinstance(names, str) else names)
    ]
    for role, name in each:
        if name not in X.columns:
            raise unknown(f"There is no column {name!r} for the {role}", name, X.columns, 40)
    found = {role: X[named[role]] if role in named else held for role, held in columns.items()}
    return X.drop(columns=list(dict.fromkeys(name for _, name in each))), *found.values()


def _names_columns(y: Any, X: pd.DataFrame) -> bool:
    """Whether ``y`` is a list of names of columns, not of as many labels as there are rows."""
    names = isinstance(y, list | tuple) and 0 < len(y) < len(X)
    return names and all(isinstance(name, str) and name in X.columns for name in y)


def _models(given: Any) -> tuple[list[Any], Any]:
    """Methods of a study, and the module that one of them trains, or None."""
    from torch import nn

    several = isinstance(given, Mapping | list | tuple)
    if several and not given:
        raise UsageError("There is no model to measure; give at least one.")
    if isinstance(given, Mapping):
        items = [{name: model} for name, model in given.items()]
    else:
        items = list(given) if several else [given]
    modules = [_bare(item) for item in items if isinstance(_bare(item), nn.Module)]
    if len(modules) > 1:
        raise UsageError("A study trains one network; measure several one after another.")
    methods = ["erm" if isinstance(_bare(item), nn.Module) else item for item in items]
    return methods, modules[0] if modules else None


def _bare(item: Any) -> Any:
    """The model of a mapping from its name, or the model itself."""
    if isinstance(item, Mapping) and len(item) == 1:
        return next(iter(item.values()))
    return item
