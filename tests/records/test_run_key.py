from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import OrderedDict
from types import MappingProxyType

import numpy as np
import pytest

from gengap.base.errors import UsageError
from record_builders import run

# The key's definition, written out by hand: every field but the trial, sorted, as compact JSON.
TEXT = (
    '{"hyperparameters":{"anneal":null,"lr":0.30000000000000004,"nesterov":true,"penalty":1000.0},'
    '"left_out":"","method":"irm","model":"mlp(32,32)","problem":"' + "f" * 64 + '",'
    '"role":"unseen","seed":0,"settings":{"checkpoints":[100,300],"steps":300},'
    '"split":"leave out north","train_environments":["s\\u00fcd","east"],'
    '"unseen_environments":["north"]}'
)


def test_the_key_is_the_hash_of_every_field_but_the_trial() -> None:
    assert run().key == hashlib.sha256(TEXT.encode()).hexdigest()


def test_the_key_is_the_same_in_another_process() -> None:
    program = "from record_builders import run; print(run().key)"
    for hash_seed in ("1", "2"):
        path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        )
        assert done.stdout.decode().strip() == run().key


def test_the_key_ignores_the_trial_and_the_order_of_mappings() -> None:
    shuffled = {"nesterov": True, "anneal": None, "lr": 0.1 + 0.2, "penalty": 1e3}
    assert run(trial=0).key == run(trial=7).key == run(hyperparameters=shuffled).key


@pytest.mark.parametrize(
    "changes",
    [
        {"problem": "e" * 64},
        {"method": "erm"},
        {"hyperparameters": {"penalty": 1e3, "lr": 0.3, "anneal": None, "nesterov": True}},
        {"hyperparameters": {"penalty": 1e3, "lr": 0.1 + 0.2, "anneal": None}},
        {"model": "mlp(32)"},
        {"role": "reference"},
        {"split": "leave out süd"},
        {"train_environments": ("süd",)},
        {"train_environments": ("east", "süd")},
        {"unseen_environments": ("north", "west")},
        {"left_out": "east"},
        {"seed": 1},
        {"settings": {"steps": 301, "checkpoints": [100, 300]}},
        {"settings": {"steps": 300, "checkpoints": [300, 100]}},
    ],
    ids=str,
)
def test_the_key_changes_with_every_other_field(changes: dict[str, object]) -> None:
    assert run(**changes).key != run().key


def test_the_key_does_not_depend_on_the_types_that_hold_equal_values() -> None:
    same = run(
        seed=np.int64(0),
        hyperparameters=MappingProxyType(
            OrderedDict(penalty=np.float64(1e3), lr=0.1 + 0.2, anneal=None, nesterov=np.True_)
        ),
        settings={"steps": np.int32(300), "checkpoints": np.array([100, 300])},
        train_environments=["süd", "east"],
    )
    assert same.key == run().key
    assert run(settings={"checkpoints": (100, 300), "steps": 300}).key == run().key


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"lr": float("nan")}, r"hyperparameters\.lr of a run is nan"),
        ({"decay": {"x": [1.0, np.float32("inf")]}}, r"hyperparameters\.decay\.x\[1\] .* is inf"),
        ({"loss": print}, r"hyperparameters\.loss .* builtin_function_or_method"),
    ],
    ids=str,
)
def test_values_that_json_cannot_hold_are_named(value: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        _ = run(hyperparameters=value).key
