"""Sequential comparison against enumeration, SciPy's permutation tests and its stated error."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations, product

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.pair_test import PairTest
from gengap.statistics.sequential import (
    LOPSIDED,
    VARY,
    SequentialComparison,
    compare_sequentially,
)

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.normal(size=shape)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.exponential(size=shape) ** 2


@pytest.fixture
def without_limits(monkeypatch):
    """Limits take most of the time and change no decision."""
    monkeypatch.setattr(PairTest, "limit", lambda *_: np.nan)


def relabelled(a: np.ndarray, b: np.ndarray, batch: int, paired: bool):
    """Every permutation within batches, the data first."""
    blocks = []
    for k in range(0, len(a), batch):
        x, y = a[k : k + batch], b[k : k + batch]
        if paired:
            swaps = product([False, True], repeat=batch)
            blocks.append([(np.where(s, y, x), np.where(s, x, y)) for s in swaps])
        else:
            pool = np.concatenate([x, y])
            chosen = [list(c) for c in combinations(range(2 * batch), batch)]
            blocks.append([(pool[c], np.delete(pool, c)) for c in chosen])
    for choice in product(*blocks):
        yield np.concatenate([c[0] for c in choice]), np.concatenate([c[1] for c in choice])


def stops_at(a: np.ndarray, b: np.ndarray, batch: int, paired: bool, alpha: float) -> int:
    """The look at which a single comparison is decided, 0 for none; one permutation at a time."""
    looks = len(a) // batch
    paths = [
        [abs((x - y)[: batch * k].sum()) for k in range(1, looks + 1)]
        for x, y in relabelled(a, b, batch, paired)
    ]
    stopped: set[int] = set()
    for k in range(looks):
        allowed = int(alpha * (k + 1) / looks * len(paths) + 1e-9)
        for value in sorted({round(path[k], 9) for path in paths}):
            above = {p for p, path in enumerate(paths) if path[k] > value + 1e-8}
            if len(stopped | above) <= allowed:
                stopped |= above
                break
        if 0 in stopped:
            return k + 1
    return 0


@pytest.mark.parametrize(("batch", "looks", "paired"), [(2, 2, True), (3, 2, True), (2, 2, False)])
@pytest.mark.usefixtures("without_limits")
def test_one_pair_equals_enumeration(batch, looks, paired):
    rng = np.random.default_rng(0)
    decided = set()
    for alpha in (0.2, 0.4, 0.7):
        for _ in range(8):
            a, b = np.round(rng.normal(size=(2, batch * looks)), 1)
            a += rng.choice([0, 1])
            found = compare_sequentially(
                {"a": a, "b": b}, batch=batch, looks=looks, level=1 - alpha, paired=paired
            ).decisions[0]
            expected = stops_at(a, b, batch, paired, alpha)
            assert (found.order != "undecided") == bool(expected)
            assert found.looks == (expected or looks)
            decided.add(expected)
    first = {1} if batch == 3 or not paired else set()  # 2 of 4 swaps are too many at a first look
    assert decided == {0, 2} | first, "the cases must stop at every look, and at none"


@pytest.mark.parametrize(("batch", "looks", "paired"), [(3, 2, True), (2, 2, False), (6, 1, True)])
@pytest.mark.usefixtures("without_limits")
def test_of_all_permutations_of_the_data_no_more_than_alpha_are_decided(batch, looks, paired):
    a, b = np.random.default_rng(1).normal(size=(2, batch * looks))
    for alpha in (0.2, 0.4):
        decided = [
            compare_sequentially(
                {"a": x, "b": y}, batch=batch, looks=looks, level=1 - alpha, paired=paired
            ).undecided
            == ()
            for x, y in relabelled(a, b, batch, paired)
        ]
        assert 0 < np.mean(decided) <= alpha


@pytest.mark.usefixtures("without_limits")
def test_three_alike_methods_under_all_joint_permutations():
    """Labels of three methods dealt anew within each of 4 seeds: all 6^4 are equally likely."""
    values = np.random.default_rng(3).normal(size=(3, 4))
    alpha, wrong, every = 0.45, 0, 0
    for order in product(list(permutations(range(3))), repeat=4):
        dealt = np.array([values[list(o), s] for s, o in enumerate(order)]).T
        found = compare_sequentially(
            dict(zip("abc", dealt, strict=True)), batch=2, looks=2, level=1 - alpha, paired=True
        )
        every += 1
        wrong += len(found.undecided) < 3
    assert every == 1296
    assert 0 < wrong / every <= alpha


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.usefixtures("without_limits")
def test_one_look_is_scipys_permutation_test(paired):
    rng = np.random.default_rng(4)
    batch = 6 if paired else 4
    for _ in range(20):
        a, b = rng.normal(size=(2, batch)) + np.array([[rng.uniform(0, 2.5)], [0]])
        p = stats.permutation_test(
            (a, b),
            lambda x, y: abs(x.sum() - y.sum()),
            permutation_type="samples" if paired else "independent",
            alternative="greater",
            n_resamples=np.inf,
        ).pvalue
        for alpha in (0.05, 0.1, 0.3):
            decision = compare_sequentially(
                {"a": a, "b": b}, batch=batch, looks=1, level=1 - alpha, paired=paired
            ).decisions[0]
            assert (decision.order != "undecided") == (p <= alpha + 1e-9)


def test_decided_at_the_first_look_by_hand():
    """No overlap among 2 x 5: 2 of 252 splits are as extreme, below 0.05 / 6 of them."""
    scores = {"a": [1, 2, 3, 4, 5], "b": [21, 22, 23, 24, 25]}
    found = compare_sequentially(scores, looks=6)
    decision = found.decisions[0]
    assert (decision.order, decision.looks, decision.runs) == ("smaller", 1, 5)
    assert decision.difference.estimate == -20
    # A shift is rejected while the shifted samples do not overlap: beyond -20 +- 4.
    assert decision.difference.low == pytest.approx(-24, abs=0.01)
    assert decision.difference.high == pytest.approx(-16, abs=0.01)
    assert found.finished


def test_who_needs_more_scores():
    rng = np.random.default_rng(5)
    scores = {"plain": rng.normal(size=10), "far": rng.normal(size=10) + 9, "near": [0.1] * 5}
    pairs = [("far", "plain"), ("near", "plain")]
    found = compare_sequentially(scores, paired=True, pairs=pairs)
    assert [d.order for d in found.decisions] == ["larger", "undecided"]
    assert found.undecided == (("near", "plain"),)
    assert found.needed == {"near": 10, "plain": 10}
    empty = compare_sequentially({"a": [], "b": []})
    assert empty.needed == {"a": 5, "b": 5}
    assert empty.decisions[0].runs == 0
    assert not empty.decisions[0].difference.defined


def replayed_in_steps(scores: dict[str, np.ndarray], **design: object) -> SequentialComparison:
    given = {name: values[:0] for name, values in scores.items()}
    while not (now := compare_sequentially(given, **design)).finished:
        given.update({name: scores[name][:number] for name, number in now.needed.items()})
    return now


@pytest.mark.parametrize("paired", [True, False])
def test_scores_that_arrive_in_batches_give_what_all_at_once_give(paired):
    rng = np.random.default_rng(6)
    scores = {f"m{k}": rng.normal(size=30) + 0.9 * k for k in range(5)}
    at_once = compare_sequentially(scores, paired=paired)
    assert replayed_in_steps(scores, paired=paired) == at_once
    assert len({d.looks for d in at_once.decisions}) >= 2


@pytest.mark.usefixtures("without_limits")
def test_later_looks_never_take_a_decision_back():
    rng = np.random.default_rng(7)
    for _ in range(5):
        scores = {f"m{k}": rng.normal(size=30) + 0.5 * k for k in range(4)}
        before: set[tuple[str, str]] = set()
        for number in range(5, 31, 5):
            cut = {name: values[:number] for name, values in scores.items()}
            found = compare_sequentially(cut, permutations=500)
            decided = {(d.first, d.second) for d in found.decisions if d.order != "undecided"}
            assert before <= decided
            before = decided


def test_neither_unit_nor_offset_matters():
    rng = np.random.default_rng(8)
    scores = {f"m{k}": rng.normal(size=30) + 0.6 * k for k in range(3)}
    plain = compare_sequentially(scores)
    moved = compare_sequentially({name: 1e6 - 3 * x for name, x in scores.items()})
    other = {"larger": "smaller", "smaller": "larger", "undecided": "undecided"}
    assert [other[d.order] for d in moved.decisions] == [d.order for d in plain.decisions]
    for mine, yours in zip(moved.decisions, plain.decisions, strict=True):
        assert mine.difference.low == pytest.approx(-3 * yours.difference.high, abs=1e-3)


@pytest.mark.parametrize("paired", [True, False])
def test_equal_scores_are_never_told_apart(paired):
    found = compare_sequentially({"a": [0.1] * 30, "b": [0.1] * 30}, paired=paired)
    assert found.decisions[0].order == "undecided"
    assert found.decisions[0].difference.estimate == 0
    assert found.finished


def test_limits_exclude_zero_exactly_where_decided():
    rng = np.random.default_rng(9)
    orders = set()
    for shift in np.linspace(0, 1.5, 6):
        x = rng.normal(size=(3, 30)) + np.array([[0], [shift], [2 * shift]])
        for d in compare_sequentially(dict(zip("abc", x, strict=True)), paired=True).decisions:
            assert d.difference.excludes(0) == (d.order != "undecided")
            assert d.difference.low <= d.difference.estimate <= d.difference.high
            orders.add(d.order)
    assert {"smaller", "undecided"} <= orders


def false_decisions(
    methods: int, draw: Draw, paired: bool, studies: int, permutations: int
) -> float:
    rng = np.random.default_rng(10)
    names = [f"m{k}" for k in range(methods)]
    wrong = 0
    for seed in range(studies):
        scores = dict(zip(names, draw(rng, (methods, 30)), strict=True))
        found = compare_sequentially(scores, paired=paired, permutations=permutations, seed=seed)
        wrong += any(d.order != "undecided" for d in found.decisions)
    return wrong / studies


@pytest.mark.parametrize(("methods", "draw", "paired"), [(2, normal, False), (3, skewed, True)])
@pytest.mark.usefixtures("without_limits")
def test_false_decisions_are_rare(methods, draw, paired):
    share = false_decisions(methods, draw, paired, studies=100, permutations=400)
    assert share * 100 <= stats.binom.ppf(0.999, 100, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("draw", [normal, skewed])
@pytest.mark.parametrize("methods", [2, 3, 5])
@pytest.mark.usefixtures("without_limits")
def test_false_decisions_are_rare_thoroughly(methods, draw, paired):
    share = false_decisions(methods, draw, paired, studies=1500, permutations=2000)
    print(f"{methods} methods, {draw.__name__}, paired={paired}: {share:.3f}")
    assert share * 1500 <= stats.binom.ppf(0.999, 1500, 0.05)


@pytest.mark.slow
@pytest.mark.usefixtures("without_limits")
def test_methods_that_are_alike_stay_undecided_beside_others():
    """Strong control: the pairs (a, b) and (c, d) are alike, in spread too; a and c are not."""
    rng = np.random.default_rng(11)
    studies, wrong = 1000, 0
    for seed in range(studies):
        x = rng.normal(size=(4, 30)) * [[1], [1], [0.1], [0.1]] + [[0], [0], [0.5], [0.5]]
        scores = dict(zip("abcd", x, strict=True))
        found = compare_sequentially(scores, permutations=2000, seed=seed)
        wrong += not {("a", "b"), ("c", "d")} <= set(found.undecided)
    assert wrong <= stats.binom.ppf(0.999, studies, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.usefixtures("without_limits")
def test_fewer_scores_than_a_fixed_number_of_equal_power(paired):
    """Against the same test with one look after 25 scores, which has about the same power."""
    rng = np.random.default_rng(12)
    studies = 600
    for effect, saved in ((0.8, 0.1), (1.0, 0.25), (1.5, 0.4)):
        power, fixed_power, runs = 0, 0, 0
        for seed in range(studies):
            a, b = rng.normal(size=(2, 30)) + np.array([[effect], [0]])
            design = {"paired": paired, "permutations": 2000, "seed": seed}
            found = compare_sequentially({"a": a, "b": b}, **design).decisions[0]
            fixed = compare_sequentially(
                {"a": a[:25], "b": b[:25]}, batch=25, looks=1, **design
            ).decisions[0]
            power += found.order == "larger"
            fixed_power += fixed.order == "larger"
            runs += found.runs
        print(f"{effect}: power {power / studies:.3f}, fixed {fixed_power / studies:.3f}, "
              f"scores {runs / studies:.1f} against 25")  # fmt: skip
        assert power / studies > fixed_power / studies - 0.04
        assert runs / studies < 25 * (1 - saved)


@pytest.mark.slow
def test_limits_hold_the_truth_however_early_the_decision():
    rng = np.random.default_rng(13)
    held = [
        (d := compare_sequentially(
            {"a": rng.normal(size=30) + 1, "b": rng.normal(size=30)}, permutations=2000, seed=s
        ).decisions[0].difference).low <= 1 <= d.high
        for s in range(500)
    ]  # fmt: skip
    assert sum(held) >= stats.binom.ppf(0.001, 500, 0.95)


@pytest.mark.parametrize(
    ("scores", "options", "said"),
    [
        ({"a": [1, np.nan], "b": [1, 2]}, {}, "scores of a must be"),
        ({"a": [[1, 2]], "b": [1, 2]}, {}, "scores of a must be"),
        ({"a": [1.0]}, {}, "at least two methods"),
        ({"a": [1.0], "b": [2.0]}, {"pairs": [("a", "c")]}, "no scores of c"),
        ({"a": [1.0], "b": [2.0]}, {"pairs": [("a", "a")]}, "compared with itself"),
        ({"a": [1.0], "b": [2.0]}, {"pairs": [("a", "b"), ("b", "a")]}, "named twice"),
        ({"a": [1.0], "b": [2.0]}, {"level": 1}, "level is 1"),
        ({"a": [1.0], "b": [2.0]}, {"batch": 0}, "batch must be"),
        ({"a": [1.0], "b": [2.0]}, {"looks": 2.5}, "looks must be"),
        ({"a": [1.0], "b": [2.0]}, {"looks": 1, "paired": True}, "5 scores per method are too few"),
        ({"a": [1.0], "b": [2.0]}, {"permutations": 10}, "draw at least 20"),
    ],
)
def test_unusable_input(scores, options, said):
    with pytest.raises(UsageError, match=said):
        compare_sequentially(scores, **options)


def test_unlike_scores_have_a_caveat_and_like_ones_none():
    even = [-2.0, -1.0, 0.0, 1.0, 2.0]
    cases = {
        "": [value + 9 for value in even],
        VARY: [9 + value / 3 for value in even],
        LOPSIDED: [9.0, 9.1, 9.2, 9.1, 5.5],
    }
    for caveat, other in cases.items():
        (found,) = compare_sequentially({"a": even, "b": other}, looks=1).decisions
        assert found.caveat == caveat
    (paired,) = compare_sequentially({"a": even, "b": cases[VARY]}, paired=True).decisions
    assert paired.caveat == ""
