"""Where to change what: every example of docs/extending.md, carried out on a copy of the source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = {
    text.splitlines()[0]: text for text in re.split(r"^## ", PAGE, flags=re.M)[1:] if "```" in text
}
STEP = re.compile(r"<!-- (?P<what>[^>]+?) -->\n```\w+\n(?P<code>.*?)^```", re.M | re.S)


def carry_out(section: str, copy: Path) -> None:
    """Make the changes of a section and check what its commands show."""
    replaced: tuple[Path, str] | None = None
    for step in STEP.finditer(section):
        what, code = step["what"], step["code"]
        verb, _, rest = what.partition(" ")
        path, _, place = rest.partition(": ")
        file = copy / path
        if verb == "file:":
            (copy / rest).write_text(code)
        elif place == "the line":
            replaced = file, code
        elif verb == "becomes" and replaced is not None:
            change(replaced[0], replaced[1], code)
        elif place.startswith("before "):
            line = place.removeprefix("before ")
            change(file, f"{line}\n", f"{code}\n\n{line}\n")
        elif place.startswith("after "):
            line = place.removeprefix("after ")
            change(file, f"{line}\n", f"{line}\n{code}")
        elif verb == "shows:":
            assert rest in shown(code, copy), rest
        else:
            raise AssertionError(what)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{file} should hold once: {old}"
    file.write_text(text.replace(old, new))


def shown(commands: str, copy: Path) -> str:
    """What ``gengap`` commands print when they run from the changed copy."""
    gengap = f'gengap() {{ {sys.executable} -m gengap "$@"; }}\n'
    environment = {
        **os.environ, "PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1", "COLUMNS": "120"
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-ec", gengap + commands], cwd=copy, env=environment, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize("name", SECTIONS)
def test_done_as_written(name: str, tmp_path: Path):
    shutil.copytree(ROOT / "src", tmp_path / "src")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    carry_out(SECTIONS[name], tmp_path)
