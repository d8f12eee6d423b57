"""Measure what mending does on the built-in suites; the tables are in docs/questions/mend.md.

python docs/make_remedies.py            measures all suites, half an hour on two cores
python docs/make_remedies.py SUITE ...  measures some of them again
python docs/make_remedies.py --tables   writes the tables from what was measured

What was found is kept in docs/remedies.json, suite by suite, so that a stopped one loses no suite.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import gengap as gg
from gengap.environments.suites import parse_suite
from gengap.questions.prescription.remedies import NETWORK, REMEDIES, WITHOUT
from gengap.questions.prescription.trials import ALPHA
from gengap.report.numerals import Numerals
from gengap.statistics.intervals import Interval
from gengap.study.metric_names import metric_named

PAGE = Path(__file__).parent / "questions" / "mend.md"
MEASURED = Path(__file__).parent / "remedies.json"
# What is planted, the model, and how many environments are kept apart in turn: linear where the
# closed form is a line's, fewer turns where training is dear.
SUITES: dict[str, tuple[str, str, int]] = {
    "digits-writers-shuffled": ("nothing: a placebo", "mlp", 5),
    "linear-shift:strengths=2/1.95/1.9/1.85/1.8/1.75/1.7/1.65/1.6/"
    "-1.6/-1.65/-1.7/-1.75/-1.8/-1.85/-1.9/-1.95/-2,causal=0.4/0.3": (
        "a shortcut, reversed in half of them", "linear", 6,
    ),
    "concept-shift:offsets=-1.4/-1/-0.6/-0.2/0.2/0.6/1/1.4": (
        "a relation that changes", "linear", 4,
    ),
    "covariate-shift:curvature=0.3,noise=0.5/0.5,"
    "means=-1.1/-0.9/-0.7/-0.5/-0.3/-0.1/0.1/0.3/0.5/0.7/0.9/1.1": (
        "inputs that move, where a line is not right", "linear", 6,
    ),
    "covariate-shift": ("inputs that move, which costs a line nothing", "linear", 6),
    "label-shift:priors=0.05/0.1/0.15/0.2/0.3/0.4/0.45/0.55/0.6/0.7/0.8/0.85/0.9/0.95": (
        "shares of classes", "linear", 6,
    ),
    "noise-shift": ("noise, which costs nothing", "linear", 6),
    "breast-cancer-size": ("the range of a column, at no cost that shows", "mlp", 5),
    "digits-rotated": ("an angle", "mlp", 5),
    "digits-writers": ("handwriting", "mlp", 5),
}  # fmt: skip
NAMES = {WITHOUT: "without the columns that fail", NETWORK: "`--model mlp` in place of a line"}
SEEDS, STEPS, BATCH = 5, 200, 16
# So few steps of the usual length end before a line is where it belongs.
RATES = {"linear": 0.01, "mlp": 0.001}
Summary = dict[str, Any]


def mended(suite: str) -> Summary:
    """What mending finds on a suite."""
    data, (_, model, turns) = gg.load_suite(suite), SUITES[suite]
    study = gg.Study(
        data, [{"erm": {"learning_rate": RATES[model]}}], seeds=SEEDS, splits="leave-one-out",
        steps=STEPS, batch=BATCH, model=model,
    )  # fmt: skip
    found = study.run().mend(seeds=SEEDS, turns=turns)
    print(suite, found.answer, sep="\n", flush=True)
    wanted = ("answer", "causes", "trials", "prescribed", "turns", "gain", "runs")
    return {"metric": found.result.plan.score.name} | {k: found.summary[k] for k in wanted}


def said(found: Summary, gain: Summary) -> str:
    """A gain and its limits."""
    number, own = numbers(found), Interval(**gain)
    return f"{number(own.estimate, plus=True)} ({number.limits(own, plus=True)})"


def numbers(found: Summary) -> Numerals:
    fraction = metric_named(found["metric"]).fraction
    return Numerals(fraction, 1 if fraction else 3)


def short(suite: str) -> str:
    """A suite's name, with its first option where several have that name."""
    name = parse_suite(suite)[0]
    alone = suite == name or [parse_suite(other)[0] for other in SUITES].count(name) == 1
    return name if alone else suite.partition(",")[0]


def suite_table(found: dict[str, Summary]) -> str:
    lines = [
        "| suite | what is planted | causes shown | prescribed | gain where it took no part |",
        "| --- | --- | --- | --- | --- |",
    ]
    for suite, (planted, *_) in SUITES.items():
        if suite not in found:
            continue
        own = found[suite]
        chosen = sum(bool(turn["chosen"]) for turn in own["turns"])
        told = f"no remedy chosen in {len(own['turns'])} turns"
        if own["gain"] is not None:
            told = f"{said(own, own['gain']['difference'])}, a remedy chosen in {chosen} of "
            told += f"{len(own['turns'])} turns"
        causes = ", ".join(own["causes"]["named"]) or "none"
        cells = (f"`{suite}`", planted, causes, own["prescribed"] or "nothing", told)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def remedy_table(found: dict[str, Summary]) -> str:
    lines = ["| cause | remedy | source | measured beside plain training |", f"|{' --- |' * 4}"]
    for remedy in REMEDIES:
        told = [
            f"`{short(suite)}` {said(own, trial['gain'])}"
            + (" **shown**" if (trial["p_value"] or 0) <= ALPHA else "")
            for suite, own in found.items()
            for trial in own["trials"]
            if trial["name"].partition(" ")[0] == remedy.name
        ]
        name = NAMES.get(remedy.name, f"`{remedy.name}`")
        paper = f"[{remedy.paper.short}]({remedy.paper.link})"
        cells = (remedy.cause, name, paper, "; ".join(told) or "not tried")
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("| more noise | none: noise is not won back | | |")
    return "\n".join(lines)


def replaced(text: str, name: str, table: str) -> str:
    pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda match: match[1] + table + "\n" + match[2], text)


def write_tables() -> None:
    """Both tables of the page, from what was measured."""
    measured: dict[str, Summary] = json.loads(MEASURED.read_text(encoding="utf-8"))
    found = {suite: measured[suite] for suite in SUITES if suite in measured}
    text = PAGE.read_text(encoding="utf-8")
    text = replaced(text, "remedies", remedy_table(found))
    PAGE.write_text(replaced(text, "suites", suite_table(found)), encoding="utf-8")


if __name__ == "__main__":
    wanted = [] if sys.argv[1:] == ["--tables"] else sys.argv[1:] or list(SUITES)
    for suite in wanted:
        started, summary = time.perf_counter(), mended(suite)
        known = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
        MEASURED.write_text(json.dumps(known | {suite: summary}, indent=1) + "\n", encoding="utf-8")
        print(f"{time.perf_counter() - started:.0f} s", flush=True)
    write_tables()
