"""Measure what mending does on the built-in suites; the tables are in docs/questions/mend.md.

python docs/make_remedies.py            measures all suites, half an hour on two cores
python docs/make_remedies.py SUITE ...  prints what it finds on some, and writes nothing
python docs/make_remedies.py --bare     writes which remedy is for which cause, unmeasured
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import gengap as gg
from gengap.environments.suites import parse_suite
from gengap.questions.prescription.mending import Mending, Trial
from gengap.questions.prescription.remedies import REMEDIES, WITHOUT
from gengap.report.numerals import Numerals

PAGE = Path(__file__).parent / "questions" / "mend.md"
SUITES = {
    "digits-writers-shuffled": "nothing: a placebo",
    "covariate-shift": "inputs that move, which costs a line nothing",
    "concept-shift": "a relation that changes",
    "label-shift": "shares of classes",
    "linear-shift:strengths=2,1.5,1,0.5,-0.5,-1,-1.5,-2": "a shortcut that is reversed in places",
    "breast-cancer-size": "the range of a column",
    "digits-writers": "handwriting",
    "digits-rotated": "an angle",
}
METHOD, SEEDS, STEPS = "erm", 5, 300


def mended(suite: str) -> Mending:
    data = gg.load_suite(suite)
    study = gg.Study(data, [METHOD], seeds=SEEDS, splits="leave-one-out", steps=STEPS)
    return study.run().mend(seeds=SEEDS)


def said(found: Mending, trial: Trial) -> str:
    number, difference = numbers(found), trial.comparison.difference
    return f"{number(difference.estimate, plus=True)} ({number.limits(difference, plus=True)})"


def numbers(found: Mending) -> Numerals:
    fraction = found.result.plan.score.fraction
    return Numerals(fraction, 1 if fraction else 3)


def suite_table(found: dict[str, Mending]) -> str:
    lines = [
        "| suite | what is planted | causes shown | prescribed | gain where it took no part |",
        "| --- | --- | --- | --- | --- |",
    ]
    for suite, mending in found.items():
        gain, number = mending.gain, numbers(mending)
        told = "none measured"
        if gain is not None:
            limits = number.limits(gain.difference, plus=True)
            told = f"{number(gain.difference.estimate, plus=True)} ({limits}), {gain.verdict}"
        causes = ", ".join(mending.causes.named) or "none"
        cells = (f"`{suite}`", SUITES[suite], causes, mending.prescribed or "nothing", told)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def remedy_table(found: dict[str, Mending]) -> str:
    measured = [" measured beside plain training |", " --- |"] if found else ["", ""]
    lines = [f"| cause | remedy | source |{measured[0]}", f"| --- | --- | --- |{measured[1]}"]
    for remedy in REMEDIES:
        told = [
            f"`{parse_suite(suite)[0]}` {said(mending, trial)}"
            for suite, mending in found.items()
            for trial in mending.trials
            if trial.name.partition(" ")[0] == remedy.name
        ]
        name = "without the columns that fail" if remedy.name == WITHOUT else f"`{remedy.name}`"
        paper = f"[{remedy.paper.short}]({remedy.paper.link})"
        cells = [remedy.cause, name, paper, *(["; ".join(told) or "not tried"] if found else [])]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append(f"| more noise | none: noise is not won back | |{' |' if found else ''}")
    return "\n".join(lines)


def replaced(text: str, name: str, table: str) -> str:
    pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda match: match[1] + table + "\n" + match[2], text)


if __name__ == "__main__":
    bare = sys.argv[1:] == ["--bare"]
    wanted = [] if bare else sys.argv[1:] or list(SUITES)
    found = {}
    for suite in wanted:
        found[suite] = mended(suite)
        print(suite, found[suite].answer, sep="\n", flush=True)
    if bare or len(wanted) == len(SUITES):
        text = PAGE.read_text(encoding="utf-8")
        text = replaced(text, "remedies", remedy_table(found))
        text = replaced(text, "suites", suite_table(found)) if found else text
        PAGE.write_text(text, encoding="utf-8")
