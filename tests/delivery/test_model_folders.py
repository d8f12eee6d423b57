"""A folder from anywhere: what was changed, cut, swapped or made to harm is refused."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import skops.io
from delivery_toys import patients, studied
from sklearn.preprocessing import FunctionTransformer

import gengap as gg
from gengap.base.sealed import checksum
from gengap.records.run import KeptModel
from gengap.training.kept import estimator_from_bytes

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    made = studied(["erm"], patients(hospitals=2)).fit("erm", out=folder, key=KEY)
    return made, folder


@pytest.fixture
def folder(saved, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(saved[1], copy)
    return copy


def rewritten(folder, change):
    """Change ``model.json`` as someone would who recomputes the checksum."""
    path = folder / "model.json"
    values = json.loads(path.read_text())
    change(values)
    values["checksum"] = checksum(values)
    path.write_text(json.dumps(values))


def test_the_key_that_signed_it_opens_it(saved):
    made, folder = saved
    new = patients(20, seed=1)
    np.testing.assert_array_equal(gg.load(folder, key=KEY).predict(new), made.predict(new))
    with pytest.raises(gg.UsageError, match="not signed with this key"):
        gg.load(folder, key=bytes(32))


@pytest.mark.parametrize(
    "name", ["model.json", "model.safetensors", "inputs.safetensors", "guard/guard.json"]
)
def test_what_was_changed_is_told(folder, name):
    content = bytearray((folder / name).read_bytes())
    at = content.index(b"age") if name.endswith("json") else len(content) - 3
    content[at] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(gg.UsageError, match=r"as they were saved|not a whole"):
        gg.load(folder)


def test_the_card_may_be_edited(folder):
    (folder / "card.md").write_text("# Ours\n")
    gg.load(folder)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors", "guard/guard.json"])
def test_links_pipes_and_folders_are_not_read(folder, name):
    path = folder / name
    made = {
        "symbolic link": lambda: path.symlink_to("/dev/zero"),
        "no ordinary file": lambda: os.mkfifo(path),
        "directory": path.mkdir,
    }
    for said, make in made.items():
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        make()
        with pytest.raises(gg.UsageError, match=f"Cannot read .*{said}"):
            gg.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(extra=1),
        lambda v: v.update(classes=["a"]),
        lambda v: v.update(weights="skops"),
        lambda v: v["files"].update({"../../etc/passwd": "0" * 64}),
        lambda v: v["run"].update(method="nobody"),
        lambda v: v["run"].update(model="mlp(100000,100000)"),
        lambda v: v["run"].update(model="cnn"),
        lambda v: v["run"]["hyperparameters"].update(learning_rate="fast"),
        lambda v: v["codes"][0].update(kind="code"),
        lambda v: v["form"]["columns"].pop(),
        lambda v: v["form"]["columns"][1]["categories"].append("north"),
        lambda v: v["run"]["train_environments"].clear(),
    ],
)
def test_values_that_do_not_fit_are_refused(folder, change):
    rewritten(folder, change)
    with pytest.raises(gg.UsageError):
        gg.load(folder)


def test_another_format_is_told(folder):
    rewritten(folder, lambda v: v.update(format=99))
    with pytest.raises(gg.UsageError, match="has format '99'"):
        gg.load(folder)


def test_no_folder_and_no_json_are_one_sentence(tmp_path):
    with pytest.raises(gg.UsageError, match=r"Cannot read .*name the folder"):
        gg.load(tmp_path / "nowhere")
    (tmp_path / "model.json").write_text("[" * 10_000)
    with pytest.raises(gg.UsageError, match="not a whole model"):
        gg.load(tmp_path)


def test_functions_are_not_built_from_a_file():
    """A stranger's file may name any function of NumPy; only classes are taken."""
    content = skops.io.dumps(FunctionTransformer(np.save))
    with pytest.raises(gg.UsageError, match=r"numpy\.save"):
        estimator_from_bytes(KeptModel(0, "skops", content))


def test_a_short_key_is_refused(saved, tmp_path):
    with pytest.raises(gg.UsageError, match="at least 16 bytes"):
        saved[0].save(tmp_path, key=b"short")
