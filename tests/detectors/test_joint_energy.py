"""Joint energy, against NumPy in double precision and by hand."""

from __future__ import annotations

import math

import numpy as np
import torch

from gengap.detectors.joint_energy import JointEnergy
from gengap.models.outputs import Outputs


def test_by_hand():
    """Odds of 1, 3 and 1/2 on three labels: -log 2 - log 4 - log 1.5."""
    logits = torch.tensor([[1.0, 3.0, 0.5]]).log()
    found = JointEnergy().score({}, Outputs(logits)).item()
    assert math.isclose(found, -math.log(2 * 4 * 1.5), rel_tol=1e-6)


def test_against_double_precision():
    z = 20 * np.random.default_rng(0).standard_normal((500, 12))
    found = JointEnergy().score({}, Outputs(torch.from_numpy(z).float())).numpy()
    np.testing.assert_allclose(found, -np.logaddexp(0, z).sum(1), rtol=1e-5)


def test_labels_that_do_not_hold_add_nothing():
    sure = torch.tensor([[5.0]])
    more = torch.tensor([[5.0, -80.0, -1e30]])
    assert torch.equal(*(JointEnergy().score({}, Outputs(z)) for z in (sure, more)))
