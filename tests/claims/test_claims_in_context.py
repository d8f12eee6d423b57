"""Claims about learning in context, asked of the best guesses themselves and of few steps."""

from __future__ import annotations

import math

import pytest

from gengap.claims import in_context
from gengap.sequences.tasks.functions import best_guess


class Ideal:
    """Knows the families that it was trained on, and nothing else."""

    def __init__(self, families):
        self.families = families

    def answers(self, X):
        x, y = X[:, :-1].swapaxes(1, 2).astype(float), X[:, -1].astype(float)
        return best_guess(x, y, self.families, in_context.NOISE)[:, None], None


def test_what_the_best_guess_itself_would_show(monkeypatch):
    monkeypatch.setattr(
        in_context, "_trained", lambda draw, store, families=("linear",), **_: Ideal(families)
    )
    assert in_context.more_functions(0, "") == pytest.approx(0, abs=1e-9)
    assert in_context.complex_functions(0, "") == pytest.approx(0, abs=1e-9)
    assert in_context.acts_as_inside(0, "") > 1
    assert in_context.likelier_family(0, "") > 0.3
    assert in_context.chooses(0, "") == pytest.approx(in_context.NEAR, abs=0.01)
    assert in_context.breaks_outside(0, "") > 0.5


def test_models_are_runs_and_are_found_again(tmp_path, monkeypatch):
    for name, value in (("PROMPTS", 200), ("ASKED", 20), ("STEPS", 2), ("MANY", 10)):
        monkeypatch.setattr(in_context, name, value)
    store = str(tmp_path / "records.db")
    found = in_context.more_functions(0, store)
    assert math.isfinite(found)
    monkeypatch.setattr(in_context.Study, "carry_out", lambda *_: None)
    assert in_context.more_functions(0, store) == found
