"""Sizes of training sets as axes of a study: how much a score owes to how much data from where.

``environments=2,4,8;examples=50,200`` is read as axes whose combinations are points of the study.
Every point is trained for every split. Sets are nested: a larger one contains the smaller ones of
the same split and seed. Each seed draws its own order of environments, so that their draw is
counted with the seed's noise.

The axes:

- ``environments``: how many environments are trained on, of those that the split trains on.
- ``combinations``: the same for the combinations of a ``combinations:A,B`` split; the first drawn
  cover every value of both factors as far as their number goes.
- ``examples``: training examples of each of them. One that has fewer gives all it has.
- ``total``: training examples of all together, in equal numbers: the same amount from more places.
- ``share``: which share of the training set is the left-out environment's own, at an equal total.
- ``own``: how many of the left-out environment's own examples are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from gengap.base.errors import UsageError, listing, suggest

AXES = ("environments", "combinations", "examples", "total", "share", "own")
GROUPS = ("environments", "combinations")
LEVELS = ("levels",)
ALL = "all"
MOST_POINTS = 64
FORM = "environments=2,4,8;examples=50,200"


@dataclass(frozen=True)
class Point:
    """The size of a training set.

    Attributes:
        groups: environments (or combinations) trained on; None for all of the split.
        examples: of each of them; None for all.
        total: of all of them together, in equal numbers; None where ``examples`` decides.
        share: share of the training set that is the left-out environment's own.
        own: the left-out environment's own examples that are added.
    """

    groups: int | None = None
    examples: int | None = None
    total: int | None = None
    share: float = 0.0
    own: int = 0

    @property
    def sees(self) -> bool:
        """Whether anything of the left-out environment is trained on."""
        return self.share > 0 or self.own > 0

    @property
    def name(self) -> str:
        """What tells it from other points."""
        each = f"total={self.total}" if self.total else f"examples={self.examples or ALL}"
        seen = f";share={self.share:.6g}" if self.share else f";own={self.own}" if self.own else ""
        return f"{self.groups or ALL};{each}{seen}"


@dataclass(frozen=True)
class Sizes:
    """The points of a study.

    Attributes:
        points: in ascending order of the axes as they were given.
        by: ``"environments"`` or ``"combinations"``.
        text: as it was given.
    """

    points: tuple[Point, ...]
    by: str
    text: str


def parse_sizes(text: str) -> Sizes:
    """Read the axes of a study.

    Raises:
        UsageError: an axis is unknown, a number cannot be read, or there are too many points.

    Example:
        >>> [point.name for point in parse_sizes("environments=2,4;total=100").points]
        ['2;examples=50', '4;examples=25']
    """
    axes = _axes(text)
    if "share" in axes and "own" in axes:
        raise UsageError("share and own both add to what is seen; give one of them in --sizes.")
    if all(name in axes for name in GROUPS):
        raise UsageError("Give environments or combinations in --sizes, not both.")
    by = "combinations" if "combinations" in axes else "environments"
    groups = [_count(value, by) for value in axes.get(by, (ALL,))]
    each = [_count(value, "examples") for value in axes.get("examples", ())]
    totals = [_count(value, "total") for value in axes.get("total", ())]
    seen: list[tuple[float, int]] = [(_share(value), 0) for value in axes.get("share", ())]
    seen += [(0.0, _whole(value, "own", 0)) for value in axes.get("own", ())]
    found = [
        Point(m, n, None, *also)
        for m, n, also in product(groups, each or ([] if totals else [None]), seen or [(0.0, 0)])
    ]
    for m, total, also in product(groups, totals, seen or [(0.0, 0)]):
        found.append(_of_total(m, total, *also))
    points = tuple(dict.fromkeys(found))
    if len(points) > MOST_POINTS:
        raise UsageError(f"--sizes has {len(points)} points; give at most {MOST_POINTS}.")
    return Sizes(points, by, text)


def in_words(text: str, own: Sequence[str]) -> str:
    """Axes with a problem's own words for environments in the place of that.

    Example:
        >>> in_words("levels=10,50;examples=4", LEVELS)
        'environments=10,50;examples=4'
    """
    parts = [part.strip() for part in text.split(";")]
    heads = [part.partition("=")[0].strip() for part in parts]
    return ";".join(
        "environments=" + part.partition("=")[2] if head in own and "=" in part else part
        for head, part in zip(heads, parts, strict=True)
    )


def most_groups(text: str) -> int:
    """The most environments or combinations that axes ask for; 0 for no more than there are."""
    return max((point.groups or 0 for point in parse_sizes(text).points), default=0)


def _of_total(groups: int | None, total: int | None, share: float, own: int) -> Point:
    """A point of equal numbers, by what each gives where that is a whole number."""
    if groups and total and total % groups == 0:
        return Point(groups, total // groups, None, share, own)
    return Point(groups, None, total, share, own)


def _axes(text: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, values = (piece.strip() for piece in part.partition("="))
        if name not in AXES:
            near = suggest(name, AXES) or f"; the axes are {listing(AXES)}."
            raise UsageError(f"There is no size {name!r}{near}")
        numbers = tuple(value.strip() for value in values.split(",") if value.strip())
        if not equals or not numbers or name in found:
            raise UsageError(f"{part!r} is no axis of --sizes; write e.g. {FORM}, each axis once.")
        found[name] = numbers
    if not found:
        raise UsageError(f"--sizes names no axis; write e.g. {FORM}.")
    return found


def _count(value: str, axis: str) -> int | None:
    return None if value == ALL and axis != "total" else _whole(value, axis, 1)


def _whole(value: str, axis: str, least: int) -> int:
    try:
        number = int(value.replace("_", ""))
    except ValueError:
        number = least - 1
    if not least <= number < 2**31:
        raise UsageError(
            f"{axis}={value} in --sizes is no whole number of at least {least}"
            f"{'' if axis in ('total', 'own') else ' (or all)'}."
        )
    return number


def _share(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        raise UsageError(f"share={value} in --sizes is no number from 0 to below 1, e.g. 0.01.")
    return number
