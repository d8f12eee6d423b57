"""Claims tried: measured on every draw, judged by their intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np

from gengap.base.errors import SuspiciousInput, UsageError, check_whole
from gengap.base.finding import Finding
from gengap.base.progress import Progress
from gengap.claims.catalogue import wanted
from gengap.claims.claim import Claim, Verdict, verdict
from gengap.statistics.intervals import Interval


@dataclass(frozen=True)
class Tried:
    """A claim and what came of it.

    Attributes:
        name: of the claim.
        number: of its paper among those that the project follows.
        paper: authors, year and title; ``link`` where to read it.
        says: the claim.
        positive: the number that is positive where it holds.
        setting: data and models.
        draws: how many.
        found: the number, with its interval over draws.
        verdict: what the interval says.
    """

    name: str
    number: int
    paper: str
    link: str
    says: str
    positive: str
    setting: str
    draws: int
    found: Interval
    verdict: Verdict


@dataclass(frozen=True, repr=False)
class ClaimsTried(Finding):
    """Claims tried, in the order they were named."""

    kind: ClassVar[str] = "claims"
    claims: tuple[Tried, ...]


def try_claims(
    names: Sequence[str],
    *,
    draws: int | None = None,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ClaimsTried:
    """Try published claims.

    Args:
        names: of claims, numbers of papers, or ``all``.
        draws: of the data for each claim, at least 2; its own number when not given.
        store: where runs are kept and found again; None keeps them nowhere.
        progress: called with a :class:`~gengap.base.progress.Progress` before every draw.

    Raises:
        UsageError: there is no such claim, or a single draw is asked for.
    """
    chosen = wanted(names)
    if draws is not None:
        check_whole(2, draws=draws)
    counts = [draws or claim.draws for claim in chosen]
    done = 0
    found = []
    with TemporaryDirectory() as folder:
        address = str(store if store is not None else Path(folder) / "records.db")
        for claim, count in zip(chosen, counts, strict=True):
            values = []
            for draw in range(count):
                if progress is not None:
                    progress(Progress(done, sum(counts), claim.name))
                with warnings.catch_warnings():  # what is suspicious was made so
                    warnings.simplefilter("ignore", SuspiciousInput)
                    values.append(claim.measure(draw, address))
                done += 1
            found.append(judged(claim, np.array(values)))
    return ClaimsTried(tuple(found))


def judged(claim: Claim, values: np.ndarray) -> Tried:
    """A claim with what was measured on its draws, ``(draws,)`` or ``(draws, k)``.

    Raises:
        UsageError: some draw gave no finite number.
    """
    if not np.isfinite(values).all():
        raise UsageError(f"The claim {claim.name} has no number on some draw; try more draws.")
    interval = claim.read(values)
    return Tried(
        claim.name, claim.number, str(claim.paper), claim.paper.link, claim.says, claim.positive,
        claim.setting, len(values), interval, verdict(interval),
    )  # fmt: skip
