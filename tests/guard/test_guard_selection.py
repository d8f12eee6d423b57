"""The choice of a detector: AUROCs against scikit-learn's, and what strangers are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from guard_toys import Blind, Broken, Distance

from gengap.base.errors import UsageError
from gengap.guard.selection import Candidate, choose, trials
from gengap.models.outputs import Outputs


def outputs(rows: int = 200, seed: int = 0, shift: float = 0.0) -> Outputs:
    rng = np.random.default_rng(seed)
    features = torch.from_numpy(rng.normal(shift, 1, (rows, 3))).float()
    return Outputs(features=features, labels=torch.from_numpy(rng.integers(0, 4, rows)))


def test_given_strangers_choose_the_detector_that_tells_them():
    kind, tried = trials(outputs(), None, outputs(40, 1, shift=3), seed=0)
    assert len(tried) == 1
    assert (len(tried[0].fit), len(tried[0].normal), len(tried[0].strangers)) == (140, 60, 40)
    found = {"blind": Blind(), "broken": Broken(), "distance": Distance()}
    choice = choose(found, kind, tried, {"other": "needs logits"})
    assert choice.name == "distance"
    assert choice.looks == 2
    assert [c.name for c in choice.table] == ["distance", "blind", "broken", "other"]
    assert choice.table[0].auroc > 0.95
    assert choice.table[1].auroc == 0.5
    assert choice.table[2].note == "gave a score that is not a number"
    assert str(choice).startswith("distance was chosen among 2: it told the given strangers")


def test_environments_are_held_out_whole():
    made = outputs()
    where = np.arange(200) % 7
    made.features[:, 0] = torch.from_numpy(where).float()
    kind, tried = trials(made, where, None, seed=0)
    assert kind == "environments held out of its fit"
    assert len(tried) == 5  # seven environments in five groups
    held_out = [set(t.strangers.features[:, 0].tolist()) for t in tried]
    assert sorted(e for group in held_out for e in group) == list(range(7))
    for trial, group in zip(tried, held_out, strict=True):
        for normal in (trial.fit, trial.normal):
            assert not group & set(normal.features[:, 0].tolist())


def test_classes_are_held_out_where_there_are_no_environments():
    made = outputs()
    kind, tried = trials(made, np.zeros(200), None, seed=0)
    assert kind == "classes held out of its fit"
    assert [len(t.strangers.labels.unique()) for t in tried] == [1, 1, 1, 1]
    assert all(len(t.fit.labels.unique()) == 3 for t in tried)


def test_nothing_to_validate_on():
    two = Outputs(features=torch.zeros(100, 2), labels=torch.arange(100) % 2)
    assert trials(two, None, None, seed=0) == ("", [])
    values = Outputs(features=torch.zeros(100, 2), labels=torch.rand(100))
    assert trials(values, None, None, seed=0) == ("", [])
    assert trials(outputs(20), None, None, seed=0)[1] == []  # too few to fit on


def test_nearly_as_good_is_enough_not_to_be_blind_to_magnitude(monkeypatch):
    def chosen(knn, standardised, other):
        values = {"knn": knn, "knn-standardised": standardised, "msp": other}
        monkeypatch.setattr(
            "gengap.guard.selection.validate", lambda name, *_: Candidate(name, values[name])
        )
        return choose(dict.fromkeys(values, Blind()), "strangers", [], {})

    near = chosen(0.95, 0.935, 0.94)
    assert near.name == "knn-standardised"
    assert "almost as well as knn (AUROC 0.935, against knn 0.950)" in near.sentence
    assert near.table[0].name == "knn"
    far = chosen(0.95, 0.925, 0.9)
    assert far.name == "knn"
    assert far.sentence.endswith("inputs that are normal but larger go unnoticed.")
    assert chosen(0.95, 0.94, 0.96).name == "msp"


def test_a_poor_best_is_said_to_be_poor():
    kind, tried = trials(outputs(), None, outputs(50, 1), seed=0)
    choice = choose({"blind": Blind()}, kind, tried, {})
    assert "None told them well" in str(choice)
    with pytest.raises(UsageError, match="No detector could be fitted; broken: gave a score"):
        choose({"broken": Broken()}, kind, tried, {})
