"""What a study would take at least, told before anything of it is made."""

from __future__ import annotations

from gengap.base.errors import UsageError

MOST_TRAININGS = 4_000_000  # whose descriptions take 2.6 GB (docs/cluster.md)
# Examples one training draws: which they are is noted beforehand, in 16 bytes each.
MOST_DRAWN = 1 << 28
MOST_WORKERS = 1024


def check_affordable(
    environments: int, methods: int, seeds: int, trials: int, steps: int, batch: int
) -> None:
    """Raise :class:`UsageError` for a study of astronomical size.

    Args:
        environments, methods: how many there are.
        seeds: how many seeds each method has.
        trials, steps, batch: see :class:`gengap.study.study.Study`.
    """
    trainings = environments * methods * seeds * trials
    if trainings > MOST_TRAININGS:
        raise UsageError(
            f"{environments:,} environments, {methods:,} methods, {seeds:,} seeds and {trials:,} "
            f"trials would be {trainings:,} trainings or more, and gengap plans {MOST_TRAININGS:,} "
            "at most; lower --seeds or --trials."
        )
    drawn = steps * batch * environments
    if drawn > MOST_DRAWN:
        raise UsageError(
            f"{steps:,} steps of {batch:,} examples from each of {environments:,} environments "
            f"would draw {drawn:,} examples for one training, whose list alone takes "
            f"{16 * drawn / 2**30:,.0f} GiB; lower --steps or --batch."
        )


def check_workers(**counts: int) -> None:
    """Raise :class:`UsageError` for more threads or processes than any machine here has."""
    for name, count in counts.items():
        if count > MOST_WORKERS:
            raise UsageError(f"{name} must be at most {MOST_WORKERS:,}, not {count:,}.")
