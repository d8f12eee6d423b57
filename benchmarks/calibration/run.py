"""Do the intervals of ``gengap run`` hold, and how much wider than need be are they?

Whole studies, leaving one environment out, of tables whose environments are drawn at random: inputs
normal around a mean of their own, and a concept, linear or logistic, whose intercept and slopes
move from one to the next. The truth is had by training the same model on fresh rows and scoring it
on many: of these environments, of one more that a study never sees, and with all of them trained
on. Its mean over all studies of a row is what the source costs.

A study takes a second or so, which is why a row has a fortieth of the studies of other tables.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.calibration.frame import Quantity, Row, Table, average, share
from scipy import stats
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

import gengap as gg
from gengap.base.seeds import generator

ROWS, INPUTS, SCORED, DRAWS = 100, 4, 1_000, 8
TRAINED = 0.6  # three of five folds
WIDE = 1.25
SHARE = 40


@dataclass(frozen=True)
class Setting:
    """A kind of study; ``shift`` is the standard deviation by which each parameter moves."""

    name: str
    estimator: Callable[[], Any]
    shift: float
    environments: int
    seeds: int

    @property
    def regression(self) -> bool:
        return self.estimator is LinearRegression


def network() -> MLPClassifier:
    return MLPClassifier((8,), learning_rate_init=0.02, max_iter=25)


def tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=4)


SETTINGS = (
    Setting("linear", LinearRegression, 0.3, 5, 5),
    Setting("linear", LinearRegression, 0.3, 8, 2),
    Setting("linear", LinearRegression, 0.3, 8, 5),
    Setting("linear", LinearRegression, 0.3, 20, 3),
    Setting("linear", LinearRegression, 0.0, 8, 5),
    Setting("logistic", LogisticRegression, 0.4, 8, 3),
    Setting("logistic", LogisticRegression, 0.4, 20, 3),
    Setting("logistic", LogisticRegression, 0.0, 8, 10),
    Setting("tree", tree, 0.4, 8, 5),
    Setting("network", network, 0.4, 5, 3),
)
QUANTITIES = (
    Quantity("like these, holds", least=0.93),
    Quantity("like these, width over ideal", most=WIDE, percent=False),
    Quantity("a new one, holds", least=0.93),
    Quantity("these, holds", least=0.93),
    Quantity("these, width over ideal", most=WIDE, percent=False),
    Quantity("with all, holds", least=0.93),
)
WORDS = f"""\
Whole studies of {ROWS} rows an environment, one left out at a time. *Shift* is the standard
deviation of intercept, slopes and means of inputs between environments. The ideal width is twice
1.96 standard deviations of the estimate's error over studies; for *like these* it is Student's
quantile for as many environments instead of 1.96, as their spread has to be estimated from them.
*With all* is the cost that `run` works out for all environments to train on."""


def tables(studies: int) -> list[Table]:
    rows = tuple(_row(setting, max(studies // SHARE, 10)) for setting in SETTINGS)
    heads = ("model", "shift", "environments", "seeds")
    return [Table("gengap run: the cost of unseen", WORDS, heads, QUANTITIES, rows)]


def _row(setting: Setting, studies: int) -> Row:
    found = pd.DataFrame(_study(setting, number) for number in range(studies))
    like, new = found.like.mean(), found.new.mean()
    error = float((found.cost - found.these).std(ddof=1))
    t = stats.t.ppf(0.975, setting.environments - 1)
    told = found.dropna(subset=["expected_low"])
    ideal = 2 * t * float(found.cost.std(ddof=1))
    return Row(
        (setting.name, f"{setting.shift:g}", str(setting.environments), str(setting.seeds)),
        (
            share((told.expected_low <= like) & (like <= told.expected_high)),
            average((told.expected_high - told.expected_low) / ideal),
            share((found.new_low <= found.another) & (found.another <= found.new_high)),
            share((found.low <= found.these) & (found.these <= found.high)),
            average((found.high - found.low) / (2 * 1.96 * error)),
            share((told.all_low <= new) & (new <= told.all_high)),
        ),
    )


def _study(setting: Setting, number: int) -> dict[str, float]:
    """One study: what it says, and the truths."""
    rng = generator(number, "calibration", *map(str, vars(setting).values()))
    K = setting.environments
    places = [_place(setting, rng) for _ in range(K + 1)]
    frame = pd.concat(
        _rows(setting, place, ROWS, rng).assign(site=f"site {k:02d}")
        for k, place in enumerate(places[:-1])
    )
    metric = "squared_error" if setting.regression else "accuracy"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = gg.Environments.from_frame(
            frame.reset_index(drop=True), environment="site", target="y"
        )
        found = gg.Study(
            data, [setting.estimator()], seeds=setting.seeds, metric=metric, jobs=1
        ).run()
        costs = np.mean([_costs(setting, places, rng) for _ in range(DRAWS)], axis=0)
    row = found.methods.iloc[0]
    return {
        "cost": row.cost_of_unseen,
        "expected_low": row.expected_low,
        "expected_high": row.expected_high,
        "new_low": row.new_environment_low,
        "new_high": row.new_environment_high,
        "low": row.cost_low,
        "high": row.cost_high,
        "all_low": row.cost_with_all_low,
        "all_high": row.cost_with_all_high,
        "these": costs[:K].mean(),
        "like": costs[:K].mean(),
        "another": costs[K],
        "new": costs[K + 1],
    }


def _place(setting: Setting, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slopes of an environment, and the means of its inputs."""
    concept = np.r_[0.0, np.ones(INPUTS) if setting.regression else 2 * np.ones(INPUTS)]
    concept = concept / np.sqrt(INPUTS) + setting.shift * rng.normal(size=INPUTS + 1)
    return concept, setting.shift * rng.normal(size=INPUTS)


def _rows(
    setting: Setting, place: tuple[np.ndarray, np.ndarray], size: int, rng: np.random.Generator
) -> pd.DataFrame:
    concept, means = place
    X = rng.normal(means, 1.0, (size, INPUTS))
    score = concept[0] + X @ concept[1:]
    if setting.regression:
        y = score + rng.normal(size=size)
    else:
        y = (rng.random(size) < 1 / (1 + np.exp(-score))).astype(int)
    return pd.DataFrame(X, columns=[f"x{k}" for k in range(INPUTS)]).assign(y=y)


def _costs(
    setting: Setting, places: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator
) -> np.ndarray:
    """Costs ``(K + 2,)`` under one fresh draw: of each place, of another, with all trained on.

    The other one is unseen by a model of all places but the first, so that as many are trained on
    as in the study, and then by a model of all.
    """
    K, size = len(places) - 1, round(TRAINED * ROWS)
    train = [_rows(setting, place, size, rng) for place in places]
    test = [_rows(setting, place, SCORED, rng) for place in places]

    def loss(parts: list[pd.DataFrame], k: int) -> float:
        rows = pd.concat(parts)
        model = setting.estimator()
        if "random_state" in model.get_params():
            model.set_params(random_state=int(rng.integers(2**31)))
        model.fit(rows.iloc[:, :-1].to_numpy(), rows.y)
        off = test[k].y - model.predict(test[k].iloc[:, :-1].to_numpy())
        return float(np.mean(off**2))

    def cost(seen: list[int], k: int) -> float:
        every = [*seen, k]
        keep = round(size * len(seen) / len(every))
        unseen = loss([train[j] for j in seen], k)
        return unseen - loss([train[j][:keep] for j in every], k)

    these = [cost([j for j in range(K) if j != k], k) for k in range(K)]
    return np.array([*these, cost(list(range(1, K)), K), cost(list(range(K)), K)])
