"""Plans from a table of scores: the parts of its variance, and the power they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.questions.comparison.table import ScoreTable
from gengap.questions.planning.from_table import next_study_of_table
from gengap.statistics import Differences, compare


def table(rng: np.random.Generator, K: int, S: int, mean: float = 0.0, **options) -> ScoreTable:
    """Two methods whose difference varies with environments (1), seeds (0.5) and both (1)."""
    difference = (
        mean + rng.normal(size=(K, 1)) + 0.5 * rng.normal(size=(1, S)) + rng.normal(size=(K, S))
    )
    base = rng.normal(size=(K, S))
    names = tuple(f"e{k}" for k in range(K)), tuple(map(str, range(S)))
    return ScoreTable(np.stack([base + difference, base]), ("new", "old"), *names, **options)


def differences(given: ScoreTable) -> Differences:
    d = given.scores[0] - given.scores[1]
    environment, seed = np.indices(d.shape)
    return Differences(d.ravel(), environment.ravel(), seed.ravel(), np.arange(d.size))


def test_parts_are_those_of_the_two_way_analysis_of_variance() -> None:
    K, S = 12, 5
    given = table(np.random.default_rng(0), K, S, paired=True)
    d = given.scores[0] - given.scores[1]
    rows, columns, mean = d.mean(1), d.mean(0), d.mean()
    between = S * np.sum((rows - mean) ** 2) / (K - 1)
    seeds = K * np.sum((columns - mean) ** 2) / (S - 1)
    rest = np.sum((d - rows[:, None] - columns + mean) ** 2) / ((K - 1) * (S - 1))
    found = next_study_of_table(given, 0.5).parts
    assert (found.environment, found.interaction) == pytest.approx(((between - rest) / S, rest))
    assert found.seed == pytest.approx(max((seeds - rest) / K, 0.0))
    assert (found.environments, found.seeds, found.difference) == (K, S, pytest.approx(mean))


def test_the_power_of_a_study_as_it_is_is_the_share_of_such_tables_that_show_it() -> None:
    rng = np.random.default_rng(1)
    promised = [next_study_of_table(table(rng, 10, 6, paired=True), 1.2) for _ in range(60)]
    found = [
        compare({"new": differences(table(rng, 10, 6, mean=1.2))})["new"].verdict
        for _ in range(200)
    ]
    share = np.mean([verdict != "no clear difference" for verdict in found])
    assert np.mean([plan.plan.now.power for plan in promised]) == pytest.approx(share, abs=0.15)


def test_seeds_that_are_not_paired_count_as_one() -> None:
    found = next_study_of_table(table(np.random.default_rng(0), 6, 3, paired=False), 0.5)
    assert found.parts.seeds == 1


def test_the_command_reads_any_table_and_says_what_it_cannot_tell(tmp_path: Path) -> None:
    given = table(np.random.default_rng(0), 8, 4)
    rows = [
        (method, place, seed, given.scores[m, e, s])
        for m, method in enumerate(given.methods)
        for e, place in enumerate(given.environments)
        for s, seed in enumerate(given.seeds)
    ]
    path = tmp_path / "wer.csv"
    pd.DataFrame(rows, columns=["method", "environment", "seed", "wer"]).to_csv(path, index=False)
    ran = CliRunner().invoke(app, f"plan {path} --detect 0.5 --budget 100", env={"COLUMNS": "200"})
    said = " ".join(ran.output.split())
    assert ran.exit_code == 0, said
    assert "new minus old is" in said
    assert "A table of scores does not say what more of them would bring." in said
    refused = CliRunner().invoke(app, f"plan {path} --detect 0.5 --metric auroc")
    assert refused.exit_code == 2
    assert "--metric is for records" in refused.output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "has 3 methods"),
        ({"method": "a", "against": "a"}, "cannot be compared with itself"),
        ({"method": "d", "against": "a"}, "There is no method 'd'"),
        ({"method": "b", "against": "a", "detect": -1.0}, "give a positive number"),
    ],
)
def test_what_cannot_be_planned_is_a_sentence(options: dict, sentence: str) -> None:
    scores = np.random.default_rng(0).normal(size=(3, 4, 2))
    given = ScoreTable(scores, ("a", "b", "c"), tuple("wxyz"), ("1", "2"))
    with pytest.raises(UsageError, match=sentence):
        next_study_of_table(given, **{"detect": 0.1, **options})
