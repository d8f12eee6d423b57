"""Which trained models a study keeps, and that each is the one whose scores the records hold."""

from __future__ import annotations

import copy
import pickle
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import gengap as gg
from gengap.base.errors import UsageError
from gengap.models.networks import architecture
from gengap.records.models import kept_model, kept_models
from gengap.records.run import KeptModel
from gengap.study import chunks
from gengap.study.keeping import affordable
from gengap.study.rules import rule_named
from gengap.study.study_file import build_study, validated
from gengap.training.kept import estimator_from_bytes, estimator_to_bytes, network_from_bytes
from study_builders import assert_same_contents, contents, study, wards

STEPS = {4, 8, 12}


def kept(result) -> set[tuple[str, int]]:
    """Run key and step of every model in the result's store."""
    return kept_models(result.store, [stored.run.key for stored in result.store.runs()])


def methods_of(result) -> set[str]:
    names = {stored.run.key: stored.run.method for stored in result.store.runs()}
    return {names[key] for key, _ in kept(result)}


def selected(result, *methods: str) -> set[tuple[str, int]]:
    """What the study's rule keeps of some methods."""
    pairs = (
        pair
        for name in methods
        for pair in result.scores[name].choices(rule_named(result.rule.name))[0].values()
    )
    return {(candidate.key, candidate.step) for pair in pairs for candidate in pair}


METHODS = ["irm", "sklearn:GaussianNB", "erm", "sklearn:LogisticRegression"]


@pytest.mark.parametrize("baseline", [None, "erm"])
def test_by_itself_a_study_keeps_the_baseline_and_the_best(tmp_path, baseline):
    """Of each at the step that the rule keeps, references included."""
    result = study(wards(), METHODS, trials=2, store=tmp_path / "r.db", baseline=baseline).run()
    best = max(result.summary["methods"], key=lambda row: row["score_unseen"])["method"]
    assert best == "sklearn:LogisticRegression"
    assert kept(result) == selected(result, baseline or "irm", best)
    assert len({step for _, step in kept(result)} & STEPS) > 1  # not only the last
    roles = {s.run.role for s in result.store.runs(keys=[key for key, _ in kept(result)])}
    assert roles == {"unseen", "reference"}


def test_records_in_memory_keep_no_models_unasked():
    assert kept(study(wards(), ["erm"], seeds=1).run()) == set()
    assert methods_of(study(wards(), ["erm"], seeds=1, keep_models="erm").run()) == {"erm"}


def test_all_keeps_every_run_at_every_checkpoint_and_none_keeps_none(tmp_path):
    result = study(wards(), METHODS[:3], trials=2, seeds=1, keep_models="all").run()
    networks = {s.run.key for s in result.store.runs() if s.run.model}
    others = {s.run.key for s in result.store.runs()} - networks
    assert kept(result) == {(k, s) for k in networks for s in STEPS} | {(k, 0) for k in others}
    result = study(wards(), METHODS[:3], seeds=1, keep_models="none", store=tmp_path / "r.db").run()
    assert kept(result) == set()


@pytest.mark.parametrize(
    ("listed", "meant"),
    [(["all"], "all"), (["none"], "none"), ("auto", "auto"), (["erm", "coral"], ["erm", "coral"])],
)
def test_the_command_lines_list_of_one_word_is_that_word(listed, meant):
    made = build_study(validated({"keep_models": listed, "out": "nowhere"}), wards())
    made.validate()
    assert made.keep_models == meant


def test_named_methods_are_kept_at_the_steps_that_the_rule_keeps():
    names = ["irm", "sklearn:GaussianNB"]
    result = study(wards(), METHODS[:3], trials=2, keep_models=names).run()
    assert kept(result) == selected(result, *names)


def test_a_method_that_is_not_there_is_refused_before_training(tmp_path):
    made = study(wards(), ["erm"], keep_models=["vrex"], store=tmp_path / "r.db")
    with pytest.raises(UsageError, match="no method 'vrex' in this study whose models could be"):
        made.run()
    assert not (tmp_path / "r.db").exists()


