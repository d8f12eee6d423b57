"""What a torch module holds besides its parameters, and whose it is."""

from __future__ import annotations

import threading

import numpy as np
import torch
from torch import Tensor, nn

from gengap.base.seeds import derive
from gengap.environments.core import Environments
from gengap.methods.erm import ERM
from gengap.models.as_module import module_of
from gengap.models.modules import GLOBAL_GENERATOR, ends_linearly
from gengap.models.networks import Module, Network, architecture
from gengap.models.starting import start_of
from gengap.records.run import Run
from gengap.study.pretraining import pretrain
from gengap.study.study import Study
from gengap.training.kept import network_from_bytes, networks_to_bytes
from gengap.training.tables import Tables
from gengap.training.tasks import Task
from gengap.training.train import initial_network, train_fleet

SHAPE = (3,)


class HeadFirst(nn.Module):
    """Defines the layer that gives the logits before the one below it."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.says, self.reads = nn.Linear(4, outputs), nn.Linear(shape[0], 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.says(self.reads(x).relu())


class WithAside(HeadFirst):
    """Runs another linear layer after it has its logits."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__(shape, outputs)
        self.aside = nn.Linear(shape[0], 2)

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        self.aside(x)
        return logits


def network_of(made: Module, outputs: int = 2, *branches: str) -> Network:
    own = made.initialise(SHAPE, outputs, 0)
    for name in branches:
        further = made.branch(name).initialise(SHAPE, outputs, 1)
        own.update({f"{name}/{p}": value for p, value in further.items()})
    made.train(True)
    return Network(made, {name: p[None] for name, p in own.items()}, SHAPE)


def normal(seed: int, count: int = 20) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn((1, count, *SHAPE), generator=draw) * (seed + 1) + seed


def test_features_enter_the_layer_that_gives_the_logits_wherever_it_is_defined():
    for kind in (HeadFirst, WithAside):
        made = Module(kind)
        network, x = network_of(made), normal(0)
        found = network(x)
        weight, bias = (network.parameters[f"says.{part}"] for part in ("weight", "bias"))
        assert found.features.shape == (1, 20, 4)
        torch.testing.assert_close(found.features @ weight.transpose(1, 2) + bias, found.logits)


def test_a_look_normalises_by_the_batch_and_moves_no_statistics():
    made = architecture("mlp(4,norm=batch)")
    network, x = network_of(made), normal(1)
    said = network.still()(x).logits
    layer = made._module[2]
    assert torch.equal(layer.running_mean, torch.zeros(4))
    assert layer.num_batches_tracked == 0
    # The same pass without a look, in plain PyTorch.
    torch.testing.assert_close(said[0], made._module(x[0]))
    assert layer.num_batches_tracked == 1


def test_a_further_network_gathers_statistics_of_its_own_and_they_are_kept():
    made = architecture("mlp(4,norm=batch)")
    network = network_of(made, 2, "other")
    first, other = normal(0), normal(3)
    network(first)
    network.branch("other")(other)
    for name, x in (("", first), ("other/", other)):
        weight, bias = (network.parameters[f"{name}1.{part}"] for part in ("weight", "bias"))
        before = (x @ weight.transpose(1, 2) + bias)[0]
        held = dict(made.buffers())
        torch.testing.assert_close(held[f"{name}2.running_mean"], 0.1 * before.mean(0))
        torch.testing.assert_close(held[f"{name}2.running_var"], 0.9 + 0.1 * before.var(0))
    made.train(False)
    (model,) = networks_to_bytes(network, 1, 0)
    again = architecture("mlp(4,norm=batch)")
    again.initialise(SHAPE, 2, 5)
    read = network_from_bytes(model, again, SHAPE)
    assert torch.equal(read(first).logits, network(first).logits)
    there, here = (net.branch("other")(first).logits for net in (read, network))
    assert torch.equal(there, here)


def test_what_was_gathered_is_forgotten():
    made = architecture("mlp(4,norm=batch)")
    network = network_of(made, 2, "other")
    network(normal(0))
    network.branch("other")(normal(0))
    network.begin_again()
    for name, value in made.buffers():
        first = 1.0 if name.endswith("var") else 0.0
        assert torch.equal(value, torch.full_like(value, first))


