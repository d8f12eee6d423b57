"""Do the intervals of ``gengap run`` hold, and how much wider than need be are they?

Studies, leaving one environment out, of tables whose environments are drawn at random: inputs
normal around a mean of their own, and a concept, linear or logistic, whose intercept and slopes
move from one to the next. Rows are dealt into parts as studies deal them and models trained on the
same parts; only tables and records are left out, which would take ten times as long. The truth is
had by training the same model on fresh rows and scoring it on many: of these environments, of one
more that a study never sees, and with all of them trained on. Its mean over all studies of a row is
what the source costs.

A study takes half a second, which is why a row has a small share of the studies of other tables.
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

from gengap.base.seeds import generator
from gengap.environments.parts import TEST, TRAIN, VALIDATION, parts
from gengap.statistics import Differences, mean_interval, source_intervals
from gengap.statistics.source import cost_share

ROWS, INPUTS, SCORED, DRAWS = 100, 4, 1_000, 8
TRAINED = 0.6  # three of five folds
WIDE = 1.25
SHARE = 33
Rows = tuple[np.ndarray, np.ndarray]
Table4 = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


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
    Setting("linear", LinearRegression, 0.3, 50, 3),
    Setting("linear", LinearRegression, 0.0, 8, 5),
    Setting("linear", LinearRegression, 0.0, 20, 3),
    Setting("logistic", LogisticRegression, 0.4, 8, 3),
    Setting("logistic", LogisticRegression, 0.4, 20, 3),
    Setting("logistic", LogisticRegression, 0.0, 8, 10),
    Setting("tree", tree, 0.4, 8, 5),
    Setting("tree", tree, 0.0, 8, 3),
    Setting("network", network, 0.4, 5, 3),
    Setting("network", network, 0.0, 5, 5),
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
Studies of {ROWS} rows an environment, one left out at a time. *Shift* is the standard deviation of
intercept, slopes and means of inputs between environments. The ideal width is that of the best
interval to be had where the variance of the estimate were known: twice 1.96 standard deviations of
its error over studies (less what the simulated truths err by). For *like these* it is Student's
quantile for as many environments instead of 1.96, as whoever knows the shape of their costs but not
their spread needs. *With all* is the cost that `run` works out for all environments to train on.

*These* is a compromise. Where scores are right or wrong, three to five seeds show so little of what
training sets do that any interval which holds whatever it is, Student's with a degree of freedom
less than seeds at the far end, is 1.4 to 1.8 times as wide as need be for the models below, in
which it is little. So a large effect of training common to all environments is not expected and
must show: in simulated studies where it has 12 to 30 times the variance of the test examples'
part, three to five seeds hold the mean of these in 65 to 75% instead. Noise of initial weights is
not told from that of the data, for a seed changes both."""


