"""``gengap explain``: from records to the report with what explains it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gengap as gg
from gengap.cli import app
from gengap.questions.diagnosis import explanation


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of four clinics with an input that moves."""
    path = tmp_path_factory.mktemp("explained")
    rng = np.random.default_rng(0)
    where = np.repeat(np.arange(4), 150)
    age = rng.normal(50 + 3 * where, 5).round(1)
    frame = pd.DataFrame(
        {
            "age": age,
            "weight": rng.normal(70, 9, len(where)).round(1),
            "clinic": np.array(list("abcd"))[where],
            "days": (0.02 * (age - 50) ** 2 + rng.normal(size=len(where))).round(2),
        }
    )
    frame.to_csv(path / "patients.csv", index=False)
    code, said = run(
        f"run {path / 'patients.csv'} --target days --environment clinic --seeds 2 --jobs 1 "
        f"--methods sklearn:Ridge --out {path / 'out'} --quiet"
    )
    assert code == 0, said
    return path


def run(command: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    return found.exit_code, found.output


def test_numbers_have_minus_signs_on_the_page_and_hyphens_in_the_text(folder: Path) -> None:
    code, said = run(f"explain {folder / 'out'} --parts decomposition,columns,factors")
    assert code == 0, said
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    words = html.unescape(re.sub(r"<(style|script)[^>]*>.*?</\1>|<[^>]*>", " ", page, flags=re.S))
    negative = re.compile(r"(?<![\w-])-\d")
    assert not negative.findall(words)
    text = (folder / "out" / "report.md").read_text(encoding="utf-8")
    assert negative.search(text)
    assert not re.search(r"−\d", text)


def test_the_report_gains_a_section_and_the_folder_a_file(folder: Path) -> None:
    code, said = run(f"explain {folder / 'out'} --parts decomposition")
    assert code == 0, said
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert page.index("<h2>Methods") < page.index("<h2>Why:") < page.index("<h2>Environments")
    found = json.loads((folder / "out" / "explanation.json").read_text(encoding="utf-8"))
    study = json.loads((folder / "out" / "gap.json").read_text(encoding="utf-8"))["study"]
    assert (found["method"], found["key"]) == ("sklearn:Ridge", study["key"])
    told = 0
    for place in found["decomposition"]["environments"]:
        parts = [cause["gap"]["estimate"] for cause in place["causes"]]
        if None not in parts:  # an environment without neighbours cannot be spoken for
            assert sum(parts) == pytest.approx(place["gap"])
            told += 1
    assert told
    assert found["answer"] in " ".join(said.split())


def test_data_that_changed_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    text = (folder / "patients.csv").read_text(encoding="utf-8")
    other.write_text(text.replace(",a,", ",d,"), encoding="utf-8")
    code, said = run(f"explain {folder / 'out'} --data {other}")
    assert code == 2
    assert "is no longer what the study patients ran on" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--parts colums", "There is no part 'colums' of an explanation; did you mean 'columns'?"),
        ("--method ridge", "There are no runs of 'ridge' on patients"),
        ("--study other", "has no study 'other'"),
    ],
)
def test_what_is_not_there_is_named(folder: Path, options: str, sentence: str) -> None:
    code, said = run(f"explain {folder / 'out'} {options}")
    assert code == 2
    assert sentence in " ".join(said.split())


def test_a_part_that_cannot_tell_says_why_and_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gengap.questions.diagnosis import columns

    def refuse(material: object, seed: int = 0) -> None:
        raise gg.UsageError("Images have no columns.")

    monkeypatch.setattr(columns, "columns", refuse)
    code, said = run(f"explain {folder / 'out'} --parts decomposition,columns")
    assert code == 0
    assert "Not told, columns: Images have no columns." in said
    assert "What could not be told" in (folder / "out" / "report.html").read_text(encoding="utf-8")


def test_every_part_has_a_finding_a_section_and_a_title() -> None:
    import importlib

    from gengap.report.explanation import TITLES

    for name in explanation.PARTS:
        assert callable(
            getattr(importlib.import_module(f"gengap.questions.diagnosis.{name}"), name)
        )
        told = importlib.import_module(f"gengap.report.explanation.{name}")
        assert callable(told.sentences)
        assert callable(told.section)
        assert name in TITLES


def test_columns_are_named_for_factors_subgroups_and_training_without_them(folder: Path) -> None:
    code, said = run(
        f"explain {folder / 'out'} --parts factors --along age --without weight "
        f"--out {folder / 'w'}"
    )
    assert code == 0, said
    found = json.loads((folder / "w" / "explanation.json").read_text(encoding="utf-8"))
    assert [row["column"] for row in found["refitted"]] == ["weight"]
    assert (folder / "w" / "explained.db").exists()
    code, said = run(f"explain {folder / 'out'} --parts factors --along hight")
    assert code == 2
    assert "hight" in said


def test_a_report_written_again_keeps_what_explains_the_same_runs(folder: Path) -> None:
    out = folder / "out"
    code, said = run(f"explain {out} --parts decomposition,columns --without weight")
    assert code == 0, said
    names = ("report.html", "report.md", "gap.json", "explanation.json")
    before = {name: (out / name).read_bytes() for name in names if (out / name).exists()}
    assert b"<h2>Why:" in before["report.html"]
    code, said = run(f"report {out} --quiet")
    assert code == 0, said
    assert {name: (out / name).read_bytes() for name in before} == before
    study = f"run {folder / 'patients.csv'} --target days --environment clinic --jobs 1"
    code, said = run(f"{study} --seeds 2 --methods sklearn:Ridge --out {out} --quiet")
    assert code == 0, said
    assert "<h2>Why:" in (out / "report.html").read_text(encoding="utf-8")
    code, said = run(f"{study} --seeds 1 --methods sklearn:Ridge --out {out} --quiet")
    assert code == 0, said
    assert "<h2>Why:" not in (out / "report.html").read_text(encoding="utf-8")  # other runs
    code, said = run(f"report {out} --study {json.loads(before['gap.json'])['study']['key']}")
    assert code == 0, said
    assert "<h2>Why:" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "[]", "{}", "broken"])
def test_a_file_that_is_no_explanation_changes_no_report(folder: Path, text: str) -> None:
    out = folder / "again"
    run(f"report {folder / 'out'} --out {out} --quiet")
    plain = (out / "report.html").read_bytes()
    (out / "explanation.json").write_text(text, encoding="utf-8")
    code, said = run(f"report {folder / 'out'} --out {out} --quiet")
    assert code == 0, said
    assert (out / "report.html").read_bytes() == plain
