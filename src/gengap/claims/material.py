"""What claims are tried on: digits dealt anew for each draw, and models trained as runs of studies.

Studies train on three fifths of the rows they are given, spread evenly over environments and
classes. Where a claim is not about environments, its rows are divided into two halves at random,
as a study asks for environments; a model then trains on the training part of both.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from gengap.base.errors import SuspiciousInput
from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.records.store import Store
from gengap.study.study import Study
from gengap.study.trained import Trained, everything, one_model, train_models
from gengap.training.tables import Tables


def digits(draw: int, *, salt: str = "claims") -> tuple[np.ndarray, np.ndarray, Any]:
    """Scikit-learn's digits in another order for each draw.

    Returns:
        images ``(1797, 8, 8)`` float32 in 0..1, labels ``(1797,)``, and a generator to draw from.
    """
    rng = generator(draw, salt)
    data = load_digits()
    order = rng.permutation(len(data.target))
    return (data.images[order] / 16).astype(np.float32), data.target[order], rng


def halves(X: np.ndarray, y: np.ndarray, name: str) -> Environments:
    """Rows ``X (n, ...)`` with targets ``(n,)`` as one environment cut in two halves."""
    flat = np.asarray(X, np.float32).reshape(len(y), -1)
    return Environments.from_arrays(
        flat, y, np.arange(len(y)) % 2, task="classification", name=name
    )


def train(
    data: Environments,
    model: Any,
    seed: int | Sequence[int],
    store: str,
    at: Sequence[int] = (300,),
    **settings: Any,
) -> list[Trained]:
    """A model trained on the training part of all environments, after each number of steps.

    Args:
        data: what to train on.
        model: as a study takes it: ``"mlp(64)"``, ``"sklearn:NAME"``, or an estimator.
        seed: of the deal into parts and of the training; of several seeds each gives a model.
        store: address of the records; what they have is not trained again.
        at: numbers of steps, ascending.
        settings: further settings of the study; with ``trials`` there are as many models in a row.
    """
    # As a problem already: what is suspicious about data that were made is known.
    study = one_model(
        Tables.of(data), model, seeds=[seed] if isinstance(seed, int) else list(seed),
        steps=at[-1], checkpoints=",".join(map(str, at)), selection="validation", jobs=1, threads=1,
        device="cpu",
        **{"prepared_inputs": None, **settings},
    )  # fmt: skip
    plan = replace(study.plan, cells=(everything(study.plan),))
    steps = () if study.plan.entries[0].estimator is not None else at
    with Store(store) as records:
        return list(train_models(study, records, plan=plan, steps=steps))


def trained_here(
    data: Environments, method: Any, seed: int, store: str, **settings: Any
) -> Trained:
    """A network trained on the environment ``labelled`` and on inputs alone of ``unlabelled``.

    Args:
        method: one that sees inputs of what is left out.
        settings: further settings of the study.
    """
    study = Study(
        Tables.of(data), [method], splits="hold-out:unlabelled", seeds=[seed], jobs=1, threads=1,
        selection="last-step", keep_models="all", plain_training=False, **settings,
    )  # fmt: skip
    unseen = tuple(cell for cell in study.plan.cells if cell.role == "unseen")
    with Store(store) as records, warnings.catch_warnings():
        warnings.simplefilter("ignore", SuspiciousInput)  # strangers are meant
        (model,) = train_models(study, records, plan=replace(study.plan, cells=unseen))
    return model


def measured(
    data: Environments, methods: Sequence[Any], splits: Any, seed: int, store: str, **settings: Any
) -> Any:
    """The table of methods, indexed by name, of a study of one seed."""
    study = Study(
        Tables.of(data), methods, splits=splits, seeds=[seed], jobs=1, threads=1, store=store,
        keep_models="none", plain_training=False, **settings,
    )  # fmt: skip
    return study.run().methods.set_index("method")


def accuracy(model: Trained, X: np.ndarray, y: np.ndarray) -> float:
    """The share of examples ``X (n, ...)`` to which a model gives their class ``y (n,)``."""
    return float((answers(model, X) == y).mean())


def answers(model: Trained, X: np.ndarray) -> np.ndarray:
    """The classes ``(n,)`` that a model gives examples, which it was trained on as arrays."""
    said, _ = model.answers(np.asarray(X, np.float32).reshape(len(X), -1))
    return np.asarray(model.problem.classes)[said].astype(np.int64)


def logits(model: Trained, X: np.ndarray) -> np.ndarray:
    """``(n, C)`` of a model, or logarithms of probabilities."""
    found = model.outputs(np.asarray(X, np.float32).reshape(len(X), -1)).logits
    assert found is not None
    return np.asarray(found.numpy(), np.float64)
