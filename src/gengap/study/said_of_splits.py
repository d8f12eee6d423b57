"""What a problem itself has to say of its splits, before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from gengap.study.plan import Plan


def said_of_splits(problem: Any, plan: Plan) -> list[str]:
    """Sentences of a problem that has ``said_of_unseen``, of its splits under the first seed."""
    if not hasattr(problem, "said_of_unseen"):
        return []
    seed = plan.seeds[0]
    tested = plan.example_set(seed, "test").example
    found: list[str] = problem.said_of_unseen(
        [
            (np.concatenate(plan.training_rows(cell, seed)), tested[cell.held_out[tested]])
            for cell in plan.unseen
        ]
    )
    return found
