"""Pairs of sequences as a problem: what a study runs on where tokens go in and tokens come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array

from gengap.base.errors import UsageError, listing, unknown
from gengap.environments.compound_splits import counts_of
from gengap.environments.labels import codes_of_factor
from gengap.methods.registry import (
    ALL_ROWS,
    DEMONSTRATIONS,
    NUMERIC_INPUTS,
    ONE_TARGET,
    OUTLIERS,
    SAME_STEP,
    STEPS,
    UNLABELLED_TRAINING,
    UNLABELLED_UNSEEN,
    VIEWS,
)
from gengap.models.networks import Architecture
from gengap.sequences.pairs import Rows, padded, rows_of
from gengap.sequences.ragged import Ragged
from gengap.sequences.tasks.traces import Algorithm
from gengap.sequences.vocabulary import SPECIAL, Vocabulary
from gengap.sequences.worked_examples import check_every

if TYPE_CHECKING:
    from gengap.sequences.feed import SequenceFeed
    from gengap.training.tasks import Task

LACKS = (
    ONE_TARGET,
    NUMERIC_INPUTS,
    ALL_ROWS,
    OUTLIERS,
    UNLABELLED_TRAINING,
    UNLABELLED_UNSEEN,
    VIEWS,
)
SCORES = ("exact_match", "token_accuracy", "answer_match")


@dataclass(frozen=True, eq=False)
class Sequences:
    """Pairs of a source and a target, each with an environment and factors.

    Satisfies :class:`gengap.training.problem.Problem`.

    Attributes:
        source, target: ``n`` rows of token numbers each.
        environment: ``(n,)`` environment codes.
        names: of the environments.
        vocabulary: what the numbers mean.
        factors: ``n`` rows; ``length`` of the source is among them.
        name: what reports call the problem.
        kind: what one environment is called.
        notes: sentences about the data.
        score: ``exact_match``, whether all of a target was said; ``token_accuracy``, the share of
            it that was; or ``answer_match``, whether what a model writes, steps of its own before,
            ends with the answer.
        splits: how studies split them unless told otherwise, as a suite declares it.
        compounds: what is put together in each pair; neighbouring tokens of the source unless
            given.
        steps_written: ``(n,)`` tokens at the beginning of each target that are steps on the way to
            the answer; None for none.
        asked: what models are scored on: all of a target, its steps included, or the ``answer``
            alone, which is then all that methods train on that know nothing of steps.
        every: whether training asks for the answers of examples that sources hold, too.
        algorithm: whose rounds on graphs targets are, where they are.
        steps: of training, unless others are asked for.
        model: that is trained unless another is asked for.
    """

    source: Ragged
    target: Ragged
    environment: np.ndarray
    names: tuple[str, ...]
    vocabulary: Vocabulary
    factors: pd.DataFrame
    name: str
    kind: str = "environment"
    notes: tuple[str, ...] = ()
    score: str = "exact_match"
    splits: str = "auto"
    compounds: tuple[tuple[str, ...], ...] = ()
    steps_written: np.ndarray | None = None
    asked: Literal["all", "answer"] = "all"
    every: bool = False
    algorithm: Algorithm | None = None
    steps: int = 2000
    model: str = "lstm"
    known_scores: ClassVar[tuple[str, ...]] = SCORES
    task: Literal["score"] = field(default="score", init=False)
    targets: Literal["classification"] = field(default="classification", init=False)
    classes: tuple[str, ...] = field(default=(), init=False)
    supports_estimators: bool = field(default=False, init=False)
    lacks: tuple[str, ...] = field(default=LACKS, init=False)
    dtype: torch.dtype = field(default=torch.int64, init=False)
    # Pairs in a step of training, unless others are asked for.
    drawn: int = field(default=32, init=False)

    def __post_init__(self) -> None:
        if self.score not in self.known_scores:
            raise unknown(
                f"There is no score {self.score!r} of sequences", self.score, self.known_scores
            )
        for side, rows in (("source", self.source), ("target", self.target)):
            empty = np.flatnonzero(rows.lengths == 0)
            if len(empty):
                raise UsageError(
                    f"{len(empty):,} of {len(rows):,} pairs have an empty {side}, the first is "
                    f"number {empty[0] + 1:,}; give it a token or drop those pairs."
                )

    @classmethod
    def from_pairs(
        cls,
        source: Sequence[str],
        target: Sequence[str],
        *,
        environment: Sequence[Any] | str | None = None,
        factors: Mapping[str, Sequence[Any]] | pd.DataFrame | None = None,
        tokens: Any = None,
        score: str = "exact_match",
        name: str = "pairs",
    ) -> Sequences:
        """Pairs of texts.

        Args:
            source, target: ``n`` texts each.
            environment: ``n`` labels of where each pair comes from, or a factor's name; eighths of
                the length unless given. ``length``, ``answer_length`` (tokens of source and
                target), ``digits`` (of the longest number) and ``depth`` (of brackets) are factors
                of their own.
            factors: further columns of ``n`` values to split by.
            tokens: ``characters``, ``words``, the path of a ``tokenizer.json``, or a function
                from a text to tokens; words where sources have several unless given.
            score: ``exact_match``, ``token_accuracy`` or ``answer_match``.
            name: what to call the problem.

        Raises:
            UsageError: a side is empty or missing somewhere, or columns differ in length.

        Example:
            >>> import gengap as gg
            >>> pairs = gg.Sequences.from_pairs(
            ...     ["1+1", "2+1", "10+1"] * 9, ["2", "3", "11"] * 9, environment="digits")
            >>> pairs.names, list(pairs.factors)
            (('1', '2'), ['length', 'answer_length', 'digits'])
        """
        from gengap.sequences.text_pairs import frame_of

        frame, column, own = frame_of(source, target, environment, factors)
        return cls.from_frame(
            frame, "source", "target", column, factors=own, tokens=tokens, score=score, name=name
        )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        source: str,
        target: str,
        environment: str | Sequence[str] | None = None,
        *,
        factors: Sequence[str] = (),
        tokens: Any = None,
        drop_missing: bool = False,
        score: str = "exact_match",
        name: str = "pairs",
    ) -> Sequences:
        """Pairs of texts from two columns of a table; see :meth:`from_pairs`.

        Args:
            environment: columns or factors, see
                :func:`~gengap.environments.grouping.parse_environment`.
            factors: further columns to split by.
            drop_missing: whether rows without a text or a factor are left out.

        Raises:
            UsageError: a column, a text or a factor is missing, or an environment is.
        """
        from gengap.sequences.text_pairs import pairs_of

        return cls(
            **pairs_of(
                frame, source, target, environment, factors=factors, tokens=tokens,
                drop_missing=drop_missing, name=name,
            ),
            score=score,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.environment)

    def __repr__(self) -> str:
        return (
            f"Sequences({self.name!r}: {len(self)} pairs of {len(self.vocabulary.words)} tokens, "
            f"{len(self.names)} environments)"
        )

    @property
    def y(self) -> np.ndarray:
        """A pair has no single target."""
        return np.zeros(len(self))

    @property
    def sizes(self) -> np.ndarray:
        """Pairs per environment."""
        return np.bincount(self.environment, minlength=len(self.names))

    @property
    def offers(self) -> tuple[str, ...]:
        """What methods may need and few problems have."""
        steps = () if self.steps_written is None else (STEPS,)
        same = () if self.algorithm is None else (SAME_STEP,)
        return (DEMONSTRATIONS, *steps, *same)

    @property
    def own_steps(self) -> bool:
        """Whether answers are scored behind steps of the model's own."""
        return self.score == "answer_match" and self.asked == "all"

    def goes_on(self, architecture: Architecture) -> bool:
        """Whether networks are asked again and again about what they wrote themselves."""
        from gengap.sequences.decoding import writes

        return self.own_steps and (writes(architecture) or hasattr(architecture, "on_its_own"))

    @property
    def outputs(self) -> int:
        """Tokens that may be said."""
        return len(self.vocabulary)

    @property
    def shape(self) -> tuple[int, ...]:
        """Both rows of the longest pair; a batch of shorter ones is narrower."""
        return 2, int(self.widths.max())

    @cached_property
    def rows(self) -> Rows:
        """The pairs as models read them."""
        return rows_of(self.source, self.target, self.every)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Of source and target together, ``(n,)``."""
        return self.source.lengths + self.target.lengths

    @cached_property
    def widths(self) -> np.ndarray:
        """Of the batches that each pair is put into, ``(n,)``."""
        return padded(self.lengths)

    @cached_property
    def fingerprint(self) -> str:
        """Differs where pairs, environments or the score do."""
        found = sha256("\x1f".join((self.score, *self.vocabulary.words)).encode())
        for rows in (self.source, self.target):
            found.update(np.ascontiguousarray(rows.values).tobytes())
            found.update(np.ascontiguousarray(rows.lengths).tobytes())
        found.update(np.ascontiguousarray(self.environment).tobytes())
        found.update("\x1f".join(self.names).encode())
        if self.steps_written is not None:
            found.update(np.ascontiguousarray(self.steps_written).tobytes() + self.asked.encode())
        if self.every:
            found.update(b"every")
        return found.hexdigest()

    def metric(self, name: str | None) -> str:
        """The score's name; :meth:`scored_by` gives the same problem with another.

        Raises:
            UsageError: another metric is asked for.
        """
        if name not in (None, self.score):
            raise UsageError(
                f"{self.name} is scored by {self.score}, not {name}; sequences are scored by "
                f"{listing(self.known_scores)}."
            )
        return self.score

    def scored_by(self, name: str) -> Sequences:
        """The same pairs with another score."""
        return replace(self, score=name)

    def architecture(self, model: Any, products: torch.dtype = torch.float32) -> Architecture:
        """The networks of a model's name, of a module, or of a function that makes one.

        Raises:
            UsageError: there is no such model, or examples are asked for and it looks ahead.
        """
        from gengap.sequences.architectures import sequence_architecture

        found = sequence_architecture(model, products)
        if self.every:
            check_every(found, self.shape, self.outputs)
        reading = getattr(found, "reading", None)
        return found if reading is None else reading(self.vocabulary)

    def regroup(self, column: str) -> Sequences:
        """The same pairs with the values of a factor as environments.

        Raises:
            UsageError: there is no such factor, or it has one value only.
        """
        codes, names = codes_of_factor(self.factors, column)
        return replace(self, environment=codes, names=names, kind=column, splits="auto")

    def with_least(self, examples: int | None) -> Sequences:
        """Itself without environments of fewer pairs.

        Raises:
            UsageError: none is left.
        """
        keep = self.sizes >= (examples or 1)
        if not keep.any():
            raise UsageError(
                f"No {self.kind} has {examples} pairs, the largest has {self.sizes.max()}; give "
                "more, or lower --min-examples."
            )
        if keep.all():
            return self
        rows = np.flatnonzero(keep[self.environment])
        left = listing([name for name, kept in zip(self.names, keep, strict=True) if not kept], 4)
        note = f"Left out for having fewer than {examples} pairs: {self.kind} {left}."
        return replace(
            self,
            source=self.source.only(rows),
            target=self.target.only(rows),
            environment=(np.cumsum(keep) - 1)[self.environment[rows]],
            names=tuple(name for name, kept in zip(self.names, keep, strict=True) if kept),
            factors=self.factors.iloc[rows].reset_index(drop=True),
            compounds=tuple(self.compounds[row] for row in rows) if self.compounds else (),
            steps_written=None if self.steps_written is None else self.steps_written[rows],
            notes=(*self.notes, note),
        )

    def constituents(self) -> tuple[csr_array, csr_array]:
        """Counts of what sources are made of, their tokens, and of compounds, ``(n, kinds)`` each.

        Splits by divergence are made of them.
        """
        tokens = [self.source[row].tolist() for row in range(len(self))]
        compounds = self.compounds or [tuple(pairwise(row)) for row in tokens]
        return counts_of(tokens), counts_of(compounds)

    def prepare(self, rows: np.ndarray) -> np.ndarray:
        """Which tokens training saw in a source, ``(V,)`` bool; others are read as unknown."""
        known = np.zeros(len(self.vocabulary), bool)
        known[: len(SPECIAL)] = True
        for side in (self.source, self.target):
            known[side.only(rows).values] = True
        return known

    def said_of_unseen(self, splits: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[str]:
        """Sentences about splits, rows trained on and rows scored as unseen of each."""
        from gengap.sequences.strange_tokens import said_of_strange_tokens

        return said_of_strange_tokens(self, splits)

    def apart(self, rows: np.ndarray) -> int:
        """What decides the shape of a run's batches; runs that differ in it train apart."""
        return int(self.widths[rows].max())

    def feed(
        self, tasks: Sequence[Task], *, steps: int, batch: int, slots: int, device: str
    ) -> SequenceFeed:
        """Feed the runs of one fleet."""
        from gengap.sequences.feed import SequenceFeed

        return SequenceFeed(self, tasks, steps, batch, slots, device)


def sequences_of(
    source: Ragged,
    target: Ragged,
    words: Sequence[str],
    *,
    name: str,
    factors: Mapping[str, Any] | None = None,
    environment: str = "length",
    **more: Any,
) -> Sequences:
    """Pairs of numbers from 0 on, as generators make them, each length an environment.

    Args:
        words: what the numbers mean.
        factors: columns of ``n`` values beside ``length``, that of the source.
        environment: the factor whose values are the environments.
    """
    own = pd.DataFrame({"length": source.lengths, **(factors or {})})
    codes, names = pd.factorize(own[environment], sort=True)
    return Sequences(
        source=Ragged(source.values + len(SPECIAL), source.lengths),
        target=Ragged(target.values + len(SPECIAL), target.lengths),
        environment=codes,
        names=tuple(map(str, names)),
        vocabulary=Vocabulary(tuple(words)),
        factors=own,
        name=name,
        kind=environment,
        **more,
    )
