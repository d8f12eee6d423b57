"""``gengap detectors``: what there is to tell strangers by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from gengap.cli.base import app, print_catalogue
from gengap.cli.options import Json

if TYPE_CHECKING:
    from gengap.detectors.registry import DetectorInfo


@app.command()
def detectors(
    as_json: Json = False,
) -> None:
    """List the detectors, what they need, what they cost and where they come from."""
    from gengap.detectors.registry import detectors as registered

    infos = registered().values()
    if as_json:
        from gengap.base.files import json_values

        typer.echo(json.dumps(json_values([_record(info) for info in infos]), indent=2))
        return
    print_catalogue([(info.name, info.summary, _details(info)) for info in infos])


def _details(info: DetectorInfo) -> list[str]:
    own = [name for name in info.detector.fields() if name != "seed"]
    return [
        f"needs {', '.join(info.needs)}" if info.needs else "",
        f"{info.tasks[0]} only" if len(info.tasks) == 1 else "",
        f"costs {info.cost}",
        f"set {', '.join(own)}" if own else "",
        f"{info.paper.short}, {info.paper.link}",
    ]


def _record(info: DetectorInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "summary": info.summary,
        "tasks": info.tasks,
        "needs": info.needs,
        "cost": info.cost,
        "paper": str(info.paper),
        "link": info.paper.link,
        "hyperparameters": {
            name: {"default": f.default, **f.metadata} for name, f in info.detector.fields().items()
        },
    }