class Frozen(nn.Module):
    """Reads by random features that do not learn, and by numbers in an order of its own."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.register_buffer("order", torch.randperm(shape[0]))
        self.reads = nn.Linear(shape[0], 8).requires_grad_(False)
        self.says = nn.Linear(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.says(self.reads(x[:, self.order]).relu())


def small_problem() -> tuple[Tables, Task]:
    X = normal(0, 40)[0].numpy().astype(np.float64)
    problem = Tables(X, (X[:, 0] > 0).astype(np.int64), np.zeros(40, np.int64), ("a",), ("n", "y"))
    rows = np.arange(40, dtype=np.int32)
    run = Run("p", "erm", {}, "m", "unseen", "all", ("a",), (), 3)
    return problem, Task(run, (rows,), problem.prepare(rows), {"test": rows})


def test_frozen_parameters_stay_and_are_kept_with_the_rest():
    (problem, task), made, kept = small_problem(), Module(Frozen), []
    (run,) = train_fleet(
        problem, [task], [ERM.make(weight_decay=0.1)], made, steps=20, batch=8, slots=1,
        checkpoints=(20,), keep=kept.append, keep_models=(20,),
    )  # fmt: skip
    torch.manual_seed(derive(3, "weights"))
    fresh, after = Frozen(SHAPE, 2), module_of(kept[0])
    for name in ("reads.weight", "reads.bias"):
        assert torch.equal(after.get_parameter(name), fresh.get_parameter(name))
    assert not torch.equal(after.says.weight, fresh.says.weight)
    again = Module(Frozen)
    again.initialise(SHAPE, 2, 9)
    read = network_from_bytes(run.models[0], again, SHAPE)
    assert torch.equal(read(normal(0)).logits, kept[0](normal(0)).logits)
    assert torch.equal(module_of(read)(normal(0)[0]), after(normal(0)[0]))


def test_a_module_that_was_frozen_to_predict_learns_all_the_same():
    made = Module(lambda: nn.Linear(3, 2).requires_grad_(False))
    assert made.initialise(SHAPE, 2, 0).keys() == {"weight", "bias"}


def test_training_starts_from_what_was_gathered_and_frozen_elsewhere():
    problem, task = small_problem()
    for made in (Module(Frozen), architecture("mlp(4,norm=batch)")):
        network_of(made)(normal(2))
        held = {name: value.clone() for name, value in made._module.state_dict().items()}
        initial_network(
            problem, [task], [ERM.make()], made, slots=1, steps=1, device="cpu",
            start=start_of(held),
        )  # fmt: skip
        for name, value in made.buffers():
            assert torch.equal(value, held[name])


def test_pretrained_weights_bring_their_statistics():
    X = normal(0, 60)[0].numpy()
    places = Environments.from_arrays(X, (X[:, 0] > 0).astype(int), [str(k % 3) for k in range(60)])
    found = pretrain(places, "mlp(4,norm=batch)", steps=6, batch=5).weights
    made = architecture("mlp(4,norm=batch)")
    made.initialise(SHAPE, 2, 0)
    assert found.keys() == made._module.state_dict().keys()
    assert int(found["2.num_batches_tracked"]) == 6


def test_what_a_module_holds_moves_to_the_device_of_its_inputs():
    made = Module(Frozen)
    made.initialise(SHAPE, 2, 0)
    made.branch("other").initialise(SHAPE, 2, 0)
    made.to("meta")
    assert {value.device.type for _, value in made.buffers()} == {"meta"}


class Drops(nn.Sequential):
    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__(nn.Linear(shape[0], 8), nn.Dropout(0.5), nn.Linear(8, outputs))


def test_dropout_in_one_thread_is_not_that_of_weights_drawn_in_another():
    X = normal(0, 80)[0].numpy()
    y = (X[:, 0] > 0).astype(int)
    places = Environments.from_arrays(X, y, [str(k % 4) for k in range(80)])

    def trained(executor: str) -> dict[str, Tensor]:
        study = Study(
            places, ["erm"], model=Drops, seeds=1, steps=300, batch=4, splits="hold-out:3",
            jobs=1, executor=executor, keep_models="erm", selection="last-step",
        )  # fmt: skip
        found = study.run()
        keys = sorted(stored.run.key for stored in found.store.runs())
        (outcomes,) = (found.store.outcomes(keys, part) for part in ("test",))
        return {str(k): torch.from_numpy(o.true_probability.copy()) for k, o in outcomes.items()}

    alone, over, other = trained("threads"), threading.Event(), architecture("mlp(8,norm=layer)")
    expected = other.initialise(SHAPE, 2, 7)
    drawn: list[bool] = []

    def draw() -> None:
        while not over.is_set():
            found = other.initialise(SHAPE, 2, 7)
            drawn.append(all(torch.equal(found[name], p) for name, p in expected.items()))

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        beside = trained("threads")
    finally:
        over.set()
        thread.join()
    assert all(drawn)
    assert beside.keys() == alone.keys()
    assert all(torch.equal(beside[name], alone[name]) for name in alone)
    with GLOBAL_GENERATOR:  # which one thread may hold twice
        other.initialise(SHAPE, 2, 7)


class EndsRound(HeadFirst):
    """Normalises what its last linear layer says, so that no layer's output is the logits."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(super().forward(x), dim=1)


def test_methods_of_the_last_layers_gradients_need_one_that_gives_the_logits():
    one_logit = Module(lambda: HeadFirst(SHAPE, 1), checked=True)
    kinds = (HeadFirst, True), (WithAside, True), (Frozen, True), (EndsRound, False)
    for kind, ends in kinds:
        assert ends_linearly(Module(kind), SHAPE, 2) == ends
    assert ends_linearly(one_logit, SHAPE, 2)
    X = normal(0, 60)[0].numpy()
    places = Environments.from_arrays(X, (X[:, 0] > 0).astype(int), [str(k % 3) for k in range(60)])
    for model, skipped in ((EndsRound, {"fishr", "udim"}), (HeadFirst, set())):
        study = Study(places, ["erm", "coral", "fishr", "udim"], model=model)
        assert study.plan.entries
        said = study.skipped
        assert set(said) == skipped
        assert all("needs a linear last layer" in why for why in said.values())
