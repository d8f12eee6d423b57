"""Claims about tables: what is read off curves by hand, and the rest on few pairs and steps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gengap.claims import corrupted_answers, grokking
from gengap.claims.table_runs import TableRun, table_runs

NONE = np.zeros(0, int)


def curves(steps, train, elsewhere):
    return TableRun(*map(np.array, (steps, train, elsewhere)), None, NONE, NONE, NONE)


def test_moments_and_losses_by_hand():
    run = curves([10, 20, 40, 80], [0.5, 1, 1, 1], [0, 0.9, 0.97, 0.4])
    assert grokking._moments(run) == (20, 40)
    assert grokking._lost(run) == pytest.approx(0.9 - 0.4)
    never = curves([10, 20, 40, 80], [0.5, 0.6, 1, 1], [0, 0, 0.45, 0.5])
    assert grokking._moments(never) == (40, 80)
    assert grokking._middling(never) == pytest.approx(0.05)  # it has changed by 0.05 of 0.1


def test_numbers_of_claims_are_of_studies(tmp_path, monkeypatch):
    for name, value in (("PAIRS", (60, 90)), ("STEPS", 2), ("ALL", 60), ("LATER", 4)):
        monkeypatch.setattr(grokking, name, value)
    monkeypatch.setattr(grokking, "AFTER", 0.5)
    store = str(tmp_path / "records.db")
    assert grokking.long_after(0, store) == -1  # neither fitted nor generalised by the last step
    assert grokking.later_of_less(0, store) == pytest.approx(0)
    assert -1 <= grokking.ungrokking(0, store) <= 0.5


def test_wrong_answers_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(corrupted_answers, "PAIRS", 150)
    monkeypatch.setattr(corrupted_answers, "STEPS", 60)
    store = str(tmp_path / "records.db")
    (run,) = table_runs(0, store, 150, 2, [{"squared-error": {}}], corrupted=0.2)
    assert run.wrong.mean() == pytest.approx(0.2, abs=0.08)
    assert run.network is None
    fitted = corrupted_answers._trained(0, store, corrupted_answers.LESS)
    known, _ = corrupted_answers._known(fitted, np.ones(corrupted_answers.WIDTH, bool))
    # By heart is all there is: the same share by the network as by the study's own scores.
    wrong = fitted.wrong
    assert known > 0.5
    assert fitted.train[-1] >= known * wrong.mean()
    assert math.isfinite(corrupted_answers.cut_off(0, store))
