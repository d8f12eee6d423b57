"""``gengap mend``: from records to a prescription in a folder of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gengap.cli import app
from gengap.questions.prescription import causes

WORDS = ["the", "patient", "was", "seen", "and", "is", "well", "with", "some", "pain"]


def run(command: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    return found.exit_code, " ".join(found.output.split())


def study(path: Path, clinics: int, model: str = "linear") -> Path:
    """A study of some clinics; a machine's column tells the clinics apart, a note says nothing."""
    rng = np.random.default_rng(0)
    where = np.repeat(np.arange(clinics), 30)
    frame = pd.DataFrame(
        {
            "age": rng.normal(size=len(where)).round(2),
            "machine": (where // 2 * 10 + where % 2 + 0.1 * rng.normal(size=len(where))).round(2),
            "note": [" ".join(rng.choice(WORDS, 8)) + "." for _ in where],
            "clinic": [f"c{k}" for k in where],
        }
    )
    frame["days"] = (frame["age"] + 2 * (where % 2) + rng.normal(0, 0.3, len(where))).round(3)
    frame.to_csv(path / "patients.csv", index=False)
    code, said = run(
        f"run {path / 'patients.csv'} --target days --environment clinic --seeds 1 --jobs 1 "
        f"--methods erm --model {model} --steps 20 --metric squared_error --threads 1 "
        f"--out {path / 'out'} --quiet"
    )
    assert code == 0, said
    return path / "out"


def test_too_few_environments_are_a_sentence(tmp_path: Path) -> None:
    code, said = run(f"mend {study(tmp_path, 4)}")
    assert code == 2
    assert "Mending needs at least 5 environments" in said


def test_a_prescription_is_written_beside_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A network of one's own, which is run where the command names it.
    (tmp_path / "own_lines.py").write_text(
        "from torch import nn\ndef line(shape, outputs): return nn.Linear(*shape, outputs)\n"
    )
    own = f"{tmp_path / 'own_lines.py'}:line"
    monkeypatch.setattr("sys.path", [*sys.path])
    out = study(tmp_path, 6, own)
    report = (out / "report.html").read_bytes()
    blamed = [
        SimpleNamespace(name=name, fails=True, lost=SimpleNamespace(estimate=lost))
        for name, lost in (("machine", 1.0), ("note", 0.5))
    ]
    found = SimpleNamespace(mean=SimpleNamespace(named=()), environments=(), columns=blamed)
    monkeypatch.setattr(causes, "decomposition", lambda material, seed: found)
    monkeypatch.setattr(causes, "columns", lambda material, seed: found)
    code, said = run(f"mend {out} --seeds 3 --turns 2")
    assert (code, "if you trust it, add --model" in said) == (2, True)
    code, said = run(f"mend {out} --seeds 3 --turns 2 --model {own}")
    assert code == 0, said
    written = json.loads((out / "mended" / "mending.json").read_text(encoding="utf-8"))
    assert written["causes"] == {"named": ["columns"], "suspects": ["machine", "note"]}
    assert [trial["name"] for trial in written["trials"]] == ["without machine, note"]
    assert written["answer"] in said
    page = (out / "mended" / "report.html").read_text(encoding="utf-8")
    assert "Where it took no part" in page
    assert "Peters et al. 2016" in page
    assert (out / "report.html").read_bytes() == report  # the study's own report stays
    assert "carried out last" not in run(f"report {out} --quiet")[1]
