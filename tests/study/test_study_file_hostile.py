"""Study files that are no plain keys and values, and studies of astronomical size."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.models.networks import architecture
from gengap.study.study import Study
from gengap.study.study_file import read_study_file, validated

BOMB = "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9) if k else 'x'}]\n" for k in range(9)
)  # 9 to the power of 8 entries in 400 bytes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "names parts"),
        ("methods: " + "[" * 500 + "]" * 500, "nests more than"),
        ("methods: " + "[" * 20_000, "nests more than"),
        ("seeds: 2024-13-45", "month must be in 1..12"),
        ("seeds: 2024-02-30", "day is out of range"),
        ("seeds: !!int x", "invalid literal"),
        ("seeds: !!timestamp x", "cannot be read"),
        ("seeds: !!bool x", "cannot be read"),
        ("seeds: " + "9" * 5000, "cannot be read"),
        ("target: !!python/object:os.system x", "without tags"),
        ("x" * (2 << 20), "characters"),
    ],
)
def test_more_than_plain_keys_and_values_is_refused(tmp_path, text, said):
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(UsageError, match="cannot be read") as caught:
        read_study_file(tmp_path / "study.yaml")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"seeds": 2**63}, "64 bits"),
        ({"seeds": [0, -(2**63) - 1]}, "64 bits"),
        ({"methods": [{"erm": {"lr": 10**30}}]}, "64 bits"),
        ({"target": "\ud800"}, "half a character"),
        ({"methods": [{"\ud800": {}}]}, "half a character"),
    ],
)
def test_what_no_record_can_hold_is_refused(values, said):
    with pytest.raises(UsageError, match=said):
        validated(values)


def environments() -> Environments:
    rng = np.random.default_rng(0)
    return Environments.from_arrays(rng.normal(size=(90, 2)), rng.normal(size=90), [*"abc"] * 30)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seeds": 10**9}, "3,000,000,000 trainings"),
        ({"seeds": 2, "trials": 10**9}, "6,000,000,000 trainings"),
        ({"steps": 10**9}, "96,000,000,000 examples"),
        ({"batch": 10**9}, "1,341 GiB"),
        ({"jobs": 10**6}, "jobs must be at most"),
        ({"threads": 10**6}, "threads must be at most"),
    ],
)
def test_astronomical_sizes_are_refused_by_what_they_would_cost(options, said):
    """300 steps of 32 examples from 3 environments when not said otherwise."""
    if "batch" in options:
        options["steps"] = 30
    with pytest.raises(UsageError) as caught:
        Study(environments(), **options)
    assert said in str(caught.value)


def test_a_network_is_refused_before_it_is_made():
    with pytest.raises(UsageError, match="3,000,000,000 weights"):
        architecture("mlp(1000000000)").initialise((2,), 1, 0)
    for model in (f"mlp({'9' * 5000})", f"mlp({','.join(['9'] * 3000)})", "mlp(²)"):
        with pytest.raises(UsageError, match="There is no model"):
            architecture(model)
