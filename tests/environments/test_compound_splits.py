"""Divergence against values worked by hand, and splits against their definition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import UsageError
from gengap.environments.compound_splits import CompoundDivergence, counts_of, divergences
from gengap.environments.core import Environments
from gengap.environments.divergence import atom_divergence, compound_divergence, divergence
from gengap.environments.splits import parse_splits

PAIRS = [(a, b) for a in "abcdef" for b in "uvwxyz" for _ in range(12)]


@pytest.mark.parametrize(
    ("train", "unseen", "atoms", "compounds"),
    [
        ([3, 1], [6, 2], 0.0, 0.0),
        ([1, 0], [0, 1], 1.0, 1.0),
        # Half of what training has is unseen's only kind: little is new.
        ([1, 1], [1, 0], 1 - math.sqrt(1 / 2), 1 - 2**-0.1),
        # Half of what is unseen is not in training at all.
        ([1, 0], [1, 1], 1 - math.sqrt(1 / 2), 1 - 2**-0.9),
        ([9, 1], [1, 9], 1 - 0.6, 1 - (0.9**0.1 * 0.1**0.9 + 0.1**0.1 * 0.9**0.9)),
    ],
)
def test_divergence_by_hand(train, unseen, atoms, compounds):
    assert atom_divergence(np.array(train), np.array(unseen)) == pytest.approx(atoms)
    assert compound_divergence(np.array(train), np.array(unseen)) == pytest.approx(compounds)


def test_counts_that_have_no_divergence():
    with pytest.raises(UsageError, match="must be alike"):
        divergence(np.ones(2), np.ones(3), 0.5)
    with pytest.raises(UsageError, match="each side needs some"):
        divergence(np.ones(2), np.zeros(2), 0.5)


@pytest.mark.parametrize("wanted", [0.0, 0.3, 0.6, 0.9])
def test_compounds_diverge_as_wanted_while_atoms_hardly_do(wanted):
    split = CompoundDivergence(wanted).of_counts(counts_of(PAIRS), counts_of([[p] for p in PAIRS]))
    assert not np.intersect1d(split.train, split.unseen).size
    assert len(split.train) + len(split.unseen) == len(PAIRS) / 2
    assert len(split.unseen) == pytest.approx(len(PAIRS) / 10, abs=6)
    # By the definition, of the rows themselves.
    shares = [
        [
            {kind: side.count(kind) / len(side) for kind in side}
            for side in (
                [k for r in rows for k in kinds(r)] for rows in (split.train, split.unseen)
            )
        ]
        for kinds in (lambda r: PAIRS[r], lambda r: [PAIRS[r]])
    ]
    (p, q), (both, other) = shares
    atoms = 1 - sum(math.sqrt(p[k] * q.get(k, 0)) for k in p)
    together = 1 - sum(both[k] ** 0.1 * other.get(k, 0) ** 0.9 for k in both)
    assert together == pytest.approx(wanted, abs=0.05)
    assert atoms < 0.05
    assert f"diverge by {together:.2f}, atoms by {atoms:.2f}" in split.name


def test_as_far_as_can_be_and_the_same_again():
    counts = counts_of(PAIRS), counts_of([[p] for p in PAIRS])
    first, again = (CompoundDivergence().of_counts(*counts) for _ in range(2))
    np.testing.assert_array_equal(first.train, again.train)
    side = np.full(len(PAIRS), 2)
    side[first.train], side[first.unseen] = 0, 1
    assert divergences(*counts, side)[1] > 0.85


def test_a_table_says_what_its_rows_are_made_of():
    factors = pd.DataFrame({"atoms": [f"{a};{b}" for a, b in PAIRS], "compounds": PAIRS})
    table = Environments.from_arrays(
        np.zeros((len(PAIRS), 1)), np.arange(len(PAIRS)) % 2, np.arange(len(PAIRS)) % 2,
        factors=factors,
    )  # fmt: skip
    (split,) = parse_splits("divergence:0.6").iterate(table)
    assert "diverge by 0.6" in split.name or "diverge by 0.5" in split.name


def test_what_cannot_be_split_is_told():
    with pytest.raises(UsageError, match="between 0 and 1, not 2"):
        CompoundDivergence(2.0).of_counts(counts_of(PAIRS), counts_of(PAIRS))
    with pytest.raises(UsageError, match="the nearest is"):
        CompoundDivergence(0.9).of_counts(counts_of(PAIRS), counts_of(PAIRS))
    with pytest.raises(UsageError, match="columns called atoms and compounds"):
        parse_splits("divergence:0.5").iterate(
            Environments.from_arrays(np.zeros((4, 1)), [0, 1, 0, 1], [0, 0, 1, 1])
        )
