"""What a study trains: which rows, in how many runs, under which keys."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from gengap.environments.parts import TRAIN, parts
from gengap.environments.splits import FlipCorrelation, parse_splits
from gengap.study.cells import MOST_SLOTS
from gengap.study.plan import by_code
from study_builders import by_year, plan_of, wards

SEEDS = (0, 3)


def runs(made):
    return [run for run, _ in made.runs["erm"]]


def references(made):
    return [made.reference(cell) for cell in made.unseen]


def names_of(environments, rows):
    return {environments.names[k] for k in np.unique(environments.environment[rows])}


def test_equal_environments_share_one_reference_of_the_same_size():
    e = wards()
    made = plan_of(e)
    (reference,) = {id(cell): cell for cell in references(made)}.values()
    assert reference.name == "reference"
    for seed in SEEDS:
        rows = made.training_rows(reference, seed)
        # 24 of 40 train; a reference over four environments uses three quarters of each.
        assert [len(own) for own in rows] == [18, 18, 18, 18]
        for cell in made.unseen:
            assert sum(map(len, made.training_rows(cell, seed))) == 3 * 24
    assert reference.slots == 3  # so that a step sees as many examples as the other runs'


def test_very_unequal_environments_have_references_of_their_splits_sizes():
    e = wards((50, 60, 500))
    made = plan_of(e)
    assert len({cell.name for cell in references(made)}) == 2
    for cell in made.unseen:
        reference = made.reference(cell)
        for seed in SEEDS:
            wanted = sum(map(len, made.training_rows(cell, seed)))
            found = sum(map(len, made.training_rows(reference, seed)))
            assert abs(found - wanted) <= 0.1 * wanted
        assert set(reference.train) == {"a", "b", "c"}


@pytest.mark.parametrize("sizes", [(40, 60, 80, 100), (20, 200, 21, 190), (30, 31, 400, 40)])
def test_every_reference_is_within_a_tenth_of_its_splits(sizes):
    made = plan_of(wards(sizes))
    for cell in made.unseen:
        wanted = sum(map(len, made.training_rows(cell, 0)))
        found = sum(map(len, made.training_rows(made.reference(cell), 0)))
        assert abs(found - wanted) <= 0.1 * wanted + len(sizes) / 2  # rounding per environment


@pytest.mark.parametrize("splits", ["leave-one-out", "leave-2-out", "hold-out:b,d"])
def test_training_rows_never_touch_what_is_scored_or_unseen(splits):
    e = wards((40, 50, 45, 60))
    made = plan_of(e, splits, inner=True)
    for seed in range(5):
        code = parts(e.environment, e.y, len(e.classes), seed)
        for cell in made.cells:
            rows = np.concatenate(made.training_rows(cell, seed))
            assert len(set(rows)) == len(rows)
            assert np.all(code[rows] == TRAIN)
            assert not names_of(e, rows) & set(cell.unseen)
            assert names_of(e, rows) == set(cell.train)
            # Scored examples are the other parts of all environments.
            for part in ("validation", "test"):
                assert not set(rows) & set(made.example_set(seed, part).example)


def test_the_reference_of_an_extrapolation_draws_from_all_years_and_environments():
    e = by_year()
    made = plan_of(e, "extrapolate:year@0.7")
    (cell,) = made.unseen
    year = e.factors["year"].to_numpy()
    trained = np.concatenate(made.training_rows(cell, 0))
    both = np.concatenate(made.training_rows(made.reference(cell), 0))
    (split,) = parse_splits("extrapolate:year@0.7").iterate(e)
    assert year[trained].max() < year[split.unseen].min()
    assert names_of(e, both) == set(e.names)
    assert set(year[both]) == set(range(10))
    assert abs(len(both) - len(trained)) <= 0.1 * len(trained)


def test_leaving_out_a_then_b_is_leaving_out_b_then_a():
    e = wards()
    made = plan_of(e, inner=True)
    inner = [cell for cell in made.cells if cell.role == "inner"]
    assert {frozenset(c.unseen) for c in inner} == {frozenset(p) for p in combinations("abcd", 2)}
    assert len(inner) == 6
    by_name = {cell.name: cell for cell in made.unseen}
    for first, second in combinations("abcd", 2):
        shared = made.inner(by_name[first])[second]
        assert made.inner(by_name[second])[first] is shared
        assert set(shared.train) == set("abcd") - {first, second}
    assert len({run.key for run in runs(made)}) == len(made.cells) * len(SEEDS)
    assert len(made.cells) == 1 + 4 + 6


def test_inner_runs_of_growing_windows_are_told_apart():
    """Two windows of time own rows of every environment; what is left out of each differs."""
    e = by_year()
    made = plan_of(e, "forward:year@2", inner=True)
    year = e.factors["year"].to_numpy()
    splits = parse_splits("forward:year@2").iterate(e)
    for cell, split in zip(made.unseen, splits, strict=True):
        own = made.inner(cell)
        assert set(own) == set("abcd")
        for name, inner in own.items():
            rows = np.concatenate(made.training_rows(inner, 0))
            assert names_of(e, rows) == set("abcd") - {name}
            assert set(year[rows]) <= set(year[split.train])
            # Scored on the environment left out, in the years that the split trains on.
            assert names_of(e, np.flatnonzero(inner.held_out)) == {name}
            assert set(year[inner.held_out]) <= set(year[split.train])
    assert len([c for c in made.cells if c.role == "inner"]) == 8
    assert len({run.key for run in runs(made)}) == len(made.cells) * len(SEEDS)


def test_slots_are_capped_with_many_environments():
    e = wards([12] * 30)
    made = plan_of(e)
    assert MOST_SLOTS < 29
    assert {cell.slots for cell in made.cells} == {MOST_SLOTS}


def test_keys_differ_between_seeds_splits_and_hyperparameters():
    found = runs(plan_of(wards(), trials=({"learning_rate": 0.1}, {"learning_rate": 0.2})))
    assert len({run.key for run in found}) == len(found) == 5 * 2 * 2


def test_keys_do_not_depend_on_the_trial_number_or_on_other_seeds():
    e, slow, fast = wards(), {"learning_rate": 0.1}, {"learning_rate": 0.2}
    forth, back = (
        {(r.split, r.seed, r.hyperparameters["learning_rate"]): r.key for r in runs(made)}
        for made in (
            plan_of(e, trials=(slow, fast)),
            plan_of(e, trials=(fast, slow), seeds=(3, 0, 7)),
        )
    )
    assert forth.items() <= back.items()
    (first, *_) = runs(plan_of(e))
    assert replace(first, trial=9).key == first.key
    assert replace(first, seed=9).key != first.key


def test_keys_tell_apart_which_rows_of_an_environment_are_trained_on():
    """Splits drawn with two seeds have one name, and their environments are the same."""
    e = by_year()
    keys = [
        {run.key for run in runs(plan_of(e, FlipCorrelation("mark", 0.8, seed=seed)))}
        for seed in (0, 1)
    ]
    assert len(keys[0]) == len(keys[1]) == 4
    assert not keys[0] & keys[1]


def test_a_hold_out_shares_its_run_with_leave_one_out():
    e = wards()
    all_keys = {run.key for run in runs(plan_of(e)) if run.role == "unseen"}
    one = {run.key for run in runs(plan_of(e, "hold-out:b")) if run.role == "unseen"}
    assert len(one) == len(SEEDS)
    assert one < all_keys


def test_the_examples_scored_are_in_order_and_complete():
    e = wards((40, 50, 45, 60))
    made = plan_of(e)
    for seed in SEEDS:
        for part in ("validation", "test"):
            examples = made.example_set(seed, part)
            order = np.lexsort((examples.example, examples.environment))
            np.testing.assert_array_equal(order, np.arange(len(order)))
            np.testing.assert_array_equal(examples.target, e.y[examples.example])
            np.testing.assert_array_equal(examples.environment, e.environment[examples.example])
            np.testing.assert_allclose(np.bincount(examples.environment), e.sizes / 5, atol=0.99)


def test_training_rows_are_told_apart_as_one_environment_at_a_time_would():
    codes = np.array([2, 0, 2, 5, 0, 0, 5, 2])
    rows = np.array([0, 1, 2, 3, 4, 7], np.int32)
    found = by_code(rows, codes)
    assert [own.tolist() for own in found] == [[1, 4], [0, 2, 7], [3]]
    assert {own.dtype for own in found} == {np.dtype(np.int32)}
    assert by_code(rows[:0], codes) == ()
