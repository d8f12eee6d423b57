"""Rows that repeat, and columns that say which rows belong together.

Rows of one patient, or a row and its copies, are not independent. Where some train and some are
tested, the model is scored on what it has seen, and intervals that count them one by one are too
narrow. :meth:`gengap.environments.core.Environments.together` keeps such rows in one part; what is
found here says when that is wanted.

*Copies or coincidence.* Rows of a few discrete columns agree by chance. Without one of its columns
such a table has more rows that agree, as often as the column had told them apart; copies agree
whatever column is left out. Equal rows count as copies where leaving a column out adds less than
a fifth to the pairs of equal rows, in the median over columns, and where some column has many
values: answers to a few related questions agree too often for the first to tell.

*Near copies* (a measurement repeated, a window moved by one). With ``p`` the local dimension of the
rows, a row's nearest neighbour is nearer than a tenth of its ``k``-th with probability
``1 - (1 - 0.1^p)^(k-1)``; ``p`` follows from the distances of the ``k``-th and the ``2k``-th, whose
ratio is ``2^(1/p)`` (E. Levina & P. Bickel, Maximum likelihood estimation of intrinsic dimension,
NIPS 17 (2004)). Much more often means that rows have twins.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.sparse import coo_array

from gengap.base.errors import Caveat, listing
from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.environments.grouping import COMBINED

MOST_COLUMNS = 1_000  # wider tables are searched for equal rows only
FEWEST_COPIES = 0.01  # share of rows from which copies within environments are worth a word
MANY = 20  # values up to which a column is one of few
ADDED = 1.2  # pairs of equal rows without a column over those with it, below which rows are copies
NEIGHBOUR = 20  # the module's k
CLOSE = 0.1  # of the distance to the k-th neighbour
ASKED, DISTANCES = 1_000, 2e8  # rows whose neighbours are looked for, and distances at most
FEWEST_GROUPS, ROWS_EACH = 20, (2, 200)  # values, and rows of each, of a column that groups rows

ID_NAME = re.compile(
    r"(?:^|[_\W])(?i:id|uuid|guid|key|index|nr|no|number|patient|subject|participant|person|user)$"
    r"|[a-z](?:Id|ID)$"
)
KEEP = "name the column that says which rows belong together (--cluster COLUMN)"


def repeats(environments: Environments) -> list[str]:
    """Return a sentence on each way in which rows seem to repeat or belong together."""
    hashes = _hashes(environments)
    found = []
    if _are_copies(hashes):
        rows = _codes(hashes.sum(axis=1, dtype=np.uint64))
        found = [*_between(environments, rows), *_within(environments, rows)]
    if environments.clusters is None and not found:
        found = _near(environments)
    grouping = _grouping(environments)
    return [*map(Caveat, [*found, *grouping]), *_spanning(environments)]


def distinct_pairs(codes: np.ndarray, others: np.ndarray) -> int:
    """Number of distinct pairs of two code columns ``(n,)``; -1 is a code as well."""
    together = (codes.astype(np.int64) + 1) * (int(others.max()) + 1) + others
    return len(pd.unique(together))


def _hashes(environments: Environments) -> np.ndarray:
    """64-bit hash of each value and of the target, ``(n, d + 1)`` uint64; of images, as a whole."""
    X, y = environments.X, environments.y
    target = pd.util.hash_pandas_object(pd.DataFrame(y), index=False).to_numpy()
    if y.ndim == 1:
        target = pd.util.hash_array(y)
    if isinstance(X, np.ndarray) and (X.ndim > 2 or X.shape[1] > MOST_COLUMNS):
        # Hashed together: parts that are equal in two rows must not make a target a twin.
        digests = (
            hashlib.blake2b(x.tobytes() + t.tobytes(), digest_size=8).digest()
            for x, t in zip(X, y, strict=True)
        )
        return np.frombuffer(b"".join(digests), dtype=np.uint64)[:, None]
    if isinstance(X, np.ndarray):
        X = pd.DataFrame(X)
    columns = [pd.util.hash_pandas_object(X[c], index=False).to_numpy() for c in X.columns]
    # Each column by a factor of its own, or two columns could swap their values.
    factors = generator(0, "hashes").integers(1, 2**63, len(columns) + 1, dtype=np.uint64)
    return np.stack([*columns, target], axis=1) * (2 * factors + np.uint64(1))


def _codes(hashes: np.ndarray) -> np.ndarray:
    return pd.factorize(hashes)[0].astype(np.int64)


def _equal_pairs(hashes: np.ndarray) -> int:
    sizes = np.bincount(_codes(hashes))
    return int((sizes * (sizes - 1) // 2).sum())


def _are_copies(hashes: np.ndarray) -> bool:
    """Whether there are equal rows, more than columns of few values explain."""
    together = hashes.sum(axis=1, dtype=np.uint64)
    pairs = _equal_pairs(together)
    columns = hashes.shape[1]
    if pairs == 0 or columns == 1:
        return pairs > 0
    distinct = len(pd.unique(together))
    if max(len(pd.unique(column)) for column in hashes.T) <= max(MANY, distinct // 20):
        return False
    added = [_equal_pairs(together - hashes[:, k]) / pairs for k in range(columns)]
    return sorted(added)[(columns - 1) // 2] < ADDED


def _between(environments: Environments, rows: np.ndarray) -> list[str]:
    """Count rows, features and target alike, that another environment holds as well."""
    where = environments.environment
    pairs, counts = np.unique(rows * len(environments.names) + where, return_counts=True)
    row, place = np.divmod(pairs, len(environments.names))
    shared = np.bincount(row)[row] > 1
    if not shared.any():
        return []
    total = int(counts[shared].sum())
    a, b, most = _closest_pair(row[shared], place[shared], len(environments.names))
    return [
        f"{total:,} of {len(where):,} rows are identical, target included, to a row of another "
        f"environment, most often {environments.names[a]} and {environments.names[b]} ({most:,} "
        "distinct rows in common); such an environment is not unseen. Remove the copies unless "
        "they are real."
    ]


def _closest_pair(row: np.ndarray, place: np.ndarray, names: int) -> tuple[int, int, int]:
    """Return the two environments with most distinct rows in common, and how many."""
    _, row = np.unique(row, return_inverse=True)
    shared_by = np.bincount(row)[row]
    # A row in k environments makes k * k pairs: prefer rows that few environments share.
    use = shared_by <= max(100, int(shared_by.min()))
    ones = np.ones(int(use.sum()), dtype=np.int64)
    held = coo_array((ones, (row[use], place[use])), shape=(row.max() + 1, names)).tocsr()
    common = (held.T @ held).tocoo()
    apart = common.coords[0] < common.coords[1]
    best = int(np.argmax(common.data[apart]))
    first, second = (int(axis[apart][best]) for axis in common.coords)
    return first, second, int(common.data[apart][best])


def _within(environments: Environments, rows: np.ndarray) -> list[str]:
    """Count rows that repeat within their environment and are not kept together."""
    place = rows * len(environments.names) + environments.environment
    if (clusters := environments.clusters) is not None:
        # A row that repeats in one cluster only is kept in one part.
        once = np.unique(np.stack([place, clusters]), axis=1)[0]
        repeated = np.isin(place, np.flatnonzero(np.bincount(once) > 1))
    else:
        repeated = np.bincount(place)[place] > 1
    count, n = int(repeated.sum()), len(rows)
    if count < max(FEWEST_COPIES * n, 4):
        return []
    return [
        f"{count:,} of {n:,} rows are identical, target included, to another row of their "
        "environment; where copies are trained on and tested on, scores are too good and "
        f"intervals too narrow. Remove the copies, or {KEEP}."
    ]


def _spanning(environments: Environments) -> list[str]:
    """Say that a cluster of several environments is not one unit of their mean's interval."""
    if environments.clusters is None:
        return []
    pairs = np.unique(np.stack([environments.clusters, environments.environment]), axis=1)
    places = np.bincount(pairs[0])
    if not (several := int((places > 1).sum())):
        return []
    return [
        f"{several:,} of {len(places):,} values of {environments.cluster} occur in several "
        "environments: their rows are kept in one part, but intervals count them once in each "
        "environment, as if those were independent."
    ]


