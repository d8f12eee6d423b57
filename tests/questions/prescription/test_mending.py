"""Mending on a planted cause, on a placebo, and blind to the environment it keeps apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gengap as gg
from gengap.methods.registry import method_info
from gengap.questions.diagnosis.material import Material, material
from gengap.questions.prescription import trials as trying
from gengap.questions.prescription.causes import Causes, causes_of
from gengap.questions.prescription.mending import Mending, _candidates, mend
from gengap.questions.prescription.remedies import NETWORK, REMEDIES, WITHOUT, fitting
from gengap.questions.prescription.trials import Candidate, Tried, shared, trials
from gengap.report import render_markdown
from gengap.statistics import Differences
from gengap.study.scores import Paired

MODEL = "sklearn:DecisionTreeRegressor:max_depth=5"


def marked(environments: int = 8, n: int = 30, seed: int = 0) -> gg.Environments:
    """Targets ``x + b_e``: a column tells environments apart, so a tree learns each ``b_e``.

    Environments come in pairs, close in that column and far from others, with ``b_e`` 1 and -1.
    Where the tree has not been it takes that of the pair's other one, with an error of 4; without
    the column it takes the mean, and 1 is left.
    """
    rng = np.random.default_rng(seed)
    where = np.repeat(np.arange(environments), n)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=len(where)),
            "marker": where // 2 * 10 + where % 2 + 0.1 * rng.normal(size=len(where)),
        }
    )
    y = frame["x"] + 2.0 * (where % 2) - 1 + rng.normal(0, 0.3, len(where))
    return gg.Environments.from_arrays(frame, y, where, name="marked")


def blaming(column: str) -> Callable[[Material, int], Causes]:
    return lambda material, seed: Causes(("columns",), (column,))


def mended(data: gg.Environments, diagnose=None, seeds: int = 4, turns: int = 2) -> Mending:
    study = gg.Study(data, [MODEL], seeds=1, metric="squared_error", jobs=1)
    diagnose = diagnose or blaming("marker")
    return mend(study.run(), seeds=seeds, turns=turns, seed=1, diagnose=diagnose)


@pytest.fixture(scope="module")
def found() -> Mending:
    return mended(marked())


def test_the_remedy_is_prescribed_and_its_gain_measured_where_it_took_no_part(found: Mending):
    assert found.prescribed == "without marker"
    assert all(turn.chosen == "without marker" for turn in found.turns)
    assert found.gain is not None
    assert found.gain.difference.estimate > 1
    assert "in environments that took no part in diagnosis and choice: +" in found.answer


def test_gains_are_those_of_two_studies_that_know_nothing_of_mending(found: Mending):
    data = marked()
    X, y, where = data.X, data.y, data.environment
    bare = gg.Environments.from_arrays(X[["x"]], y, where)
    options = {"seeds": 4, "metric": "squared_error", "jobs": 1}
    with_marker, without = (gg.Study(d, [MODEL], **options).run().gaps for d in (data, bare))
    gained = with_marker.set_index("environment")["unseen"]
    gained = gained - without.set_index("environment")["unseen"]
    expected = np.array([gained[turn.environment] for turn in found.turns])
    np.testing.assert_allclose([turn.difference for turn in found.turns], expected)
    assert found.gain is not None
    assert found.gain.difference.estimate == pytest.approx(expected.mean())


def test_a_turn_is_blind_to_what_it_keeps_apart():
    data = marked()
    first = 1  # what a single turn keeps apart under this seed
    y = data.y + 50 * (data.environment == first)
    seen: list[float] = []

    def diagnose(material: Material, seed: int) -> Causes:
        seen.append(float(material.data.y.max()))
        return Causes(("columns",), ("marker",))

    moved = gg.Environments.from_arrays(data.X, y, data.environment)
    shifted = mended(moved, diagnose, seeds=2, turns=1).turns
    plain = mended(data, seeds=2, turns=1).turns
    assert seen[0] < 10 < 40 < seen[1]
    assert [(turn.environment, turn.chosen) for turn in shifted] == [
        (turn.environment, turn.chosen) for turn in plain
    ]


def test_where_nothing_helps_nothing_is_prescribed():
    found = mended(marked(), blaming("x"), seeds=2, turns=1)
    assert found.prescribed == ""
    assert {turn.chosen for turn in found.turns} == {""}
    assert found.gain is None
    assert "Prescribed: nothing. Of without x none was shown" in found.answer


def test_nothing_is_trained_twice(found: Mending):
    before = len(found.result.store.runs())
    again = mend(found.result, seeds=4, turns=2, seed=1, diagnose=blaming("marker"))
    assert len(found.result.store.runs()) == before
    assert again.runs == 0
    assert again.summary["turns"] == found.summary["turns"]


def test_too_few_environments_are_told_how_many_it_takes():
    with pytest.raises(gg.UsageError, match=r"at least 5 environments.*there are 4"):
        mended(marked(environments=4))


def test_remedies_are_registered_and_cost_what_plain_training_costs():
    for remedy in REMEDIES:
        assert remedy.paper.link.startswith("https://")
        if remedy.name not in (WITHOUT, NETWORK):
            info = method_info(remedy.name)
            assert (info.passes, info.looks, info.sees_unlabelled) == (1, 0, False)


def test_each_remedy_is_tried_once():
    names = [r.name for r in fitting({"inputs moved", "relation changed", "labels' shares moved"})]
    inputs, relation = ["mlp", "coral", "mmd", "mixup", "averaging"], ["vrex", "irm", "groupdro"]
    assert names == [*inputs, *relation, "balanced"]
    assert fitting({"more noise"}) == []


def test_where_nothing_in_training_is_alike_inputs_have_moved():
    """Markers ten apart with levels of 1 and -1 in turn: a tree takes a neighbour's, wrong by 2."""
    rng, where = np.random.default_rng(0), np.repeat(np.arange(6), 30)
    marker = 10 * where + 0.1 * rng.normal(size=len(where))
    y = 2.0 * (where % 2) - 1 + 0.1 * rng.normal(size=len(where))
    data = gg.Environments.from_arrays(marker[:, None], y, where, name="apart")
    study = gg.Study(data, [MODEL], seeds=2, metric="squared_error", jobs=1)
    assert causes_of(material(study.run()), 0).named[0] == "inputs moved"


