"""``gengap compare``: false verdicts among equal methods, and the power to find a better one.

All studies of a setting are tested at once by the functions that the command uses
(:mod:`gengap.statistics.crossed_means`). Any verdict at all needs Holm's first step, so a study of
equal methods has a false one exactly where some pair is told apart at 5% over the number of pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
from benchmarks.calibration.frame import NOTHING, Measured, Quantity, Row, Table, average, share
from benchmarks.calibration.generators import SHAPES, scores
from scipy import stats

from gengap.base.seeds import generator
from gengap.statistics.best import best_mean
from gengap.statistics.crossed_means import crossed_mean
from gengap.statistics.sequential import compare_sequentially

LEVEL = 0.95
FALSE = Quantity("false verdicts", most=0.05)
POWER = Quantity("power")
# A better method is better by so many true standard errors of a difference.
EFFECT = 4.0
SIZES = tuple(product((2, 5, 20), (3, 10, 40), (2, 3, 10)))
COMMON = (0.0, 1.0, 3.0)
CHUNK = 4_000_000  # scores drawn at once


def told_apart(table: np.ndarray, pairs: Sequence[tuple[int, int]], *, crossed: bool) -> np.ndarray:
    """Whether a study told each pair apart at Holm's first step: +1, -1 or 0, ``(pairs, n)``.

    Args:
        table: ``(n, M, E, S)``, seeds paired across methods.
        pairs: which methods to compare.
        crossed: whether seeds count as common to all environments.
    """
    by_environment, by_seed = table.mean(axis=3), table.mean(axis=2)
    seeds = table.shape[3]
    level = 1 - (1 - LEVEL) / len(pairs)
    found = []
    for i, j in pairs:
        parts = []
        if crossed and seeds > 1:
            variance = (by_seed[:, i] - by_seed[:, j]).var(axis=-1, ddof=1) / seeds
            parts = [(variance, seeds - 1.0)]
        low, high = crossed_mean(by_environment[:, i] - by_environment[:, j], *parts).limits(level)
        found.append((low > 0).astype(int) - (high < 0))
    return np.stack(found)


def simulated(
    name: str, studies: int, size: tuple[int, int, int], *, crossed: bool = True, **options: object
) -> np.ndarray:
    """Verdicts ``(pairs, studies)`` on all pairs of ``size`` methods, environments and seeds."""
    pairs = list(combinations(range(size[0]), 2))
    rng = generator(0, "calibration of compare", name, *size)
    each = max(1, CHUNK // int(np.prod(size)))
    parts = []
    for start in range(0, studies, each):
        table = scores(rng, (min(each, studies - start), *size), **options)  # type: ignore[arg-type]
        parts.append(told_apart(table, pairs, crossed=crossed))
    return np.concatenate(parts, axis=1)


def common_effects(studies: int) -> Table:
    """Equal methods with and without common effects of seeds, and one that is better."""
    rows = []
    for (M, E, S), common in product(SIZES, COMMON):
        size, setting = (M, E, S), {"common": common}
        equal = (simulated("equal", studies, size, **setting) != 0).any(axis=0)
        alone = simulated("equal", studies, size, crossed=False, **setting) != 0
        error = np.sqrt(2 * (1 / E + common**2 / S + 1 / (E * S)))
        better = simulated("better", studies, size, shift=(EFFECT * error,), **setting)
        strictest = stats.norm.isf(0.025 / (M * (M - 1) / 2))
        known = Measured(float(stats.norm.sf(strictest - EFFECT)))
        rows.append(
            Row(
                (str(M), str(E), str(S), f"{common:g}"),
                (share(equal), share(alone.any(axis=0)), share(better[0] > 0), known),
            )
        )
    words = (
        "One trained model per method and seed, scored in all environments. What an environment "
        "does to one method, and a single score, have standard deviation 1; what a seed does to a "
        "method in all environments has 0, 1 or 3. All pairs are compared under Holm's procedure. "
        "Beside it: false verdicts if environments were taken for independent; the power to tell "
        f"a method that is better by {EFFECT:g} true standard errors of a difference from one "
        "other, at Holm's strictest step; and the same if variances were known, which no table "
        "grants. With two or three seeds the guarantee costs power."
    )
    return Table(
        "`compare`: seeds common to all environments",
        words,
        ("methods", "environments", "seeds", "common effect"),
        (FALSE, Quantity("if seeds were ignored"), POWER, Quantity("power, variances known")),
        tuple(rows),
    )


def unlike_shapes(studies: int) -> Table:
    """One method of another shape than the others, with the same mean."""
    rows = []
    cells = product(
        ("skewed", "lognormal", "collapse"),
        (1.0, 0.1),
        ("common", "own", "one"),
        (2, 5),
        (5, 10, 40),
    )
    for shape, scale, layout, M, E in cells:
        seeds = 1 if layout == "one" else 3
        options = {
            "shapes": (shape, "normal"),
            "scales": (1.0, scale),
            "common": float(layout == "common"),
        }
        found = simulated("shapes", studies, (M, E, seeds), crossed=layout == "common", **options)
        models = {
            "common": "3 seeds common to all environments",
            "own": "3 models for each environment",
            "one": "one model each",
        }[layout]
        others = "as noisy" if scale == 1 else "a tenth as noisy"
        setting = (shape, others, models, str(M), str(E))
        rows.append(Row(setting, (share((found != 0).any(axis=0)),)))
    words = (
        "Equal means, unlike shapes: all parts of the first method's scores have a long lower tail "
        "(exponential or lognormal) or collapse in a tenth of cases, those of the others are "
        "normal. No test of a mean holds for every shape: a collapse that the sample does not show "
        "cannot be known, and against others that hardly vary its absence looks like a difference."
    )
    return Table(
        "`compare`: methods of unlike shapes",
        words,
        ("one method", "others", "models", "methods", "environments"),
        (FALSE,),
        tuple(rows),
    )


def best(studies: int) -> Table:
    """How often one of two equal methods is said to be best with 95% confidence."""
    rows = []
    number = max(studies // 4, 50)
    for E, S, common in product((3, 10, 40), (2, 3, 10), (0.0, 1.0)):
        rng = generator(0, "calibration of best", E, S)
        tables = scores(rng, (number, 2, E, S), common=common)
        sure = []
        for k, table in enumerate(tables):
            found = best_mean(table, table.mean(axis=(1, 2)), crossed=True, paired=True, seed=k)
            sure.append(found is not None and found.confidence.max() >= 0.95)
        rows.append(Row((str(E), str(S), f"{common:g}"), (share(sure),)))
    return Table(
        "`compare`: confidence of being best",
        "Tables of two equal methods in which one has a confidence of 95% or more; one method in "
        "twenty each would.",
        ("environments", "seeds", "common effect"),
        (Quantity("of equal methods one at 95%", most=0.1),),
        tuple(rows),
    )


def sequential(studies: int) -> Table:
    """``compare_sequentially``: two methods, runs that are not paired."""
    settings = [
        ("normal", "normal", 1.0, 0.0),
        ("normal", "normal", 0.1, 0.0),
        *((shape, "normal", scale, 0.0) for shape in list(SHAPES)[2:] for scale in (1.0, 0.1)),
        *(("normal", "normal", 1.0, effect) for effect in (0.5, 0.8, 1.0, 1.5)),
    ]
    rows = []
    for first, second, scale, effect in settings:
        rng = generator(0, "calibration of looks", first, second, int(10 * scale), int(10 * effect))
        decided, plain, used, once = [], [], [], []
        for k in range(max(studies // 3, 50)):
            a = SHAPES[first](rng, (30,)) + effect
            b = scale * SHAPES[second](rng, (30,))
            looked = compare_sequentially({"a": a, "b": b}, permutations=2000, seed=k).decisions[0]
            decided.append(looked.order != "undecided")
            plain.append(decided[-1] and not looked.caveat)
            used.append(looked.runs)
            fixed = stats.ttest_ind(a[:25], b[:25], equal_var=False).pvalue
            once.append(fixed <= 1 - LEVEL)
        wrong, right = (share(decided), NOTHING)[:: 1 if effect == 0 else -1]
        bare = NOTHING if effect else share(plain)
        others = second if scale == 1 else f"{second}, a tenth as noisy"
        found = wrong, bare, right, share(once), average(used)
        rows.append(Row((first, others, f"{effect:g}"), found))
    return Table(
        "`compare_sequentially`: six looks of five runs",
        "Two methods, effect in standard deviations between runs. Permutations hold the error "
        "where equal methods are distributed alike; of unlike shapes few runs do not show the "
        "tail, but that they are unlike, and the decision then says that it is not held to 5%. "
        "Beside it Welch's test after a fixed 25 runs, and the runs used.",
        ("one method", "the other", "effect"),
        (
            Quantity(FALSE.name),
            Quantity("of these, without a caveat", most=FALSE.most),
            POWER,
            Quantity("25 runs, told apart"),
            Quantity("runs used", percent=False),
        ),
        tuple(rows),
    )


def until_decided(studies: int) -> Table:
    """``gengap run --until-decided``: the whole procedure, on data that all seeds share."""
    rows = []
    settings = [("normal", M, noise, 0.0) for M in (1, 3) for noise in (0.0, 0.02, 0.1)]
    settings += [(shape, 1, 0.1, 0.0) for shape in ("skewed", "collapse")]
    settings += [("normal", 1, 0.02, effect) for effect in (0.01, 0.02, 0.03)]
    for shape, M, noise, effect in settings:
        rng = generator(0, "until decided", shape, M, int(1000 * noise), int(1000 * effect))
        decided, used = [], []
        for k in range(max(studies // (3 * M), 50)):
            table = _study(rng, M, noise, shape)
            table["method 0"] = table["method 0"] + effect
            pairs = [(name, "baseline") for name in table if name != "baseline"]
            found = compare_sequentially(
                table, batch=5, looks=6, paired=True, pairs=pairs, permutations=2000, seed=k
            )
            decided.append(any(one.order != "undecided" for one in found.decisions))
            used.append(np.mean([one.runs for one in found.decisions]))
        wrong, right = (share(decided), Measured(np.nan))[:: 1 if effect == 0 else -1]
        setting = (shape, str(M), f"{noise:g}", f"{effect:g}")
        rows.append(Row(setting, (wrong, right, average(used))))
    return Table(
        "`run --until-decided`: the whole procedure",
        "Methods against a baseline on one data set of 500 examples, of which each of five seeds "
        "tests a fifth: every method is right or wrong on an example in its own way, with no "
        "difference over all examples, and training noise of the given standard deviation and "
        "shape comes on top. At most 30 seeds, looked at after every five.",
        ("training noise of the methods", "methods", "its size", "effect"),
        (FALSE, POWER, Quantity("seeds used", percent=False)),
        tuple(rows),
    )


def _study(
    rng: np.random.Generator, methods: int, noise: float, shape: str
) -> dict[str, np.ndarray]:
    """Scores of 30 seeds: means over parts of one set of examples, plus noise of training."""
    right = rng.random((methods + 1, 500)) < 0.8
    right[:, :] = rng.permuted(np.tile(right[:1], (methods + 1, 1)), axis=1)  # equally often right
    parts = np.concatenate([rng.permutation(500).reshape(5, 100) for _ in range(6)])
    found = right[:, parts].mean(axis=2)
    found[0] += noise * rng.normal(size=30)
    found[1:] += noise * SHAPES[shape](rng, (methods, 30))
    return {("baseline" if m == 0 else f"method {m - 1}"): found[m] for m in range(methods + 1)}


def tables(studies: int) -> list[Table]:
    """All tables about comparisons; drawn one by one where looks are replayed."""
    makers = (common_effects, unlike_shapes, sequential, until_decided, best)
    return [make(studies) for make in makers]
