"""Run the commands that the pages show and write what they print below them.

python docs/make_outputs.py [PAGE ...]    all pages take about ten minutes on two cores; pages
                                          named are remade with what is there from the last time

A block of output follows a comment: "<!-- output -->" for the commands in the block before it,
"<!-- output of: COMMAND -->" for a command of its own. Pages under docs share a folder, in the
order of the navigation, so that a command can read what an earlier page's command wrote.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SHOWN = re.compile(
    r"(?:```sh\n(?P<block>[^`]*)```\n+)?"
    r"(?P<comment><!-- output(?: of: (?P<command>[^>]+))? -->)\n```text\n.*?```",
    re.DOTALL,
)
WIDTH = "96"


def pages() -> list[Path]:
    """The README and the pages of the site, in the order of the navigation."""
    navigation = yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"], width=999)
    return [ROOT / "README.md", *(DOCS / name for name in re.findall(r"\S+\.md", navigation))]


def printed(commands: str, folder: Path) -> str:
    """What commands print on standard output, run one after the other in a folder."""
    environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    ran = subprocess.run(
        ["bash", "-e", "-c", commands], cwd=folder, env=environment, text=True, capture_output=True
    )
    if ran.returncode:
        raise SystemExit(f"{commands}\nended with {ran.returncode}:\n{ran.stderr}")
    return "\n".join(line.rstrip() for line in ran.stdout.strip("\n").splitlines())


def with_outputs(text: str, folder: Path) -> str:
    """The page's text with every block of output made anew."""

    def remade(shown: re.Match[str]) -> str:
        commands = shown["command"] or shown["block"]
        block = f"```sh\n{shown['block']}```\n\n" if shown["block"] else ""
        return f"{block}{shown['comment']}\n```text\n{printed(commands, folder)}\n```"

    return SHOWN.sub(remade, text)


if __name__ == "__main__":
    wanted = [Path(name).resolve() for name in sys.argv[1:]]
    home = Path(tempfile.gettempdir()) / "gengap-outputs"
    if not wanted:
        shutil.rmtree(home, ignore_errors=True)
    for page in pages():
        if wanted and page.resolve() not in wanted:
            continue
        folder = home / ("readme" if page.name == "README.md" else "docs")
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "examples").exists():
            shutil.copytree(ROOT / "examples", folder / "examples")
        page.write_text(with_outputs(page.read_text(encoding="utf-8"), folder), encoding="utf-8")
