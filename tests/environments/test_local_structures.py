"""Local structures against sets of pairs, and splits that hold them out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.environments.compound_splits import constituents_of, counts_of
from gengap.environments.local_structures import (
    HeldOutStructures,
    unobserved,
    unobserved_by_split,
)
from gengap.environments.splits import parse_splits


def drawn(count=60, seed=0):
    rng = np.random.default_rng(seed)
    return [[*rng.choice(list("abcdef"), 4)] for _ in range(count)]


def test_a_thousand_splits_as_sets_say():
    rng = np.random.default_rng(1)
    words = drawn()
    pairs = [set(pairwise(row)) for row in words]
    structures = counts_of([list(pairwise(row)) for row in words])
    for _ in range(1000):
        train = rng.choice(60, rng.integers(1, 60), replace=False)
        known = set().union(*(pairs[row] for row in train))
        expected = [len(own - known) for own in pairs]
        assert unobserved(structures, train).tolist() == expected


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_held_out_structures_are_new_and_their_parts_are_not(share):
    words = drawn()
    atoms, structures = counts_of(words), counts_of([list(pairwise(row)) for row in words])
    split = HeldOutStructures(share, seed=3).of_counts(atoms, structures)
    assert 0 < len(split.unseen) <= share * 60
    assert sorted([*split.train, *split.unseen]) == list(range(60))
    known = {pair for row in split.train for pair in pairwise(words[row])}
    assert all(set(pairwise(words[row])) - known for row in split.unseen)
    assert {w for row in split.train for w in words[row]} == set("abcdef")


def test_a_problem_and_a_table_are_split_alike():
    problem = gg.load_suite("commands:count=400,repeats=1")
    table = gg.Environments.from_arrays(
        np.arange(len(problem))[:, None], np.arange(len(problem)), problem.environment,
        factors={
            "atoms": [";".join(map(str, problem.source[k])) for k in range(len(problem))],
            "compounds": [";".join(one) for one in problem.compounds],
        },
    )  # fmt: skip
    (one,), (other,) = (parse_splits("structures:0.1").iterate(of) for of in (problem, table))
    np.testing.assert_array_equal(one.unseen, other.unseen)
    found = unobserved_by_split(problem, [one])
    pd.testing.assert_frame_equal(found, unobserved_by_split(table, [other]))
    assert found.hard.tolist() == [1.0]
    assert found.unseen.tolist() == [len(one.unseen)]


def test_what_has_no_parts_is_refused():
    plain = gg.load_suite("digits-writers:n=10")
    with pytest.raises(UsageError, match="atoms and compounds"):
        constituents_of(plain)
    with pytest.raises(UsageError, match="atoms and compounds"):
        parse_splits("structures").iterate(plain)


@pytest.mark.parametrize("share", [0, 1, 1e-9])
def test_shares_that_hold_nothing_out_are_refused(share):
    words = drawn()
    atoms, structures = counts_of(words), counts_of([list(pairwise(row)) for row in words])
    with pytest.raises(UsageError):
        HeldOutStructures(share).of_counts(atoms, structures)
