from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from toys import toy

import gengap as gg
from gengap.environments.suites.covariate_shift import CovariateShift, covariate_shift
from gengap.methods.erm import ERM
from gengap.methods.importance_weighting import ImportanceWeighting, flattened, log_ratios
from gengap.models.networks import MLP
from gengap.records.run import Run
from gengap.training.tables import Tables
from gengap.training.tasks import Task
from gengap.training.train import train_fleet

CURVED = {"curvature": 0.5, "noise": (0.1, 0.1)}
UNSEEN = 3  # of the six environments, the fourth


@pytest.fixture(scope="module")
def trained():
    """Linear models by both methods with one environment unseen, in units of the data."""
    environments = covariate_shift(n=2000, **CURVED)
    problem = Tables.of(environments)
    train = tuple(np.flatnonzero(environments.environment == k) for k in range(6) if k != UNSEEN)
    prepared = problem.prepare(np.concatenate(train))
    found = {}
    for method in (ERM(learning_rate=1e-2), ImportanceWeighting(learning_rate=1e-2)):
        run = Run("p", "m", {}, "linear", "unseen", "s", ("a",), ("b",), 0)
        unseen = np.flatnonzero(environments.environment == UNSEEN)
        task = Task(run, train, prepared, unlabelled=unseen)
        kept = []
        train_fleet(
            problem, [task], [method], MLP(()), steps=800, batch=256, slots=5, checkpoints=(),
            keep=kept.append,
        )  # fmt: skip
        parameters = kept[0].run(0).parameters
        slope = float(parameters["weight0"][0]) * prepared.scale * float(prepared.inputs.scale[0])
        start = float(parameters["bias0"][0]) * prepared.scale + prepared.shift
        # Numbers are encoded as differences from their median.
        median = float(environments.X[0, 0]) - float(problem.matrix[0, 0])
        at = float(prepared.inputs.shift[0]) + median
        found[type(method)] = ((start - slope * at, slope), parameters, prepared, median)
    return found


def test_the_line_is_the_one_that_is_best_in_the_unseen_environment(trained):
    family = CovariateShift(**CURVED)
    here = family.learn([k for k in range(6) if k != UNSEEN])
    there = family.learn([UNSEEN])
    assert trained[ERM][0] == pytest.approx(here, abs=0.06)
    assert trained[ImportanceWeighting][0] == pytest.approx(there, abs=0.12)
    assert abs(here[0] - there[0]) > 0.4  # so the two tests above tell them apart
    risks = [family.risk(trained[m][0], family.names[UNSEEN]) for m in (ERM, ImportanceWeighting)]
    assert risks[1] < 0.7 * risks[0]
    assert risks[1] < 1.05 * family.risk(there, family.names[UNSEEN])


def test_the_ratio_learned_is_the_ratio_of_the_densities(trained):
    means = CovariateShift().means
    _, parameters, prepared, median = trained[ImportanceWeighting]
    x = np.linspace(means[UNSEEN] - 1.5, means[UNSEEN] + 1.5, 31)
    inputs = prepared.inputs.apply((x - median)[:, None].astype(np.float32))
    found = np.exp(log_ratios(parameters, torch.from_numpy(inputs)[None])[0].numpy())
    mixture = np.mean([stats.norm.pdf(x, m) for k, m in enumerate(means) if k != UNSEEN], axis=0)
    np.testing.assert_allclose(found, stats.norm.pdf(x, means[UNSEEN]) / mixture, rtol=0.15)


def test_a_study_gives_it_inputs_of_the_training_part_only():
    environments = covariate_shift(n=60, **CURVED)
    seen = []

    class Watching(Tables):
        def feed(self, tasks, **settings):
            seen.extend(tasks)
            return super().feed(tasks, **settings)

    study = gg.Study(
        environments, ["importance-weighting"], seeds=2, steps=6, batch=8, model="linear",
        threads=1,
    )  # fmt: skip
    study.__dict__["problem"] = Watching.of(study.environments)
    result = study.run()
    plain = [t for t in seen if t.run.method == "erm"]
    assert plain
    assert all(t.unlabelled is None for t in plain)
    for task in (t for t in seen if t.run.method == "importance-weighting"):
        unlabelled = set(task.unlabelled.tolist())
        scored = set(task.score["test"].tolist()) | set(task.score["validation"].tolist())
        assert unlabelled
        assert not unlabelled & scored
        codes = environments.environment[sorted(unlabelled)]
        if task.run.role == "unseen":
            assert {environments.names[k] for k in codes} == set(task.run.unseen_environments)
        else:
            assert unlabelled == set(task.train_rows.tolist())
    assert any("sees unlabelled unseen inputs" in text for text in study.warnings)
    assert result.skipped == {}


def test_weights_by_hand():
    ratios = torch.tensor([[0.0, np.log(4.0)]])
    assert flattened(ratios, torch.tensor([1.0]))[0].tolist() == pytest.approx([0.4, 1.6])
    assert flattened(ratios, torch.tensor([0.5]))[0].tolist() == pytest.approx([2 / 3, 4 / 3])
    assert flattened(ratios, torch.tensor([0.0]))[0].tolist() == [1.0, 1.0]


def test_exponent_zero_is_plain_training():
    weighted, plain = toy([ImportanceWeighting(exponent=0.0)]), toy([ERM()])
    found, wanted = weighted.train(), plain.train()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)
