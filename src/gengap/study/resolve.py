"""From what a user wrote under "methods" to what a study trains."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

import joblib
import numpy as np

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.methods.base import Method
from gengap.methods.registry import method_info, methods
from gengap.study.plan import Entry
from gengap.training.boosters import BOOSTERS, booster
from gengap.training.estimators import estimator_named
from gengap.training.survival import PREFIX as SURVIVAL_PREFIX
from gengap.training.survival import reads_signed_times, survival_estimator

ESTIMATOR_PREFIX = "sklearn:"
NO_TIMES = (
    "knows no times that end without the event; use sksurv:CoxPHSurvivalAnalysis or another "
    "estimator of scikit-survival."
)


def resolve(
    wanted: Sequence[Any],
    task: str,
    environments: int,
    trials: int,
    baseline: str | None = None,
    hidden_features: bool = True,
    lacks: Collection[str] = (),
    estimators: bool = True,
) -> tuple[list[Entry], dict[str, str]]:
    """Resolve methods; returns entries and, by name, why others are skipped.

    The first is the baseline: the first that was asked for, or the one of that name, which need
    not be asked for otherwise. ``environments`` is the smallest number of training environments
    of any split, ``hidden_features`` whether the network has any, ``lacks`` the needs of
    methods that the data cannot meet, and ``estimators`` whether scikit-learn estimators can be
    fitted to them.
    """
    entries: list[Entry] = []
    skipped: dict[str, str] = {}
    for item in wanted:
        named = is_named_estimator(item)
        if not estimators and (named or is_estimator(item) or _named_estimator(item)):
            name = item if named else type(item).__name__
            skipped[name] = f"{name} needs a table, which these data are not."
            continue
        # Each of several labels is a class that is there or not.
        entry = _estimator_asked(item, "classification" if task == "labels" else task)
        if entry is None:
            name, given = name_and_values(item)
            info = method_info(name)
            reason = info.why_not(task, environments, hidden_features, lacks)
            if reason:
                skipped[name] = reason
                continue
            entry = _method_entry(name, info.method, given, trials)
        entries.append(replace(entry, given=item))
    if not entries:
        reasons = " ".join(skipped.values())
        raise UsageError(f"No method is left to run: {reasons or 'name one with --methods.'}")
    entries = _distinct(entries)
    if baseline is None:
        return entries, skipped
    first = [entry for entry in entries if entry.name == baseline]
    if not first:
        terms = (task, environments, trials, None, hidden_features, lacks, estimators)
        first, _ = resolve([baseline], *terms)
    return [*first, *(entry for entry in entries if entry.name != baseline)], skipped


def _estimator_asked(item: Any, task: str) -> Entry | None:
    """The entry of an estimator, given or named; None for a training method."""
    if is_estimator(item):
        _check_estimator(item, task)
        return _estimator_entry(type(item).__name__, item)
    if named_estimator := _named_estimator(item):
        _check_estimator(named_estimator[1], task)
        return _estimator_entry(*named_estimator, titled=True)
    if isinstance(item, Mapping) and is_named_estimator(_only(item)):
        same = _estimator_asked(_only(item), task)
        assert same is not None
        return _estimator_entry(str(next(iter(item))), same.estimator, titled=True)
    name, given = name_and_values(item)
    if name.startswith(SURVIVAL_PREFIX):
        kind = survival_estimator(name.removeprefix(SURVIVAL_PREFIX), **given)
        _check_estimator(kind, task)
        return _estimator_entry(name, kind)
    if task == "survival" and (name in BOOSTERS or name.startswith(ESTIMATOR_PREFIX)):
        raise UsageError(f"{name} {NO_TIMES}")
    if name in BOOSTERS:
        return _estimator_entry(name, booster(name, task, **given))
    if name.startswith(ESTIMATOR_PREFIX):
        kind = name.removeprefix(ESTIMATOR_PREFIX)
        return _estimator_entry(name, estimator_named(kind, task, **given))
    return None


def _only(item: Mapping[Any, Any]) -> Any:
    """The value of a mapping with one entry, else None."""
    return next(iter(item.values())) if len(item) == 1 else None


def is_named_estimator(item: Any) -> bool:
    """Whether something is the name of an estimator, perhaps with hyperparameters after a colon."""
    if not isinstance(item, str):
        return False
    prefixed = item.startswith((ESTIMATOR_PREFIX, SURVIVAL_PREFIX))
    return prefixed or item.partition(":")[0] in BOOSTERS


def _named_estimator(item: Any) -> tuple[str, Any] | None:
    """The name and the estimator of a mapping from one to the other; None for anything else."""
    if not isinstance(item, Mapping) or len(item) != 1:
        return None
    name, value = next(iter(item.items()))
    if value is None or isinstance(value, Mapping):  # hyperparameters of a method of that name
        return None
    return (str(name), value) if is_estimator(value) else None


def is_estimator(item: Any) -> bool:
    """Whether something is an estimator itself, not the name of one or a method."""
    return not isinstance(item, str | Mapping | Method) and hasattr(item, "fit")


def _check_estimator(item: Any, task: str) -> None:
    """Refuse a class, and an estimator that says it is for the other kind of target."""
    if isinstance(item, type):
        raise UsageError(f"{item.__name__} is a class; give an object: {item.__name__}().")
    survives = type(item).__module__.startswith("sksurv.")
    if task == "survival":
        if not (survives or reads_signed_times(item)) and estimator_kind(item) is not None:
            raise UsageError(f"{type(item).__name__} {NO_TIMES}")
        return
    if survives:
        raise UsageError(
            f"{type(item).__name__} is for survival times; name the column that says whether they "
            "ended in the event with --event."
        )
    other = "regressor" if task == "classification" else "classifier"
    if estimator_kind(item) == other:
        raise UsageError(f"{type(item).__name__} is a {other}, but the target is a {task}.")


def estimator_kind(item: Any) -> str | None:
    """Say ``"classifier"``, ``"regressor"`` or, of an object that does not tell, None."""
    from sklearn.base import is_classifier, is_regressor

    try:
        return "classifier" if is_classifier(item) else "regressor" if is_regressor(item) else None
    except AttributeError:  # not every object with fit and predict has scikit-learn's tags
        return None


def name_and_values(item: Any) -> tuple[str, dict[str, Any]]:
    """The name and the hyperparameters of what is asked for, in any of the forms that it has."""
    if isinstance(item, Method):
        name = next((n for n, info in methods().items() if info.method is type(item)), "")
        if not name:
            raise UsageError(
                f"{type(item).__name__} is not registered; decorate it with "
                "gengap.methods.registry.register."
            )
        return name, {f: getattr(item, f) for f in item.fields()}
    if isinstance(item, Mapping) and len(item) == 1:
        name, values = next(iter(item.items()))
        if not isinstance(values, Mapping | None):
            raise UsageError(
                f"The hyperparameters of {name} are {values!r}; give a mapping of names to values."
            )
        return str(name), dict(values or {})
    if not isinstance(item, str):
        raise UsageError(
            f"{item!r} is no method: give a name, a mapping from a name to hyperparameters, or an "
            "object with fit and predict."
        )
    for prefix in (ESTIMATOR_PREFIX, SURVIVAL_PREFIX):
        if item.startswith(prefix):
            head, _, tail = item.removeprefix(prefix).partition(":")
            return prefix + head, _values(tail)
    head, _, tail = item.partition(":")
    return head, _values(tail)


def _values(text: str) -> dict[str, Any]:
    """Read ``penalty=10;anneal=0.5``; numbers, true, false and null are JSON, the rest is text."""
    values: dict[str, Any] = {}
    for pair in filter(None, text.split(";")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"{pair!r} is no hyperparameter: write name=value.")
        try:
            values[name.strip()] = json.loads(value)
        except json.JSONDecodeError:
            values[name.strip()] = value.strip()
    return values


def _method_entry(name: str, method: type[Method], given: Mapping[str, Any], trials: int) -> Entry:
    base = method.make(**given)
    drawn = [method.draw(generator(trial, "trial", name), **given) for trial in range(1, trials)]
    settings = tuple({f: getattr(m, f) for f in method.fields()} for m in (base, *drawn))
    return Entry(name, settings, method=method)


def _estimator_entry(name: str, estimator: Any, titled: bool = False) -> Entry:
    """An entry of an estimator; of one with a name of the user's the class is a parameter too."""
    parameters = (
        {key: _described(value) for key, value in sorted(estimator.get_params().items())}
        if hasattr(estimator, "get_params")
        else {"estimator": _described(estimator)}
    )
    own = {"estimator": type(estimator).__name__} if titled else {}
    return Entry(name, ({**own, **parameters},), estimator=estimator)


def _described(value: Any) -> Any:
    """Return a parameter as a JSON value that is equal in every process, and differs if it does."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, int | float | str | bool | None):
        return value
    if isinstance(value, np.ndarray | np.random.Generator | np.random.RandomState):
        return f"{type(value).__name__}:{joblib.hash(value)}"
    if isinstance(value, FunctionType):
        code = value.__code__
        body = _without_address(repr((code.co_code, code.co_consts, code.co_names)))
        digest = hashlib.sha256(body.encode()).hexdigest()[:12]
        return f"{value.__module__}.{value.__qualname__}:{digest}"
    return _without_address(repr(value))


def _without_address(text: str) -> str:
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", text)


def _distinct(entries: list[Entry]) -> list[Entry]:
    """Number methods of the same name, so that two settings of one method can be compared."""
    seen: dict[str, int] = {}
    found: list[Entry] = []
    for entry in entries:
        seen[entry.name] = seen.get(entry.name, 0) + 1
        number = seen[entry.name]
        name = entry.name if number == 1 else f"{entry.name} #{number}"
        found.append(replace(entry, name=name))
    return found
