"""Checks for data that is legal but suspicious; each finding is a sentence for the report.

A study can be run on such data, but its numbers may not mean what they seem to: copies of a row
in two environments make an unseen environment partly seen, and a feature that gives the target
away makes every gap small.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.tree import DecisionTreeClassifier

from gengap.base.errors import Caveat, UsageError, listing
from gengap.environments.core import SMALLEST, Environments, suspect
from gengap.environments.parts import FOLDS
from gengap.environments.repeats import distinct_pairs, repeats

SAMPLE = 10_000  # rows on which single features are tried
MOST_FEATURES = 1_000  # wider tables are not searched for give-aways
CERTAIN = 0.99  # single-feature accuracy or |correlation| above which a feature is suspicious


def check(environments: Environments) -> list[str]:
    """Return one sentence per suspicion, each also warned as ``SuspiciousInput``.

    Looked for: environments with fewer than ten examples, environments with a single class,
    classes that only one environment has, rows that repeat and columns that say which belong
    together (:mod:`gengap.environments.repeats`), and single features that give the target or the
    environment away. Sentences already among the environments' ``notes`` are not repeated.
    """
    found = [
        *_small(environments),
        *(sentence for one in _each_target(environments) for sentence in _targets(*one)),
        *repeats(environments),
        *giveaways(environments),
    ]
    sentences = [sentence for sentence in found if sentence not in environments.notes]
    suspect(sentences)
    return sentences


def drop_small(environments: Environments) -> Environments:
    """Leave out environments with too few examples, with a note and a warning.

    Too few are fewer than their ``min_examples``, which is ten unless fewer were asked for.

    Where rows belong together they are left out below five clusters as well, of which one in each
    of five folds is tested in turn. Classes that only such environments had disappear with them.

    Raises:
        UsageError: fewer than two environments remain, or their target is constant.
    """
    if environments.clusters is not None:
        environments = _drop_sparse(environments)
    sizes, at_least = environments.sizes, environments.min_examples
    small = np.flatnonzero(sizes < at_least)
    if len(small) == 0:
        return environments
    shown = listing(f"{environments.names[k]} ({sizes[k]})" for k in small)
    lower = _lower(sizes, at_least)
    if len(sizes) - len(small) < 2:
        raise UsageError(
            f"Only {len(sizes) - len(small)} of {len(sizes)} environments of {environments.name} "
            f"have {at_least} examples or more (too small: {shown}); give more examples, or choose "
            f"a coarser environment column{lower and ', or ' + lower}."
        )
    return _without(environments, small, f"{at_least} examples", shown, lower)


def _lower(sizes: np.ndarray, at_least: int) -> str:
    """What a lower limit would keep, where it would keep more."""
    kept = int(((sizes >= FOLDS) & (sizes < at_least)).sum())
    return f"keep {kept:,} of those with --min-examples {FOLDS}" if kept else ""


def _drop_sparse(environments: Environments) -> Environments:
    """Leave out environments with fewer than five clusters."""
    assert environments.clusters is not None
    pairs = np.unique(np.stack([environments.environment, environments.clusters]), axis=1)
    counts = np.bincount(pairs[0], minlength=len(environments.names))
    sparse = np.flatnonzero(counts < FOLDS)
    if len(sparse) == 0:
        return environments
    shown = listing(f"{environments.names[k]} ({counts[k]})" for k in sparse)
    what = f"{FOLDS} values of {environments.cluster}"
    if len(counts) - len(sparse) < 2:
        raise UsageError(
            f"Only {len(counts) - len(sparse)} of {len(counts)} environments of "
            f"{environments.name} have {what} or more (too few: {shown}), so rows that are kept "
            "together cannot be divided into training and test parts; choose a finer --cluster "
            "column or a coarser environment column."
        )
    return _without(environments, sparse, what, shown)


def _without(
    environments: Environments, dropped: np.ndarray, least: str, shown: str, lower: str = ""
) -> Environments:
    """Leave out environments by code, for they have fewer than ``least``; ``shown`` names them."""
    kept = environments.select(np.flatnonzero(~np.isin(environments.environment, dropped)))
    rows = len(environments) - len(kept)
    if kept.classes and not kept.target_names:
        present, codes = np.unique(kept.y, return_inverse=True)
        kept = replace(
            kept, y=codes.astype(np.int64), classes=tuple(kept.classes[k] for k in present)
        )
    constant = [len(np.unique(column)) < 2 for column in np.atleast_2d(kept.y.T)]
    if any(constant):
        which = f" {kept.target_names[constant.index(True)]!r}" if kept.target_names else ""
        raise UsageError(
            f"Without the environments of fewer than {least} ({shown}), the target{which} is "
            "constant; give more examples, or choose a coarser environment column."
        )
    sentence = (
        f"Left out {len(dropped):,} of {len(environments.names):,} environments with fewer than "
        f"{least}, {rows:,} of {len(environments):,} rows in all: {shown}"
        f"{lower and '; ' + lower}."
    )
    suspect([sentence])
    return replace(kept, notes=(*environments.notes, sentence))


def giveaways(environments: Environments, seed: int = 0) -> list[str]:
    """Name single features of a table that give the target or the environment away.

    Tried on at most 10,000 rows drawn with ``seed`` (2,000 beyond 100 columns). For classes: one
    feature alone (a small decision tree, or the most frequent class of each category), fitted on
    half of the rows, is right on more than 99% of the other half, and wrong at most a fifth as
    often as the most frequent class. For values: Pearson's or Spearman's correlation beyond 0.99,
    where a category stands for its mean. Images, signals and tables of over 1,000 columns are not
    searched.
    """
    X = environments.X
    if X.ndim > 2 or X.shape[1] > MOST_FEATURES:
        return []
    most = SAMPLE if X.shape[1] <= 100 else SAMPLE // 5
    rows = np.random.default_rng(seed).permutation(len(environments))[:most]
    targets = np.atleast_2d(environments.y[rows].T)
    called = [f"the target {name!r}" for name in environments.target_names] or ["the target"]
    sentences: list[str] = []
    for label, column, categorical in _features(X):
        values = column[rows] if categorical else _within_float32(column[rows])
        gives = _gives_class if environments.classes else _gives_value
        for name, target in zip(called, targets, strict=True):
            if reason := gives(values, target, categorical):
                sentences.append(
                    Caveat(
                        f"{label} gives {name} away ({reason}); drop it if it is only known once "
                        "the target is."
                    )
                )
        if _is_environment(column, values, environments, rows):
            sentences.append(
                f"{label} is one-to-one with the environment, so it says nothing in a new one; "
                "drop it unless it is meant."
            )
    return sentences


def _within_float32(values: np.ndarray) -> np.ndarray:
    """Numbers as float64, those beyond the range of the trees' float32 at its ends."""
    most = float(np.finfo(np.float32).max)
    return np.clip(values.astype(np.float64), -most, most)


