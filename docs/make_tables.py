"""Write the tables of docs/catalogue from the registry and the suites, and gap.json's schema.

python docs/make_tables.py          rewrite them
python docs/make_tables.py --check  exit with 1 if they are out of date
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from inspect import signature
from pathlib import Path

from gengap.adapters.registry import adapters
from gengap.detectors.registry import detectors
from gengap.environments.suites import suites
from gengap.merges.registry import merges
from gengap.methods.registry import methods
from gengap.sequences.architectures import sequence_models
from gengap.sequences.prompt_models import prompt_models
from gengap.study.finding import schema

CATALOGUE = Path(__file__).parent / "catalogue"
SCHEMA = Path(__file__).parent / "reference" / "gap.schema.json"


def method_table() -> str:
    lines = [
        "| method | what it does | needs | passes | source |",
        "| --- | --- | --- | ---: | --- |",
    ]
    for info in methods().values():
        needs = ", ".join(limited(info.needs, info.tasks)) or "-"
        paper = f"[{info.paper.short}]({info.paper.link})"
        lines.append(f"| `{info.name}` | {info.summary} | {needs} | {info.passes:g} | {paper} |")
    lines.append("| `sklearn:NAME` | any scikit-learn classifier or regressor | - | - | - |")
    return "\n".join(lines)


def adapter_table() -> str:
    lines = [
        "| adapter | what it does | needs | forward | backward | source |",
        "| --- | --- | --- | ---: | ---: | --- |",
    ]
    for info in adapters().values():
        needs = ", ".join(limited(info.needs, info.tasks)) or "-"
        most = "≤ " if info.at_most else ""
        passes = f"{most}{info.forwards:g} | {most if info.backwards else ''}{info.backwards:g}"
        paper = f"[{info.paper.short}]({info.paper.link})"
        lines.append(f"| `{info.name}` | {info.summary} | {needs} | {passes} | {paper} |")
    return "\n".join(lines)


def detector_table() -> str:
    lines = ["| detector | strange is | reads | cost | source |", "| --- | --- | --- | --- | --- |"]
    for info in detectors().values():
        reads = ", ".join(limited(info.needs, info.tasks))
        paper = f"[{info.paper.short}]({info.paper.link})"
        lines.append(f"| `{info.name}` | {info.summary} | {reads} | {info.cost} | {paper} |")
    return "\n".join(lines)


def merge_table() -> str:
    lines = ["| merge | what it does | of | needs | source |", "| --- | --- | --- | --- | --- |"]
    for info in merges().values():
        needs = ", ".join(info.needs) or "-"
        paper = f"[{info.paper.short}]({info.paper.link})"
        lines.append(f"| `{info.name}` | {info.summary} | {info.merges} | {needs} | {paper} |")
    return "\n".join(lines)


def suite_table() -> str:
    lines = ["| suite | what it is | splits |", "| --- | --- | --- |"]
    lines += [f"| `{s.name}` | {s.summary} | {s.default_splits} |" for s in suites().values()]
    return "\n".join(lines)


def model_table() -> str:
    lines = ["| model | what it is | options | source |", "| --- | --- | --- | --- |"]
    for info in (sequence_models() | prompt_models()).values():
        paper = f"[{info.paper.short}]({info.paper.link})"
        options = ", ".join(
            f"`{o.name}={o.default}`" for o in signature(info.kind).parameters.values()
        )
        lines.append(f"| `{info.name}` | {info.summary} | {options or '-'} | {paper} |")
    return "\n".join(lines)


def limited(needs: Iterable[str], tasks: tuple[str, ...]) -> list[str]:
    """What a method or detector needs, and the only task it is for, if there is one."""
    return [*needs, *(f"{task} only" for task in tasks if len(tasks) == 1)]


TABLES = {
    "methods": method_table,
    "adapters": adapter_table,
    "merges": merge_table,
    "detectors": detector_table,
    "suites": suite_table,
    "models": model_table,
}


def filled(name: str) -> str:
    """The text of a catalogue page with the table between its markers made anew."""
    page = CATALOGUE / f"{name}.md"
    start, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    block = f"{start}\n{TABLES[name]()}\n{end}"
    text, count = re.subn(
        f"{start}.*?{end}", lambda _: block, page.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    if count != 1:
        raise SystemExit(f"{page} must hold the lines {start} and {end} once")
    return text


if __name__ == "__main__":
    pages = {CATALOGUE / f"{name}.md": filled(name) for name in TABLES}
    pages[SCHEMA] = json.dumps(schema(), indent=1) + "\n"
    if "--check" in sys.argv:
        sys.exit(any(page.read_text(encoding="utf-8") != text for page, text in pages.items()))
    for page, text in pages.items():
        page.write_text(text, encoding="utf-8")
