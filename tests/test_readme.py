"""The README's tables come from the registry, and its flags exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from gengap.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_tables_are_up_to_date():
    command = [sys.executable, str(ROOT / "docs" / "make_tables.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run make docs"


def test_flags_exist():
    """Every flag of the README belongs to a command, and in a line of one to that command."""
    runner, wide = CliRunner(), {"COLUMNS": "200"}
    commands = re.findall(r"^│ ([a-z]+) ", runner.invoke(app, ["--help"]).output, re.MULTILINE)
    helps = {name: runner.invoke(app, [name, "--help"], env=wide).output for name in commands}
    known = set(re.findall(r"--[a-z][a-z-]+", " ".join(helps.values())))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known
    for name, line in re.findall(r"gengap ([a-z]+)(.*)", README):
        if name in helps:
            used = re.findall(r"(?<![\w-])--[a-z][a-z-]+", line.split("`")[0].split("#")[0])
            assert set(used) <= set(re.findall(r"--[a-z][a-z-]+", helps[name])), line


def test_commands_exist():
    listed = CliRunner().invoke(app, ["--help"]).output
    commands = set(re.findall(r"^│ ([a-z]+) ", listed, re.MULTILINE))
    named = set(re.findall(r"^ +(?:\.venv/bin/)?gengap ([a-z]+)", README, re.MULTILINE))
    assert named
    assert named <= commands
    assert commands - set(re.findall(r"gengap ([a-z]+)", README)) == set()
