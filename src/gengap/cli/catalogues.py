"""``gengap methods`` and ``gengap suites``: what there is."""

from __future__ import annotations

import json
from typing import Any

import typer
from rich.console import Console

from gengap.cli.base import app, print_catalogue
from gengap.cli.options import Json


@app.command()
def methods(
    as_json: Json = False,
) -> None:
    """List the training methods, what they need, what they cost and where they come from."""
    from gengap.methods.base import Method
    from gengap.methods.registry import methods as registered

    if as_json:
        from gengap.base.files import json_values

        records = [_method_record(info) for info in registered().values()]
        typer.echo(json.dumps(json_values(records), indent=2))
        return
    rows, common = [], Method.fields()
    for info in registered().values():
        own = [name for name in info.method.fields() if name not in common]
        details = [
            f"needs {', '.join(info.needs)}" if info.needs else "",
            f"{info.tasks[0]} only" if len(info.tasks) == 1 else "",
            f"{info.passes:g} passes a step" if info.passes != 1 else "",
            f"set {', '.join(own)}" if own else "",
            f"{info.paper.short}, {info.paper.link}",
        ]
        rows.append((info.name, info.summary, details))
    print_catalogue(rows)
    Console().print("\nsklearn:NAME is any scikit-learn classifier or regressor.")


@app.command()
def suites(
    as_json: Json = False,
) -> None:
    """List the built-in suites."""
    from gengap.environments.suites import suites as catalogue

    if as_json:
        rows = [
            {"name": s.name, "summary": s.summary, "source": s.source,
             "default_splits": s.default_splits, "needs": s.needs}
            for s in catalogue().values()
        ]  # fmt: skip
        typer.echo(json.dumps(rows, indent=2))
        return
    print_catalogue(
        [
            (s.name, s.summary, [f"splits {s.default_splits}", s.needs, s.source])
            for s in catalogue().values()
        ]
    )


def _method_record(info: Any) -> dict[str, Any]:
    return {
        "name": info.name,
        "summary": info.summary,
        "tasks": info.tasks,
        "needs": info.needs,
        "passes": info.passes,
        "minimum_environments": info.minimum_environments,
        "paper": str(info.paper),
        "link": info.paper.link,
        "hyperparameters": {
            name: {"default": f.default, **f.metadata} for name, f in info.method.fields().items()
        },
    }
