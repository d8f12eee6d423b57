"""Sizes as axes of a study: which rows each point trains on, and what is read of them."""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.levels import Levels
from gengap.environments.parts import TEST, TRAIN
from gengap.study.size_finding import lines_of
from gengap.study.size_scores import SizedScores, sized_scores
from gengap.study.sized_cells import spread
from gengap.study.sizes import Point, parse_sizes
from gengap.study.study import Study
from gengap.study.study_file import load_environments, validated


def data(sizes: tuple[int, ...] = (50, 50, 50, 50, 20), seed: int = 0) -> gg.Environments:
    """A table whose environments differ by a constant added to the target."""
    rng = np.random.default_rng(seed)
    where = np.repeat(np.arange(len(sizes)), sizes)
    X = rng.normal(size=(len(where), 2))
    y = X[:, 0] + rng.normal(size=len(sizes))[where] + 0.1 * rng.normal(size=len(where))
    factors = {"shape": where % 2, "size": where // 2}
    return gg.Environments.from_arrays(X, y, where, factors=factors, task="regression")


def study(sizes: str, seeds: int = 2, **more: object) -> Study:
    return Study(data(), ["sklearn:Ridge"], sizes=sizes, seeds=seeds, jobs=1, **more)  # type: ignore[arg-type]


def rows_by_cell(made: Study) -> dict[str, np.ndarray]:
    plan = made.plan
    return {
        cell.name: np.concatenate(plan.training_rows(cell, plan.places[cell.name].seed))
        for cell in plan.cells
        if cell.role == "sized"
    }


def test_axes_are_combined_and_equal_totals_are_divided() -> None:
    assert parse_sizes("environments=2,4;examples=5,all").points == (
        Point(2, 5), Point(2, None), Point(4, 5), Point(4, None),
    )  # fmt: skip
    both = parse_sizes("environments=2,3;examples=50;total=100").points
    assert both == (Point(2, 50), Point(3, 50), Point(3, None, 100))
    assert parse_sizes("share=0,0.1").points == (Point(), Point(share=0.1))


def test_levels_may_be_said_for_environments_and_as_many_are_made_as_both_halves_need() -> None:
    def problem(suite: str, sizes: str) -> Levels:
        return load_environments(validated({"suite": suite, "sizes": sizes}))  # type: ignore[return-value]

    many = problem("mazes:size=5,starts=2", "levels=10,150;total=300")
    assert len(many.names) == 300
    assert len(problem("mazes:size=5,starts=2,levels=40", "levels=10").names) == 40
    made = Study(many, ["bc"], sizes="levels=10,150", seeds=1)
    assert made.plan.sizes.points == (Point(10), Point(150))  # type: ignore[union-attr]
    parts = gg.load_suite("instructions", levels=10).regroup("part")
    with pytest.raises(UsageError, match="no size 'levels'"):
        _ = Study(parts, ["bc"], sizes="levels=2").plan


def test_lines_run_along_environments_at_equal_totals_too() -> None:
    points = parse_sizes("environments=2,4,8;examples=4;total=16").points
    groups = np.array([point.groups for point in points], float)
    totals = groups * [point.examples for point in points]
    nothing = np.zeros((len(points), 1, 1))
    own = SizedScores(points, groups, totals, nothing, nothing, nothing)
    found = {
        held: sizes.tolist() for along, _, sizes, held in lines_of(own) if along == "environments"
    }
    assert found["examples=4"] == [2, 4, 8]
    assert sorted(found["total=16"]) == [2, 4, 8]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no axis"),
        ("enviroments=2", "did you mean 'environments'"),
        ("environments=0", "whole number of at least 1"),
        ("environments=2;environments=3", "each axis once"),
        ("examples", "no axis"),
        ("share=1", "from 0 to below 1"),
        ("share=0.1;own=3", "one of them"),
        ("total=all", "whole number"),
        ("environments=2;combinations=3", "not both"),
        ("examples=" + ",".join(map(str, range(1, 80))), "at most 64"),
    ],
)
def test_axes_that_cannot_be_read_are_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_sizes(text)


def test_what_a_split_has_not_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 4, or all"):
        _ = study("environments=5").plan
    with pytest.raises(UsageError, match="combinations:A,B"):
        _ = study("combinations=2").plan


def test_points_take_as_many_rows_as_they_say_and_larger_contain_smaller() -> None:
    made = study("environments=2,3;examples=4,9")
    plan, rows = made.plan, rows_by_cell(made)
    codes = plan.units.environment
    for split in plan.unseen:
        for seed in plan.seeds:
            sets = {}
            for m, n in ((2, 4), (2, 9), (3, 4), (3, 9)):
                name = f"{split.name} @ {m};examples={n} @ seed {seed}"
                own = sets[m, n] = rows[name]
                assert np.bincount(codes[own]).tolist().count(n) == m
                assert (plan.parts(seed)[own] == TRAIN).all()
                assert split.rows[own].all()
                beside = rows[plan.sized(name).reference]
                assert len(beside) == len(own)
                assert set(codes[own]) | set(codes[split.held_out]) == set(codes[beside])
                assert np.ptp(np.bincount(codes[beside])[np.unique(codes[beside])]) <= 1
            assert set(sets[2, 4]) < set(sets[2, 9]) < set(sets[3, 9])
            assert set(sets[2, 4]) < set(sets[3, 4]) < set(sets[3, 9])


