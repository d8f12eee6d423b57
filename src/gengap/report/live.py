"""The page of a study that is running: how far it is, and the table as it fills."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gengap.base.files import json_text
from gengap.base.printable import steady
from gengap.base.progress import Progress
from gengap.report.numerals import Numerals, duration, typeset
from gengap.report.text import shorten
from gengap.study.filling import Filled
from gengap.study.plan import Plan


def page(plan: Plan) -> str:
    """The page, which asks for ``state.json`` again and again."""
    environment = Environment(
        loader=PackageLoader("gengap", "report"), autoescape=True, undefined=StrictUndefined
    )
    own = files("gengap.report")
    style = (own / "style.css").read_text(encoding="utf-8")
    return environment.get_template("live.html.j2").render(
        name=steady(plan.name),
        metric=plan.metric.replace("_", " "),
        style=Markup(style),
    )


def state(
    plan: Plan, now: Progress | None, seconds_left: float, rows: Sequence[Filled]
) -> dict[str, Any]:
    """What the page shows, as JSON values and ready to be read.

    Args:
        now: where the study is; None before it began.
        seconds_left: NaN where it cannot be told yet.
    """
    percent = plan.score.fraction
    number = Numerals(percent, 1 if percent else None)
    left = "" if math.isnan(seconds_left) else f"about {duration(max(seconds_left, 1.0))} left"
    return {
        "done": 0 if now is None else float(now.done),
        "total": 0 if now is None else now.total,
        "doing": "preparing" if now is None else steady(now.doing),
        "left": left,
        "methods": [_method(number, name, rows) for name in dict.fromkeys(r.method for r in rows)],
    }


def text(*values: Any) -> str:
    """The state as JSON text."""
    with typeset():
        return json_text(state(*values))


def _method(number: Numerals, name: str, rows: Sequence[Filled]) -> dict[str, Any]:
    own = [row for row in rows if row.method == name]
    known = [row for row in own if row.done]
    means = [
        sum(getattr(row, key) for row in known) / len(known) if known else None
        for key in ("unseen", "reference", "cost")
    ]
    return {
        "name": shorten(steady(name)),
        "numbers": [number(means[0]), number(means[1]), number(means[2], plus=True)],
        "done": sum(row.done for row in own),
        "of": sum(row.of for row in own),
        "splits": [
            {
                "name": shorten(steady(row.split)),
                "numbers": [
                    number(row.unseen),
                    number(row.reference),
                    number(row.cost, plus=True),
                ],
                "done": row.done,
                "of": row.of,
            }
            for row in own
        ],
    }
