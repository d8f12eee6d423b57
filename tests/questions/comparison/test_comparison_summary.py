"""The whole comparison: against independent computations, and in words."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

from gengap.base.errors import UsageError
from gengap.questions.comparison import ScoreTable, from_frame, read_scores
from gengap.questions.comparison.summary import summarise


def table(scores, **options) -> ScoreTable:
    scores = np.asarray(scores, dtype=float)
    names = [[f"{kind}{k}" for k in range(n)] for kind, n in zip("mes", scores.shape, strict=True)]
    return ScoreTable(scores, *map(tuple, names), **options)


def noisy(shape=(4, 12, 5), spread=0.02, seed=0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shift = np.linspace(0, 0.1, shape[0])[:, None, None]
    return 0.6 + shift + rng.normal(0, 0.1, (1, shape[1], 1)) + rng.normal(0, spread, shape)


@pytest.fixture(scope="module")
def summary():
    return summarise(table(noisy(), metric="accuracy"))


def adjusted(differences, parts, degrees):
    """The p-value by a root of its own: where the half-width is what the mean is worth."""
    E, s, m = len(differences), differences.std(ddof=1), abs(differences.mean())
    error = np.sqrt(6 * E * (E - 1) / ((E - 2) * (E + 1) * (E + 3)))
    lopsided = -np.sign(differences.mean()) * stats.skew(differences, bias=False)
    k, u = max(lopsided - error, 0), m / s
    worth = s * max(u - k * (u**2 / 3 + 1 / (6 * E)), u / 2)

    def too_wide(log_p):
        t = [stats.t.isf(np.exp(log_p) / 2, f) for f in degrees]
        return np.sum(np.square(t) * parts) - worth**2

    return np.exp(optimize.brentq(too_wide, -60, -1e-9, xtol=1e-12))


def test_every_pair_is_tested_over_environments_and_seeds_and_adjusted_by_holm(summary):
    scores = noisy()
    means, E, S = scores.mean(2), 12, 5
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    by_seed = scores.mean(1).var(1, ddof=1) / S
    p = [
        adjusted(
            means[i] - means[j],
            [(means[i] - means[j]).var(ddof=1) / E, by_seed[i], by_seed[j]],
            [E - 1, S - 1, S - 1],
        )
        for i, j in pairs
    ]
    rows = summary["pairs"]
    assert [(row["first"], row["second"]) for row in rows] == [(f"m{i}", f"m{j}") for i, j in pairs]
    np.testing.assert_allclose([row["p_value"] for row in rows], p, rtol=1e-6)
    holm = multipletests(p, method="holm")[1]
    np.testing.assert_allclose([row["adjusted_p"] for row in rows], holm, rtol=1e-6)


def test_models_of_their_own_in_each_environment_leave_environments_as_the_units():
    scores = noisy((3, 9, 4))
    scores[0] += 0.05 - (scores[0] - scores[1]).mean()
    # Differences symmetric about their mean, so that there is no skewness to allow for.
    half = scores[0, :4].mean(1) - scores[1, :4].mean(1)
    scores[0, 4:8] += (2 * 0.05 - half - (scores[0, 4:8] - scores[1, 4:8]).mean(1))[:, None]
    scores[0, 8] += 0.05 - (scores[0, 8] - scores[1, 8]).mean()
    found = summarise(table(scores, crossed=False))["pairs"][0]
    means = scores.mean(2)
    assert found["p_value"] == pytest.approx(stats.ttest_rel(means[0], means[1]).pvalue, rel=1e-6)


def test_one_lucky_seed_of_three_is_no_better_method():
    rng = np.random.default_rng(6)
    scores = 0.6 + rng.normal(0, 0.002, (2, 30, 3))
    scores[0] += np.array([0.05, 0.0, 0.0])
    assert stats.ttest_rel(*scores.mean(2)).pvalue < 1e-9
    summary = summarise(table(scores, paired=True))
    assert summary["pairs"][0]["verdict"] == "no clear difference"
    assert any("--own-models" in sentence for sentence in summary["findings"])


def test_limits_exclude_zero_exactly_where_the_adjusted_p_rejects(summary):
    rng = np.random.default_rng(4)
    near = summarise(table(rng.normal(0, 1, (5, 6, 2)) + 0.7 * np.arange(5)[:, None, None]))
    verdicts = set()
    for row in [*summary["pairs"], *near["pairs"]]:
        outside = row["difference_low"] > 0 or row["difference_high"] < 0
        assert outside == (row["adjusted_p"] < 0.05) == (row["verdict"] != "no clear difference")
        verdicts.add(outside)
    assert verdicts == {True, False}


def test_losses_give_the_mirror_image_of_scores():
    scores = noisy()
    better = summarise(table(scores))
    losses = summarise(table(-scores, higher_is_better=False))
    assert losses["rankings"][0]["methods"] == better["rankings"][0]["methods"]
    for own, other in zip(losses["methods"], better["methods"], strict=True):
        assert own["method"] == other["method"]
        assert own["mean"] == pytest.approx(-other["mean"], rel=1e-12)
        assert own["mean_low"] == pytest.approx(-other["mean_high"], rel=1e-12)
    for own, other in zip(losses["pairs"], better["pairs"], strict=True):
        assert own["verdict"] == other["verdict"]
        assert own["difference_low"] == pytest.approx(-other["difference_high"], rel=1e-9)


def test_the_same_seed_gives_the_same_digits():
    first, second = (summarise(table(noisy())) for _ in range(2))
    for volatile in ("created", "seconds"):
        first["comparison"].pop(volatile)
        second["comparison"].pop(volatile)
    assert json.dumps(first) == json.dumps(second)


def test_the_answer_names_the_best_and_those_it_is_not_told_apart_from():
    scores = noisy(spread=0.001)
    clear = summarise(table(scores))["answer"]
    assert "m3 has the best mean" in clear
    assert "better than all 3 others, the nearest (m2) by 0.0" in clear
    scores[2] = scores[3] + np.random.default_rng(1).normal(0, 0.01, scores[3].shape) - 1e-4
    tied = summarise(table(scores))["answer"]
    assert "m3 has the best mean" in tied
    assert "better than m1 and m0, but cannot be told apart from m2" in tied


def test_a_baseline_is_compared_with_every_other_method():
    scores = noisy(spread=0.001)
    scores[1] = scores[2]
    summary = summarise(table(scores), baseline="m2")
    assert len(summary["pairs"]) == 3
    assert re.fullmatch(
        r"By mean score \(higher is better\), m3 \(by [\d., to]+\) is better than m2; "
        r"m0 \(by [\d., to]+\) is worse; m1 cannot be told "
        r"apart from it with 12 environments and 5 seeds\.",
        summary["answer"],
    )


def test_one_environment_takes_seeds_as_units_and_says_so():
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (2, 1, 8)) + np.array([0.0, 3.0])[:, None, None]
    summary = summarise(table(x))
    row = summary["pairs"][0]
    expected = stats.ttest_ind(x[0, 0], x[1, 0], equal_var=False)
    assert row["unit"] == "seed"
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert any("these environments only" in sentence for sentence in summary["findings"])
    assert summary["ranks"] is None


def test_one_run_per_cell_has_no_limits_for_these_environments_but_a_reason():
    summary = summarise(table(noisy((3, 8, 1))))
    assert summary["methods"][0]["mean_low"] is None
    assert summary["methods"][0]["like_these_low"] is not None
    assert any("One run per environment" in sentence for sentence in summary["findings"])
    assert "what another seed would change cannot be told" in summary["answer"]
    assert any("these trained models alone" in sentence for sentence in summary["findings"])


def test_a_single_score_each_is_not_judged():
    summary = summarise(table([[[0.5]], [[0.7]]]))
    assert summary["pairs"][0]["verdict"] == "no clear difference"
    assert any("nothing to judge" in sentence for sentence in summary["findings"])


def test_equal_scores_are_called_equal():
    summary = summarise(table(np.full((3, 4, 2), 0.5)))
    assert summary["answer"] == (
        "All 3 methods have the same mean score (higher is better); nothing tells them apart."
    )
    assert all(row["best"] == [] for row in summary["environments"])
    assert {row["verdict"] for row in summary["pairs"]} == {"no clear difference"}


def test_equivalence_within_the_margin_is_shown_not_assumed():
    scores = noisy(spread=0.0005)
    scores[1] = scores[0] + np.random.default_rng(3).normal(0, 0.0005, scores[0].shape)
    summary = summarise(table(scores), margin=0.01)
    found = {(row["first"], row["second"]): row["equivalent"] for row in summary["pairs"]}
    assert found.pop(("m0", "m1"))
    assert not any(found.values())


def test_missing_cells_do_not_reward_skipping_the_hard_environments():
    """m0 is worse everywhere but skipped the hard half; its raw mean is the highest."""
    ease = np.r_[np.full(6, 0.3), np.full(6, 0.9)][None, :, None]
    noise = np.random.default_rng(0).normal(0, 0.01, (3, 12, 4))
    scores = ease + np.array([-0.05, 0.0, 0.0])[:, None, None] + noise
    scores[0, :6] = np.nan
    summary = summarise(table(scores))
    assert summary["rankings"][0]["methods"][-1] == "m0"
    assert summary["methods"][-1]["method"] == "m0"
    verdicts = {(r["first"], r["second"]): r["verdict"] for r in summary["pairs"]}
    assert verdicts["m0", "m1"] == verdicts["m0", "m2"] == "second is better"
    assert any("6 of 36 cells" in sentence for sentence in summary["findings"])

    assert summary["methods"][-1]["mean_low"] is None
    assert "best adjusted mean" in summary["answer"]


def test_methods_that_share_nothing_are_not_compared():
    scores = np.full((2, 8, 2), np.nan)
    scores[0, :4], scores[1, 4:] = 0.5, 0.6
    summary = summarise(table(scores))
    assert summary["pairs"][0]["unit"] == "none"
    assert summary["pairs"][0]["verdict"] == "no clear difference"
    assert any("No two methods were measured" in sentence for sentence in summary["findings"])


def test_a_win_by_the_same_amount_everywhere_is_a_win():
    """Student's t has no spread to judge by; sign flips give 2^-9."""
    below = np.random.default_rng(0).integers(10, 90, (1, 10, 1)) / 64
    row = summarise(table(np.concatenate([below + 0.5, below])))["pairs"][0]
    assert row["p_value"] == 2.0**-9
    assert row["verdict"] == "first is better"
    few = summarise(table(np.concatenate([below + 0.5, below])[:, :4]))["pairs"][0]
    assert few["p_value"] == 0.125
    assert few["verdict"] == "no clear difference"


