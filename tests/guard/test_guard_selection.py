"""The choice of a detector: AUROCs against scikit-learn's, and what strangers are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from guard_toys import Blind, Broken, Distance

from gengap.base.errors import UsageError
from gengap.guard.selection import Validation, choose, says_nothing, trials
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
    assert choice.table[0].low > 0  # DeLong's, ahead of blind, the first that could be fitted


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


def validation(areas, refused):
    return Validation(np.array(areas), [(np.zeros(2), np.ones(2))] * len(areas), refused)


@pytest.fixture
def chosen(monkeypatch):
    """The choice among detectors of given AUROCs in five trials and given refusals."""

    def among(**found):
        names = {name.replace("_", "-"): validation(*v) for name, v in found.items()}
        order = iter(names.values())
        monkeypatch.setattr("gengap.guard.selection.validate", lambda *_: next(order))
        return choose(dict.fromkeys(names, Blind()), "strangers", [], {})

    return among


def test_the_luckiest_is_not_taken_for_the_best(chosen):
    relied = [0.60, 0.62, 0.58, 0.61, 0.59]
    lucky = [0.90, 0.52, 0.75, 0.45, 0.83]  # better on average, by 0.09 with a t of 1
    choice = chosen(knn_standardised=(relied, 0.9), vim=(lucky, 0.9))
    assert choice.name == "knn-standardised"
    assert choice.table[0].name == "vim"
    assert "none was shown to tell strangers from the others better" in choice.sentence
    # Student's t by hand: differences' mean 0.09, standard deviation 0.20712, t(4) = 2.7764
    assert choice.table[0].low == pytest.approx(0.09 - 2.7764 * 0.20712 / 5**0.5, abs=1e-4)
    assert choice.table[0].high == pytest.approx(0.09 + 2.7764 * 0.20712 / 5**0.5, abs=1e-4)


def test_what_is_shown_to_be_better_is_taken(chosen):
    relied = np.array([0.60, 0.62, 0.58, 0.61, 0.59])
    better = np.add(relied, [0.20, 0.21, 0.19, 0.2, 0.2])
    choice = chosen(knn_standardised=(relied, 0.9), knn=(better, 0.1))
    assert choice.name == "knn"
    assert "better than knn-standardised (AUROC 0.800, ahead by 0.200, " in choice.sentence


def test_near_ties_go_to_what_refuses_more_of_what_is_impossible(chosen):
    relied = np.array([0.60, 0.62, 0.58, 0.61, 0.59])
    one = np.add(relied, [0.20, 0.21, 0.19, 0.2, 0.2])
    for lead, name in ((0.01, "mahalanobis"), (0.05, "knn")):
        found = {"knn": (one + lead, 0.1), "mahalanobis": (one, 0.8)}
        assert chosen(knn_standardised=(relied, 0.9), **found).name == name


def test_the_energy_of_probabilities_is_no_candidate():
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    assert says_nothing("energy", Outputs(logits)) == ""
    probabilities = Outputs(logits.log_softmax(1))
    said = "energy needs logits, and the model gives probabilities only"
    assert says_nothing("energy", probabilities) == said
    assert says_nothing("msp", probabilities) == ""


def test_a_poor_best_is_said_to_be_poor():
    kind, tried = trials(outputs(), None, outputs(50, 1), seed=0)
    choice = choose({"blind": Blind()}, kind, tried, {})
    assert "None told them well" in str(choice)
    with pytest.raises(UsageError, match="No detector could be fitted; broken: gave a score"):
        choose({"broken": Broken()}, kind, tried, {})
