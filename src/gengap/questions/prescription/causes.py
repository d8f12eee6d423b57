"""Which causes a diagnosis names: those whose part is shown, and that make a model worse off.

An environment without neighbours in training has no parts. Its inputs have moved, whatever else
has, so they are named where a cost is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from gengap.base.errors import UsageError
from gengap.questions.diagnosis.columns import columns
from gengap.questions.diagnosis.decomposition import decomposition
from gengap.questions.diagnosis.material import Material
from gengap.questions.prescription.remedies import Cause

# By what the decomposition calls them.
NAMES: dict[str, Cause] = {
    "inputs": "inputs moved",
    "relation": "relation changed",
    "shares": "labels' shares moved",
    "noise": "more noise",
}


@dataclass(frozen=True)
class Causes:
    """What was named.

    Attributes:
        named: causes, as :mod:`gengap.questions.prescription.remedies` has them.
        suspects: columns that are worth less in unseen environments than inside, the worst first.
    """

    named: tuple[Cause, ...]
    suspects: tuple[str, ...] = ()


def causes_of(material: Material, seed: int) -> Causes:
    """Diagnose one method on the environments of a study; what cannot be told is not named."""
    named: list[Cause] = []
    try:
        found = decomposition(material, seed)
        # Both levels are corrected together: on the mean, and in each environment.
        shown = [cause for place in (found.mean, *found.environments) for cause in place.named]
        worse = [c.name for c in shown if max(c.gap.estimate, c.cost.estimate) > 0]
        if _cost_shown(material) and any(e.compared == 0 < e.cost for e in found.environments):
            worse.append("inputs")
        named = [NAMES[name] for name in dict.fromkeys(worse)]
    except UsageError:  # too few rows
        pass
    try:
        failing = [column for column in columns(material, seed).columns if column.fails]
    except UsageError:  # images have no columns
        failing = []
    failing.sort(key=lambda column: -column.lost.estimate)
    suspects = tuple(column.name for column in failing)
    if suspects:
        named.append("columns")
    return Causes(tuple(named), suspects)


def _cost_shown(material: Material) -> bool:
    """Whether the method's cost of unseen environments is beyond chance."""
    own = next(m for m in material.result.finding.methods if m.method == material.method)
    return own.expected_low is not None and own.expected_low > 0