def _features(X: np.ndarray | pd.DataFrame) -> Iterator[tuple[str, np.ndarray, bool]]:
    """Yield each column's label, its ``(n,)`` numbers or category codes, and which of the two.

    A missing category has code -1.
    """
    if isinstance(X, np.ndarray):
        for k in range(X.shape[1]):
            yield f"Column {k} (from 0)", X[:, k], False
        return
    for name in X.columns:
        column = X[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            yield f"Column {name!r}", column.cat.codes.to_numpy(dtype=np.int64), True
        else:
            yield f"Column {name!r}", column.to_numpy(dtype=np.float64, na_value=np.nan), False


def _gives_class(values: np.ndarray, target: np.ndarray, categorical: bool) -> str:
    """Say how well one feature ``(n,)`` alone tells the class ``(n,)``; empty when not well."""
    codes = pd.factorize(values)[0] + 1  # missing is 0, a value of its own
    distinct, classes = len(np.unique(codes)), len(np.unique(target))
    if distinct < 2 or len(target) < SMALLEST:
        return ""
    if distinct == classes == distinct_pairs(codes, target):
        return "it is one-to-one with it"
    if len(target) < 5 * SMALLEST:
        return ""
    half = len(target) // 2
    if categorical:
        seen = np.zeros((codes.max() + 1, target.max() + 1), dtype=np.int64)
        np.add.at(seen, (codes[:half], target[:half]), 1)
        accuracy = float((seen.argmax(axis=1)[codes[half:]] == target[half:]).mean())
    else:
        # Missing numbers lie below all others, so one threshold tells them apart.
        inputs = np.nan_to_num(values, nan=np.nanmin(values) - 1)[:, None]
        tree = DecisionTreeClassifier(max_leaf_nodes=max(16, 2 * classes), random_state=0)
        accuracy = float(tree.fit(inputs[:half], target[:half]).score(inputs[half:], target[half:]))
    base = float(np.bincount(target[half:]).max() / (len(target) - half))
    if accuracy > CERTAIN and 5 * (1 - accuracy) <= 1 - base:
        return (
            f"alone it is right in {accuracy:.1%} of cases, the most frequent class in {base:.1%}"
        )
    return ""


def _gives_value(values: np.ndarray, target: np.ndarray, categorical: bool) -> str:
    """Say how well one feature ``(n,)`` correlates with the target; empty when not well."""
    x, y = values, target
    if categorical:
        half = len(target) // 2
        means = pd.Series(target[:half]).groupby(values[:half]).mean()
        x, y = pd.Series(values[half:]).map(means).to_numpy(dtype=np.float64), target[half:]
    present = np.isfinite(x)
    x, y = x[present], y[present]
    if len(x) < SMALLEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return ""
    for kind, a, b in (("", x, y), ("rank ", rankdata(x), rankdata(y))):
        correlation = float(np.corrcoef(a, b)[0, 1])
        if abs(correlation) > CERTAIN:
            return f"its {kind}correlation with it is {correlation:.4f}"
    return ""


def _is_environment(
    column: np.ndarray, sampled: np.ndarray, environments: Environments, rows: np.ndarray
) -> bool:
    """Whether each value ``(n,)`` belongs to one environment and each environment to one value."""
    for values, where in (
        (sampled, environments.environment[rows]),
        (column, environments.environment),
    ):
        codes = pd.factorize(values)[0]
        pairs = distinct_pairs(codes, where)
        if not len(np.unique(codes)) == len(np.unique(where)) == pairs:
            return False
    return True


def _small(environments: Environments) -> list[str]:
    small = np.flatnonzero(environments.sizes < SMALLEST)
    if len(small) == 0:
        return []
    shown = listing(f"{environments.names[k]} ({environments.sizes[k]})" for k in small)
    return [f"{len(small)} environments have fewer than {SMALLEST} examples: {shown}."]


def _each_target(environments: Environments) -> list[tuple[Environments, str]]:
    """The examples with each of their targets alone, and what that is called in a sentence."""
    several = environments.target_names
    each = [(environments.one_target(k), f" {name!r}") for k, name in enumerate(several)]
    return each or [(environments, "")]


def _targets(environments: Environments, called: str) -> list[str]:
    """Environments without variation in the target, and classes of one environment."""
    names, classes = environments.names, environments.classes
    if not classes:
        groups = pd.Series(environments.y).groupby(environments.environment)
        flat = np.flatnonzero((groups.max() == groups.min()).to_numpy())
        shown = listing(names[k] for k in flat)
        said = f"The target{called} is constant within environments {shown}."
        return [said] if len(flat) else []
    counts = np.zeros((len(names), len(classes)), dtype=np.int64)
    np.add.at(counts, (environments.environment, environments.y), 1)
    sentences: list[str] = []
    single = np.flatnonzero((counts > 0).sum(axis=1) == 1)
    if len(single):
        shown = listing(f"{names[k]} (only {classes[counts[k].argmax()]})" for k in single)
        of = f" of target{called}" if called else ""
        sentences.append(f"Environments with a single class{of}: {shown}.")
    lonely = np.flatnonzero((counts > 0).sum(axis=0) == 1)
    if len(lonely):
        shown = listing(f"{classes[c]} (only in {names[counts[:, c].argmax()]})" for c in lonely)
        sentences.append(
            Caveat(
                f"Classes{called and f' of target{called}'} that only one environment has: "
                f"{shown}; where it is unseen, no model can know them."
            )
        )
    return sentences
