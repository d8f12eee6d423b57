"""Measure every remedy on the built-in suites; the tables are in docs/remedies.md.

python docs/make_remedy_table.py             measures what is missing, under two hours on two cores
python docs/make_remedy_table.py SUITE ...   only of some suites, or "streams"
python docs/make_remedy_table.py SUITE --only tent,sam
                                             only these lines of its tables
python docs/make_remedy_table.py fashion:shift=corruption,n=300
                                             corrupted clothes, slow and so measured only where
                                             they are named; needs Debian's dataset-fashion-mnist
python docs/make_remedy_table.py --tables    writes the tables from what was measured

Runs are kept in remedies.db (--store names another place), so that a stopped one goes on.
What was found is in docs/remedy-table.json, suite by suite.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from make_remedies import replaced

import gengap as gg
from gengap.adapters.registry import adapters
from gengap.environments.streams import ORDERS
from gengap.merges.registry import BASE, merges
from gengap.methods.registry import CONTROL, OUTLIERS, methods
from gengap.report.numerals import Numerals
from gengap.study.pretraining import pretrain

PAGE = Path(__file__).parent / "remedies.md"
MEASURED = Path(__file__).parent / "remedy-table.json"
MODEL, STEPS, SEEDS, TRIALS = "mlp(64,norm=batch)", 300, 3, 4
FAMILIES = ("training", "weights", "answers", "heads")
# How environments are left out, and what another network learnt before, where one did.
SUITES: dict[str, tuple[str, str]] = {
    "digits-writers": ("folds:7", ""),
    "digits-rotated": ("leave-one-out", ""),
    "digits-coloured": ("hold-out:agree 0.1", ""),
    "signals": ("auto", ""),
    "breast-cancer-size": ("leave-one-out", ""),
    "digits-writers:writers=7/8/9/10/11/12/13": (
        "leave-one-out", "digits-writers:writers=0/1/2/3/4/5/6",
    ),
    "fashion:shift=corruption,n=300": ("folds:2", ""),
}  # fmt: skip
# Measured only where they are named.
SLOW = ("fashion:shift=corruption,n=300",)
SHORTER = {"fashion:shift=corruption,n=300": 200}  # steps
# The streams on which adapters are tried, on one suite, and how many inputs come at a time.
STREAMS_ON = "digits-rotated"
STREAMS = (*((order, 32) for order in ORDERS), ("reset", 8), ("reset", 2), ("continual", 2))
UNDECIDED, ALPHA = "no clear difference", 0.05
Row = dict[str, Any]


def measured(suite: str, store: str, only: Sequence[str] = ()) -> list[Row]:
    """A row for each remedy of each family, or of those named."""
    splits, before = SUITES[suite]
    others = {
        "training": [] if before else _asked(_training()[1:], only),
        "weights": _asked(_merges(bool(before)), only),
        "answers": _asked([name for name in adapters() if name != "drm-heads"], only),
        "heads": [] if before else _asked(["drm-heads"], only),
    }
    data = gg.load_suite(suite)
    shared: dict[str, Any] = {
        "model": MODEL, "steps": SHORTER.get(suite, STEPS), "seeds": SEEDS, "splits": splits,
        "store": store, "plain_training": False, "keep_models": "none",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if before:
            with gg.Store(store) as kept:
                found = pretrain(gg.load_suite(before), MODEL, steps=1000, store=kept)
            shared["start"] = str(found.save(Path(folder) / "start.safetensors"))
        of = {
            "training": {"budget": "passes"},
            "weights": {
                "merges": others["weights"], "trials": TRIALS, "checkpoints": "linear:10",
                "selection": "validation",
            },
            "answers": {"adapters": others["answers"]},
            "heads": {"adapters": others["heads"]},
        }  # fmt: skip
        trained = {"training": ["erm", *others["training"]], "heads": ["erm", "drm"]}
        return [
            row
            for family, own in of.items()
            if others[family]
            for row in _of(data, family, trained.get(family, ["erm"]), **{**shared, **own})
        ]


def _asked(names: Sequence[str], only: Sequence[str]) -> list[str]:
    return [name for name in names if not only or name in only]


def streamed(store: str, only: Sequence[str] = ()) -> list[Row]:
    """A row for each adapter and stream: what it gains over the model that is left alone."""
    data, rows = gg.load_suite(STREAMS_ON), []
    tried = _asked(list(adapters()), only)
    for order, batch in STREAMS:
        found = _of(
            data, f"{order}, {batch} at a time", ["erm"], adapters=tried, stream=order,
            stream_batch=batch, model=MODEL, steps=STEPS, seeds=SEEDS, plain_training=False,
            splits=SUITES[STREAMS_ON][0], store=store, keep_models="none",
        )  # fmt: skip
        rows += found[1:]
    return rows


def stream_table(rows: list[Row]) -> str:
    """A line for each adapter, a column for each stream."""
    number, families = Numerals(True, 1), list(dict.fromkeys(row["family"] for row in rows))
    lines = [f"| adapter | {' | '.join(families)} |", f"|{' --- |' * (len(families) + 1)}"]
    by_place = {(row["method"], row["family"]): row for row in rows}
    for name in dict.fromkeys(row["method"] for row in rows):
        cells = []
        for family in families:
            row = by_place.get((name, family))
            if row is None:
                cells.append("needs more at a time")
                continue
            gain = number(row["difference_from_baseline"], plus=True)
            cells.append(f"**{gain}**" if row["verdict"] != UNDECIDED else gain)
        lines.append(f"| `{name.removeprefix('erm + ')}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _training() -> list[str]:
    """Plain training first, then every method that learns from labelled examples alone."""
    others = [
        name
        for name, info in methods().items()
        if name != "erm" and not {*CONTROL, OUTLIERS} & set(info.needs)
    ]
    return ["erm", *others]


def _merges(pretrained: bool) -> list[str]:
    return [name for name, info in merges().items() if pretrained or BASE not in info.needs]


def _of(data: Any, family: str, trained: list[str], **settings: Any) -> list[Row]:
    settings = {"selection": "last-step", **settings}
    study = gg.Study(data, trained, **settings)
    started = time.perf_counter()
    result = study.run()
    spent = {row["method"]: row for row in result.summary.get("spending") or []}
    wanted = (
        "method", "score_unseen", "cost_of_unseen", "expected_low", "expected_high",
        "difference_from_baseline", "difference_low", "difference_high", "verdict",
    )  # fmt: skip
    rows = [
        {
            "family": family, **{key: row[key] for key in wanted}, **_alone(result, row["method"]),
            **spent.get(row["method"], {}),
        }
        for row in result.summary["methods"]
    ]  # fmt: skip
    result.store.close()
    seconds = time.perf_counter() - started
    print(f"{data.name}, {family}: {len(rows)} in {seconds:.0f} s", flush=True)
    return rows


def _alone(result: Any, method: str) -> dict[str, float]:
    """Limits of the difference of one remedy and their p-value, as if no other had been tried."""
    if method == result.plan.baseline:
        return {}
    found = result.against_baseline([method])[method]
    return {
        "alone_low": found.difference.low,
        "alone_high": found.difference.high,
        "p": found.p_value,
    }


def renewed(known: list[Row], found: list[Row]) -> list[Row]:
    """Rows with those that were measured again in the place of what they were.

    The verdict of a line that was measured by itself allows for all of its table by Bonferroni's
    method, which tells apart no more than Holm's.
    """
    if not known:
        return found
    plain = {row["family"]: row for row in known if row["verdict"] is None}
    for row in found:
        before = plain.get(row["family"], row)
        if row["verdict"] is not None:
            # A study whose methods all take as many passes does not say how many.
            row.setdefault("training", before.get("training", 1.0))
        elif before["score_unseen"] != row["score_unseen"]:
            raise SystemExit("Plain training is another than in the table; measure the suite anew.")
    fresh = {(row["family"], row["method"]): row for row in found}
    fresh |= {(row["family"], row["method"]): row for row in plain.values()}
    rows = [fresh.pop((row["family"], row["method"]), row) for row in known] + list(fresh.values())
    for row in found:
        own = [each for each in rows if each["family"] == row["family"]]
        count = sum(each["verdict"] is not None for each in own)  # plain training has none
        if not row.get("p", 0.0) * count <= ALPHA:
            row["verdict"] = UNDECIDED
    return rows


TITLES = {
    "training": "In training, at equal passes",
    "weights": "In weights: four trials or ten checkpoints",
    "answers": "While answering",
    "heads": "While answering, which of the heads of a model that has one for each environment",
}
HEAD = "| remedy | unseen | against `erm` | cost of unseen | training | an answer | verdict |"


def table(rows: list[Row]) -> str:
    """The rows of one suite, family by family, the best first."""
    number = Numerals(True, 1)
    lines: list[str] = []
    for family in FAMILIES:
        own = [row for row in rows if row["family"] == family]
        if len(own) < 2:
            continue
        plain, *others = own
        others.sort(key=lambda row: -row["difference_from_baseline"])
        lines += [f"**{TITLES[family]}**", "", HEAD, f"|{' --- |' * 7}"]
        lines += [_line(number, row, plain) for row in (plain, *others)]
        lines.append("")
    return "\n".join(lines).rstrip()


def _line(number: Numerals, row: Row, plain: Row) -> str:
    against = "itself"
    if row is not plain:
        limits = number.interval(row.get("alone_low"), row.get("alone_high"))
        gain = number(row["difference_from_baseline"], plus=True)
        against = f"{gain} ({limits})" if limits else gain
    times = row.get("training", 1.0) / plain.get("training", 1.0)
    back = row.get("backwards") or 0.0
    answer = f"{row.get('forwards', 1.0):.3g}" + (f" + {back:.2g} back" if back else "")
    expected = number.interval(row["expected_low"], row["expected_high"])
    cost = f"{number(row['cost_of_unseen'])}" + (f" ({expected})" if expected else "")
    name = row["method"].removeprefix("erm + ") if row is not plain else "erm"
    cells = [
        f"`{name}`", number(row["score_unseen"]), against, cost, f"{times:.2g} x", answer,
        row["verdict"] or "",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def write_tables() -> None:
    """All tables of the page, from what was measured."""
    known: dict[str, list[Row]] = json.loads(MEASURED.read_text(encoding="utf-8"))
    streams = known.pop("streams", None)
    parts = [f"### `{suite}`\n\n{table(known[suite])}\n" for suite in SUITES if suite in known]
    text = PAGE.read_text(encoding="utf-8")
    text = replaced(text, "tables", "\n" + "\n".join(parts))
    if streams:
        text = replaced(text, "streams", stream_table(streams))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "suites", nargs="*", default=[*(s for s in SUITES if s not in SLOW), "streams"]
    )
    parser.add_argument("--store", default="remedies.db")
    parser.add_argument("--only", default="", help="lines, with commas")
    parser.add_argument("--tables", action="store_true")
    asked = parser.parse_args()
    only = [name for name in asked.only.split(",") if name]
    for one in [] if asked.tables else asked.suites:
        found = (streamed if one == "streams" else partial(measured, one))(asked.store, only)
        before = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
        rows = renewed(before.get(one, []), found) if only else found
        MEASURED.write_text(json.dumps(before | {one: rows}, indent=1) + "\n", encoding="utf-8")
        write_tables()
    if asked.tables:
        write_tables()
