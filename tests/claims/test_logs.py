"""Claims about logs, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.claims.logs import chosen_elsewhere
from gengap.questions.offline.checkpoints import Checkpoint


def test_what_other_levels_choose_is_asked_where_it_was_not_chosen() -> None:
    level = np.array([0, 0, 1, 1])
    reached = {10: [1.0, 1.0, 0.2, 0.2], 20: [0.0, 0.0, 0.6, 0.8], 30: [0.5, 0.5, 0.5, 0.5]}
    run = [
        Checkpoint("a", step, {"log": float(step)}, np.array(own), level)
        for step, own in reached.items()
    ]  # the log keeps 30
    # Even levels choose 10, which is asked in odd ones; odd ones choose 20, asked in even ones.
    assert chosen_elsewhere(run) == [pytest.approx(0.2 - 0.5), pytest.approx(0.0 - 0.5)]