def test_equivalence_is_adjusted_for_the_number_of_pairs():
    rng = np.random.default_rng(8)
    rows = summarise(table(0.5 + rng.normal(0, 0.011, (5, 8, 1))), margin=0.02)["pairs"]
    raw = [row["equivalence_p"] for row in rows]
    adjusted = multipletests(raw, method="holm")[1]
    np.testing.assert_allclose([row["equivalence_adjusted_p"] for row in rows], adjusted)
    assert [row["equivalent"] for row in rows] == [p <= 0.05 for p in adjusted]
    assert min(raw) < 0.05


def test_the_closely_compared_method_is_the_one_that_ranks_first():
    """With cells missing that need not be the one with the largest raw mean."""
    scores = noisy((12, 10, 2), spread=0.001) + np.linspace(0, 1, 10)[None, :, None]
    scores[0, :5] = np.nan
    summary = summarise(table(scores))
    detailed = [row for row in summary["pairs"] if "sign_flip_p" in row]
    assert len(detailed) == 11
    assert all("m11" in (row["first"], row["second"]) for row in detailed)


def test_one_number_each_has_no_chance_of_being_best():
    assert "best_confidence" not in summarise(table([[[0.5]], [[0.7]]]))["methods"][0]


def test_two_methods_are_the_same_only_within_a_margin_that_was_given():
    scores = noisy((2, 8, 5), spread=0.0005)
    scores[1] = scores[0] + np.random.default_rng(3).normal(0, 0.0005, scores[0].shape)
    silent, given = summarise(table(scores)), summarise(table(scores), margin=0.01)
    assert silent["comparison"]["margin"] is None
    assert "equivalent" not in silent["pairs"][0]
    assert not any("same within" in sentence for sentence in silent["findings"])
    assert any("same within 0.01" in sentence for sentence in given["findings"])


