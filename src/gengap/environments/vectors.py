"""Columns whose cells hold equally many numbers each: embeddings, and what encoders make of texts.

Each place is a feature of its own, ``notes[0]``, ``notes[1]`` and so on, standardised by each run
on its training rows as every number is. Whatever made the numbers must know nothing of these rows:
an encoder that is fitted would have seen the unseen environment.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.environments.texts import is_free_text, is_text

PLACE = re.compile(r"(.+)\[\d+\]")


def vectors_of(column: pd.Series) -> np.ndarray | None:
    """The numbers ``(n, k)`` of a column, NaN in rows without any; None of what is no vectors."""
    if not (column.dtype.kind == "O" or "list" in str(column.dtype)):
        return None
    there = column.notna().to_numpy()
    cells = column.to_numpy(dtype=object)[there]
    if not len(cells) or not all(isinstance(cell, list | tuple | np.ndarray) for cell in cells):
        return None
    try:
        numbers = np.stack([np.asarray(cell, np.float32) for cell in cells])
    except (ValueError, TypeError):
        return None
    if numbers.ndim != 2 or not numbers.shape[1]:
        return None
    found = np.full((len(column), numbers.shape[1]), np.nan, np.float32)
    found[there] = numbers
    return found


def spread_out(
    frame: pd.DataFrame,
    others: Collection[Hashable] = (),
    encoder: Any = None,
    text: Collection[Hashable] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """A table with a column for each place of its vectors, and what was done.

    Args:
        frame: not changed.
        others: columns that stay as they are.
        encoder: makes vectors of columns of free text; see :func:`encoded_texts`.
        text: columns of free text, whatever they look like.
    """
    if not frame.columns.is_unique:
        return frame, []
    made: dict[Hashable, pd.DataFrame] = {}
    said: list[str] = []
    for name in frame.columns:
        column = frame[name]
        if name in others or (not is_text(column) and "list" not in str(column.dtype)):
            continue
        if (numbers := vectors_of(column)) is not None:
            said.append(
                f"Column {name!r} holds {numbers.shape[1]:,} numbers in each row, a feature each."
            )
        elif encoder is not None and _hashable(column) and (name in text or is_free_text(column)):
            numbers = encoded_texts(encoder, column)
            said.append(
                f"Column {name!r} holds free text; features are the {numbers.shape[1]:,} numbers "
                "that the encoder makes of each."
            )
        if numbers is not None:
            made[name] = _places(name, numbers, frame.index)
    if not made:
        return frame, said
    parts = [made.get(name, frame[[name]]) for name in frame.columns]
    found = pd.concat(parts, axis=1)
    found.attrs = frame.attrs
    return found, said


def with_embeddings(frame: pd.DataFrame, path: Path, name: str = "") -> pd.DataFrame:
    """A table with the rows of a ``.npy`` file as a column of vectors, called after the file.

    Args:
        frame: not changed.
        path: of the file.
        name: of the column instead.

    Raises:
        UsageError: it cannot be read, or does not hold a row of numbers for each row.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        said = getattr(error, "strerror", None) or "it is no array that numpy.save wrote"
        raise UsageError(f"Cannot read {path}: {said}.") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiub":
        raise UsageError(
            f"{path} does not hold a row of numbers for each row; save it with "
            "numpy.save(path, array) of shape (rows, numbers)."
        )
    if len(array) != len(frame):
        raise UsageError(
            f"{path} has {len(array):,} rows and the table {len(frame):,}; give one for each row, "
            "in the table's order."
        )
    if path.stem in frame.columns and not name:
        raise UsageError(f"The table has a column {path.stem!r} already; rename the file {path}.")
    made = frame.assign(**{name or path.stem: list(array.astype(np.float32))})
    made.attrs = frame.attrs
    return made


def with_embeddings_alike(
    frame: pd.DataFrame, path: Path, columns: Collection[Any]
) -> pd.DataFrame:
    """New rows with the rows of a ``.npy`` file in the place of vectors that training had.

    Args:
        frame: not changed.
        path: of the file, whatever its name.
        columns: of the table that was trained on.

    Raises:
        UsageError: see :func:`with_embeddings`; or these rows lack no vectors.
    """
    known = {vector_of(column) for column in columns if vector_of(column) != column}
    if not (lacking := known - set(frame.columns)):
        raise UsageError(f"The new rows lack no embeddings that were trained on; leave {path} out.")
    return with_embeddings(frame, path, min(lacking))


def encoded_texts(encoder: Any, column: pd.Series) -> np.ndarray:
    """What an encoder makes of texts ``(n,)``: ``(n, k)``, zeros where one is missing.

    Args:
        encoder: a function of a list of texts, or an object with ``encode`` (as those of
            sentence-transformers) or ``transform`` that needs no fitting.

    Raises:
        UsageError: it has to be fitted, or gives anything but a row of numbers for each text.
    """
    texts = column.astype("str").where(column.notna(), "").tolist()
    made = _function(encoder)(texts)
    made = made.toarray() if hasattr(made, "toarray") else made
    try:
        found = np.asarray(made, np.float32)
    except (ValueError, TypeError):
        found = np.empty(0, np.float32)
    if found.ndim != 2 or len(found) != len(texts) or not np.isfinite(found).all():
        raise UsageError(
            f"The text encoder gave {type(made).__name__} of shape {np.shape(made)} for "
            f"{len(texts):,} texts; it must give a row of finite numbers for each."
        )
    found[column.isna().to_numpy()] = 0
    return found


def with_vectors(X: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """New rows with the places of vectors that ``X`` has and that they hold as vectors.

    Raises:
        UsageError: a column of theirs holds no vectors, or others than those of ``X``.
    """
    wanted: dict[str, int] = {}
    for column in map(str, X.columns):
        name = vector_of(column)
        if name != column and column not in new.columns and name in new.columns:
            wanted[name] = wanted.get(name, 0) + 1
    for name, places in wanted.items():
        numbers = vectors_of(new[name])
        if numbers is None or numbers.shape[1] != places:
            raise UsageError(
                f"Column {name!r} of the new examples must hold {places:,} numbers in each row, as "
                "where the model was trained; give what the same encoder makes of them."
            )
        new = pd.concat([new.drop(columns=name), _places(name, numbers, new.index)], axis=1)
    return new


def vector_of(column: Any) -> Any:
    """The column of vectors that a feature is a place of; the feature's own name for others."""
    found = PLACE.fullmatch(str(column))
    return found[1] if found else column


def _places(name: Hashable, numbers: np.ndarray, index: pd.Index) -> pd.DataFrame:
    names = [f"{name}[{k}]" for k in range(numbers.shape[1])]
    return pd.DataFrame(numbers, index=index, columns=names)


def _function(encoder: Any) -> Any:
    from sklearn.utils import get_tags

    if callable(getattr(encoder, "encode", None)):
        return encoder.encode
    if callable(getattr(encoder, "transform", None)):
        try:
            fitted = get_tags(encoder).requires_fit
        except (AttributeError, TypeError):
            fitted = hasattr(encoder, "fit")
        if fitted:
            raise UsageError(
                f"{type(encoder).__name__} is fitted to texts, and fitted to all it would know the "
                "unseen ones; put it into a pipeline with the estimator, which each run fits on "
                "its own training rows."
            )
        return encoder.transform
    if not callable(encoder):
        raise UsageError(
            f"A text encoder is a function of a list of texts, or has encode or transform; got "
            f"{type(encoder).__name__}."
        )
    return encoder


def _hashable(column: pd.Series) -> bool:
    return not any(isinstance(cell, list | dict | set | np.ndarray) for cell in column.head(100))