def test_seeds_draw_their_own_order_of_environments() -> None:
    made = study("environments=1;examples=4", seeds=8)
    chosen = {
        cell.train for cell in made.plan.cells if cell.role == "sized" and "4;s" not in cell.name
    }
    assert len(chosen) == 5


def test_a_share_of_the_left_out_environment_at_an_equal_total() -> None:
    made = study("environments=2;examples=20;share=0,0.25")
    plan, rows = made.plan, rows_by_cell(made)
    split = next(cell for cell in plan.unseen if cell.name == "0")
    own = rows["0 @ 2;examples=20;share=0.25 @ seed 0"]
    plain = rows["0 @ 2;examples=20 @ seed 0"]
    assert len(own) == len(plain)
    assert split.held_out[own].sum() == round(0.25 * len(plain))
    assert not split.held_out[plain].any()


def test_environments_with_fewer_rows_are_told() -> None:
    made = study("environments=2;examples=15")
    _ = made.plan
    assert any("1 of 5 environments have fewer than 15 training rows" in w for w in made.warnings)


def test_own_examples_are_added() -> None:
    made = study("environments=2;examples=5;own=0,7")
    plan, rows = made.plan, rows_by_cell(made)
    plain, more = (rows[f"1 @ 2;examples=5{own} @ seed 1"] for own in ("", ";own=7"))
    assert set(plain) < set(more)
    assert len(more) == len(plain) + 7
    assert (plan.units.environment[list(set(more) - set(plain))] == 1).all()


def test_combinations_cover_the_values_of_both_factors_first() -> None:
    rng = np.random.default_rng(0)
    a, b = (values.ravel() for values in np.meshgrid(np.arange(4), np.arange(4)))
    a, b = np.repeat(a, 10), np.repeat(b, 10)
    given = gg.Environments.from_arrays(
        rng.normal(size=(160, 2)), a + b + 0.1 * rng.normal(size=160), a,
        factors={"a": a, "b": b}, task="regression",
    )  # fmt: skip
    made = Study(
        given, ["sklearn:Ridge"], sizes="combinations=4,8;total=24", splits="combinations:a,b",
        seeds=1, jobs=1,
    )  # fmt: skip
    rows = rows_by_cell(made)
    for split in made.plan.unseen:
        four = rows[f"{split.name} @ 4;examples=6 @ seed 0"]
        assert len({*zip(a[four], b[four], strict=True)}) == 4
        assert len(set(a[four])) == len(set(b[four])) == 4
        eight = rows[f"{split.name} @ 8;examples=3 @ seed 0"]
        assert len({*zip(a[eight], b[eight], strict=True)}) == 8


def test_spread_is_as_even_as_what_is_there_allows() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        there, total = rng.integers(0, 9, 6), int(rng.integers(0, 60))
        counts = spread(there, total)
        assert counts.sum() == min(total, there.sum())
        assert (counts <= there).all()
        short = counts < there  # none that could give more gives less than another by two
        assert not short.any() or counts.max() <= counts[short].min() + 1


def test_added_sizes_train_nothing_again_and_read_alike(tmp_path: object) -> None:
    store = f"sqlite:///{tmp_path}/records.db"
    first = study("environments=2;examples=5", store=store).run()
    before = {run.key for run, _ in first.plan.runs["sklearn:Ridge"]}
    small = sized_scores(first.scores["sklearn:Ridge"], first.rule)
    second = study("environments=2,4;examples=5,all", store=store).run()
    assert before < {run.key for run, _ in second.plan.runs["sklearn:Ridge"]}
    large = sized_scores(second.scores["sklearn:Ridge"], second.rule)
    assert small is not None
    assert large is not None
    np.testing.assert_array_equal(small.unseen[0], large.unseen[0])
    # All environments and examples are what the study trains on anyway.
    whole = large.points.index(Point(4))
    np.testing.assert_allclose(
        np.nanmean(large.unseen[whole]), second.finding.methods[0].score_unseen
    )
    np.testing.assert_allclose(
        np.nanmean(large.reference[whole]), second.finding.methods[0].score_reference
    )
    assert second.finding.sizes is not None
    assert len(second.finding.sizes.rows) == 4
    first.store.close(), second.store.close()


def test_scores_are_those_of_the_rows_by_hand() -> None:
    from sklearn.dummy import DummyRegressor

    given = data()
    made = Study(
        given, [DummyRegressor()], sizes="environments=2;examples=6", seeds=1, jobs=1,
        metric="squared_error",
    )  # fmt: skip
    result = made.run()
    found = sized_scores(result.scores["DummyRegressor"], result.rule)
    assert found is not None
    rows = rows_by_cell(made)
    y, codes, part = given.y, given.environment, made.plan.parts(0)
    for split in made.plan.unseen:
        k = int(split.name)
        test = (part == TEST) & (codes == k)
        name = f"{k} @ 2;examples=6 @ seed 0"
        beside = made.plan.sized(name).reference
        for table, own in ((found.unseen, name), (found.reference, beside)):
            expected = np.mean((y[test] - y[rows[own]].mean()) ** 2)
            assert table[0, k, 0] == pytest.approx(expected, rel=1e-4)
