"""Arrows, followed by a graph library."""

from __future__ import annotations

import networkx as nx
import pytest

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite


def test_ends_are_where_arrows_lead():
    problem = load_suite("chains:each=200,longest=6,nodes=10", seed=1)
    ends = []
    for row in range(len(problem)):
        said = [problem.vocabulary.text(side[row]) for side in (problem.source, problem.target)]
        *arrows, start = said[0].split()
        graph = nx.DiGraph([arrow.split(">") for arrow in arrows])
        graph.add_node(start)
        assert len(arrows) == 10 - 3
        assert max(dict(graph.in_degree()).values(), default=0) <= 1
        assert max(dict(graph.out_degree()).values(), default=0) <= 1
        assert nx.is_directed_acyclic_graph(graph)
        way = nx.dag_longest_path(graph.subgraph({start} | nx.descendants(graph, start)))
        assert way[0] == start
        assert way[-1] == said[1]
        assert len(way) - 1 == problem.factors["hops"][row]
        ends.append(sum(graph.out_degree(node) == 0 for node in graph))
    assert len(problem) == 1400
    assert max(ends) == 3


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ("chains:longest=14", "up to 5 arrows"),
        ("chains:nodes=30", "26 at most"),
        ("chains:shortest=5", "two numbers of arrows"),
    ],
)
def test_graphs_that_cannot_be_made(suite, said):
    with pytest.raises(UsageError, match=said):
        load_suite(suite)
