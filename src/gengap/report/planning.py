"""What a plan prints: what could be made, how a budget is best spent, and the answer."""

from __future__ import annotations

from gengap.questions.planning.next_study import NextStudy
from gengap.report.document import Block, Bullets, Heading, Table, text_table
from gengap.report.numerals import count, share
from gengap.report.sentences.planning import differences, sentences
from gengap.statistics.allocation import Option

NUMBERS = "plan.json"
ROWS = {
    "none": "as it is",
    "environments": "more environments",
    "seeds": "more seeds",
    "examples": "more test examples",
    "environments and seeds": "more of both",
}
SHOWN = 6


def answer(found: NextStudy) -> str:
    """The plan in a few sentences."""
    return " ".join(sentences(found))


def terminal(found: NextStudy, quiet: bool = False) -> list[Block]:
    """What the command prints: the options, the ways to spend a budget, and the answer."""
    if quiet:
        return [answer(found)]
    options = found.plan.options
    reasons = [f"{ROWS[each.change]}: {each.reason}" for each in options if not each.possible]
    blocks: list[Block] = [_options(found), *([Bullets(reasons)] if reasons else [])]
    if found.budget is not None:
        blocks += [Heading(f"{count(found.budget)} runs from scratch"), _allocations(found)]
    return [*blocks, *sentences(found)]


def _options(found: NextStudy) -> Table:
    rows = [
        (ROWS[each.change], *(_cells(found, each) if each.possible else ["never", *[""] * 5]))
        for each in (found.plan.now, *found.plan.options)
    ]
    heads = ("study", "environments", "seeds", "examples", "new runs", "power", _unit(found))
    return text_table("Options", heads, rows)


def _allocations(found: NextStudy) -> Table:
    heads = ("environments", "seeds", "examples", "runs", "power", _unit(found))
    return text_table("Allocations", heads, (_cells(found, o) for o in found.allocations[:SHOWN]))


def _unit(found: NextStudy) -> str:
    return "± points" if differences(found).percent else "±"


def _cells(found: NextStudy, option: Option) -> list[str]:
    counts = (option.environments, option.seeds, option.whole_examples, option.runs)
    return [*map(count, counts), share(option.power), differences(found)(option.half_width)]
