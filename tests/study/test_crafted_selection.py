"""Selection by validation inputs that were changed."""

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.study.rules import RULES, Candidate, choose
from gengap.study.study import Study

RULE = RULES["crafted-validation"]


@pytest.fixture(scope="module")
def places():
    draw = np.random.default_rng(0)
    X = draw.normal(size=(120, 4)).astype(np.float32)
    return Environments.from_arrays(
        X, (X[:, 0] + draw.normal(size=120) > 0).astype(int), np.arange(120) % 3
    )


def test_the_best_on_changed_inputs_is_kept():
    own = [Candidate("a", 0, 10, 0.9, crafted=0.5), Candidate("b", 1, 10, 0.8, crafted=0.7)]
    assert choose(RULE, own).key == "b"
    assert choose(RULES["validation"], own).key == "a"
    assert choose(RULE, [Candidate("a", 0, 10, 0.9), Candidate("b", 1, 10, 0.8)]) is None
    assert not RULE.peeks


def test_a_study_records_them_and_runs_that_lack_them_are_trained_again(places, tmp_path):
    settings = {
        "model": "mlp(8)", "steps": 30, "trials": 2, "seeds": [0], "threads": 1,
        "store": tmp_path / "records.db", "keep_models": "none",
    }  # fmt: skip
    Study(places, ["erm"], **settings).run().store.close()
    study = Study(places, ["erm"], selection=RULE.name, **settings)
    result = study.run()
    scores = result.scores["erm"]
    for cell in result.plan.unseen:
        candidates = scores.candidates(cell, 0)
        values = [c.crafted for c in candidates]
        assert np.isfinite(values).all()
        kept, _ = scores.choices(RULE)[0][cell.name, 0]
        assert kept.crafted == max(values)
        # By hand, from what the last checkpoint of the first trial said.
        first = max((c for c in candidates if c.trial == 0), key=lambda c: c.step)
        told = result.store.outcomes([first.key], "crafted")[first.key, first.step]
        examples = scores.examples(0, "validation")
        right = told.predicted == examples.target
        means = [
            right[(examples.environment == k) & cell.rows[examples.example]].mean()
            for k in np.unique(examples.environment[cell.rows[examples.example]])
        ]
        assert first.crafted == pytest.approx(np.mean(means))
    result.store.close()


def test_what_it_needs_is_said(places):
    with pytest.raises(UsageError, match="leave adapters and merges out"):
        Study(
            places, ["erm"], selection=RULE.name, trials=2, merges=["average"], steps=5,
            model="mlp(8)",
        ).run()  # fmt: skip
