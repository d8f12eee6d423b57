"""Delivered models of tables with free text: they know its words, and keep no row of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from delivery_toys import patients, studied

import gengap as gg
from gengap.base.errors import UsageError
from gengap.base.sealed import checksum

pytestmark = pytest.mark.filterwarnings("ignore::gengap.base.errors.SuspiciousInput")


def notes(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = patients(rows, seed=seed)
    words = [f"sign{k}" for k in range(30)]
    told = np.where(frame.readmitted == "yes", "worse", "well")
    frame["note"] = [f"{' '.join(rng.choice(words, 5))} Secret{k} {t}." for k, t in enumerate(told)]
    return frame


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts") / "model"
    return studied(["erm"], notes(), steps=200).fit("erm", out=folder), folder


def test_what_is_loaded_reads_texts_as_what_was_fitted(delivered):
    made, folder = delivered
    loaded, new = gg.load(folder), notes(60, seed=1)
    new.loc[0, "note"] = None
    np.testing.assert_array_equal(loaded.predict_proba(new), made.predict_proba(new))
    assert (loaded.predict(new) == new.readmitted).mean() > 0.8
    other = new.assign(note=new.note.str.replace("worse", "well"))
    assert (loaded.predict_proba(other)[:, 1] <= loaded.predict_proba(new)[:, 1]).all()
    assert not loaded.decide(new).refused.all()


def test_the_vocabulary_is_json_and_no_row_is_kept(delivered):
    _, folder = delivered
    (code,) = (c for c in json.loads((folder / "model.json").read_text())["codes"] if c["terms"])
    assert "worse" in code["terms"]
    assert not [term for term in code["terms"] if "secret" in term]
    for path in folder.rglob("*.*"):
        assert b"ecret1" not in path.read_bytes(), path


def test_a_vocabulary_that_was_tampered_with_is_refused(delivered, tmp_path):
    made, _ = delivered
    made.save(tmp_path)
    values = json.loads((tmp_path / "model.json").read_text())
    (code,) = (c for c in values["codes"] if c["terms"])
    code["terms"][0] = code["terms"][1]
    values["checksum"] = ""
    values["checksum"] = checksum(values)
    (tmp_path / "model.json").write_text(json.dumps(values))
    with pytest.raises(UsageError, match="not a whole model"):
        gg.load(tmp_path)
    with pytest.raises(UsageError, match="column 'note' holds free text"):
        made.export_onnx(tmp_path / "model.onnx")
