"""Remedies as runs of a study, against the same done by hand with the kept models."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from gengap.adapters.registry import adapter_info
from gengap.adapters.tent import Tent
from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.environments.parts import VALIDATION
from gengap.environments.streams import Stream
from gengap.environments.suites import load_suite
from gengap.merges.merging import merge_models
from gengap.merges.registry import merge_info
from gengap.methods.erm import ERM
from gengap.methods.heads import module_with_heads
from gengap.models.networks import Network
from gengap.models.starting import read_start
from gengap.records.models import kept_model, kept_models
from gengap.records.store import Store
from gengap.study.plan import read_plan
from gengap.study.study import Study
from gengap.study.trained import trained_model
from gengap.study.until_decided import replay
from gengap.training.adapted import BACKWARDS, FORWARDS, Answering
from gengap.training.kept import networks_to_bytes
from gengap.training.remedies import Bench, _scored
from gengap.training.tasks import Task

SETTINGS = {"seeds": [0], "steps": 20, "threads": 1, "jobs": 1}


@pytest.fixture(scope="module")
def places():
    draw = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 60)
    X = draw.normal(size=(180, 4)) + 0.5 * codes[:, None]
    y = np.where(X[:, 0] + 0.5 * draw.normal(size=180) > 0.5, "yes", "no")
    return Environments.from_arrays(X, y, codes)


def rebuilt(study, store):
    """The models of each run by key and step, as networks that predict."""
    entry = study.plan.entries[0].name
    return {
        (run.key, step): trained_model(study, store, study.plan, run, cell, step)
        for run, cell in study.plan.runs[entry]
        for step in study.scored_at
    }


@pytest.fixture(scope="module")
def done(places, tmp_path_factory):
    """Two trials of plain training with every merge and adapter that the tests look at."""
    address = tmp_path_factory.mktemp("remedies") / "records.db"
    study = Study(
        places, ["erm"], model="mlp(8,norm=layer)", trials=2, merges=["average", "ema"],
        adapters=["tent:learning_rate=0.01"], keep_models="all", store=address, **SETTINGS,
    )  # fmt: skip
    result = study.run()
    yield study, result
    result.store.close()


def test_every_method_is_tried_with_each_merge_and_each_of_these_with_each_adapter(done):
    study, result = done
    tent = "tent (learning_rate=0.01)"
    assert [entry.name for entry in study.plan.entries] == [
        "erm", "erm + average", "erm + ema",
        f"erm + {tent}", f"erm + average + {tent}", f"erm + ema + {tent}",
    ]  # fmt: skip
    assert set(result.methods["method"]) == {entry.name for entry in study.plan.entries}


def test_an_average_predicts_as_the_mean_of_the_trials_weights(done):
    study, result = done
    models, plan = rebuilt(study, result.store), study.plan
    run, cell = plan.runs["erm + average"][0]
    trials = [r.key for r, c in plan.runs["erm"] if c is cell]
    assert run.settings["of"] == trials
    assert len(trials) == 2
    for step in study.scored_at:
        one, other = (models[key, step].model for key in trials)
        mean = {name: (p + other.parameters[name]) / 2 for name, p in one.parameters.items()}
        _same_answers(study, result, run, step, one.at(mean), models[trials[0], step])


def _same_answers(study, result, run, step, network, trained):
    examples = study.plan.example_set(run.seed, "test")
    X = torch.from_numpy(trained.prepared.inputs.apply(study.problem.matrix[examples.example]))
    expected = network.outputs(X).logits.argmax(1).numpy()
    stored = result.store.outcomes([run.key], "test")[run.key, step].predicted
    np.testing.assert_array_equal(stored, expected)


def test_an_adapter_answers_the_stream_as_it_does_in_a_loop(done):
    study, result = done
    name = study.plan.entries[3].name
    run, _ = study.plan.runs[name][0]
    (of,) = run.settings["of"]
    step = study.scored_at[-1]
    trained = rebuilt(study, result.store)[of, step]
    examples = study.plan.example_set(run.seed, "test")
    X = torch.from_numpy(trained.prepared.inputs.apply(study.problem.matrix[examples.example]))
    adapter = Tent(trained.module, learning_rate=0.01)
    said = np.zeros(len(X), int)
    draw = generator(run.seed, "stream", "test")
    for places, reset in Stream().visits(examples.environment, examples.target, draw):
        if reset:
            adapter.reset()
        said[places] = adapter.predict(X[places]).argmax(1).numpy()
    stored = result.store.outcomes([run.key], "test")[run.key, step].predicted
    np.testing.assert_array_equal(stored, said)


def test_what_each_took_is_counted_in_training_and_for_an_answer(done):
    study, result = done
    spent = {row["method"]: row for row in result.summary["spending"]}
    assert {row["training"] for row in spent.values()} == {40.0}  # two trials of 20 steps
    assert spent["erm + average"]["backwards"] == 0
    tent = spent["erm + tent (learning_rate=0.01)"]
    assert (tent["forwards"], tent["backwards"]) == (1, 1)
    noted = result.store.curves([study.plan.runs[tent["method"]][0][0].key])
    assert {name for _, name in noted} == {FORWARDS, BACKWARDS}


def test_records_read_back_plan_the_same_runs(done):
    study, result = done
    plan = read_plan(result.store, study.plan.record)
    for name, runs in study.plan.runs.items():
        assert [run.key for run, _ in plan.runs[name]] == [run.key for run, _ in runs]


def test_a_remedy_asked_for_later_trains_only_what_is_missing_and_leaves_no_models(
    places, tmp_path
):
    own = {"model": "mlp(8,norm=layer)", "keep_models": "none", "store": tmp_path / "records.db"}
    before = Study(places, ["erm"], **own, **SETTINGS).run()
    numbers = before.methods.set_index("method").loc["erm", "score_unseen"]
    before.store.close()
    after = Study(places, ["erm"], adapters=["tent"], **own, **SETTINGS).run()
    assert after.methods.set_index("method").loc["erm", "score_unseen"] == numbers
    keys = [run.key for runs in after.plan.runs.values() for run, _ in runs]
    assert not kept_models(after.store, keys)
    done = {run.run.key: run.created for run in after.store.runs(keys=keys)}
    after.store.close()
    again = Study(places, ["erm"], adapters=["tent"], **own, **SETTINGS).run()
    assert {run.run.key: run.created for run in again.store.runs(keys=keys)} == done
    again.store.close()


def test_an_adapter_of_a_merge_asked_for_later_makes_the_merge_again(places, tmp_path):
    own = {"model": "mlp(8,norm=layer)", "merges": ["ema"], "keep_models": "none"}
    own |= {"store": tmp_path / "records.db", **SETTINGS}
    before = Study(places, ["erm"], **own).run()
    numbers = before.methods.set_index("method")["score_unseen"]
    before.store.close()
    after = Study(places, ["erm"], adapters=["tent"], **own).run()
    found = after.methods.set_index("method")["score_unseen"]
    assert found[numbers.index].equals(numbers)
    assert "erm + ema + tent" in found
    after.store.close()


def test_what_adapters_answered_is_not_asked_again_where_models_are_kept(places, tmp_path):
    own = {"model": "mlp(8,norm=layer)", "adapters": ["tent"], "keep_models": "all"}
    own |= {"store": tmp_path / "records.db", **SETTINGS}
    Study(places, ["erm"], **own).run().store.close()
    told = []
    Study(places, ["erm"], **own).run(told.append).store.close()
    assert {now.done for now in told} == {told[0].total}


def test_in_memory_remedies_work_as_well(places):
    result = Study(places, ["erm"], model="mlp(8,norm=batch)", adapters=["tent"], **SETTINGS).run()
    assert set(result.methods["method"]) == {"erm", "erm + tent"}
    (said,) = result.study.warnings
    assert said.startswith("Adapters see inputs of the unseen environments")
    result.store.close()


def test_what_cannot_apply_is_skipped_with_the_reason(places):
    study = Study(
        places, ["erm", "sklearn:LogisticRegression"], adapters=["tent"],
        merges=["average", "wise-ft", "ema", "rebasin"], **SETTINGS,
    )  # fmt: skip
    names = [entry.name for entry in study.plan.entries]
    assert names == ["erm", "sklearn:LogisticRegression", "erm + ema"]
    assert "give --trials 2 or more" in study.skipped["erm + average"]
    assert "--start" in study.skipped["erm + wise-ft"]
    assert "give --trials 2 or more" in study.skipped["erm + rebasin"]
    assert "normalisation layers" in study.skipped["erm + tent"]


def test_one_input_at_a_time_is_adapted_on_where_nothing_normalises_by_the_batch(places):
    own = {"adapters": ["tent"], "stream_batch": 1, **SETTINGS}
    result = Study(places, ["erm"], model="mlp(8,norm=layer)", **own).run()
    spent = {row["method"]: row for row in result.summary["spending"]}
    assert (spent["erm + tent"]["forwards"], spent["erm + tent"]["backwards"]) == (1, 1)
    with pytest.raises(UsageError, match="tent needs batches of at least 2"):
        _ = Study(places, ["erm"], model="mlp(8,norm=batch)", **own).plan


def test_a_batch_too_small_to_adapt_on_is_answered_by_the_model_alone_and_counted(done):
    study, result = done
    (run, cell), *_ = study.plan.runs["erm"]
    trained = trained_model(study, result.store, study.plan, run, cell, study.scored_at[-1])
    network = trained.model
    adapter = Tent(trained.module, learning_rate=0.01)
    x = torch.randn(1, 1, *study.problem.shape, generator=torch.Generator().manual_seed(0))
    said = Answering(adapter, network, 2)(x)
    torch.testing.assert_close(said.logits, network(x).logits)
    assert (adapter.forwards, adapter.backwards) == (1, 0)


def test_what_cannot_read_sequences_is_left_out_before_anything_is_trained():
    study = Study(
        load_suite("reverse:longest=3,each=15"), ["scheduled"], model="lstm", splits="folds:2",
        adapters=["lame", "input-prompt", "gated-augmentation"], **SETTINGS,
    )  # fmt: skip
    names = [entry.name for entry in study.plan.entries]
    assert names == ["scheduled", "scheduled + gated-augmentation"]
    assert "features of every answer" in study.skipped["scheduled + lame"]
    assert "embedding of tokens" in study.skipped["scheduled + input-prompt"]


@pytest.mark.parametrize(
    ("suite", "model", "alone"),
    [("coin-flips:each=15", "lstm", False), ("coin-flips:each=15", "decoder", True),
     ("list-programs:each=15", "lstm", True)],
)  # fmt: skip
def test_networks_that_go_on_from_what_they_wrote_are_left_alone(suite, model, alone):
    study = Study(
        load_suite(suite), ["erm"], model=model, splits="folds:2",
        adapters=["gated-augmentation"], merges=["ema"], **SETTINGS,
    )  # fmt: skip
    names = [entry.name for entry in study.plan.entries]
    skipped = [why for name, why in study.skipped.items() if "gated" in name]
    assert bool(skipped) is alone
    assert ("erm + gated-augmentation" in names) is not alone
    assert all("networks go on from what they wrote themselves" in why for why in skipped)
    if not alone:
        assert np.isfinite(study.run().methods["score_unseen"]).all()


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"adapters": ["tnet"]}, "no adapter 'tnet'.*tent"),
        ({"merges": ["averge"]}, "no merge 'averge'.*average"),
        ({"adapters": ["tent"], "stream": "gradul"}, "no stream 'gradul'"),
        ({"adapters": ["tent"], "stream_batch": 0}, "stream_batch must be"),
        ({"adapters": ["tent:speed=3"]}, "no hyperparameter 'speed'"),
        ({"budget": "hours"}, "steps or passes"),
        ({"adapters": ["tent"], "model": "mlp"}, "No remedy is left"),
    ],
)
def test_bad_input_is_one_sentence(places, own, said):
    settings = {"model": "mlp(8,norm=layer)", **SETTINGS, **own}
    with pytest.raises(UsageError, match=said):
        Study(places, ["erm"], **settings).validate()


def test_equal_passes_halve_the_steps_of_a_method_with_two_passes(places):
    study = Study(places, ["erm", "sam"], model="mlp(8)", budget="passes", **SETTINGS)
    assert {e.name: e.settings["steps"] for e in study.plan.entries} == {"erm": 20, "sam": 10}
    result = study.run()
    spent = {row.run.method: row.passes for row in result.store.runs()}
    assert spent["sam"] == spent["erm"] == 20
    result.store.close()


def test_what_takes_no_pass_keeps_its_steps_at_equal_passes():
    study = Study(
        load_suite("cart-pole"), ["bc", "random", "bc-linear"], budget="passes", seeds=[0], steps=10
    )
    steps = {e.name: e.settings["steps"] for e in study.plan.entries}
    assert steps == {"bc": 10, "random": 10, "bc-linear": 10}


def test_networks_start_from_the_weights_of_a_file_where_names_and_shapes_agree(places, tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    weights = {"weight0": torch.randn(4, 8), "bias0": torch.randn(1, 8), "weight1": torch.ones(3)}
    path = tmp_path / "start.safetensors"
    save_file(weights, path)
    study = Study(
        places, [{"erm": {"learning_rate": 1e-12, "weight_decay": 0}}], model="mlp(8)", start=path,
        keep_models="all", **SETTINGS,
    )  # fmt: skip
    result = study.run()
    run, cell = result.plan.runs["erm"][0]
    model = kept_model(result.store, run.key, 20)
    trained = trained_model(study, result.store, study.plan, run, cell, 20).model.parameters
    assert model is not None
    torch.testing.assert_close(trained["weight0"][0], weights["weight0"])
    torch.testing.assert_close(trained["bias0"][0], weights["bias0"])
    assert trained["weight1"].shape == (1, 8, 2)
    assert run.settings["start"] == read_start(path).digest
    result.store.close()


def test_weights_of_another_network_are_refused_with_the_first_that_differs(places, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "start.safetensors"
    save_file({"layer.weight": torch.ones(3, 3)}, path)
    study = Study(places, ["erm"], model="mlp(8)", start=path, **SETTINGS)
    with pytest.raises(UsageError, match=r"layer.weight \(3, 3\).*weight0 \(4, 8\)"):
        study.validate()
    path.write_bytes(b"no weights")
    with pytest.raises(UsageError, match="not a safetensors file"):
        read_start(path)
    with pytest.raises(UsageError, match="Cannot read the weights"):
        read_start(tmp_path / "none.safetensors")


def test_remedies_of_regression_and_of_tables_with_categories(tmp_path):
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({"x": draw.normal(size=120), "place": np.repeat(list("abc"), 40)})
    frame["colour"] = draw.choice(["red", "blue"], 120)
    frame["y"] = frame["x"] * 2 + (frame["colour"] == "red")
    own = Environments.from_frame(frame, "y", "place")
    study = Study(own, ["erm"], model="mlp(8)", merges=["ema"], **SETTINGS)
    result = study.run()
    assert np.isfinite(result.methods["cost_of_unseen"]).all()
    result.store.close()


WILD = {"erm": {"learning_rate": 1e30}}  # its weights are no numbers after a few steps


def wild(methods, **own):
    """A study in which the defaults of plain training diverge."""
    draw = np.random.default_rng(1)
    X = draw.normal(size=(120, 3)).astype(np.float32)
    y = X[:, 0] + X[:, 1]
    values = Environments.from_arrays(X, y, np.repeat([0, 1], 60))
    return Study(values, methods, model="mlp(4,norm=layer)", **SETTINGS, **own)


def test_remedies_of_a_trial_that_diverged_end_as_it_does_and_merges_leave_it_out(monkeypatch):
    calm = {name: getattr(ERM(), name) for name in ERM.fields()}
    monkeypatch.setattr(ERM, "draw", classmethod(lambda cls, *_, **__: cls(**calm)))
    merges = ["average", "greedy-soup", "ema"]
    study = wild([WILD], trials=3, adapters=["ttt"], merges=merges)
    result = study.run()
    for name, scores in result.scores.items():
        trials = {c.trial: c.diverged for c in scores.candidates(study.plan.unseen[0], 0)}
        joined = "average" in name or "greedy-soup" in name
        assert trials == ({0: False} if joined else {0: True, 1: False, 2: False}), name
    # Of the two trials that are left, which are alike, the mean is either of them.
    values = result.methods.set_index("method")["score_unseen"]
    assert values["erm + average"] == pytest.approx(values["erm"], abs=1e-6)
    assert np.isfinite(values).all()
    result.store.close()


def test_a_soup_weighs_errors_of_several_targets_in_standard_deviations():
    draw = np.random.default_rng(2)
    X = draw.normal(size=(120, 3)).astype(np.float32)
    y = np.column_stack([1e4 * X[:, 0], X[:, 1]]) + draw.normal(size=(120, 2))
    own = Environments.from_arrays(X, y, np.repeat([0, 1], 60))
    study = Study(own, ["erm"], model="linear", **SETTINGS)
    run, cell = study.plan.runs["erm"][0]
    (*rows,) = study.plan.training_rows(cell, run.seed)
    task = Task(run, rows, study.problem.prepare(np.concatenate(rows)))
    validation = np.flatnonzero(study.plan.parts(0) == VALIDATION)
    bench = Bench(
        study.problem, task, ERM.make(), study.architecture, len(rows), 1, validation
    )  # fmt: skip
    network, _ = bench.start
    (kept,) = networks_to_bytes(network, 1, 0)
    found = _scored(bench, bench.feed(), kept)({n: p[0] for n, p in network.parameters.items()})
    prepared = task.prepared
    inputs = torch.from_numpy(prepared.inputs.apply(study.problem.matrix[validation]))
    said = network.outputs(inputs).logits.numpy()
    error = np.abs(said - (y[validation] - prepared.shift) / prepared.scale).mean(1)
    assert found == pytest.approx(-(error[:12].mean() + error[12:].mean()) / 2, rel=1e-5)


def test_what_diverged_altogether_is_left_out_with_its_remedies():
    study = wild(["sam", WILD], adapters=["ttt"], merges=["ema"])
    study.run().store.close()
    left = {name for name, why in study.skipped.items() if why.startswith(f"{name} diverged")}
    assert left == {"erm", "erm + ttt", "erm + ema", "erm + ema + ttt"}


def test_a_copy_of_a_model_that_is_read_back_predicts_as_its_method_does():
    from gengap.methods.base import headed, stack
    from gengap.methods.erm import ERM
    from gengap.models.as_module import Whole, predicting_module
    from gengap.models.networks import architecture

    made = architecture("mlp(6)")
    drawn = made.initialise((3,), 2, 0)
    network = Network(made, {name: p[None] for name, p in drawn.items()}, (3,))
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    expected = network(x[None]).logits[0]
    torch.testing.assert_close(predicting_module(headed(network, stack([ERM.make()])))(x), expected)
    torch.testing.assert_close(Whole(network)(x).logits, expected)


@pytest.mark.parametrize("model", ["mlp(8)", "mlp(8,norm=batch)"])
def test_heads_of_environments_are_asked_apart_and_those_never_trained_are_not(places, model):
    result = Study(
        places, ["drm"], model=model, adapters=["drm-heads"], plain_training=False, **SETTINGS
    ).run()
    assert set(result.methods["method"]) == {"drm", "drm + drm-heads"}
    result.store.close()


def test_a_copy_of_a_module_with_a_head_evaluates_and_leaves_out_nothing():
    """Dropout of one half is left out where a module answers, and a copy has its own layers."""
    from torch import nn

    from gengap.models.as_module import Whole
    from gengap.models.networks import architecture

    made = architecture(lambda: nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2)))
    drawn = {name: p[None] for name, p in made.initialise((3,), 2, 0).items()}
    whole, x = Whole(Network(made, drawn, (3,))).eval(), torch.ones(5, 3)
    copied = copy.deepcopy(whole)
    torch.testing.assert_close(copied(x).logits, made._module(x))
    copied.train()
    assert made._module.training is False


def test_layers_behind_a_head_of_a_methods_own_are_adapted(places):
    """Without a prior the statistics of batch normalisation are those of the batch, by hand."""
    study = Study(
        places, ["hypo"], model="mlp(8,norm=batch)", adapters=["batch-statistics:prior=0", "t3a"],
        plain_training=False, keep_models="all", **SETTINGS,
    )  # fmt: skip
    name = "hypo + batch-statistics (prior=0)"
    assert [entry.name for entry in study.plan.entries] == ["hypo", name]
    assert study.skipped["hypo + t3a"] == "t3a needs a linear last layer; the model shows none."
    result = study.run()
    run, cell = study.plan.runs["hypo"][0]
    kept = trained_model(study, result.store, study.plan, run, cell, study.scored_at[-1])
    module = module_with_heads(kept.model)
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(module(x).logits, kept.model(x[None]).logits[0])
    adapter = adapter_info("batch-statistics").adapter(module, prior=0.0)
    found = adapter.predict(x)
    layers = list(module.layers.children())
    place = next(k for k, m in enumerate(layers) if isinstance(m, torch.nn.BatchNorm1d))
    hidden = torch.nn.Sequential(*layers[:place])(x).detach()
    layers[place].running_mean.copy_(hidden.mean(0))
    layers[place].running_var.copy_(hidden.var(0, unbiased=False))
    torch.testing.assert_close(module(x).logits, found)
    result.store.close()


@pytest.mark.parametrize("model", ["mlp(8)", "mlp(8,norm=batch)"])
def test_adapters_that_look_at_features_are_planned_before_there_is_a_head(places, model):
    study = Study(
        places, ["hypo", "drm"], model=model, adapters=["lame"], plain_training=False, **SETTINGS
    )
    names = [entry.name for entry in study.plan.entries]
    assert names == ["hypo", "drm", "hypo + lame", "drm + lame"]


def test_what_heads_say_mixes_to_what_the_method_says():
    from gengap.methods.base import Predictor, stack
    from gengap.methods.drm import DRM
    from gengap.methods.heads import mixed, module_with_heads
    from gengap.models.networks import architecture

    made, draw = architecture("mlp(6)"), torch.Generator().manual_seed(0)
    drawn = {name: p[None] for name, p in made.initialise((3,), 2, 0).items()}
    drawn["heads.weight"] = torch.randn(1, 4, 6, 2, generator=draw)
    drawn["heads.bias"] = torch.randn(1, 4, 2, generator=draw)
    drawn["heads.share"] = torch.tensor([[0.5, 0.0, 0.5, 0.0]])
    network = Predictor(Network(made, drawn, (3,)), stack([DRM.make()]))
    module, x = module_with_heads(network), torch.randn(5, 3, generator=draw)
    features, logits = module(x)
    each = module.each_head(features)
    assert each.shape == (5, 2, 2)
    torch.testing.assert_close(mixed(each[None], torch.tensor([[0.5, 0.5]]))[0], logits)


def test_remedies_of_other_sizes_start_from_models_of_these_sizes(places, tmp_path):
    """The mean along a run is that of the weights which the run of this size had."""
    study = Study(
        places, ["erm"], model="mlp(8,norm=layer)", merges=["beta-moving-average"],
        adapters=["tent"], sizes="examples=8", keep_models="all", splits="hold-out:0",
        store=tmp_path / "records.db", checkpoints="linear:2", **{**SETTINGS, "steps": 4},
    )  # fmt: skip
    study.carry_out(store := Store(study.store), study.plan)
    sized = {name: [place for place in own if place[0].role == "sized"]
             for name, own in study.plan.runs.items()}  # fmt: skip
    run, cell = sized["erm + beta-moving-average"][0]
    (of,) = (of for of, at in sized["erm"] if at is cell)
    assert run.settings["of"] == [of.key]
    assert len(np.concatenate(study.plan.training_rows(cell, 0))) == 16
    first, last = (trained_model(study, store, study.plan, of, cell, s) for s in study.scored_at)
    joined = merge_models(
        merge_info("beta-moving-average").merge.make(),
        [{name: p[0] for name, p in m.model.parameters.items()} for m in (first, last)],
        steps=study.scored_at,
    )
    examples = study.plan.example_set(0, "test")
    X = torch.from_numpy(last.prepared.inputs.apply(study.problem.matrix[examples.example]))
    expected = last.model.at({name: p[None] for name, p in joined.items()}).outputs(X).logits
    stored = store.outcomes([run.key], "test")[run.key, study.scored_at[-1]].predicted
    np.testing.assert_array_equal(stored, expected.argmax(1).numpy())
    store.close()
    result = study.run()
    rows = result.summary["sizes"]["rows"]
    assert {row["method"] for row in rows} == {entry.name for entry in study.plan.entries}
    assert np.isfinite([row["score_unseen"] for row in rows]).all()
    assert not kept_models(result.store, [run.key for run, _ in sized["erm"]])
    assert kept_models(result.store, [run.key for run, _ in study.plan.runs["erm"]])
    result.store.close()


def test_a_decided_method_trains_on_for_a_remedy_that_is_not_decided(places, monkeypatch):
    """After ten seeds sgd is far behind and its adapter is not: the next batch has both."""
    study = Study(
        places, ["erm", "sgd"], model="mlp(8,norm=layer)", adapters=["tent"], until_decided=True,
        seeds=15,
    )  # fmt: skip
    plan = study.plan
    known = {name: [k + 0.1 * (seed % 3) for seed in range(15)] for name, k in
             {"erm": 1.0, "sgd": 0.0, "erm + tent": 0.0}.items()}  # fmt: skip
    known["sgd + tent"] = [1.05 + 0.01 * (seed % 2) for seed in range(15)]
    seed_of = {run.key: run.seed for own in plan.runs.values() for run, _ in own}

    class Finished:
        """Records that hold every run of the first ten seeds."""

        def finished(self, keys):
            return {key for key in keys if seed_of[key] < 10}

    monkeypatch.setattr(
        "gengap.study.until_decided.seed_scores",
        lambda part, _, name: [known[name][seed] for seed in part.seeds],
    )
    now = replay(plan, Finished())
    assert {len(own) for own in now.scores.values()} == {10}
    assert [entry.name for entry in now.pending.entries] == ["erm", "sgd", "sgd + tent"]
    assert now.pending.seeds == tuple(range(10, 15))
    monkeypatch.setattr(Finished, "finished", lambda self, keys: set(keys))
    done = replay(plan, Finished())
    assert {name: len(own) for name, own in done.scores.items()} == {
        "erm": 15, "sgd": 10, "erm + tent": 10, "sgd + tent": 15,
    }  # fmt: skip
