"""What a plan prints: what could be made, how a budget is best spent, and the answer in words."""

from __future__ import annotations

from gengap.base.errors import listing
from gengap.questions.planning.next_study import NextStudy
from gengap.report.document import Block, Bullets, Heading, Table, text_table
from gengap.report.numerals import Numerals, count, counted, share
from gengap.statistics.allocation import Option
from gengap.statistics.planning import FEWEST

NUMBERS = "plan.json"
ROWS = {
    "none": "as it is",
    "environments": "more environments",
    "seeds": "more seeds",
    "examples": "more test examples",
    "environments and seeds": "more of both",
}
SHOWN = 6
BOTH_OF_A_KIND = (
    "whether more training environments or more examples per environment would raise the unseen "
    "score; to learn that, run the same data with other splits (--splits leave-2-out, leave-3-out, "
    "...) into the same --out"
)
VERDICTS = {
    "levels off": "The curve levels off: more examples or another method may do more.",
    "keeps improving": "The curve has not begun to level off.",
    "flat": "The number of environments makes no visible difference.",
}


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


def sentences(found: NextStudy) -> list[str]:
    """What is known, the cheapest way on, how to spend a budget, and what more data would bring."""
    said = [
        _now(found), _cheapest(found), _shrinks(found), _spend(found), _judged(found), _curve(found)
    ]  # fmt: skip
    return [sentence for sentence in (*said, found.plan.note) if sentence]


def differences(found: NextStudy) -> Numerals:
    """Differences are printed with three digits: ``1.5 points`` for fractions."""
    return Numerals(found.fraction, None)


def _now(found: NextStudy) -> str:
    plan, parts, number = found.plan, found.parts, differences(found)
    name = found.method
    what = f"{name} minus {found.against}" if found.against else f"The cost of unseen of {name}"
    measured = (
        f"{what} is {number.points(parts.difference)} over "
        f"{counted(parts.environments, 'environment')} and {counted(parts.seeds, 'seed')}"
    )
    if parts.environments < FEWEST:
        return f"{measured}; what environments like these would show takes at least {FEWEST}."
    return (
        f"{measured}; for environments like these it is known to "
        f"±{number.points(plan.now.half_width)}, and a true difference of "
        f"{number.points(plan.difference)} would show in {share(plan.now.power)} of such studies."
    )


def _judged(found: NextStudy) -> str:
    """By which test, and how sure that is."""
    level = share(found.plan.level)
    if found.against:
        test = (
            f"whether the {level} limits of the difference, with environments and seeds as crossed "
            "sources of noise, exclude 0; with more methods, Holm's correction asks for more"
        )
    else:
        test = (
            f"whether the {level} interval for environments like these (Student's t over "
            "environments, with what seeds do to all of them) excludes 0"
        )
    return (
        f"A difference shows as `gengap run` judges it: {test}. Its power is averaged over what "
        "the variances could be, by so few environments and seeds; what stays as it is counts with "
        "the upper 90% limit of its variance."
    )


def _shrinks(found: NextStudy) -> str:
    """What the cost is taken to be where environments are added to train on."""
    best, number = found.plan.cheapest, differences(found)
    if best is None or best.difference == found.plan.difference:
        return ""
    return (
        f"With {best.environments:,} environments, a cost of "
        f"{number.points(found.plan.difference)} here is taken to be "
        f"{number.points(best.difference)}: it falls as they are added to train on, as for a mean, "
        "and so does its spread between environments."
    )


def _cheapest(found: NextStudy) -> str:
    plan = found.plan
    if plan.now.power >= plan.power:
        return "That is enough: no further run is needed."
    examples, power = plan.option("examples"), share(plan.power)
    before, after = plan.now.whole_examples, examples.whole_examples
    more = counted(after - before, "more test example")
    labels = f"{more} per environment and seed ({after:,} instead of {before:,})"
    if plan.cheapest is None:
        seldom = f"No number of environments and seeds within reach brings it to {power}"
        return f"{seldom}, but {labels} would." if examples.possible else f"{seldom}."
    best, now = plan.cheapest, plan.now
    added = [
        counted(number, f"more {word}")
        for number, word in (
            (best.environments - now.environments, "environment"),
            (best.seeds - now.seeds, "seed"),
        )
        if number
    ]
    sentence = (
        f"Cheapest: {' and '.join(added)} ({counted(best.runs, 'new run')}) make it "
        f"{share(best.power)}"
    )
    if examples.possible:
        sentence += f"; without a new run, {labels} would"
    return sentence + "."


def _spend(found: NextStudy) -> str:
    if found.budget is None or not found.allocations:
        return ""
    best = found.allocations[0]
    return (
        f"{found.budget:,} runs from scratch are best spent on "
        f"{counted(best.environments, 'environment')} and {counted(best.seeds, 'seed')}: power "
        f"{share(best.power)}."
    )


def _curve(found: NextStudy) -> str:
    if not found.training_environments:  # a table says nothing of them
        return ""
    if found.curve is None:
        numbers = listing(found.training_environments)
        return (
            f"The runs were trained on {numbers} environments, which cannot tell {BOTH_OF_A_KIND}."
        )
    largest, number = found.training_environments[-1], Numerals(False, None)
    now, then = found.curve.predict(largest), found.curve.predict(2 * largest)
    verdict = VERDICTS.get(
        found.curve.saturates, "Whether it levels off cannot be told from these sizes."
    )
    return (
        f"Twice the {largest} training environments would change the unseen {found.metric} from "
        f"{number(now.estimate)} to {number(then.estimate)} ({number.limits(then)}). {verdict}"
    )