@pytest.fixture
def trained(monkeypatch) -> list[str]:
    """The method of every training, in the order in which they happen."""
    seen: list[str] = []
    fleet, estimator = chunks.train, chunks.train_estimator

    def train(work, entry, tasks, *rest):
        seen.extend(task.run.method for task in tasks)
        return fleet(work, entry, tasks, *rest)

    def train_estimator(model, task, *rest):
        seen.append(task.run.method)
        return estimator(model, task, *rest)

    monkeypatch.setattr(chunks, "train", train)
    monkeypatch.setattr(chunks, "train_estimator", train_estimator)
    return seen


def test_a_finished_study_trains_again_only_what_lacks_a_model_that_is_wanted(trained, tmp_path):
    def made(**options):
        return study(wards(), METHODS[:3], trials=2, store=tmp_path / "r.db", **options).run()

    first = made(keep_models="none")
    before = contents(first.store)
    stamps = {s.run.key: s.created for s in first.store.runs()}
    trained.clear()
    assert kept(made()) == set()  # by itself a study trains nothing anew for its models' sake
    assert trained == []
    result = made(keep_models=["erm"])
    assert trained == ["erm"] * (5 * 2 * 2)
    assert kept(result) == selected(result, "erm")
    assert_same_contents(before, contents(result.store))
    assert {s.run.key: s.created for s in result.store.runs()} == stamps
    assert result.summary == first.summary | {"study": result.summary["study"]}
    trained.clear()
    both = made(keep_models=["erm", "sklearn:GaussianNB"])
    assert set(trained) <= {"erm", "sklearn:GaussianNB"}
    assert kept(both) == selected(both, "erm", "sklearn:GaussianNB")
    assert_same_contents(before, contents(both.store))


def test_models_that_were_kept_before_stay(tmp_path):
    every = study(wards(), METHODS[:3], keep_models="all", store=tmp_path / "r.db").run()
    before = kept(every)
    assert kept(study(wards(), METHODS[:3], store=tmp_path / "r.db").run()) == before


def convolutions(shape, outputs) -> nn.Module:
    """BatchNorm's running statistics are no parameters, so they are kept as buffers."""
    return nn.Sequential(
        nn.Conv1d(shape[0], 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(),
        nn.Linear(4 * shape[1], outputs),
    )  # fmt: skip


def signals() -> gg.Environments:
    flat = wards()
    names = np.asarray(flat.names)[flat.environment]
    return gg.Environments.from_arrays(flat.X.reshape(-1, 1, 4), flat.y, names)


def outputs(result, problem, run, cell, step: int, model) -> tuple[np.ndarray, np.ndarray]:
    """Test rows, and what the kept network says of them ``(n, C)`` in the unit of the target."""
    made = copy.copy(architecture(model))
    made.initialise(problem.shape, problem.outputs, 0)
    network = network_from_bytes(kept_model(result.store, run.key, step), made, problem.shape)
    prepared = problem.prepare(np.concatenate(result.plan.training_rows(cell, run.seed)))
    rows = result.plan.example_set(run.seed, "test").example
    inputs = torch.from_numpy(prepared.inputs.apply(problem.matrix[rows]))
    with torch.no_grad():
        said = network(inputs[None]).logits[0].numpy().astype(np.float64)
    return rows, said * prepared.scale + prepared.shift


@pytest.mark.parametrize("model", ["mlp(8)", convolutions])
def test_networks_say_what_the_records_hold_at_every_checkpoint(model):
    e = wards() if model == "mlp(8)" else signals()
    wanted = study(e, ["irm"], model=model, keep_models="all", trials=2, seeds=1)
    result = wanted.run()
    seen = set()
    for run, cell in result.plan.runs["irm"]:
        stored = result.store.outcomes([run.key], "test")
        for step in STEPS:
            rows, logits = outputs(result, wanted.problem, run, cell, step, model)
            outcome = stored[run.key, step]
            np.testing.assert_array_equal(logits.argmax(1), outcome.predicted)
            shares = np.exp(logits - logits.max(1, keepdims=True))
            true = (shares / shares.sum(1, keepdims=True))[np.arange(len(rows)), e.y[rows]]
            np.testing.assert_allclose(true, outcome.true_probability, atol=5e-4)  # float16
            seen.add(outcome.predicted.tobytes())
    assert len(seen) > len(STEPS)  # they differ between runs and steps


def test_regressions_say_what_the_records_hold_at_every_checkpoint():
    wanted = study(wards(classes=0), ["erm"], keep_models="all", seeds=1)
    result = wanted.run()
    for run, cell in result.plan.runs["erm"]:
        for step in STEPS:
            _, said = outputs(result, wanted.problem, run, cell, step, "mlp(8)")
            stored = result.store.outcomes([run.key], "test", [step])[run.key, step]
            np.testing.assert_allclose(said[:, 0], stored.predicted, rtol=1e-4, atol=1e-5)


@pytest.fixture
def no_pickle(monkeypatch):
    def refused(*_, **__):
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refused)
    monkeypatch.setattr(torch, "load", refused)


