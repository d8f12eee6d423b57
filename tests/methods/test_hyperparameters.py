from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.methods.base import stack
from gengap.methods.batch import along_runs
from gengap.methods.dann import DANN
from gengap.methods.sam import SAM


def test_values_above_the_limit_are_refused() -> None:
    assert DANN.make(smoothing=1.0).smoothing == 1
    with pytest.raises(UsageError, match=r"smoothing must be .* at most 1, not 1\.5"):
        DANN.make(smoothing=1.5)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), True, "0.1"])
def test_other_nonsense_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="rho must be a number of at least 0"):
        SAM.make(rho=value)


def test_unknown_names_are_told_apart() -> None:
    with pytest.raises(UsageError, match="did you mean 'rho'"):
        SAM.make(roh=0.1)


def test_draws_are_uniform_in_the_logarithm() -> None:
    source = np.random.default_rng(0)
    logs = np.log10([SAM.draw(source).learning_rate for _ in range(2000)])  # 1e-4 to 1e-2
    assert logs.mean() == pytest.approx(-3, abs=0.05)
    assert logs.std() == pytest.approx(2 / np.sqrt(12), abs=0.03)
    assert SAM.draw(source, rho=0.3).rho == 0.3


def test_a_stack_holds_a_vector_per_hyperparameter() -> None:
    joined = stack([SAM(rho=0.25), SAM(rho=0.5)])
    assert torch.as_tensor(joined.rho).tolist() == [0.25, 0.5]
    assert along_runs(joined.rho, torch.zeros(2, 3, 4)).shape == (2, 1, 1)
