"""The README is short, and its first commands are what the Makefile does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_short():
    assert len(README.splitlines()) < 150


@pytest.mark.parametrize(("target", "does"), [("demo", "gengap run"), ("test", "pytest")])
def test_first_commands(target: str, does: str):
    """The README's first commands exist, and do what it says of them."""
    first = re.findall(r"^ {4}make (\w+)", README, re.MULTILINE)
    assert first == ["demo", "test"]
    ran = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert does in ran.stdout


def test_output_is_that_of_the_demo():
    """What the README prints below its first command is made by the command that `make demo` is."""
    assert re.search(r"`make demo` prints\n\n<!-- output of: gengap run -->\n```text\n\w", README)