@pytest.mark.parametrize(("model", "offered"), [("linear", True), ("mlp(4)", False)])
def test_a_line_may_give_way_to_a_network(model: str, offered: bool):
    result = gg.Study(marked(4), ["erm"], seeds=1, steps=2, model=model).run()
    models = {c.name: c.model for c in _candidates(Causes(("inputs moved",)), result)}
    others = dict.fromkeys(["coral", "mmd", "mixup", "averaging"])
    assert models == ({"mlp": "mlp"} if offered else {}) | others


def scores(seed: list[int], example: list[int]) -> Paired:
    value, code = np.array(example, np.float64), np.array(example) // 10
    return Paired(value, value, code, np.array(seed), np.array(example), {})


def test_remedies_take_the_steps_that_plain_training_takes():
    method = {"erm": {"learning_rate": 0.01}}
    study = gg.Study(marked(5, 12), [method], seeds=2, steps=2, model="mlp(4)")
    found = mend(study.run(), seeds=2, turns=2, diagnose=lambda *_: Causes(("inputs moved",)))
    runs = [stored.run for stored in found.result.store.runs()]
    rates = {run.method: run.hyperparameters["learning_rate"] for run in runs}
    assert rates == dict.fromkeys(["erm", "coral", "mmd", "mixup", "averaging"], 0.01)


def test_what_cannot_be_trained_is_said():
    study = gg.Study(marked(5, 12), ["erm"], seeds=2, steps=2, model="linear")
    found = mend(study.run(), seeds=2, turns=2, diagnose=lambda *_: Causes(("inputs moved",)))
    assert {trial.name for trial in found.trials} == {"mlp", "mixup", "averaging"}
    assert list(found.skipped) == ["coral", "mmd"]
    assert "Not tried: coral needs hidden features" in render_markdown(found)


def test_only_what_both_scored_is_paired():
    first = scores([0, 0, 1, 1], [3, 14, 3, 25])
    second = scores([1, 0, 0], [25, 14, 7])
    mine, other = shared(first, second)
    assert first.example[mine].tolist() == second.example[other].tolist() == [14, 25]
    assert first.seed[mine].tolist() == second.seed[other].tolist() == [0, 1]


def test_gains_are_tested_on_one_side_and_corrected_for_their_number():
    """Two remedies with the same gains in 4 environments, one of them turned round."""
    gains = np.array([1.0, 2.0, 3.0, 6.0])
    codes = np.arange(4)
    tables = {
        name: Differences(sign * gains, codes, np.zeros(4, int), codes)
        for name, sign in (("helps", 1), ("hurts", -1))
    }
    made = Tried(tables, {"helps": 0, "hurts": 3}, tables["helps"], {})
    candidates = [Candidate(name, None, (name,), "columns") for name in tables]
    helps, hurts = trials(made, candidates)
    t = stats.ttest_1samp(gains, 0.0, alternative="greater")
    assert helps.p_value == pytest.approx(2 * t.pvalue)
    assert helps.gain.low == pytest.approx(t.confidence_interval(0.95).low)
    assert hurts.p_value == pytest.approx(1 - t.pvalue)
    assert (helps.shown, hurts.shown, hurts.left_out) == (2 * t.pvalue <= 0.05, False, 3)


def test_what_is_defined_in_nothing_common_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trying, "shared", lambda first, second: (np.array([], int),) * 2)
    with pytest.raises(gg.UsageError, match="squared_error is defined in nothing that both"):
        mended(marked(environments=5), seeds=2, turns=1)
