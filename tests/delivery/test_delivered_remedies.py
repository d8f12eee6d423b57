"""Merges and adapters put to work, against the same done by hand with the networks they are of."""

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

import gengap as gg
from gengap.adapters.adanpc import AdaNPC
from gengap.adapters.tent import Tent
from gengap.base.errors import UsageError
from gengap.base.seeds import derive
from gengap.delivery import adapting, fit_unmeasured, guarding
from gengap.delivery.remedied import at_one_setting
from gengap.environments.parts import TEST
from gengap.records.models import kept_model
from gengap.records.store import Store
from gengap.study.study import Study
from gengap.study.trained import Trained
from gengap.training.kept import network_from_bytes

SETTINGS = {"seeds": [0], "steps": 15, "threads": 1, "jobs": 1, "stream_batch": 8}
TENT = "tent:learning_rate=0.01"
TENT_NAME = "erm + tent (learning_rate=0.01)"


def table(n=120, seed=0):
    draw = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    frame = pd.DataFrame(draw.normal(size=(n, 3)) + 0.5 * codes[:, None], columns=["a", "b", "c"])
    target = np.where(frame["a"] + 0.5 * draw.normal(size=n) > 0.5, "yes", "no")
    return frame, target, codes


@pytest.fixture(scope="module")
def result():
    X, y, codes = table()
    found = Study(
        gg.Environments.from_arrays(X, y, codes), ["erm"], model="mlp(8,norm=batch)", trials=2,
        merges=["average"], adapters=[TENT, "adanpc"], **SETTINGS,
    ).run()  # fmt: skip
    yield found
    found.store.close()


def prepared(model, X):
    trained = model.parts.trained
    return torch.from_numpy(trained.prepared.inputs.apply(trained.problem.encode_alike(X)))


@pytest.mark.parametrize("columns", [1, 3])
def test_training_examples_take_no_more_bytes_than_is_said_however_narrow(monkeypatch, columns):
    X, y, codes = table(1200)
    own = gg.Environments.from_arrays(X.iloc[:, :columns], y, codes)
    study = Study(own, ["erm"], model="mlp(4)", **SETTINGS)
    cell = study.plan.cells[0]
    rows = np.concatenate(study.plan.training_rows(cell, 0))
    prepared = study.problem.prepare(rows)
    (run, *_), *_ = study.plan.runs["erm"]
    trained = Trained(run, cell, rows, prepared, None, study.problem)
    monkeypatch.setattr(adapting, "MOST", 4000)
    found = adapting._source(trained)
    total = sum(own.numel() * own.element_size() for own in (found.x, found.y, found.environment))
    assert 4000 - 40 < total <= 4000


@dataclass
class Held:
    """The one part of a delivered model that is replaced."""

    guard: object = None


class Weary:
    """Right about rows whose target is 1 when it is fresh, and wrong once it has answered."""

    def __init__(self, parts):
        self.parts, self.asked = parts, 0

    def reset(self):
        self.asked = 0

    def decide(self, X):
        self.asked += 1
        return SimpleNamespace(refused=np.arange(len(X)) % 2 == 1)

    def codes(self, X):
        self.asked += 1
        return np.full(len(X), int(self.asked == 1))


def test_a_card_scores_what_goes_on_adapting_as_if_it_met_each_environment_first(monkeypatch):
    X, _, codes = table()
    own = gg.Environments.from_arrays(X, np.where(np.arange(120) % 30 < 25, "b", "a"), codes)
    study = Study(own, ["erm"], model="mlp(4)", **SETTINGS)
    monkeypatch.setattr(guarding, "guarded", lambda *_: guarding.Guarded(True, None))
    for run, cell in study.plan.runs["erm"]:
        trained = Trained(run, cell, np.arange(0), None, None, study.problem)
        for found in guarding._refused(study.plan, trained, 0.05, Weary(Held())):
            at = study.problem.names.index(found.environment)
            rows = np.flatnonzero((study.plan.parts(0) == TEST) & (study.problem.environment == at))
            right = study.problem.y[rows] == 1
            assert found.accepted == pytest.approx(right[::2].mean())
            assert found.refused == pytest.approx(right[1::2].mean())


def test_of_equal_passes_the_last_step_is_the_methods_own():
    X, y, codes = table()
    environments = gg.Environments.from_arrays(X, y, codes)
    settings = {**SETTINGS, "model": "mlp(8)", "budget": "passes", "plain_training": False}
    with Store("sqlite://") as store:
        study = Study(environments, ["sam"], **settings)
        model = fit_unmeasured(study, store, false_alarms=None)
    assert model.description.step == study.steps_of("sam") < study.steps


