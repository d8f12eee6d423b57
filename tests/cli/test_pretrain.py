"""``gengap pretrain``: a file of weights, and what cannot be one."""

import json

from typer.testing import CliRunner

from gengap.cli import app
from gengap.models.starting import read_start

OWN = ["pretrain", "--suite", "digits-writers:n=12,classes=5/6/7", "--model", "mlp(8)"]


def run(*arguments):
    return CliRunner().invoke(app, [*OWN, *map(str, arguments)])


def test_weights_are_written_and_said_as_json(tmp_path):
    path = tmp_path / "start.safetensors"
    done = run("--steps", 20, "--out", path, "--json")
    assert done.exit_code == 0
    said = json.loads(done.stdout)
    assert said["model"] == "mlp(8)"
    assert said["steps"] == 20
    assert set(read_start(said["file"]).weights) == {"weight0", "weight1", "bias0", "bias1"}


def test_a_file_of_another_kind_is_refused(tmp_path):
    done = run("--out", tmp_path / "start.pt")
    assert done.exit_code == 2
    assert "ends in .safetensors" in done.output
