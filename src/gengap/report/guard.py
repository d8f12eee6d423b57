"""The report of a guard, in lines: what it was chosen by, looks at and refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gengap.guard.reach import Reach
from gengap.guard.wording import resting_sentence, what_of
from gengap.models.columns import SUMMARIES

if TYPE_CHECKING:
    from gengap.guard.guard import Guard
    from gengap.guard.selection import Candidate


def guard_report(guard: Guard) -> str:
    """What a guard was chosen by, what it looks at, and what it refuses, line by line."""
    calibration, reach = guard.calibration, guard.reach
    lines = [repr(guard), "", str(guard.choice), resting_sentence(calibration) + "."]
    if calibration.names:
        lines.append(
            f"Where a row's environment is not told, the rate of {calibration.false_alarms:g} "
            f"holds in each of the {len(calibration.names)} environments at once: "
            f"{calibration.rejected():.1%} of the calibration examples are rejected, and "
            f"{calibration.if_alike():.1%} would be if the environments were all alike. Tell "
            f"environments (guard(X, environment=...)) to reject {calibration.false_alarms:.1%}."
        )
    if guard.choice.table:
        lines += [
            "",
            f"{'candidate':24}{'AUROC':>8}{'lead (interval)':>28}{'impossible refused':>20}",
        ]
        lines += [_row(c) for c in guard.choice.table]
    lines += ["", "Beside the detector, each row is held to what was seen:"]
    lines += ["  " + line for line in _reach_lines(reach)]
    if guard.impossible:
        lines += ["", "Of normal examples made impossible, the guard refuses:"]
        lines += [f"  {share:>6.0%}  {name}" for name, share in guard.impossible.items()]
    return "\n".join(lines) + "\n"


def _row(c: Candidate) -> str:
    if np.isnan(c.auroc):
        return f"{c.name:24}{'':>8}  {c.note}"
    lead = f"{c.low:+.3f} to {c.high:+.3f}" if np.isfinite(c.low) and c.low != c.high else ""
    refused = "" if np.isnan(c.refused) else f"{c.refused:.0%}"
    return f"{c.name:24}{c.auroc:>8.3f}{lead:>28}{refused:>20}"


def _reach_lines(reach: Reach) -> list[str]:
    columns = reach.columns
    lines = []
    if columns.numeric:
        outside, apart = reach.limits
        what = "columns of numbers" if columns.names != SUMMARIES else "summaries of its values"
        lines.append(
            f"{len(columns.numeric)} {what}: at most {outside:.2g} of its range "
            f"outside it, and at most {apart:.2g} standard deviations apart as a whole"
        )
    for own, place in zip(reach.closed, columns.categorical, strict=True):
        known = len(columns.categories[place] or ())
        asked = f"one of {known} categories" if own else "anything: new texts are usual there"
        lines.append(f"{what_of(reach, place)}: {asked}")
    return lines
