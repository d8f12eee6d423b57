"""How many runs share a program: bounded by memory, by cache and by what an interrupt may lose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import tables
from torch import nn

from gengap.models.networks import MLP, Module
from gengap.training.chunks import CACHE_BYTES, MOST_RUNS, Footprint, chunks, footprint

FLOAT = 4


def size(architecture, d=10, classes=3, *, steps=100, batch=32, slots=3, passes=1.0) -> Footprint:
    data = tables(np.zeros((5, d), np.float32), np.zeros(5, np.int64), classes)
    return footprint(data, architecture, steps=steps, batch=batch, slots=slots, passes=passes)


@pytest.mark.parametrize(
    ("items", "most", "expected"),
    [
        (10, 4, [3, 4, 3]),  # nearly equal, rather than 4, 4, 2
        (8, 4, [4, 4]),
        (3, 4, [3]),
        (4, 1, [1, 1, 1, 1]),
        (2, 0, [1, 1]),
        (0, 4, []),
        (1, 64, [1]),
    ],
)
def test_chunks_by_hand(items, most, expected):
    assert [len(piece) for piece in chunks(range(items), most)] == expected


@pytest.mark.parametrize("items", [1, 5, 64, 65, 97])
@pytest.mark.parametrize("most", [1, 3, 7, 64])
def test_chunks_keep_everything_in_order(items, most):
    pieces = chunks(list(range(items)), most)
    assert [item for piece in pieces for item in piece] == list(range(items))
    lengths = [len(piece) for piece in pieces]
    assert max(lengths) <= most
    assert max(lengths) - min(lengths) <= 1
    assert len(pieces) == -(-items // most)


def test_activations_of_a_network_by_hand():
    """The backward pass of 10-16-16-3 keeps the input (10), two hidden layers (16 each)."""
    found = size(MLP((16, 16)), batch=32, slots=3)
    least = 32 * 3 * FLOAT * (10 + 16 + 16)
    assert least <= found.activations <= 2 * least + 32 * 3 * FLOAT * 2 * 16


def test_footprint_grows_with_everything_that_takes_memory():
    base = size(MLP((16,)))
    assert size(MLP((64,))).total > base.total
    assert size(MLP((16, 16))).total > base.total
    assert size(MLP((16,)), d=1000).total > base.total
    assert size(MLP((16,)), batch=64).total > base.total
    assert size(MLP((16,)), slots=6).total > base.total
    assert size(MLP((16,)), steps=1000).total > base.total
    assert size(MLP((16,)), passes=2.0).total > base.total
    weights = 10 * 16 + 16 + 16 * 3 + 3
    assert base.total > 4 * FLOAT * weights  # weights, gradients and AdamW's two moments at least


def test_a_module_is_measured_as_well():
    def factory(shape, outputs):
        return nn.Sequential(nn.Linear(shape[0], 16), nn.ReLU(), nn.Linear(16, outputs))

    module, written_out = size(Module(factory)), size(MLP((16,)))
    assert module.activations == pytest.approx(written_out.activations, rel=0.5)


def test_runs_at_once_obeys_every_bound():
    small = Footprint(total=1000, activations=10)
    assert small.runs_at_once(1 << 30) == MOST_RUNS
    assert small.runs_at_once(10_000) == 10
    assert small.runs_at_once(10) == 1  # one run always goes, however little memory there is
    assert Footprint(1000, CACHE_BYTES // 5).runs_at_once(1 << 30) == 5
    assert Footprint(1000, 10 * CACHE_BYTES).runs_at_once(1 << 30) == 2
    assert Footprint(0, 0).runs_at_once(0) == 1


def test_measuring_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    size(Module(lambda shape, outputs: nn.Linear(shape[0], outputs)))
    assert torch.equal(before, torch.get_rng_state())


def test_what_a_run_remembers_of_its_play_counts():
    """Two observations of 10 numbers a transition, of no more transitions than it plays."""
    data = tables(np.zeros((5, 10), np.float32), np.zeros(5, np.int64), 3)
    some = {"steps": 100, "batch": 32, "slots": 3, "passes": 1.0}
    without = footprint(data, MLP((16,)), **some).total
    for remembered, kept in ((0, 0), (500, 500), (10**6, 100 * 32 * 3)):
        found = footprint(data, MLP((16,)), **some, replays=remembered).total
        assert found - without == FLOAT * 2 * 10 * kept
