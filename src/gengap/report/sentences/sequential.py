"""What was decided by adding seeds, in sentences: one per method, then what the error covers."""

from __future__ import annotations

from gengap.base.errors import listing
from gengap.report.numerals import Numerals, level_text, magnitude, share
from gengap.report.reading import Row, Summary, called

IDENTICAL, UNDECIDED = "identical", "not told apart"  # what else a verdict may be


def sequential_sentences(summary: Summary) -> list[str]:
    """A sentence per decision and a caution; nothing where no seeds were added."""
    found, percent = summary.sequential, bool(summary.study["metric_is_fraction"])
    if not found:
        return []
    in_table = {row["method"]: row["verdict"] for row in summary.methods}
    common = found["table_seeds"]
    told = [
        decision_sentence(row, found["against"], percent)
        + unlike_table(row, in_table[row["method"]], common)
        for row in found["decisions"]
    ]
    fewest = min(row["seeds"] for row in found["decisions"])
    rare = share(1 - 0.05 ** (1 / fewest))
    lopsided = [row["method"] for row in found["decisions"] if row.get("lopsided")]
    larger = f"Those of {listing(lopsided)} are, so that the chance is larger there. " * bool(
        lopsided
    )
    return [
        *told,
        "The chance of any false verdict, over all methods and looks, is at most "
        f"{level_text(1 - found['level'])} for these data where differences between seeds are not "
        "lopsided: seeds share the data, so this does not speak of other environments, and what "
        f"fails in fewer than {rare} of seeds may not have failed in any of {fewest}. {larger}The "
        f"table is over the {common} seeds that every method has, and its intervals do not allow "
        "for stopping early.",
    ]


def decision_sentence(row: Row, against: str, percent: bool) -> str:
    """Say when a method was told apart, and by how much; plus is better."""
    name, verdict, seeds = row["method"], row["verdict"], row["seeds"]
    other = called(against)
    if verdict == IDENTICAL:
        return (
            f"{name}: unseen scores identical to {other}'s in each of {seeds} seeds, so no more "
            "were trained."
        )
    ends = row["difference_low"], row["difference_high"]
    size, number = row["difference"], _numerals(row, percent)
    if verdict == UNDECIDED:
        limits = bracketed(number.interval(*ends, plus=True))
        return (
            f"{name}: not told apart from {other} after all {seeds} seeds; it differs by "
            f"{number.points(size, plus=True)}{limits} on average, where plus is better."
        )
    if size < 0 and None not in ends:
        ends = -ends[1], -ends[0]
    return (
        f"{name}: {verdict} than {other} after {seeds} seeds; it "
        f"{'gains' if size > 0 else 'loses'} {number.points(abs(size))}"
        f"{bracketed(number.interval(*ends))} on average."
    )


def unlike_table(row: Row, in_table: str, common: int) -> str:
    """What to say where the table's last column has another verdict."""
    open_ = row["verdict"] in (IDENTICAL, UNDECIDED)
    if in_table == ("no clear difference" if open_ else row["verdict"]):
        return ""
    return (
        f" The table says {in_table!r}: it is over {common} seeds and weighs how environments "
        "differ."
    )


def _numerals(row: Row, percent: bool) -> Numerals:
    """One decimal of points, two where it would hide an end of a verdict; else three digits."""
    keys = ("difference", "difference_low", "difference_high")
    sizes = [abs(row[key]) for key in keys if row[key]]
    if percent:
        shown = sizes[:1] if row["verdict"] == UNDECIDED else sizes
        return Numerals(True, 2 if shown and min(shown) < 0.001 else 1)
    if not sizes or not 1e-4 <= max(sizes) < 1e6:
        return Numerals(False, None)
    return Numerals(False, max(2 - magnitude(max(sizes)), 0))


def bracketed(limits: str) -> str:
    """Limits in brackets after what they belong to; empty where there are none."""
    return f" ({limits})" if limits else ""