def tables(studies: int) -> list[Table]:
    rows = tuple(_row(setting, max(studies // SHARE, 10)) for setting in SETTINGS)
    heads = ("model", "shift", "environments", "seeds")
    return [Table("gengap run: the cost of unseen", WORDS, heads, QUANTITIES, rows)]


def _row(setting: Setting, studies: int) -> Row:
    found = pd.DataFrame(_study(setting, number) for number in range(studies))
    like, new = found.these.mean(), found.new.mean()
    # What the truths err by is none of the study's error.
    error = np.sqrt((found.cost - found.these).var(ddof=1) - found.truths.mean())
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
    X, y = _joined([_rows(setting, place, ROWS, rng) for place in places[:-1]])
    environment = np.repeat(np.arange(K), ROWS)
    classes = 0 if setting.regression else 2
    codes = np.array([parts(environment, y, classes, seed) for seed in range(setting.seeds)])
    losses = [_losses(setting, X, y, environment, own == TRAIN, rng) for own in codes]
    test, validation = (_table(losses, codes == part, environment) for part in (TEST, VALIDATION))
    train = (codes == TRAIN).astype(float)
    shared = train @ train.T / train.sum(axis=1).mean()
    overlap = float(shared[~np.eye(len(shared), dtype=bool)].mean())
    noise = {
        "overlap": overlap,
        "validation": Differences(*validation),
        "largest": np.inf if setting.regression else 1.0,
    }
    fixed = mean_interval(*test, **noise)
    expected, another = source_intervals(*test, **noise)
    left = cost_share([K - 1] * K, K)
    draws = np.array([_costs(setting, places, rng) for _ in range(DRAWS)])
    costs = draws.mean(axis=0)
    return {
        "cost": fixed.estimate,
        "expected_low": expected.low,
        "expected_high": expected.high,
        "new_low": another.low,
        "new_high": another.high,
        "low": fixed.low,
        "high": fixed.high,
        "all_low": left * expected.low,
        "all_high": left * expected.high,
        "these": costs[:K].mean(),
        "truths": draws[:, :K].mean(axis=1).var(ddof=1) / DRAWS,
        "another": costs[K],
        "new": costs[K + 1],
    }


def _losses(
    setting: Setting,
    X: np.ndarray,
    y: np.ndarray,
    environment: np.ndarray,
    train: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """What a seed's runs lose on every row more than its reference ``(rows,)``: each unseen."""
    K = int(environment.max()) + 1
    sampled = [
        rng.permutation(own)[: max(1, round((K - 1) / K * len(own)))]
        for own in (np.flatnonzero(train & (environment == k)) for k in range(K))
    ]
    reference = (_fitted(setting, X, y, np.concatenate(sampled), rng).predict(X) - y) ** 2
    unseen = np.empty(len(y))
    for k in range(K):
        own = environment == k
        model = _fitted(setting, X, y, np.flatnonzero(train & ~own), rng)
        unseen[own] = (model.predict(X[own]) - y[own]) ** 2
    return np.asarray(unseen - reference)


def _table(losses: list[np.ndarray], scored: np.ndarray, environment: np.ndarray) -> Table4:
    """The long table of the rows that each seed scored ``(seeds, rows)``."""
    seed, row = np.nonzero(scored)
    return np.array(losses)[seed, row], environment[row], seed, row


def _fitted(
    setting: Setting, X: np.ndarray, y: np.ndarray, rows: np.ndarray, rng: np.random.Generator
) -> Any:
    model = setting.estimator()
    if "random_state" in model.get_params():
        model.set_params(random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X[rows], y[rows])


def _place(setting: Setting, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slopes of an environment, and the means of its inputs."""
    concept = np.r_[0.0, np.ones(INPUTS) if setting.regression else 2 * np.ones(INPUTS)]
    concept = concept / np.sqrt(INPUTS) + setting.shift * rng.normal(size=INPUTS + 1)
    return concept, setting.shift * rng.normal(size=INPUTS)


def _rows(
    setting: Setting, place: tuple[np.ndarray, np.ndarray], size: int, rng: np.random.Generator
) -> Rows:
    concept, means = place
    X = rng.normal(means, 1.0, (size, INPUTS))
    score = concept[0] + X @ concept[1:]
    if setting.regression:
        y = score + rng.normal(size=size)
    else:
        y = (rng.random(size) < 1 / (1 + np.exp(-score))).astype(int)
    return X, y


def _joined(parts: list[Rows]) -> Rows:
    return np.concatenate([X for X, _ in parts]), np.concatenate([y for _, y in parts])


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

    def model(several: list[Rows]) -> Any:
        X, y = _joined(several)
        return _fitted(setting, X, y, np.arange(len(y)), rng)

    def loss(fitted: Any, k: int) -> float:
        X, y = test[k]
        return float(np.mean((y - fitted.predict(X)) ** 2))

    def matched(every: list[int]) -> Any:
        """A reference of as many rows as one fewer environments have."""
        keep = round(size * (len(every) - 1) / len(every))
        return model([(train[j][0][:keep], train[j][1][:keep]) for j in every])

    def unseen(seen: list[int], k: int) -> float:
        return loss(model([train[j] for j in seen]), k)

    every = list(range(K))
    reference = matched(every)
    these = [unseen([j for j in every if j != k], k) - loss(reference, k) for k in every]
    another = unseen(every[1:], K) - loss(matched([*every[1:], K]), K)
    return np.array([*these, another, unseen(every, K) - loss(matched([*every, K]), K)])