def test_an_average_delivers_the_mean_of_all_trials(result):
    model = result.fit("erm + average", false_alarms=None)
    trained = model.parts.trained
    keys = trained.run.settings["of"]
    assert len(keys) == 2
    step = model.description.step
    each = [
        network_from_bytes(
            kept_model(result.store, key, step), trained.model.architecture, (3,)
        ).parameters
        for key in keys
    ]
    for name in ("weight0", "bias0") if "weight0" in each[0] else list(each[0])[:2]:
        mean = (each[0][name] + each[1][name]) / 2
        torch.testing.assert_close(trained.model.parameters[name], mean)
    assert model.description.adapter is None


def test_an_adapter_answers_a_table_as_it_does_in_a_loop_and_starts_anew_with_the_next(
    result, tmp_path
):
    model = result.fit(TENT_NAME, out=tmp_path / "model", false_alarms=0.2)
    X, _, _ = table(50, seed=1)
    alone = model.parts.trained.alone
    by_hand = Tent(alone.module, learning_rate=0.01, seed=derive(0, "adapter", "tent"))
    x = prepared(model, X)
    # 50 rows in batches of at most 8 are seven of nearly equal size.
    bounds = [round(k * 50 / 7) for k in range(8)]
    logits = torch.cat([by_hand.predict(x[a:b]) for a, b in pairwise(bounds)])
    expected = torch.softmax(logits, 1).numpy()
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert not np.allclose(expected, torch.softmax(alone.logits(x), 1))
    loaded = gg.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert loaded.description.adapter.name == "tent"
    refused = loaded.decide(X).refused
    assert refused.tolist() == model.decide(X).refused.tolist()
    assert any("8 at a time" in note for note in model.card.notes)
    with pytest.raises(UsageError, match="tent changes it as it answers"):
        model.export_onnx(tmp_path / "model.onnx")


def test_what_an_adapter_knows_of_training_goes_with_the_model(result, tmp_path):
    model = result.fit("erm + average + adanpc", out=tmp_path / "model", false_alarms=None)
    X, _, _ = table(30, seed=2)
    trained = model.parts.trained
    source = trained.source
    assert len(source) == model.description.rows
    by_hand = AdaNPC(trained.alone.module, source=source, seed=derive(0, "adapter", "adanpc"))
    bounds = [round(k * 30 / 4) for k in range(5)]
    x = prepared(model, X)
    said = torch.cat([by_hand.predict(x[a:b]) for a, b in pairwise(bounds)])
    np.testing.assert_array_equal(model.codes(X), said.argmax(1))
    loaded = gg.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("wrong", ["x", "y", "environment"])
def test_training_examples_that_do_not_fit_are_refused(result, tmp_path, wrong):
    model = result.fit("erm + adanpc", out=tmp_path / "model", false_alarms=None)
    path = tmp_path / "model" / "source.safetensors"
    tensors = safetensors.torch.load(path.read_bytes())
    tensors[wrong] = tensors[wrong][:, :-1].contiguous() if wrong == "x" else tensors[wrong] + 9
    path.write_bytes(safetensors.torch.save(tensors))
    with pytest.raises(UsageError, match="not as they were saved"):
        gg.load(tmp_path / "model")
    _sign_again(tmp_path / "model", path)
    with pytest.raises(UsageError, match="not a whole model"):
        gg.load(tmp_path / "model")
    assert model.description.adapter.source


def _sign_again(folder, path):
    from gengap.base.sealed import checksum

    values = json.loads((folder / "model.json").read_text())
    values["files"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    values["checksum"] = checksum(values)
    (folder / "model.json").write_text(json.dumps(values))


def test_an_adapter_whose_stream_puts_nothing_back_goes_on_until_it_is_reset():
    X, y, codes = table()
    result = Study(
        gg.Environments.from_arrays(X, y, codes), ["erm"], model="mlp(8,norm=batch)",
        adapters=[TENT], stream="continual", **SETTINGS,
    ).run()  # fmt: skip
    model = result.fit(TENT_NAME, false_alarms=None)
    first, second = model.predict_proba(X), model.predict_proba(X)
    assert not np.array_equal(first, second)
    model.reset()
    np.testing.assert_array_equal(model.predict_proba(X), first)
    result.store.close()


def test_the_best_may_be_a_remedy(result):
    from gengap.delivery.choice import choice_of

    rows = result.methods.set_index("method")["score_unseen"]
    choice = choice_of(result, "best")
    assert rows[choice.method] == rows.max()
    assert choice.methods == len(rows)


def test_of_a_soup_every_trial_is_trained_and_of_an_adapter_the_chosen_one(result):
    plan = result.study.plan
    base = plan.entry("erm")
    chosen = base.trials[1]
    soup = at_one_setting(plan.entry(f"erm + average + {TENT_NAME[6:]}"), base.trials[0])
    assert [len(entry.trials) for entry in soup] == [2, 1, 1]
    alone = at_one_setting(plan.entry(TENT_NAME), chosen)
    assert [entry.trials for entry in alone] == [(chosen,), (chosen,)]
    assert alone[1].remedy.of is alone[0]
