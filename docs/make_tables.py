"""Write the README's tables of methods, detectors and suites from the registry.

python docs/make_tables.py          rewrite them
python docs/make_tables.py --check  exit with 1 if they are out of date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from gengap.detectors.registry import detectors
from gengap.environments.suites import suites
from gengap.methods.registry import methods

README = Path(__file__).parent.parent / "README.md"


def method_table() -> str:
    lines = [
        "| method | what it does | needs | passes | source |",
        "| --- | --- | --- | ---: | --- |",
    ]
    for info in methods().values():
        needs = list(info.needs)
        if len(info.tasks) == 1:
            needs.append(f"{info.tasks[0]} only")
        paper = f"[{info.paper.short}]({info.paper.link})"
        lines.append(
            f"| `{info.name}` | {info.summary} | {', '.join(needs) or '-'} | {info.passes:g} | "
            f"{paper} |"
        )
    lines.append("| `sklearn:NAME` | any scikit-learn classifier or regressor | - | - | - |")
    return "\n".join(lines)


def detector_table() -> str:
    lines = ["| detector | strange is | reads | source |", "| --- | --- | --- | --- |"]
    for info in detectors().values():
        reads = list(info.needs)
        if len(info.tasks) == 1:
            reads.append(f"{info.tasks[0]} only")
        paper = f"[{info.paper.short}]({info.paper.link})"
        lines.append(f"| `{info.name}` | {info.summary} | {', '.join(reads)} | {paper} |")
    return "\n".join(lines)


def suite_table() -> str:
    lines = ["| suite | what it is | splits |", "| --- | --- | --- |"]
    lines += [f"| `{s.name}` | {s.summary} | {s.default_splits} |" for s in suites().values()]
    return "\n".join(lines)


def filled(text: str) -> str:
    """The README's text with the tables between their markers made anew."""
    tables = {
        "methods": method_table(),
        "detectors": detector_table(),
        "suites": suite_table(),
    }
    for name, table in tables.items():
        block = f"<!-- {name} -->\n{table}\n<!-- end {name} -->"
        pattern = rf"<!-- {name} -->.*?<!-- end {name} -->"
        text, count = re.subn(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"{README} must hold the markers of the table {name!r} once")
    return text


if __name__ == "__main__":
    old = README.read_text(encoding="utf-8")
    new = filled(old)
    if "--check" in sys.argv:
        sys.exit(old != new)
    README.write_text(new, encoding="utf-8")
