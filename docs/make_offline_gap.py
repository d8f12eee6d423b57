"""Learn from logged play, act in unseen levels: the page is docs/offline-gap.md.

python docs/make_offline_gap.py [--store records.db]    a quarter of an hour of processor time

With a store that is kept, a making that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from gengap.claims import offline_play as play
from gengap.claims.claim import verdict
from gengap.claims.trying import Tried, try_claims
from gengap.report.claims import numbers
from gengap.report.figures.curves import curves_drawing
from gengap.report.numerals import Numerals
from gengap.report.reading import Row
from gengap.statistics.intervals import student_mean

PAGE = Path(__file__).parent / "offline-gap.md"
FIGURES = {"levels": "offline-gap-levels.svg", "data": "offline-gap-data.svg"}
BEHAVIOURS = ("expert", "mixed", "suboptimal")
INTRODUCTION = """\
# The generalization gap in miniature

[Mediratta et al. 2023](https://arxiv.org/abs/2312.05742) let agents learn from logged play on some
levels and act on others, with Procgen and large machines. Here it is asked again of mazes, small
enough for two cores, by one command:

```sh
python docs/make_offline_gap.py   # or gengap claims 38 256, for the verdicts alone
```

*What is done.* Mazes of 9 x 9 cells; an agent sees the walls around it and which way the goal lies.
Each of {draws} draws deals mazes, starts, logs and first weights anew, by suite seeds on which no
default of a method was chosen. Mazes are divided in two halves, each learnt from and unseen by what
learnt from the other. Perceptrons of two layers of 64 units, 2,000 steps of 128 transitions; who
acts (`ppo`, `dqn`) takes as many actions as the others are shown transitions, from the same starts.
Success is the share of starts from which the goal is reached within 36 actions, computed exactly.
The *expert* walks a shortest way; the *suboptimal* player knows the way when close and wanders
elsewhere; *mixed* is both by turns. Limits are Student's 95% over draws.

*What decides.* Each finding is a number that is positive where it is so, written down in
`src/gengap/claims/offline_play.py` before anything was run. It *holds* where the limits lie above
0, *does not hold* where they lie below, else it is *undecided*. Where one method is said to be
stronger than all others, the number is the least of the differences.

"""
NOTES = """
## What this says, and what not

*More levels, not more of the same*: here as in the paper, for each of the five methods, and by far;
with a thousand mazes the cost of unseen is about a point. *Acting beats learning from logs* only
where the log is poor: from an expert's, cloning is ahead of `ppo` in unseen mazes. *Cloning is
strongest* among methods that see the present only, from an expert's log, by 3.5 to 5.2 points (this
was looked at after the verdicts). From a suboptimal log it is far the weakest of these, and what
sees the last steps too (`dt`) is far ahead of it from the two better logs.

