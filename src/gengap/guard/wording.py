"""What a guard says of a row it rejects and of the detector it chose; both are kept with it.

Its report is made by :mod:`gengap.report.guard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.guard.calibration import Calibration
from gengap.guard.reach import Kind, Position, Reach
from gengap.models.columns import SUMMARIES

if TYPE_CHECKING:
    from gengap.guard.selection import Candidate

LONGEST = 40  # characters of a value that are shown


def chosen_sentence(name: str, relied: str, table: Sequence[Candidate], kind: str) -> str:
    """Why a detector was chosen among those of the table, which is sorted by AUROC."""
    found = {c.name: c for c in table}
    own, best = found[name], table[0]
    said = f"AUROC {own.auroc:.3f}"
    if len(table) == 1:
        sentence = f"{name} was taken, the only candidate: it told {kind} from the others ({said})."
    elif name != relied:
        sentence = (
            f"{name} was chosen among {len(table)}: it told {kind} from the others better than "
            f"{relied} ({said}, ahead by {_lead(own, found[relied])})."
        )
    elif best.name == name:
        sentence = f"{name} was chosen among {len(table)}: it told {kind} from the others best "
        sentence += f"({said}, next {table[1].name} {table[1].auroc:.3f})."
    else:
        sentence = (
            f"{name} was taken among {len(table)}, because none was shown to tell {kind} from the "
            f"others better ({said}; {best.name} {best.auroc:.3f}, ahead by {_lead(best, own)})."
        )
    if own.auroc < 0.6:
        sentence += " None told them well; expect little of the guard on strangers like these."
    return sentence


def _lead(better: Candidate, relied: Candidate) -> str:
    limits = f", {better.low:.3f} to {better.high:.3f}" if np.isfinite(better.low) else ""
    return f"{better.auroc - relied.auroc:.3f}{limits}"


def reasons(
    accept: np.ndarray,
    p: np.ndarray,
    limit: float,
    X: Any = None,
    reach: Reach | None = None,
    position: Position | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Why each rejected row is, and the name of the column that made it so, ``(n,)`` each.

    Reasons are empty where rows are accepted, names None where no column stands out.
    """
    reason, column = np.full(len(p), "", dtype=object), np.full(len(p), None, dtype=object)
    for k in np.flatnonzero(~accept):
        reason[k] = (
            "the model's output is not finite or too large"
            if np.isnan(p[k])
            else f"stranger than {1 - p[k]:.1%} of normal examples "
            f"(p = {p[k]:.3g}, limit {limit:g})"
        )
    if reach is None or position is None:
        return reason, column
    at = np.flatnonzero(~accept & ~np.isnan(p) & (position.fault >= 0))
    some = X.iloc[at] if hasattr(X, "iloc") else X[at]
    places = position.fault[at]
    for k, place, value in zip(at, places, reach.columns.shown(some, places), strict=True):
        column[k] = reach.columns.names[place]
        told = _told(reach, position.kind[k], int(place), value)
        reason[k] = f"{told}; {reason[k]}"
    return reason, column


def refused_row(reach: Reach, X: Any, error: str) -> tuple[str, str | None]:
    """Why the model does not read a single row, and the name of the column at fault, if one is."""
    position = reach(X)
    place = int(position.fault[0])
    if position.beyond[0] <= 1 or place < 0:
        return error, None
    (value,) = reach.columns.shown(X, position.fault)
    told = _told(reach, position.kind[0], place, value)
    return f"{told}; {error}", reach.columns.names[place]


def _told(reach: Reach, kind: int, place: int, value: str | None) -> str:
    """What is the matter with a column."""
    what = f"{what_of(reach, place)} is {_cut(value)}"
    if kind == Kind.NEW:
        return f"{what}, which the guard has not seen there"
    if kind == Kind.DISTANCE:
        return f"{what}, which stands out most"
    at = reach.columns.numeric.index(place)
    return f"{what}, outside {reach.low[at]:.4g} to {reach.high[at]:.4g}"


def _cut(value: str | None) -> str:
    if value is None:
        return "missing"
    return value if len(value) <= LONGEST else value[: LONGEST - 3] + "..."


def what_of(reach: Reach, place: int) -> str:
    """A column, for a sentence."""
    name = reach.columns.names[place]
    if reach.columns.table:
        return f"column {name!r}"
    return f"the {name}" if reach.columns.names == SUMMARIES else f"value {name}"


def resting_sentence(calibration: Calibration) -> str:
    """How well a guard's own rate of false alarms is known."""
    low, high = calibration.rate()
    n = min(calibration.sizes)
    where = " of an environment" if calibration.names else ""
    return (
        f"The threshold rests on the {calibration.resting} strangest of {n} calibration "
        f"examples{where}: {calibration.false_alarms:g} false alarms are kept on average over such "
        f"guards, and this one's own rate may be anything from {low:.1%} to {high:.1%}"
    )
