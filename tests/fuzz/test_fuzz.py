"""Six hundred hostile inputs: each ends with an answer or with one sentence.

``make fuzz`` runs ten thousand of them to their end, each in a process of its own, with limits on
time and memory. Here they share this process, and a study ends where its training would begin.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import KINDS, case, records_of_a_study
from typer.testing import CliRunner

from gengap.base.errors import UsageError
from gengap.base.printable import MOST
from gengap.cli import app
from gengap.study import study as study_module
from gengap.study.study_file import read_study_file, validated

CASES = 40  # of each of ten kinds; hypothesis adds its own


class Enough(UsageError):
    """What training is replaced with: the input was taken."""


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Path:
    return records_of_a_study(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture
def quick(monkeypatch):
    """Studies end where their training would begin; pipes need a writer at once."""

    def carry_out(*_: Any, **__: Any) -> None:
        raise Enough("The input was taken.")

    monkeypatch.setattr(study_module.Study, "carry_out", carry_out)
    monkeypatch.setattr("gengap.base.paths.PATIENCE", 0.2)


def check_end(arguments: list[str]) -> None:
    """Run a command; it must end with an answer or one printable sentence."""
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, SystemExit | None), (arguments, result.exception)
    assert result.exit_code in (0, 2), (arguments, result.output[-500:])
    said = result.stderr.splitlines()
    if result.exit_code == 2 and said:
        assert said[-1].startswith("error ") or "--help" in result.output, (arguments, said)
        assert len(said[-1]) < MOST + 20
        assert all(letter.isprintable() for letter in said[-1])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_every_input_has_an_answer_or_a_sentence(kind, tmp_path, monkeypatch, records, quick):
    monkeypatch.setattr(sys, "argv", ["gengap"])
    for number in range(CASES):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        check_end(case(kind, number, folder, records))
        os.chdir(tmp_path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.dictionaries(st.sampled_from(["seeds", "methods", "target", "drop", "x"]), VALUES))
def test_any_values_make_a_study_file_or_a_sentence(values):
    with suppress(UsageError):  # any other error fails the test
        assert validated(values).as_text()


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(text=st.text("[]{}:,&*!|>-'\"# \nabc019.\t?%@`", max_size=60))
def test_any_text_is_a_study_file_or_a_sentence(text, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text)
    with suppress(UsageError):  # any other error fails the test
        assert isinstance(read_study_file(path), dict)
