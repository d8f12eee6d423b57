"""Algorithms on graphs against a graph library."""

from __future__ import annotations

import networkx as nx
import pytest

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite


def graphs(problem):
    for row in range(len(problem)):
        source, target = (
            problem.vocabulary.text(side[row]).split() for side in (problem.source, problem.target)
        )
        nodes = source[: problem.factors["nodes"][row]]
        lines = [word.split("-") for word in source if "-" in word]
        graph = nx.Graph(lines)
        graph.add_nodes_from(nodes)
        assert list(nodes) == sorted(set(graph))
        size = len(nodes)
        rounds = [target[k : k + size] for k in range(0, len(target), size)]
        assert problem.steps_written[row] == len(target) - size
        yield graph, source, [dict(zip(nodes, state, strict=True)) for state in rounds]


def test_searches_are_breadth_first():
    seen = 0
    for graph, source, rounds in graphs(load_suite("graph-search:each=120", seed=1)):
        start = source[-1]
        far = nx.single_source_shortest_path_length(graph, start)
        assert len(rounds) == max(far.values())
        for number, state in enumerate(rounds, 1):
            for node, parent in state.items():
                if node == start:
                    assert parent == start
                elif far.get(node, 99) > number:
                    assert parent == "."
                else:
                    nearer = [near for near in graph[node] if far[near] == far[node] - 1]
                    assert parent == min(nearer)
        seen += 1
    assert seen > 1000


def test_components_have_the_least_letter_of_all_that_are_near():
    seen = 0
    for graph, _, rounds in graphs(load_suite("graph-components:each=120", seed=1)):
        for number, state in enumerate(rounds, 1):
            for node, label in state.items():
                assert label == min(nx.ego_graph(graph, node, number))
        for part in nx.connected_components(graph):
            assert {rounds[-1][node] for node in part} == {min(part)}
        seen += 1
    assert seen > 1000


def test_graphs_that_cannot_be_drawn():
    with pytest.raises(UsageError, match="up to 16"):
        load_suite("graph-search:longest=17")
    with pytest.raises(UsageError, match="half a line"):
        load_suite("graph-components:lines=0.1")
