"""What a ranking depends on: by hand, against SciPy, and on measured tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.report.sentences.ranking import ranking_sentences
from gengap.statistics.rankings import RANKING_RULES, rank
from gengap.statistics.stability import kendall_tau, stability

SCORES = Path(__file__).parents[2] / "examples" / "scores.csv"
# a wins one environment by far, b the other three by little.
UNEVEN = np.array([[0.9, 0.20, 0.31, 0.40], [0.4, 0.22, 0.33, 0.42], [0.1, 0.21, 0.30, 0.41]])


def test_winner_depends_on_rule_and_scale():
    """P. Colombo et al. 2022: ranks and means can crown different winners."""
    found = stability(UNEVEN, ["a", "b", "c"])
    assert found.winner_depends_on_rule
    assert ranking_sentences(found)[0] == (
        "The winner depends on the rule: a by mean;"
        " b by mean rank, borda, copeland, minimax, kemeny."
    )
    # Rescaled to 0..1: a 1, 0, 1/3, 0; b 0.375, 1, 1, 1.
    np.testing.assert_allclose(found.scales["min-max"].scores[:2], [1 / 3, 3.375 / 4])
    z = stats.zscore(UNEVEN, axis=0).mean(axis=1)
    np.testing.assert_allclose(found.scales["z-score"].scores, z)
    assert found.winner_depends_on_scale


def test_left_out_environments_are_those_left_out():
    scores = np.random.default_rng(0).random((4, 6))
    found = stability(scores)
    for rule in RANKING_RULES:
        for e in range(6):
            expected = rank(np.delete(scores, e, axis=1), rule).ranks
            np.testing.assert_allclose(found.left_out[rule][e], expected)


def test_left_out_environment_that_decides_is_named():
    found = stability(UNEVEN, ["a", "b", "c"], ["north", "south", "east", "west"])
    assert "Leaving out north changes the winner by mean, a." in ranking_sentences(found)


def test_kendall_against_scipy():
    ranks = np.random.default_rng(0).integers(1, 5, (4, 9)).astype(float)
    tau = kendall_tau(ranks)
    for i in range(4):
        for j in range(4):
            assert tau[i, j] == pytest.approx(stats.kendalltau(ranks[i], ranks[j])[0])
    assert np.isnan(kendall_tau([[1, 2], [1.5, 1.5]])[0, 1])


def test_missing_cells_and_empty_environments():
    scores = np.random.default_rng(0).random((4, 12, 2))
    scores[0, :5] = np.nan
    scores[:, 11] = np.nan
    found = stability(scores)
    assert all(np.isfinite(ranking.ranks).all() for ranking in found.rankings.values())
    assert found.rankings["mean"].ranks.sum() == 1 + 2 + 3 + 4


def test_environments_without_which_nothing_is_linked_are_named():
    # Only the first environment links a to the others.
    scores = np.array([[0.5, np.nan, np.nan], [0.4, 0.3, 0.2], [0.3, 0.4, 0.1]])
    found = stability(scores, ["a", "b", "c"], ["x", "y", "z"])
    assert "The methods cannot be ranked without x." in ranking_sentences(found)


def test_one_environment():
    found = stability([[0.5], [0.4]], ["a", "b"])
    assert "The methods cannot be ranked without 0." in ranking_sentences(found)


def test_what_all_methods_share_is_no_win():
    told = ranking_sentences(stability(np.full((3, 4), 0.5), ["a", "b", "c"]))
    assert told == [
        "Nobody wins: all methods tie whatever the rule: mean, mean rank, borda, copeland, "
        "minimax, kemeny.",
        "Nobody wins: all methods tie whatever the scale: raw, min-max, z-score, borda.",
    ]
    # By ranks both have two of four environments; by means a leads.
    told = ranking_sentences(stability([[0.9, 0.9, 0.1, 0.1], [0.8, 0.8, 0.2, 0.15]], ["a", "b"]))
    assert told[0].startswith("The winner depends on the rule: a by mean; nobody by mean rank")


def test_kemeny_without_each_environment_is_left_to_few_methods():
    found = stability(np.random.default_rng(0).random((9, 5)))
    assert "kemeny" in found.rankings
    assert "kemeny" not in found.left_out


def test_measured_scores_of_unseen_writers():
    long = pd.read_csv(SCORES)
    assert list(long) == ["method", "environment", "seed", "score"]
    wide = long.pivot_table(index="method", columns=["environment", "seed"], values="score")
    scores = wide.to_numpy().reshape(8, 14, 5)
    found = stability(scores, list(wide.index), sorted(set(long["environment"])))
    assert ranking_sentences(found)[0].startswith("The winner is support vectors whatever the rule")
    assert found.rankings["mean"].order[-1] == list(wide.index).index("naive Bayes")


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"names": ["a", "b"]}, "3 methods"),
        ({"names": ["a", "a", "b"]}, "distinct"),
        ({"environments": ["x"]}, "4 environments"),
    ],
)
def test_unusable_input(options: dict, culprit: str):
    with pytest.raises(UsageError, match=culprit):
        stability(UNEVEN, **options)


@pytest.mark.slow
def test_on_real_data_sets_the_winner_depends_on_the_rule():
    """Eight classifiers on five data sets: mean and mean rank agree, Copeland does not."""
    from sklearn import datasets
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    X, y = datasets.load_diabetes(return_X_y=True)
    loaders = (datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer)
    problems = [load(return_X_y=True) for load in (*loaders, datasets.load_digits)]
    problems.append((X, (y > np.median(y)).astype(int)))
    models = [
        LogisticRegression(max_iter=1000),
        LinearDiscriminantAnalysis(),
        GaussianNB(),
        KNeighborsClassifier(1),
        KNeighborsClassifier(5),
        SVC(),
        RandomForestClassifier(50, random_state=0),
        ExtraTreesClassifier(50, random_state=0),
    ]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = [
        [cross_val_score(make_pipeline(StandardScaler(), model), *data, cv=folds).mean()
         for data in problems]
        for model in models
    ]  # fmt: skip
    found = stability(scores)
    assert found.winner_depends_on_rule
    assert found.winner_depends_on_scale
    assert found.rankings["mean"].winners == found.rankings["mean rank"].winners