def test_estimators_say_what_the_records_hold_and_nothing_is_unpickled(no_pickle):
    e = wards()
    result = study(e, ["sklearn:LogisticRegression", "erm"], keep_models="all", seeds=1).run()
    for run, _ in result.plan.runs["sklearn:LogisticRegression"]:
        model = kept_model(result.store, run.key, 0)
        assert model.format == "skops"
        rows = result.plan.example_set(run.seed, "test").example
        stored = result.store.outcomes([run.key], "test")[run.key, 0]
        assert run.settings["input"] == "prepared"
        prepared = gg_problem(e).prepare(training_rows(result, run))
        inputs = prepared.inputs.apply(gg_problem(e).matrix[rows])
        said = estimator_from_bytes(model).predict_proba(inputs)
        np.testing.assert_array_equal(said.argmax(1), stored.predicted)
        np.testing.assert_allclose(
            said[np.arange(len(rows)), e.y[rows]], stored.true_probability, atol=5e-4
        )
    for run, cell in result.plan.runs["erm"][:2]:
        outputs(result, gg_problem(e), run, cell, 12, "mlp(8)")


def gg_problem(e):
    return study(e).problem


def training_rows(result, run) -> np.ndarray:
    cells = {run.key: cell for run, cell in result.plan.runs[run.method]}
    return np.concatenate(result.plan.training_rows(cells[run.key], run.seed))


class Strange(LogisticRegression):
    """A type that is not one of the trusted packages'."""


def test_a_type_that_is_not_trusted_is_refused():
    model = estimator_to_bytes(Strange().fit([[0.0], [1.0]], [0, 1]))
    with pytest.raises(UsageError, match=r"holds test_keeping\.Strange, which gengap does not"):
        estimator_from_bytes(model)


class Trap:
    """Says so when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise AssertionError('it ran')",))


@pytest.mark.parametrize("content", [b"", b"nothing", pickle.dumps(Trap())])
def test_bytes_that_are_no_model_are_refused(content):
    with pytest.raises(UsageError, match=r"The kept model is damaged; .*"):
        estimator_from_bytes(KeptModel(0, "skops", content))
    made = architecture("linear")
    made.initialise((4,), 3, 0)
    with pytest.raises(UsageError, match=r"The kept model is damaged; .*"):
        network_from_bytes(KeptModel(1, "safetensors", content), made, (4,))


def test_only_safetensors_and_skops_are_in_the_records(tmp_path: Path):
    study(wards(), METHODS[:3], seeds=1, keep_models="all", store=tmp_path / "r.db").run()
    connection = sqlite3.connect(tmp_path / "r.db")
    found = connection.execute("SELECT format, content, bytes FROM gengap_models").fetchall()
    connection.close()
    assert {format for format, *_ in found} == {"safetensors", "skops"}
    for format, content, size in found:
        assert size == len(content)
        # A zip archive with a schema; a length and a header in JSON.
        assert content.startswith(b"PK") if format == "skops" else content[8:9] == b"{"


def test_models_are_kept_unasked_up_to_a_size(monkeypatch, tmp_path):
    """What all methods would take is too much, then what the first one does."""
    made = study(wards(), ["erm", "vrex"], store=tmp_path / "r.db", model="linear", seeds=1)
    # Four features and three classes: 15 numbers of 4 bytes, at three steps, five runs a method.
    own = 15 * 4 * 3 * 5
    for most, kept in ((2 * own, {"erm", "vrex"}), (2 * own - 1, {"erm"}), (own - 1, set())):
        monkeypatch.setattr("gengap.study.keeping.MOST_BYTES", most)
        assert affordable(made.plan, made.network_size[1] * 3) == kept