Mazes this small, seen near the agent only, are not Procgen. Equal steps are few: a thousand mazes
with a hundred episodes each are seen less than half through, so what more data bring there is
bounded by training. Defaults were chosen on other deals of suboptimal mazes, and none is tuned
here. Orders of methods may differ with steps, network and levels: a verdict is about what is stated
above.
"""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def percent(values: Sequence[float]) -> str:
    """A mean over draws with its limits, in percent."""
    found = student_mean(100 * np.asarray(values))
    return f"{found.estimate:.1f} ({found.low:.1f} to {found.high:.1f})"


def methods_table(store: str, draws: int) -> str:
    """Success seen and unseen of each method, by who wrote the log."""
    own = {b: [play.compared(b, draw, store) for draw in range(draws)] for b in BEHAVIOURS}
    heads = ["method", *(f"{b}, {w}" for b in BEHAVIOURS for w in ("seen", "unseen"))]
    rows = []
    for method in own["expert"][0]:
        cells = [f"`{method}`"]
        for behaviour in BEHAVIOURS:
            read = method in own[behaviour][0]
            cells += [
                percent([draw[method][k] for draw in own[behaviour]]) if read else "reads no log"
                for k in (0, 1)
            ]
        rows.append(cells)
    return table(heads, rows)


def differences_table(store: str, draws: int) -> str:
    """Success of cloning less that of each other method on the same draws, in unseen mazes."""
    own = {b: [play.compared(b, draw, store) for draw in range(draws)] for b in BEHAVIOURS}
    others = [method for method in own["expert"][0] if method != "bc"]
    rows = []
    for method in others:
        cells = [f"`{method}`"]
        for behaviour in BEHAVIOURS:
            pairs = zip(own[behaviour], own["expert"], strict=True)
            cells.append(percent([a["bc"][1] - (a.get(method) or b[method])[1] for a, b in pairs]))
        rows.append(cells)
    return table(["bc minus", *BEHAVIOURS], rows)


def sizes_table(store: str, draws: int) -> str:
    """Success unseen and the cost of unseen of each method, by mazes and episodes of each."""
    own = [play.sized(draw, store) for draw in range(draws)]
    points = sorted({(mazes, each) for _, mazes, each in own[0]})
    heads = ["mazes", "episodes of each", *(f"`{method}`" for method in play.OFFLINE)]
    rows = [
        [
            f"{mazes:,}",
            f"{each}",
            *(
                f"{percent([draw[m, mazes, each][0] for draw in own])}; costs "
                f"{percent([draw[m, mazes, each][1] for draw in own])}"
                for m in play.OFFLINE
            ),
        ]
        for mazes, each in points
    ]
    return table(heads, rows)


def drawings(store: str, draws: int) -> None:
    """The cost of unseen against mazes at equal data, and success against episodes of each."""
    own = [play.sized(draw, store) for draw in range(draws)]
    mazes = (play.FEW, play.SOME, play.MANY, play.MOST)
    levels = [_line(m, mazes, [[draw[m, k, play.EPISODES // k][1] for draw in own] for k in mazes])
              for m in play.OFFLINE]  # fmt: skip
    number = Numerals(True, 1)
    title = "Cost of unseen mazes against how many are learnt from, 1,000 episodes in all"
    text = curves_drawing(
        "levels", title, "points of success", levels, number, "mazes, logarithmic"
    )
    PAGE.with_name(FIGURES["levels"]).write_text(text.standalone(), encoding="utf-8")
    data = []
    for k in (play.SOME, play.MANY, play.MOST):
        pair = (play.EPISODES // k, play.EACH)
        values = [[draw["bc", k, each][0] for draw in own] for each in pair]
        data.append(_line(f"bc, {k:,} mazes", pair, values))
    title = "Success of cloning in unseen mazes against episodes of each"
    text = curves_drawing("data", title, "success in %", data, number, "episodes, logarithmic")
    PAGE.with_name(FIGURES["data"]).write_text(text.standalone(), encoding="utf-8")


def _line(name: str, sizes: Sequence[int], values: Sequence[Sequence[float]]) -> Row:
    found = [student_mean(np.asarray(own)) for own in values]
    return Row(
        method=name, steps=list(sizes), mean=[i.estimate for i in found],
        low=[i.low for i in found], high=[i.high for i in found],
    )  # fmt: skip


def verdicts(found: Sequence[Tried]) -> str:
    """A row per claim."""
    heads = ("finding", "the number, above 0 where it holds", "found", "verdict")
    rows = [(c.says, f"{c.positive} ({c.name})", numbers(c), verdict(c.found)) for c in found]
    return table(heads, rows)


def page(found: Sequence[Tried], store: str) -> str:
    """The page's text."""
    draws = found[0].draws
    return "".join(
        (
            INTRODUCTION.format(draws=draws),
            "## Verdicts\n\n",
            verdicts(found),
            "\n## Methods, by who wrote the log\n\nSuccess in %, 200 mazes with 25 episodes of "
            "each, seen and unseen:\n\n",
            methods_table(store, draws),
            "\nWhat cloning has over each of them in unseen mazes, draw by draw, in points (not "
            "adjusted for how many are shown):\n\n",
            differences_table(store, draws),
            "\n## More levels or more of the same\n\nAn expert's log: success in unseen mazes, and "
            "what not having seen them costs, in points. Rows of 1,000 episodes in all are at "
            "equal data.\n\n",
            sizes_table(store, draws),
            f"\n![Cost of unseen mazes against how many are learnt from]({FIGURES['levels']})\n\n"
            f"![Success of cloning against episodes of each]({FIGURES['data']})\n",
            NOTES,
        )
    )


def main(store: str, draws: int | None) -> None:
    """Try the claims and write the page."""
    found = try_claims(["38", "256"], draws=draws, store=store, progress=lambda now: print(now))
    drawings(store, found.claims[0].draws)
    PAGE.write_text(page(found.claims, store), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", help="records of the runs; kept nowhere when not given")
    parser.add_argument("--draws", type=int, help="as many as the claims name when not given")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        main(given.store or str(Path(folder) / "records.db"), given.draws)
