"""Tokens as numbers: one vocabulary for sources and targets, and where unknown tokens go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

# What stands beside the tokens of the data: beyond the end, a place to answer at, the beginning
# and the end of an answer, and what training never saw.
PAD, SLOT, BEGIN, END, UNKNOWN = range(5)
SPECIAL = ("<pad>", "<slot>", "<begin>", "<end>", "<unknown>")
# The end as generators write it, who number words from 0.
STOP = END - len(SPECIAL)

Tokenizer = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a problem; their numbers follow those of :data:`SPECIAL`.

    Attributes:
        words: the tokens.
    """

    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.words)

    def __getitem__(self, code: int) -> str:
        return (*SPECIAL, *self.words)[code]

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self.words)

    @property
    def digits(self) -> tuple[int, ...]:
        """The numbers of those tokens that are digits."""
        return tuple(
            len(SPECIAL) + k
            for k, word in enumerate(self.words)
            if len(word) == 1 and word.isdecimal()
        )

    def codes(self, tokens: Sequence[str]) -> np.ndarray:
        """Numbers ``(n,)`` int32 of tokens; unknown ones are :data:`UNKNOWN`."""
        found = self._index.get_indexer(pd.Index(list(tokens), dtype=object))
        return np.where(found < 0, UNKNOWN, found + len(SPECIAL)).astype(np.int32)

    def text(self, codes: Sequence[int], between: str = " ") -> str:
        """What some numbers say, up to the end of an answer."""
        said = []
        for code in codes:
            if code == END:
                break
            said.append(self[int(code)])
        return between.join(said)
