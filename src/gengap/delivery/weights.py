"""A trained model as bytes and back, in formats that run no code when they are read.

Networks are safetensors, estimators of scikit-learn skops files, and boosted trees of XGBoost,
LightGBM and CatBoost the JSON and the text that these libraries write themselves.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.delivery.own_code import initialised, layers_of, made_by, refuse_other
from gengap.delivery.schema import Description
from gengap.methods.base import headed, stack
from gengap.methods.registry import registered
from gengap.models.networks import MLP, Network, architecture
from gengap.records.run import KeptModel
from gengap.study.trained import Trained
from gengap.training.kept import (
    estimator_from_bytes,
    estimator_to_bytes,
    network_from_bytes,
    networks_to_bytes,
    untrusted,
)
from gengap.training.tables import Tables

ENDINGS = {
    "safetensors": "safetensors",
    "skops": "skops",
    "xgboost": "xgboost.json",
    "lightgbm": "lightgbm.txt",
    "catboost": "catboost.json",
}


def weights_of(trained: Trained) -> tuple[str, bytes, str]:
    """The format, the bytes, and why there are none where no format can hold the model."""
    model = trained.model
    if isinstance(model, Network):
        (kept,) = networks_to_bytes(model, 1, 0)
        return "safetensors", kept.content, ""
    home = type(model).__module__.split(".")[0]
    classes = trained.problem.classes
    if boosted(model) and classes and len(model.classes_) != len(classes):
        return "", b"", "some classes are missing from the rows it was trained on"
    if home == "xgboost":
        return "xgboost", bytes(model.get_booster().save_raw("json")), ""
    if home == "lightgbm":
        return "lightgbm", model.booster_.model_to_string().encode(), ""
    if home == "catboost":
        return "catboost", _catboost_bytes(model), ""
    held = estimator_to_bytes(model)
    if held is None:
        return "", b"", f"skops is missing or cannot hold a {type(model).__name__}"
    if strange := untrusted(held):
        return "", b"", f"it holds {strange}, which gengap does not build from a file"
    return "skops", held.content, ""


def boosted(model: Any) -> bool:
    """Whether a model is of a library of boosted trees, whose own file is kept."""
    return type(model).__module__.split(".")[0] in ("xgboost", "lightgbm", "catboost")


def model_of(
    said: Description, form: Tables, content: bytes, modules: Mapping[str, Any] | None = None
) -> Any:
    """The model that :func:`weights_of` gave.

    Args:
        modules: the user's own code by its name; see :mod:`gengap.delivery.own_code`.

    Raises:
        UsageError: a library or the user's own code is missing, or the file holds what is not
            trusted.
        ValueError: parts do not fit together.
    """
    if said.weights == "safetensors":
        return _network(said, form, content, modules)
    if said.weights == "skops":
        return estimator_from_bytes(KeptModel(0, "skops", content))
    if said.weights == "xgboost":
        return _xgboost(said, content)
    if said.weights == "lightgbm":
        return _lightgbm(said, content)
    if said.weights == "catboost":
        return _catboost(said, content)
    raise ValueError


def _network(
    said: Description, form: Tables, content: bytes, modules: Mapping[str, Any] | None
) -> Network:
    from safetensors.torch import load

    made: Any = made_by(said.code, modules) if said.code else architecture(said.run.model)
    tensors = load(content)
    widths = None if said.code else _widths(made)
    if widths is not None:
        sizes = [math.prod(form.shape), *widths, form.outputs]
        weights = sum(a * b for a, b in pairwise(sizes))
        if 4 * weights > len(content):
            raise ValueError
    elif not said.code and tensors["0.weight"].shape[1] != form.shape[0]:
        raise ValueError
    if said.code:
        fresh = initialised(said.code, made, form.shape, form.outputs)
        refuse_other(said.code, layers_of(made) == said.layers and fresh.keys() <= tensors.keys())
    else:
        fresh = made.initialise(form.shape, form.outputs, 0)
    info = registered(said.run.method)
    method = info.method.make(**said.run.hyperparameters)
    kept = network_from_bytes(KeptModel(0, "safetensors", content), made, form.shape)
    for name, value in fresh.items():
        if kept.parameters[name].shape[1:] != value.shape:
            refuse_other(said.code, not said.code)
            raise ValueError
    return headed(kept, stack([method]))


def _widths(made: Any) -> Sequence[int] | None:
    """Of the hidden layers of a perceptron; None of other networks."""
    if isinstance(made, MLP):
        return made.widths
    own = getattr(made, "factory", None)
    found: Sequence[int] | None = own.keywords.get("widths") if isinstance(own, partial) else None
    return found


def _xgboost(said: Description, content: bytes) -> Any:
    try:
        import xgboost
    except ImportError:
        raise UsageError("This model is XGBoost's; run pip install xgboost.") from None
    model = xgboost.XGBClassifier() if said.classes else xgboost.XGBRegressor()
    try:
        model.load_model(bytearray(content))
    except xgboost.core.XGBoostError:
        raise ValueError from None
    return model


def _lightgbm(said: Description, content: bytes) -> Any:
    try:
        import lightgbm
    except ImportError:
        raise UsageError("This model is LightGBM's; run pip install lightgbm.") from None
    try:
        booster = lightgbm.Booster(model_str=content.decode())
    except lightgbm.basic.LightGBMError:
        raise ValueError from None
    return BoostedClasses(booster, len(said.classes)) if said.classes else Boosted(booster)


def _catboost_bytes(model: Any) -> bytes:
    """CatBoost writes files alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        return path.read_bytes()


def _catboost(said: Description, content: bytes) -> Any:
    try:
        import catboost
    except ImportError:
        raise UsageError("This model is CatBoost's; run pip install catboost.") from None
    model = catboost.CatBoostClassifier() if said.classes else catboost.CatBoostRegressor()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        path.write_bytes(content)
        try:
            model.load_model(str(path), format="json")
        except catboost.CatBoostError:
            raise ValueError from None
    return model


class Boosted:
    """LightGBM's trees, asked as its estimators are."""

    def __init__(self, booster: Any) -> None:
        self.booster_ = booster

    def predict(self, X: Any) -> np.ndarray:
        """Values ``(n,)``."""
        return np.asarray(self.booster_.predict(X))


class BoostedClasses(Boosted):
    """The same for classes; ``classes_ (C,)`` are their numbers."""

    def __init__(self, booster: Any, classes: int) -> None:
        super().__init__(booster)
        self.classes_ = np.arange(classes)

    def predict(self, X: Any) -> np.ndarray:
        """Class numbers ``(n,)``."""
        return np.asarray(self.predict_proba(X).argmax(1))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(n, C)``."""
        found = np.asarray(self.booster_.predict(X))
        return np.stack([1 - found, found], 1) if found.ndim == 1 else found
