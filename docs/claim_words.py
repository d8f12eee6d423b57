"""How the page of claims about detectors is worded and set: its introduction, tables, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from gengap.claims.claim import verdict
from gengap.statistics.intervals import Interval

INTRODUCTION = """\
# Published claims about detectors, tried

Made by `python docs/make_detectors.py {seeds}`. Digits are scikit-learn's at 8 x 8 pixels, clothes
2,000 training images of Fashion-MNIST at 28 x 28; a perceptron is that of `--model mlp`, two layers
of 128 units, the CNN that of `--model cnn`. Every network is a run of a study, plain training
(`erm`) of all known images, recorded with its models at each checkpoint; it is asked after {steps}
steps where no other number is named. Each of {seeds} seeds ({few} for the CNN) holds out three of
the ten classes and deals the images anew: inliers are the study's test part, and its validation
part sets thresholds. Limits are Student's 95% over seeds. Seeds share one pool of images, so the
limits speak for other networks and held-out classes from this pool, not for other data. Every
detector has its default hyperparameters.

*Rotated* (15 degrees), *noise* and *contrast* are covariate shifts of known classes, *new classes*
the semantic shift, *other data* digits for a model of clothes and clothes for a model of digits.
AUROC and FPR95 as in `gengap detect`: FPR95 is the share of strangers accepted where 95% of inliers
are. A claim holds where the interval of the number named lies above 0, does not hold where it lies
below, and is else undecided. Networks this small were not what the papers studied: this says how
far a claim carries, not whether the paper erred. What held on digits with room to spare is asserted
by `pytest -m slow tests/claims/test_claims.py`; `gengap claims` tries the claims on digits, one by
one ([page](claims.md)).

The angle of the rotation and which number judges a claim were settled after looks at seeds 0 and 1,
which are among the seeds here. Limits are per number, not adjusted for how many are shown.
"""


class Claim(NamedTuple):
    """A row of the table at the top, and its section."""

    text: str
    paper: str
    outcome: str
    section: list[str]


def show(found: Interval, digits: int = 2, scale: float = 1, sign: bool = False) -> str:
    plus = "+" if sign else ""
    values = (found.estimate, found.low, found.high)
    # Adding 0 turns a rounded -0 into 0.
    middle, low, high = (f"{round(scale * v, digits) + 0.0:{plus}.{digits}f}" for v in values)
    return f"{middle} ({low} to {high})" if found.defined else middle


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], column: str = " ---: |"
) -> list[str]:
    lines = ["", "| " + " | ".join(heads) + " |", "| --- |" + column * (len(heads) - 1)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def share(found: Interval, digits: int = 2, scale: float = 1) -> str:
    """An AUROC or a rate, its limits cut at 0 and 1."""
    return show(replace(found, low=max(found.low, 0), high=min(found.high, 1)), digits, scale)


def verdicts(found: Mapping[str, Interval]) -> str:
    """Settings grouped by what they say, each with its interval."""
    groups: dict[str, list[str]] = {}
    for name, interval in found.items():
        groups.setdefault(verdict(interval), []).append(f"{name}: {show(interval, sign=True)}")
    return ". ".join(f"**{said.capitalize()}** ({'; '.join(g)})" for said, g in groups.items())


def negative(found: Interval) -> Interval:
    return Interval(-found.estimate, -found.high, -found.low, found.level, found.note)


def listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