def test_two_environments_are_not_environments_like_these():
    summary = summarise(table(noisy((3, 2, 6))))
    assert "like these" not in summary["answer"]
    assert "for these environments" in summary["answer"]
    assert summary["methods"][0]["like_these_low"] is None


def test_a_missing_cell_leaves_the_leader_its_limits():
    scores = noisy((3, 10, 6), spread=0.001)
    full = summarise(table(scores))["methods"][0]
    scores[2, 4] = np.nan
    summary = summarise(table(scores))
    own = summary["methods"][0]
    assert own["method"] == full["method"] == "m2"
    assert own["like_these_low"] < own["mean"] < own["like_these_high"]
    assert "for environments like these)" in summary["answer"]
    # The environment it lacks is known from the others: the mean moves by what m2 does in it.
    assert own["mean"] == pytest.approx(full["mean"], abs=0.001)
    width, whole = (row["like_these_high"] - row["like_these_low"] for row in (own, full))
    assert 0.8 < width / whole < 1.4


def test_small_scores_are_printed():
    summary = summarise(table(1e-9 * noisy(spread=0.001)))
    assert re.search(r"the best mean score \(higher is better\), 7\.\d\de-10", summary["answer"])


def test_many_pairs_point_to_the_baseline():
    found = summarise(table(noisy((12, 8, 2))))["findings"]
    assert any("with --baseline METHOD there are 11" in sentence for sentence in found)


def test_many_pairs_keep_their_tests_and_details_go_to_the_leaders():
    summary = summarise(table(noisy((12, 8, 3), spread=0.001)))
    detailed = [row for row in summary["pairs"] if "sign_flip_p" in row]
    assert len(summary["pairs"]) == 66
    assert {("m11" in (row["first"], row["second"])) for row in detailed} == {True}
    assert len(detailed) == 11


def test_the_example_table_is_compared_in_words():
    summary = summarise(read_scores("examples/scores.csv"))
    assert "support vectors has the best mean score" in summary["answer"]
    json.dumps(summary, allow_nan=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"baseline": "m9"}, "no method 'm9'"),
        ({"level": 95}, "level is 95"),
        ({"margin": -1.0}, "margin is -1.0"),
        ({"replicates": 5}, "at least 100"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        summarise(table(noisy()), **options)


def test_one_method_is_no_comparison():
    import pandas as pd

    alone = pd.DataFrame({"method": ["a", "a"], "task": ["x", "y"], "score": [1.0, 2.0]})
    with pytest.raises(UsageError, match="needs at least two"):
        summarise(from_frame(alone))
