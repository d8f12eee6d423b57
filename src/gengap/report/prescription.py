"""The report of a mending: what was diagnosed, what was tried, what it gains where it was not."""

from __future__ import annotations

from gengap.base.errors import listing
from gengap.questions.prescription.mending import FEWEST, Mending, Turn
from gengap.questions.prescription.remedies import proposed
from gengap.questions.prescription.trials import Trial
from gengap.report.document import (
    Block,
    Document,
    Note,
    Table,
    document,
    facts,
    section,
    settings,
    text_table,
)
from gengap.report.figures.drawing import label
from gengap.report.figures.rows import Figure, axis_for, interval_row
from gengap.report.numerals import Numerals, count, counted, p_text
from gengap.report.text import isolate

NUMBERS = "mending.json"
BASELINE = "nothing"


def answer(found: Mending) -> str:
    """What is prescribed, and what that gains in environments that took no part."""
    return " ".join(filter(None, [_diagnosed(found), _prescribed(found), _gains(found)]))


def terminal(found: Mending, quiet: bool = False) -> list[Block]:
    """What the command prints: what was tried, the environments kept apart, and the answer."""
    if quiet:
        return [answer(found)]
    tables: list[Block] = [_trials(found, sources=False)] if found.trials else []
    return [*tables, _turns(found), answer(found)]


def build(found: Mending, *, page: bool, command: str = "") -> Document:
    """The whole report."""
    plan = found.result.plan
    sizes = [counted(len(found.turns), "environment") + " kept apart", counted(found.seeds, "seed")]
    return document(
        plan.name,
        "what wins the cost of unseen environments back",
        facts([plan.problem.task, plan.score.name.replace("_", " "), *sizes]),
        [_prescribed(found), *filter(None, [_diagnosed(found), _gains(found)])],
        [
            section(
                "Where it took no part",
                "Each environment was kept apart in turn, the rest diagnosed, remedies tried on it "
                "and one chosen; this is what the choice gained in the environment kept apart. "
                f"Where {BASELINE} was chosen, the baseline stays.",
                _figure(found) if page and found.gain is not None else None,
                _turns(found),
            ),
            section(
                "What was tried",
                "On all environments, each unseen in turn, beside "
                f"{isolate(found.baseline)} with the same steps. Limits are 90% limits of each by "
                "itself, so that the lower one errs in 5%; p is that of being no better, corrected "
                "for the number of remedies. The best was chosen among these, so its own figure "
                "promises too much.",
                _trials(found),
                *_left_out(found),
                *_skipped(found),
            )
            if found.trials
            else None,
            section(
                "Where these numbers come from",
                settings(
                    {
                        "command": command or found.result.execution.command,
                        "data fingerprint": plan.problem.fingerprint,
                        "baseline": found.baseline,
                        "seeds": str(found.seeds),
                        "further runs": f"{found.runs:,}",
                    },
                    code=("command", "data fingerprint"),
                ),
            ),
        ],
        f"Every number here is also in {NUMBERS}.",
    )


def _numbers(found: Mending) -> Numerals:
    return Numerals(found.result.plan.score.fraction, 1 if found.result.plan.score.fraction else 3)


def _diagnosed(found: Mending) -> str:
    if not found.causes.named:
        return "No cause of the cost was shown, so no remedy fits."
    said = f"Causes shown: {listing(found.causes.named)}"
    if found.causes.suspects:
        return f"{said} ({listing(map(isolate, found.causes.suspects))})."
    return f"{said}."


def _prescribed(found: Mending) -> str:
    if found.prescribed:
        return f"Prescribed: {isolate(found.prescribed)}."
    if not found.trials:
        return "Prescribed: nothing."
    tried = listing(isolate(trial.name) for trial in found.trials)
    return (
        f"Prescribed: nothing. Of {tried} none was shown to be better than "
        f"{isolate(found.baseline)}; more environments, or a column that tells them apart, may do "
        "what training cannot (gengap plan says how many)."
    )


def _gains(found: Mending) -> str:
    number, turns = _numbers(found), len(found.turns)
    if found.gain is None:
        if not found.trials and not found.causes.named:
            return ""
        return (
            f"In none of {turns} turns was a remedy chosen, so there is no gain to measure where "
            "it took no part."
        )
    gain = found.gain.difference
    clear = {
        "better": "It helps",
        "worse": "It hurts",
        "no clear difference": "No gain was shown",
    }[found.gain.verdict]
    return (
        f"{clear} in environments that took no part in diagnosis and choice: "
        f"{number(gain.estimate, plus=True)}{' points' if number.percent else ''} "
        f"({number.limits(gain, plus=True)}) over {turns} of them, a remedy chosen in "
        f"{sum(bool(turn.chosen) for turn in found.turns)}. That takes {FEWEST + 1} environments "
        "at least; more make it sharper."
    )


def _trials(found: Mending, sources: bool = True) -> Table:
    """What was tried; without what it is for and from where it fits a terminal."""
    number = _numbers(found)

    def row(trial: Trial) -> tuple[str, ...]:
        return (
            trial.name,
            *((trial.cause, proposed(trial.name).short) if sources else ()),
            number(trial.gain.estimate, plus=True),
            number.limits(trial.gain, plus=True),
            p_text(trial.p_value),
            "better" if trial.shown else "not shown",
        )

    heads = (
        "remedy",
        *(("for", "source") if sources else ()),
        "gain",
        "90%",
        "p corrected",
        "verdict",
    )
    return text_table(f"Remedies beside {found.baseline}", heads, map(row, found.trials))


def _left_out(found: Mending) -> list[Note]:
    """Says of which remedies some scores have no counterpart."""
    said = [f"{isolate(t.name)} {count(t.left_out)}" for t in found.trials if t.left_out]
    metric = found.result.plan.score.name
    words = f"Left out, as {metric} is not defined on both sides: scores of {listing(said)}."
    return [Note(words, below=True)] if said else []


def _skipped(found: Mending) -> list[Note]:
    """Says which remedies fit but cannot be trained here."""
    return [Note(f"Not tried: {reason}", below=True) for reason in found.skipped.values()]


def _turns(found: Mending) -> Table:
    number = _numbers(found)

    def row(turn: Turn) -> tuple[str, ...]:
        gain = number(turn.difference, plus=True) if turn.chosen else "0"
        return turn.environment, listing(turn.causes) or "none", turn.chosen or BASELINE, gain

    heads = ("kept apart", "causes shown without it", "chosen", "gain there")
    return text_table("Environments kept apart", heads, map(row, found.turns))


def _figure(found: Mending) -> Figure:
    number = _numbers(found)
    assert found.gain is not None
    gain = found.gain.difference
    rows = [
        interval_row(number, "all of them", gain.estimate, (gain.low, gain.high)),
        *(interval_row(number, label(turn.environment), turn.difference) for turn in found.turns),
    ]
    unit = "points" if number.percent else found.result.plan.score.name.replace("_", " ")
    return Figure(
        "gain",
        "Gain in environments kept apart",
        f"What the chosen remedy gained in each of {len(found.turns)} environments that took no "
        "part in choosing it, and over all of them.",
        f"gain over {found.baseline} in {unit}; further right is better",
        rows,
        axis_for(
            [0.0, *(number.scaled(turn.difference) for turn in found.turns)],
            [number.scaled(gain.low), number.scaled(gain.high)],
        ),
        legend=[("dot", "gain"), ("interval", "95% interval")],
        headed=False,
    )
