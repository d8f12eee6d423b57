"""Saved guards decide as before; files that were changed are refused in a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from guard_toys import Distance, blobs, classifier, network
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import gengap as gg
from gengap.errors import UsageError
from gengap.features import outputs_of
from gengap.guard.storage import JSON, TENSORS, checksum

X, Y = blobs(240)
NEW = np.concatenate([blobs(20, 7)[0], np.full((3, 3), 30.0)])
NAMES = np.array(["ant", "bee", "cow", "doe"])[Y]


@pytest.mark.parametrize(
    ("model", "labels", "options"),
    [
        (classifier(), Y, {"detector": "msp"}),
        (network(), Y, {"detector": "energy", "layer": "1"}),
        (network(), Y, {"environment": np.arange(240) % 3, "per_environment": True}),
        (LogisticRegression().fit(X, NAMES), NAMES, {"detector": "knn"}),
        (RandomForestClassifier(5, random_state=0).fit(*blobs(99, 3)), Y, {}),
    ],
)
def test_a_loaded_guard_decides_as_before(tmp_path, model, labels, options):
    guard = gg.Guard.fit(model, X, labels, **options)
    guard.save(tmp_path / "new" / "folder")
    loaded = gg.Guard.load(tmp_path / "new" / "folder", model)
    a, b = guard(NEW), loaded(NEW)
    for name in ("accept", "score", "p_value", "reason", "prediction"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert repr(loaded) == repr(guard)
    assert loaded.choice.sentence == guard.choice.sentence
    assert [c.name for c in loaded.choice.table] == [c.name for c in guard.choice.table]
    assert loaded.threshold == guard.threshold
    judged = gg.Guard.load(tmp_path / "new" / "folder").judge(
        outputs_of(model, NEW, layer=options.get("layer"))
    )
    np.testing.assert_allclose(judged.score, a.score, rtol=1e-6)
    np.testing.assert_array_equal(judged.prediction, a.prediction)


@pytest.fixture
def folder(tmp_path):
    gg.Guard.fit(classifier(), X, Y, detector="msp").save(tmp_path)
    return tmp_path


def alter(folder, **changes):
    """Change the values and make the checksum fit."""
    values = json.loads((folder / JSON).read_text()) | changes
    values["checksum"] = checksum(values, (folder / TENSORS).read_bytes())
    (folder / JSON).write_text(json.dumps(values))


def refused(folder, sentence, model=None):
    with pytest.raises(UsageError, match=sentence) as caught:
        gg.Guard.load(folder, model)
    assert "\n" not in str(caught.value)


def test_without_its_model_a_guard_judges_outputs_only(folder):
    with pytest.raises(UsageError, match="was loaded without its model; attach it"):
        gg.Guard.load(folder)(NEW)


def test_another_model(folder):
    refused(folder, "made for another model than this LogisticRegression",
            LogisticRegression().fit(X, Y))  # fmt: skip
    refused(folder, "made for another model than this Sequential", network())


@pytest.mark.parametrize("name", [JSON, TENSORS])
def test_files_that_are_missing_cut_or_changed(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    refused(folder, "is not a whole guard file|checksum differs")
    position = data.index(b"0.05") + 3 if name == JSON else len(data) - 1
    changed = bytearray(data)
    changed[position] ^= 1
    (folder / name).write_bytes(bytes(changed))
    refused(folder, "are not as they were saved")
    (folder / name).unlink()
    refused(folder, f"Cannot read .*{name} .*No such file")


def test_other_versions_and_unknown_detectors(folder):
    alter(folder, format=2)
    refused(folder, "has format 2, this gengap reads 1")
    alter(folder, format=1, detector="msq")
    refused(folder, "There is no detector 'msq'; did you mean 'msp'")
    alter(folder, detector="msp", hyperparameters={"warmth": 1})
    refused(folder, "sets 'warmth', which this gengap's msp does not have")
    (folder / JSON).write_text("[]")
    refused(folder, "is not a whole guard file")


def test_what_cannot_be_saved(tmp_path):
    guard = gg.Guard.fit(classifier(), X, Y, detector=Distance())
    with pytest.raises(UsageError, match="Distance is not a registered detector"):
        guard.save(tmp_path)
    (tmp_path / "file").write_text("")
    guard = gg.Guard.fit(classifier(), X, Y, detector="msp")
    with pytest.raises(UsageError, match="Cannot write the guard to"):
        guard.save(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
