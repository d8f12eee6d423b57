"""The guard's false alarms on fresh rows of the training environments, over many tables."""

from __future__ import annotations

import numpy as np
import pytest
from delivery_toys import patients, studied


@pytest.mark.slow
@pytest.mark.parametrize("method", ["erm", "sklearn:LogisticRegression"])
def test_fresh_rows_are_refused_at_the_stated_rate(method):
    shares = []
    for seed in range(40):
        frame = patients(300, hospitals=2, seed=seed)
        model = studied([method], frame, steps=30).fit(method, false_alarms=0.1)
        fresh = patients(400, hospitals=2, seed=1000 + seed)
        shares.append(model.decide(fresh).refused.mean())
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - 0.1) < 3 * error
