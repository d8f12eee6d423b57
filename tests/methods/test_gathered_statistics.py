"""What methods gather in layers that normalise by the batch, held against plain PyTorch."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from toys import batch_of, stacked

from gengap.base.seeds import generator
from gengap.methods.averaging import Averaging
from gengap.methods.base import Method, mean_risk, take_step
from gengap.methods.batch import Batch
from gengap.methods.difficulty import Difficulty
from gengap.methods.energy_margin import EnergyMargin
from gengap.methods.erm import ERM
from gengap.methods.gradient_regularisation import GradientRegularisation
from gengap.methods.holistic_robust import HolisticRobust
from gengap.methods.implicit_decay import ImplicitDecay
from gengap.methods.iomatch import IOMatch
from gengap.methods.just_train_twice import JustTrainTwice
from gengap.methods.label_augmentation import LabelAugmentation
from gengap.methods.last_layer import LastLayer, fit
from gengap.methods.low_rank import LowRank
from gengap.methods.memorisation_aware import MemorisationAware
from gengap.methods.rich_features import RichERM
from gengap.methods.robust_self_training import RobustSelfTrainingUnseen
from gengap.methods.sam import SAM
from gengap.methods.self_training import SelfTraining
from gengap.methods.udim import UDIM
from gengap.models.as_module import module_of
from gengap.models.networks import Network, architecture
from gengap.records.run import Run
from gengap.training.kept import network_from_bytes
from gengap.training.tables import Tables
from gengap.training.tasks import Task
from gengap.training.train import train_fleet

MODEL, SHAPE, CLASSES, HIDDEN = "mlp(6,norm=batch)", (4,), 3, 6


def drawn(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def one(method: Method, batch: Batch) -> tuple[Method, Network, nn.Module]:
    """A method for one run, its network in training, and the same in plain PyTorch."""
    made = architecture(MODEL)
    own = made.initialise(SHAPE, CLASSES, 3)
    own.update(method.extra_parameters(batch.context, torch.Generator().manual_seed(0)))
    made.train(True)
    network = Network(made, {n: p[None].clone().requires_grad_() for n, p in own.items()}, SHAPE)
    return stacked([method]), network, copy.deepcopy(made._module).train()


def small_batch() -> Batch:
    """Two environments of ten examples, and as many without labels, elsewhere."""
    y = torch.arange(20).view(1, 2, 10) % CLASSES
    batch = batch_of(y, x=drawn(1, 2, 10, *SHAPE), classes=CLASSES, features=HIDDEN, steps=4)
    known = replace(batch.context, shape=SHAPE, inputs=SHAPE[0], units=20)
    beside = 2 * drawn(1, 20, *SHAPE, seed=1) + 1
    return replace(
        batch, context=known, rows=torch.arange(20).view(1, 2, 10),
        unlabelled=beside, another_view=lambda x: x + 0.5, step=2,
    )  # fmt: skip


def assert_gathered(network: Network, plain: nn.Module) -> None:
    wanted = dict(plain.named_buffers())
    found = dict(network.architecture._module.named_buffers())
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, msg=lambda text, n=name: f"{n}: {text}")


LOOKS = [
    SAM.make(rho=0.5),
    GradientRegularisation.make(ascent=1.0),
    ImplicitDecay.make(),
    UDIM.make(rho=0.5, radius=2.0),
    HolisticRobust.make(radius=2.0),
    Difficulty.make(tolerance=1.5),
]


@pytest.mark.parametrize("method", LOOKS, ids=lambda m: type(m).__name__)
def test_passes_at_other_weights_or_inputs_gather_nothing(method):
    batch = small_batch()
    method, network, plain = one(method, batch)
    state = method.initial_state(batch.context, network.parameters)
    method.gradients(network, batch, state)
    plain(batch.x[0].flatten(0, 1))
    assert_gathered(network, plain)


def test_sharpness_is_that_of_two_plain_passes_of_which_the_first_gathers():
    batch = small_batch()
    method, network, plain = one(SAM.make(rho=0.5), batch)
    x, y = batch.x[0].flatten(0, 1), batch.y[0].flatten()
    F.cross_entropy(plain(x), y).backward()
    slopes = {name: p.grad for name, p in plain.named_parameters()}
    length = torch.cat([slope.flatten() for slope in slopes.values()]).norm()
    above = copy.deepcopy(plain)
    for name, p in above.named_parameters():
        p.data += 0.5 * slopes[name] / length
    above.zero_grad()
    F.cross_entropy(above(x), y).backward()
    found = method.gradients(network, batch, {})
    for name, p in above.named_parameters():
        torch.testing.assert_close(found[name][0], p.grad, rtol=1e-4, atol=1e-6)
    assert_gathered(network, plain)


@pytest.mark.parametrize("kind", [SelfTraining, IOMatch])
def test_labels_of_ones_own_gather_what_labelled_inputs_and_views_are_together(kind):
    batch = small_batch()
    method, network, plain = one(kind.make(), batch)
    method.loss(network, batch, {})
    plain(torch.cat([batch.x[0].flatten(0, 1), batch.unlabelled[0] + 0.5]))
    assert_gathered(network, plain)


def test_self_training_is_one_plain_pass_beside_the_answers():
    batch = small_batch()
    method, network, plain = one(SelfTraining.make(weight=2.0, threshold=0.5), batch)
    found = method.loss(network, batch, {})
    x, y = batch.x[0].flatten(0, 1), batch.y[0].flatten()
    answer = torch.softmax(copy.deepcopy(plain)(batch.unlabelled[0]), 1).max(1)
    both = plain(torch.cat([x, batch.unlabelled[0] + 0.5]))
    own = F.cross_entropy(both[20:], answer.indices, reduction="none")
    own = (own * (answer.values >= 0.5)).mean()
    torch.testing.assert_close(found[0], F.cross_entropy(both[:20], y) + 2.0 * own)


def test_robust_self_training_gathers_from_inputs_where_they_are():
    batch = small_batch()
    method, network, plain = one(RobustSelfTrainingUnseen.make(price=0.1), batch)
    method.loss(network, batch, {})
    plain(torch.cat([batch.x[0].flatten(0, 1), batch.unlabelled[0]]))
    assert_gathered(network, plain)


def test_transformations_of_label_augmentation_pass_together():
    batch = small_batch()
    method, network, plain = one(LabelAugmentation.make(), batch)
    found, own = method.loss(network, batch, {}), network.parameters
    x, y = batch.x[0].flatten(0, 1), batch.y[0].flatten()
    features = plain[:-1](torch.cat([x, x.flip(1), -x, -x.flip(1)]))
    logits = features @ own["head.weight"][0] + own["head.bias"][0]
    joint = torch.cat([4 * y + way for way in range(4)])
    torch.testing.assert_close(found[0], F.cross_entropy(logits, joint))
    assert_gathered(network, plain)


def padded(batch: Batch) -> Batch:
    """The second environment has two examples, the last of them repeated."""
    x, mask = batch.x.clone(), torch.ones(1, 2, 10, dtype=torch.bool)
    x[:, 1, 2:], mask[:, 1, 2:] = 9.0, False
    return replace(batch, x=x, mask=mask)


def test_a_risk_over_all_rows_sees_no_padding_and_gathers_nothing():
    part = padded(small_batch())
    _, network, plain = one(ERM.make(), part)
    found = mean_risk(network, replace(part, all_rows=lambda: iter([part])))
    said = plain(torch.cat([part.x[0, 0], part.x[0, 1, :2]]))
    y = part.y[0]
    risks = F.cross_entropy(said[:10], y[0]), F.cross_entropy(said[10:], y[1, :2])
    torch.testing.assert_close(found[0], sum(risks) / 2)
    assert torch.equal(network.architecture._module[2].running_mean, torch.zeros(HIDDEN))


def problem_of(count: int = 60) -> tuple[Tables, Task]:
    """Three environments of unequal sizes."""
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(count, *SHAPE)), np.arange(count) % CLASSES
    X[:, 0] += y
    where = np.repeat([0, 1, 2], [count // 2, count // 3, count - count // 2 - count // 3])
    problem = Tables(X, y, where, ("a", "b", "c"), tuple("xyz"))
    rows = tuple(np.flatnonzero(where == k).astype(np.int32) for k in range(3))
    run = Run("p", "m", {}, MODEL, "unseen", "all", ("a", "b", "c"), (), 0)
    every = np.arange(count)
    return problem, Task(run, rows, problem.prepare(every), {"test": every.astype(np.int32)})


def fleet(method: Method, steps: int = 8, keep_models: tuple[int, ...] = ()):
    problem, task = problem_of()
    kept: list[Network] = []
    (run,) = train_fleet(
        problem, [task], [method], architecture(MODEL), steps=steps, batch=6, slots=3,
        checkpoints=(steps,), keep=kept.append, keep_models=keep_models,
    )  # fmt: skip
    feed = problem.feed([task], steps=0, batch=1, slots=3, device="cpu")
    x = feed.inputs(torch.arange(60)[None])[0]
    return kept[0], x, torch.from_numpy(problem.y), run


def gathered(network: Network) -> dict[str, Tensor]:
    module = network.architecture._module
    return {name: value.clone() for name, value in module.named_buffers()}


def noting(method: Method, seen: list, phase: int = 0) -> Method:
    """The same method, which notes what the network says of an input as a phase begins."""

    @dataclass(frozen=True)
    class Noting(type(method)):  # type: ignore[misc]
        def begin(self, number, runs, network, *rest) -> None:  # type: ignore[no-untyped-def]
            if number == phase:
                inputs = drawn(1, 5, *SHAPE)
                seen.append((network(inputs).logits[0], module_of(network)(inputs[0])))
                seen.append(gathered(network))
            super().begin(number, runs, network, *rest)
            if number == phase:
                seen.append(gathered(network))

    return Noting(**{name: getattr(method, name) for name in method.fields()})


STAGED = [
    (JustTrainTwice.make(first=0.5), 0, True),
    (RichERM.make(rich=0.9), 1, True),
    (MemorisationAware.make(first=0.5), 1, True),
    (LastLayer.make(), 1, False),
]


@pytest.mark.parametrize(("method", "phase", "anew"), STAGED, ids=lambda v: type(v).__name__)
def test_phases_look_at_what_is_predicted_and_weights_begin_anew_with_their_statistics(
    method, phase, anew
):
    seen: list = []
    fleet(noting(method, seen, phase))
    (said, plain), before, after = seen
    torch.testing.assert_close(said, plain)
    assert before["2.running_mean"].abs().sum() > 0
    if anew:
        assert torch.equal(after["2.running_mean"], torch.zeros(HIDDEN))
        assert torch.equal(after["2.running_var"], torch.ones(HIDDEN))
    else:
        assert all(torch.equal(after[name], value) for name, value in before.items())


def test_the_last_layer_is_fitted_to_the_features_that_it_predicts_from():
    network, x, y, _ = fleet(LastLayer.make(held_out=0.5, ridge=0.1))
    own = network.parameters
    features = module_of(network.plain)[:-1](x)
    problem, task = problem_of()
    held = torch.from_numpy(generator(task.run.seed, "method", task.run.split).random(60) < 0.5)
    group = torch.from_numpy(problem.environment) * CLASSES + y
    weight = torch.zeros(60)
    for number in group[held].unique():
        here = held & (group == number)
        weight[here] = 1 / here.sum()
    weight = weight / weight.sum()
    rows = held.nonzero()[:, 0]
    layer, bias = fit(features[rows], y[rows], weight[rows], 0.1, CLASSES)
    torch.testing.assert_close(own["last.weight"][0], layer, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(own["last.bias"][0], bias, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", [Averaging.make(start=0.5), LowRank.make()])
def test_statistics_are_those_of_the_weights_that_predict(method):
    steps = 8
    network, x, _, run = fleet(method, steps, keep_models=(steps,))
    plain = copy.deepcopy(module_of(network))
    update_bn([(x,)], plain)  # PyTorch's own, of all rows at once
    with torch.no_grad():
        expected = torch.softmax(plain.eval()(x), 1)
        torch.testing.assert_close(torch.softmax(network(x[None]).logits[0], 1), expected)
        again = architecture(MODEL)
        again.initialise(SHAPE, CLASSES, 0)
        read = network_from_bytes(run.models[0], again, SHAPE)
        torch.testing.assert_close(torch.softmax(read(x[None]).logits[0], 1), expected)
    (outcome,) = run.outcomes
    assert np.array_equal(outcome.predicted, expected.argmax(1).numpy())


def test_training_does_not_see_the_statistics_of_the_mean():
    (first, *_), (then, *_) = fleet(Averaging.make(start=1.0)), fleet(ERM.make())
    for name, value in then.parameters.items():
        assert torch.equal(first.parameters[name], value)


def test_layers_train_again_once_a_phase_has_begun():
    seen: list = []
    batch = small_batch()
    method, network, _ = one(noting(EnergyMargin.make(start=0.25), seen), batch)
    state = method.initial_state(batch.context, network.parameters)
    part = padded(batch)
    optimizer = method.optimizer(network.parameters, batch.context)
    first = replace(batch, step=1, all_rows=lambda: iter([part]))
    take_step(method, network, optimizer, first, state)
    (said, plain), *_ = seen
    torch.testing.assert_close(said, plain)
    assert network.architecture._module.training
