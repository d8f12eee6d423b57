"""``gengap merge`` and ``gengap merges``."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from gengap.cli import app
from gengap.merges.registry import merges


@pytest.fixture
def ask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k, name in enumerate(["base", "a", "b"]):
        save_file({"w": torch.tensor([float(k), 0.0])}, f"{name}.safetensors")
    return lambda *words: CliRunner().invoke(app, list(words))


def test_merges_files(ask):
    found = ask("merge", "a.safetensors", "b.safetensors")
    assert found.exit_code == 0, found.output
    assert "average of 2: 1 tensors, 2 numbers (0.0 MB)" in found.output
    assert "Written: merged.safetensors" in found.output
    assert load_file("merged.safetensors")["w"].tolist() == [1.5, 0]


def test_ctrl_c_ends_with_a_sentence_and_leaves_nothing(ask, tmp_path, monkeypatch):
    before = sorted(tmp_path.iterdir())

    def stopped(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr("gengap.merges.files.pieces", stopped)
    found = ask("merge", "a.safetensors", "b.safetensors")
    assert found.exit_code == 130
    assert "Stopped; nothing was written." in found.output
    assert sorted(tmp_path.iterdir()) == before


def test_json_and_hyperparameters(ask):
    found = ask(
        "merge", "--method", "wise-ft", "b.safetensors", "--base", "base.safetensors", "--set",
        "share=0.25", "--out", "x.safetensors", "--json",
    )  # fmt: skip
    assert json.loads(found.stdout)["files"] == ["x.safetensors"]
    assert load_file("x.safetensors")["w"].tolist() == [0.5, 0]
    ask(
        "merge", "--method", "wise-ft:share=0.25", "b.safetensors", "--base", "base.safetensors",
        "--out", "y.safetensors",
    )  # fmt: skip
    assert load_file("y.safetensors")["w"].tolist() == [0.5, 0]
    ask("merge", "--method", "swa", "a.safetensors", "b.safetensors", "--steps", "1,2", "-q")
    assert load_file("merged.safetensors")["w"].tolist() == [1.5, 0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--method", "avrage"], "There is no merge 'avrage'; did you mean 'average'?"),
        (["--method", "wise-ft"], "wise-ft needs a base model; name its file with --base."),
        (["--set", "share"], "--set share is no hyperparameter; write name=number"),
        (["--set", "share=1"], "Average has no hyperparameter 'share'"),
        (["--weights", "a"], "--weights is 'a'; give numbers with commas between them."),
        (["--weights", "1,2"], "weights must be 1 numbers of at least 0"),
        (["--method", "swa", "--steps", "1.5"], "--steps is '1.5'; give whole numbers"),
        (["--method", "swa", "--steps", "nan"], "--steps is 'nan'; give whole numbers"),
        (["--method", "swa", "--steps", "inf"], "--steps is 'inf'; give whole numbers"),
        (["--shard-size", "0"], "--shard-size is 0; give a number of gigabytes above 0."),
        (["--shard-size", "inf"], "--shard-size is inf; give a number of gigabytes above 0."),
        (["--out", "a.safetensors"], "a.safetensors is also merged"),
    ],
)
def test_errors_are_a_sentence(ask, words, sentence):
    found = ask("merge", "a.safetensors", *words)
    assert found.exit_code == 2
    assert sentence in " ".join(found.output.split())


def test_merges_are_listed(ask):
    listed = json.loads(ask("merges", "--json").stdout)
    assert [entry["name"] for entry in listed] == list(merges())
    assert "share" in listed[[e["name"] for e in listed].index("wise-ft")]["hyperparameters"]
    told = ask("merges").output
    assert all(name in told for name in merges())
