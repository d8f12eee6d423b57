"""What kept models answer where each column of a row may come from another row of the data."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from gengap.models.networks import Network
from gengap.records.run import ExampleSet, Outcome
from gengap.study.trained import Trained
from gengap.training.tables import Tables

BATCH = 50_000  # rows answered at a time


def column_names(problem: Tables) -> tuple[str, ...]:
    """Names of a table's columns as the user gave them; ``x0``, ``x1`` and so on of an array."""
    return tuple(code.name for code in problem.encoded.codes)


def answers_of_mixed(trained: Trained, source: np.ndarray, row: np.ndarray) -> Outcome:
    """What a model predicts for rows whose columns are taken from other rows.

    Args:
        source: ``(m, d)`` the row of the data that each column of a made-up row is taken from, for
            the ``d`` columns of the user's table.
        row: ``(m,)`` whose target it has.
    """
    pieces = [
        _answers(trained, source[k : k + BATCH], row[k : k + BATCH])
        for k in range(0, len(row), BATCH)
    ]
    true = [piece.true_probability for piece in pieces if piece.true_probability is not None]
    return Outcome(
        0,
        "test",
        np.concatenate([piece.predicted for piece in pieces]),
        np.concatenate(true) if len(true) == len(pieces) else None,
    )


def examples_of(trained: Trained, row: np.ndarray) -> ExampleSet:
    """The targets of rows, as metrics want them."""
    problem = trained.problem
    return ExampleSet(row, problem.environment[row], problem.y[row])


def _answers(trained: Trained, source: np.ndarray, row: np.ndarray) -> Outcome:
    problem, y = trained.problem, trained.problem.y[row]
    matrix = _mixed_matrix(problem, source)
    if _is_network(trained):
        outputs = trained.outputs(matrix, y)
        assert outputs.logits is not None
        logits = outputs.logits.numpy().astype(np.float64)
        if not problem.classes:
            return Outcome(0, "test", trained.values(logits))
        if problem.target_names:
            present = 1 / (1 + np.exp(-logits))
            return Outcome(0, "test", (logits > 0).astype(np.int64), _true(present, y))
        logits -= logits.max(axis=1, keepdims=True)
        probability = np.exp(logits)
        probability /= probability.sum(axis=1, keepdims=True)
        return Outcome(0, "test", logits.argmax(axis=1), _true(probability, y))
    kind = trained.run.settings.get("input", "prepared")
    own = _mixed_rows(problem, source) if kind != "prepared" else problem.X[:0]
    inputs = problem.as_input(own, matrix, trained.prepared, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = np.asarray(trained.model.predict(inputs)).reshape(y.shape)
        if not problem.classes:
            return Outcome(0, "test", said.astype(np.float64))
        probabilities = trained.probabilities(inputs)
    true = None if probabilities is None else _true(probabilities, y)
    return Outcome(0, "test", said.astype(np.int64), true)


def _true(probability: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What is given to the truth by probabilities of classes, or of the second of each target."""
    if y.ndim == 1:
        return np.asarray(probability[np.arange(len(y)), y])
    return np.where(y == 1, probability, 1 - probability)


def _is_network(trained: Trained) -> bool:
    from gengap.methods.base import Predictor

    return isinstance(trained.model, Network | Predictor)


def _mixed_matrix(problem: Tables, source: np.ndarray) -> np.ndarray:
    matrix = np.empty((len(source), problem.matrix.shape[1]), dtype=np.float32)
    at = 0
    for j, code in enumerate(problem.encoded.codes):
        own = slice(at, at + code.width)
        matrix[:, own] = problem.matrix[source[:, j], own]
        at += code.width
    return matrix


def _mixed_rows(problem: Tables, source: np.ndarray) -> np.ndarray | pd.DataFrame:
    X = problem.X
    if isinstance(X, np.ndarray):
        return X[source, np.arange(X.shape[1])]
    columns = {
        name: X[name].take(source[:, j]).reset_index(drop=True) for j, name in enumerate(X.columns)
    }
    made = pd.DataFrame(columns)
    made.attrs = X.attrs
    return made