def _near(environments: Environments) -> list[str]:
    """Say how many rows have a near copy, told by their columns of many different numbers."""
    values = _measured(environments.X)
    if values is None:
        return []
    n = len(values)
    count = int(min(ASKED, n, DISTANCES // n))
    if n < 10 * NEIGHBOUR or count < 50:
        return []
    from sklearn.neighbors import NearestNeighbors

    asked = np.sort(generator(0, "neighbours").permutation(n)[:count])
    search = NearestNeighbors(n_neighbors=2 * NEIGHBOUR + 1).fit(values)
    distances = search.kneighbors(values[asked])[0]
    nearest, middle, far = (distances[:, k] for k in (1, NEIGHBOUR, 2 * NEIGHBOUR))
    spread = far > middle
    if not spread.any():
        return []
    dimension = np.log(2) / np.median(np.log(far[spread] / np.maximum(middle[spread], 1e-300)))
    by_chance = 1 - (1 - CLOSE**dimension) ** (NEIGHBOUR - 1)
    share = float(np.mean(nearest < CLOSE * middle))
    if share < max(0.1, 5 * by_chance):
        return []
    return [
        f"About {share:.0%} of the rows have a near copy, another row that is ten times nearer "
        "than chance would have it; where rows come in groups (measurements of one patient, "
        f"windows of one recording), {KEEP}."
    ]


def _measured(X: np.ndarray | pd.DataFrame) -> np.ndarray | None:
    """Distinct rows of the standardised columns of many numbers; None if there are few."""
    if isinstance(X, np.ndarray):
        if X.ndim > 2 or X.shape[1] > MOST_COLUMNS:
            return None
        X = pd.DataFrame(X)
    numbers = X.select_dtypes("number").astype(np.float64)
    kept = [c for c in numbers if numbers[c].nunique() > max(50, len(numbers) // 20)]
    values = np.unique(numbers[kept].dropna().to_numpy(), axis=0)
    if len(kept) < 3 or len(values) < 2:
        return None
    found: np.ndarray = values / np.maximum(values.std(axis=0), 1e-300)
    return found if np.isfinite(found).all() else None


def _grouping(environments: Environments) -> list[str]:
    """Columns whose values stay within one environment, or whose name is an identifier's."""
    if environments.X.ndim > 2:
        return []
    X = environments.X if isinstance(environments.X, pd.DataFrame) else pd.DataFrame()
    own = [*environments.kind.removesuffix(COMBINED).split("-"), environments.kind]
    others = [name for name in environments.factors if str(name) not in own]
    together = environments.cluster != ""
    found = []
    for name, column in _candidates(X):
        found += _said_of(environments, name, column, together, feature=True)
    for name, column in [] if together else _candidates(environments.factors[others]):
        found += _said_of(environments, name, column, together, feature=False)
    return found


def _candidates(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Columns that may name something: categories, texts and whole numbers."""
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            if not (values == np.floor(values)).all():
                continue
        yield str(name), column


def _said_of(
    environments: Environments, name: str, column: pd.Series, together: bool, feature: bool
) -> list[str]:
    try:
        codes, values = pd.factorize(column)
    except TypeError:  # values that cannot be compared
        return []
    known = codes >= 0
    where, groups, n = environments.environment[known], len(values), int(known.sum())
    places = len(environments.names)
    if groups <= 1 or n < 2 * groups:
        return []
    inside = distinct_pairs(codes[known], where) == groups
    number = pd.api.types.is_numeric_dtype(column.dtype)
    each = n / groups
    is_group = groups >= max(FEWEST_GROUPS, 3 * places) and ROWS_EACH[0] <= each <= ROWS_EACH[1]
    # Numbers stay within environments that are bands of them, such as ages.
    if is_group and not together and (ID_NAME.search(name) or (inside and not number)):
        nowhere = ", none of which two environments share" if inside else ""
        otherwise = ", else drop it" if feature else ""
        return [
            f"Column {name!r} looks like it says which rows belong together ({groups:,} values of "
            f"about {each:.0f} rows each{nowhere}): if it does, keep them together with --cluster "
            f"{name}{otherwise}."
        ]
    if feature and inside and not number and groups > places:
        return [
            f"Column {name!r} tells the environment: none of its {groups:,} categories "
            f"({listing(map(str, values), 3)}) occurs in two, so it says nothing in a new one; "
            "drop it unless it is meant."
        ]
    return []
