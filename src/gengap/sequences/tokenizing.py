"""Texts as tokens: by character, by word, or as a tokenizer of the user's does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, first_line
from gengap.base.paths import existing
from gengap.sequences.ragged import Ragged
from gengap.sequences.vocabulary import END, SPECIAL, Vocabulary

Tokenizer = Callable[[str], Sequence[str]]
# Runs of letters, digits one by one, and every other sign by itself.
WORD = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
# Texts of fewer words than this on average are taken character by character.
FEW_WORDS = 2.0


def tokenizer_of(
    said: str | Path | Tokenizer | None, texts: Sequence[str]
) -> tuple[str, Tokenizer]:
    """What a tokenizer is called, and itself.

    Args:
        said: ``characters``, ``words``, the path of a ``tokenizer.json``, a function from text to
            tokens, or None for words where texts have several and else characters.
        texts: what it is for.

    Raises:
        UsageError: no such tokenizer, or its file cannot be read.
    """
    if callable(said):
        return "a given tokenizer", said
    if said is None:
        several = np.mean([len(text.split()) for text in texts[:1000]]) >= FEW_WORDS
        said = "words" if several else "characters"
    if said == "characters":
        return "characters", list
    if said == "words":
        return "words", WORD.findall
    if str(said).endswith(".json"):
        return f"tokens of {Path(said).name}", _from_file(existing(said))
    raise UsageError(
        f"There is no tokenizer {str(said)!r}; use characters, words, or the path of a "
        "tokenizer.json."
    )


def _from_file(path: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer as Given
    except ImportError:
        raise UsageError(
            'Reading a tokenizer.json needs a package: pip install "gengap[sequences]".'
        ) from None
    try:
        given: Any = Given.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the package raises a plain Exception
        raise UsageError(f"{path} is no tokenizer: {first_line(error)}.") from None
    return lambda text: given.encode(text, add_special_tokens=False).tokens


def tokenized(
    source: Sequence[str], target: Sequence[str], tokenize: Tokenizer
) -> tuple[Ragged, Ragged, Vocabulary]:
    """Numbers of both sides, each target with an end, and the vocabulary of both, sorted.

    What occurs again and again is read once: whole texts, or what stands between blanks where
    tokens are words, which never reach over one.
    """
    texts = [*source, *target]
    pieces, counts = texts, np.ones(len(texts), np.int64)
    if tokenize == WORD.findall:
        pieces = " ".join(texts).split()
        counts = np.fromiter((len(text.split()) for text in texts), np.int64, len(texts))
    which, kinds = pd.factorize(np.array(pieces, dtype=object))
    read = [tokenize(kind) for kind in kinds]
    words = Vocabulary(tuple(sorted({word for row in read for word in row})))
    number = {word: len(SPECIAL) + k for k, word in enumerate(words.words)}
    known = Ragged.of([np.array([number[word] for word in row], np.int32) for row in read])
    ends = np.cumsum([0, *counts])
    reached = np.cumsum([0, *known.lengths[which]])[ends]
    lengths = np.diff(reached)
    values, half = known.only(which).values, reached[len(source)]
    return (
        Ragged(values[:half], lengths[: len(source)]),
        _ended(Ragged(values[half:], lengths[len(source) :])),
        words,
    )


def _ended(rows: Ragged) -> Ragged:
    """Each row with an end behind it; an empty one stays empty."""
    last = np.cumsum(rows.lengths)[rows.lengths > 0]
    return Ragged(
        np.insert(rows.values, last, END).astype(np.int32),
        rows.lengths + (rows.lengths > 0),
    )
