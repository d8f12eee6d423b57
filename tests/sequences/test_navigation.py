"""Ways through graphs against a graph library, and answers after steps of one's own by hand."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite
from gengap.models.networks import Network, Output
from gengap.sequences.pairs import WRITTEN
from gengap.sequences.problem import sequences_of
from gengap.sequences.ragged import Ragged
from gengap.sequences.scoring import Scorer
from gengap.sequences.vocabulary import BEGIN, END, SPECIAL, STOP

WIDTH = 5


def questions(problem):
    for row, code in enumerate(problem.environment):
        said = (problem.vocabulary.text(side[row]) for side in (problem.source, problem.target))
        yield problem.names[code], *(text.split() for text in said)


def test_answers_are_those_of_the_graph_that_ways_show():
    problem = load_suite(f"navigation:layers=5,width={WIDTH},chance=0.3,times=3", seed=4)
    found = list(questions(problem))
    graph = nx.DiGraph()
    graph.add_nodes_from(f"n{node}" for node in range(5 * WIDTH))
    for _, (start, _), (*way, _) in found:
        nx.add_path(graph, [start, *way])
    # All arrows are among ways of one arrow, which are all known.
    assert all(int(b[1:]) // WIDTH == int(a[1:]) // WIDTH + 1 for a, b in graph.edges)
    known = {tuple(source) for part, source, _ in found if part == "known"}
    new = {tuple(source) for part, source, _ in found if part == "new"}
    assert not known & new
    assert len(known | new) == 10 * WIDTH**2
    assert len(found) == 3 * len(known | new) > 700
    assert set(graph.edges) <= known
    for row, (_, (start, goal), (*way, answer)) in enumerate(found):
        assert (answer == "yes") == nx.has_path(graph, start, goal)
        assert (answer == "yes") == (way[-1] == goal)
        assert nx.is_path(graph, [start, *way])
        assert problem.steps_written[row] == len(way)


def test_the_same_questions_at_once():
    both = [load_suite(f"navigation:layers=3,width={WIDTH},steps={s}") for s in ("true", "false")]
    slow, fast = (list(questions(one)) for one in both)
    assert [(a, b, c[-1:]) for a, b, c in slow] == fast
    with pytest.raises(UsageError, match="share lies between 0 and 1"):
        load_suite("navigation:share=1")


class Says:
    """Writes the second token of its source so many times as the first says, the first, the end."""

    causal = True

    def forward(self, parameters, x):
        written = x[:, :, WRITTEN]
        first = (written == BEGIN).long().argmax(-1, keepdim=True)
        place = torch.arange(written.shape[-1]) - first
        one, other = written[..., :1], written[..., 1:2]
        times = one - len(SPECIAL)
        said = torch.where(place < times, other, torch.where(place == times, one, END))
        return Output(x, torch.nn.functional.one_hot(said, 9).float())


@pytest.mark.parametrize("end", [(), (STOP,)])
def test_answers_count_after_any_steps(end):
    # (source, target, steps of it): right whatever the steps; the last has a wrong answer.
    pairs = [((2, 0), (1, 1, 2), 2), ((1, 3), (0, 0, 0, 1), 3), ((3, 2), (2, 2, 2, 2), 3)]
    if not end:  # without an end an answer stands where that of the target does
        pairs[1] = ((1, 3), (0, 1), 1)
    sides = [Ragged.of([np.array([*p[0]]) for p in pairs])]
    sides.append(Ragged.of([np.array([*p[1], *end]) for p in pairs]))
    problem = sequences_of(
        *sides, "abcd", name="said", score="answer_match",
        steps_written=np.array([p[2] for p in pairs]),
    )  # fmt: skip
    scorer = Scorer(problem, np.ones((1, 9), bool))
    network = Network(Says(), {}, problem.shape)
    assert scorer.scores(network, [np.arange(3)])[0].tolist() == [1, 1, 0]
