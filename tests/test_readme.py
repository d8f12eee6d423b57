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
    shown = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output
    flags = set(re.findall(r"(--[a-z][a-z-]+)", README))
    assert flags
    assert {flag for flag in flags if flag not in shown} == set()
