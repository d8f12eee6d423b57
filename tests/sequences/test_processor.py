"""Messages between nodes by plain loops, and rounds that follow one another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite
from gengap.models.networks import Network
from gengap.sequences.networks.processor import Processor
from gengap.sequences.pairs import SLOTS, WRITTEN
from gengap.sequences.scoring import Scorer
from gengap.sequences.vocabulary import BEGIN, UNKNOWN

PROBLEM = load_suite("graph-search:longest=6,each=6", seed=3)
ROWS = np.array([0, 7, 14])


def network(history: str, seed: int = 0) -> Network:
    made = Processor(width=6, history=history).reading(PROBLEM.vocabulary)
    own = made.initialise(PROBLEM.shape, PROBLEM.outputs, seed)
    return Network(made, {name: value[None] for name, value in own.items()}, PROBLEM.shape)


def read(rows: np.ndarray = ROWS) -> tuple[torch.Tensor, ...]:
    known = np.ones((1, PROBLEM.outputs), bool)
    width = int(PROBLEM.widths[rows].max())
    return Scorer(PROBLEM, known).gathered(torch.from_numpy(rows)[None], width)


def test_a_first_round_by_plain_loops():
    net = network("none")
    said = net(read()[0]).logits[0]
    p = {name: value[0] for name, value in net.parameters.items()}
    word = {name: code for code, name in enumerate(PROBLEM.vocabulary.words, 5)}

    def linear(name, x):
        return x @ p[f"{name}.weight"] + p[f"{name}.bias"][0]

    for k, row in enumerate(ROWS):
        *told, start = PROBLEM.vocabulary.text(PROBLEM.source[row]).split()
        nodes = [name for name in told if "-" not in name]
        lines = {frozenset(name.split("-")) for name in told if "-" in name}
        z = {
            v: p["table"][word[v]] + p["said"][BEGIN] + (v == start) * p["start"][0] for v in nodes
        }
        h = {}
        for v in nodes:
            messages = []
            for u in nodes:
                if u == v or {u, v} in lines:
                    features = torch.tensor([float({u, v} in lines), 0.0, 0.0, float(u == v)])
                    own = linear("here", z[v]) + linear("there", z[u]) + linear("between", features)
                    messages.append(own.relu())
            message = torch.stack(messages).max(0).values
            h[v] = (linear("own", z[v]) + linear("told", message)).relu()
            h[v] = torch.nn.functional.layer_norm(h[v], (6,))
        for place, v in enumerate(nodes):
            wanted = linear("output", h[v])
            for u in nodes:
                features = torch.tensor([float({u, v} in lines), 0.0, 0.0, float(u == v)])
                own = linear("from", h[v]) + linear("to", h[u]) + linear("pointing", features)
                wanted[word[u]] += linear("pointed", own.relu())[0]
            found = said[k, len(PROBLEM.source[row]) + place]
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("history", ["none", "all", "gated"])
def test_without_a_history_a_round_depends_on_the_one_before_alone(history):
    rows = np.flatnonzero(PROBLEM.factors["rounds"] >= 3)[:1]
    x = read(rows)[0]
    size = int(PROBLEM.factors["nodes"][rows[0]])
    first = len(PROBLEM.source[rows[0]])
    other = x.clone()
    other[0, 0, WRITTEN, first + 1 : first + 1 + size] = UNKNOWN  # what the first round said
    net = network(history)
    one, changed = (net(each).logits[0, 0, first:] for each in (x, other))
    torch.testing.assert_close(one[:size], changed[:size])
    assert not torch.allclose(one[size : 2 * size], changed[size : 2 * size])
    third = slice(2 * size, 3 * size)
    assert torch.allclose(one[third], changed[third]) == (history == "none")


@pytest.mark.parametrize("history", ["none", "gated"])
def test_on_its_own_it_reads_what_it_said(history):
    net = network(history)
    x = read()[0]
    free = net.architecture.on_its_own(net.parameters, x).logits.argmax(-1)
    written = x.clone()
    for k, row in enumerate(ROWS):
        first, length = len(PROBLEM.source[row]), len(PROBLEM.target[row])
        written[0, k, WRITTEN, first + 1 : first + length] = free[0, k, first : first + length - 1]
    again = net(written).logits.argmax(-1)
    slots = x[:, :, SLOTS] == 1
    assert torch.equal(again[slots], free[slots])
    assert not torch.equal(free[slots], net(x).logits.argmax(-1)[slots])
    _, y, mask = read()
    size = torch.tensor(PROBLEM.factors["nodes"].to_numpy()[ROWS])
    last = [(free == y)[0, k][mask[0, k]][-int(n) :].all() for k, n in enumerate(size)]
    (scores,) = Scorer(PROBLEM, np.ones((1, PROBLEM.outputs), bool)).scores(net, [ROWS])
    assert scores.tolist() == [float(right) for right in last]


def test_what_has_no_lines_is_no_graph():
    with pytest.raises(UsageError, match="no token is a line"):
        Processor().reading(load_suite("reverse").vocabulary)
