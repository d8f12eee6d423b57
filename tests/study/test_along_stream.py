"""What is read of a stream, against the same stream gone through by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from gengap.adapters.tent import Tent
from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.environments.streams import Stream
from gengap.records.inspection import damage
from gengap.study.study import Study
from gengap.study.trained import trained_model
from gengap.training.strangers import with_strangers

OWN = {
    "model": "mlp(8,norm=batch)", "adapters": ["tent:learning_rate=0.01"], "seeds": [0],
    "steps": 20, "threads": 1, "jobs": 1, "stream_batch": 8, "keep_models": "all",
    "selection": "last-step",
}  # fmt: skip
NAME = "erm + tent (learning_rate=0.01)"


def places(classes=2):
    draw = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 60)
    X = draw.normal(size=(180, 4)) + 0.5 * codes[:, None]
    score = X[:, 0] + 0.3 * draw.normal(size=180)
    y = np.digitize(score, np.quantile(score, np.arange(1, classes) / classes))
    return Environments.from_arrays(X, y, codes, task="classification")


def by_hand(study, result):
    """Of each split: whether answers were right, alone and adapted, when, and of the source."""
    examples = study.plan.example_set(0, "test")
    visits = Stream(study.stream, 8).visits(
        examples.environment, examples.target, generator(0, "stream", "test")
    )
    for run, cell in study.plan.runs["erm"]:
        if cell.role != "unseen":
            continue
        trained = trained_model(study, result.store, study.plan, run, cell, 20)
        X = torch.from_numpy(trained.prepared.inputs.apply(study.problem.matrix[examples.example]))
        adapter, right = Tent(trained.module, learning_rate=0.01), np.zeros(len(X))
        for at, _ in visits:
            right[at] = adapter.predict(X[at]).argmax(1).numpy() == examples.target[at]
        alone = trained.module(X).argmax(1).numpy() == examples.target
        source = np.flatnonzero(cell.rows[examples.example])
        again = Stream("mixed", 8).visits(
            examples.environment[source], examples.target[source],
            generator(0, "stream", "returned"),
        )  # fmt: skip
        after = [
            adapter.predict(X[source[at]]).argmax(1).numpy() == examples.target[source[at]]
            for at, _ in again
        ]
        unseen = cell.held_out[examples.example]
        yield right[unseen], alone[unseen], _when(visits)[unseen], (
            alone[source], np.concatenate(after),
        )  # fmt: skip


def test_windows_halves_and_what_is_forgotten_are_those_of_the_stream_by_hand():
    study = Study(places(), ["erm"], stream="continual", **OWN)
    result = study.run()
    (row,) = result.summary["streams"]
    found = list(by_hand(study, result))
    before, after = (np.concatenate([one[3][k] for one in found]) for k in (0, 1))
    assert row["source"] == pytest.approx(before.mean())
    assert row["source_after"] == pytest.approx(after.mean())
    assert row["forgotten"] == pytest.approx(before.mean() - after.mean())
    adapted, alone = (np.concatenate([one[k] for one in found]) for k in (0, 1))
    for key in ("early", "late"):
        gains = [
            (one[0] - one[1].astype(float))[(one[2] < 0.5) == (key == "early")].mean()
            for one in found
            if ((one[2] < 0.5) == (key == "early")).any()
        ]
        assert row[key] == pytest.approx(np.mean(gains))
    count = _counts(study)
    for key, values in (("scores", adapted), ("scores_alone", alone)):
        assert [v is None for v in row[key]] == (count == 0).tolist()
        in_all = sum(v * n for v, n in zip(row[key], count, strict=True) if n)
        assert in_all == pytest.approx(values.sum())
    assert not damage(result.store)
    result.store.close()


def test_no_limit_leaves_what_is_possible_and_what_is_lost_is_after_less_before():
    draw = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2, 3], [90, 60, 40, 20])
    X = draw.normal(size=(210, 4)) + 0.5 * codes[:, None]
    y = (X[:, 0] + 0.3 * draw.normal(size=210) > 0.5).astype(int)
    unequal = Environments.from_arrays(X, y, codes, task="classification")
    strong = {**OWN, "adapters": ["tent:learning_rate=10"]}
    result = Study(unequal, ["erm"], stream="continual", **strong).run()
    (row,) = result.summary["streams"]
    assert row["forgotten"] == pytest.approx(row["source"] - row["source_after"])
    assert row["source"] != row["source_after"]
    for kind in ("early", "late", "forgotten"):
        limits = row[f"{kind}_low"], row[f"{kind}_high"]
        assert limits == (None, None) or -1 <= limits[0] <= limits[1] <= limits[0] + 1 <= 2
    result.store.close()


def _when(visits):
    """The middle of each input's batch in a stream that puts nothing back."""
    found, before = {}, 0
    total = sum(len(v.places) for v in visits)
    for visit in visits:
        found |= dict.fromkeys(visit.places.tolist(), (before + len(visit.places) / 2) / total)
        before += len(visit.places)
    return np.array([found[k] for k in range(total)])


def _counts(study):
    """Inputs that come in each eighth of the stream, by the middle of their batch."""
    examples = study.plan.example_set(0, "test")
    visits = Stream(study.stream, 8).visits(
        examples.environment, examples.target, generator(0, "stream", "test")
    )
    ends = np.cumsum([len(v.places) for v in visits])
    middles = [(end - len(v.places) / 2) / ends[-1] for end, v in zip(ends, visits, strict=True)]
    sizes = [len(v.places) for v in visits]
    return np.bincount((8 * np.array(middles)).astype(int), sizes, minlength=8)


def test_strangers_are_told_apart_as_scikit_learn_counts_it():
    study = Study(with_strangers(places(4), ["3"]), ["erm"], stream="strangers", **OWN)
    result = study.run()
    (row,) = result.summary["streams"]
    areas = {key: [] for key in ("near", "far", "near_alone", "far_alone")}
    for run, cell in study.plan.runs[NAME]:
        if cell.role == "unseen":
            told = result.store.outcomes([run.key], "strangeness")[run.key, 20].predicted
            assert (told[:, 0] == 0).sum() * 2 == len(told)
            own = told[told[:, 1] == np.flatnonzero(np.array(study.problem.names) == cell.name)]
            for key, found in areas.items():
                kind, column = (1 if "near" in key else 2), (3 if "alone" in key else 2)
                kept = np.isin(own[:, 0], [0, kind])
                found.append(roc_auc_score(own[kept, 0] > 0, own[kept, column]))
    for key, found in areas.items():
        assert row[key] == pytest.approx(np.mean(found))
    assert not damage(result.store)
    result.store.close()


def test_nothing_is_said_where_all_came_at_once():
    result = Study(places(), ["erm"], **{**OWN, "stream_batch": 64}).run()
    assert "streams" not in result.summary
    result.store.close()


@pytest.mark.parametrize(
    ("methods", "said"),
    [(["outlier-exposure"], "trains on the very strangers"), (["erm"], "with classes")],
)
def test_strangers_that_cannot_come_are_refused(methods, said):
    own = with_strangers(places(4), ["3"]) if methods != ["erm"] else Environments.from_arrays(
        np.zeros((40, 2)) + np.arange(40)[:, None], np.arange(40) / 3, np.arange(40) % 2,
        task="regression",
    )  # fmt: skip
    study = Study(own, methods, stream="strangers", **OWN)
    with pytest.raises(UsageError, match=said):
        _ = study.plan
