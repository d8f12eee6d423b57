"""Local structures: which of an example's neighbouring parts no training example puts together.

An example is hard if it holds a *local structure*, parts that stand next to each other, which
training never showed; so says a rule that needs no model. Of any split it tells which examples
these are, and it makes splits of its own: some structures are held out, all of whose parts are
known from others.

Helps to see what a split asks for before anything is trained, and to tell apart examples that are
new from those that have new structures. It knows nothing of structures that are alike, nor of how
often one was seen; where parts are many and examples few, nearly all have a new one, and the rule
says nothing.

Source: Bogin, Gupta and Berant, Unobserved local structures make compositional generalization hard
(2022), arXiv:2201.05899. There structures are those of a program's tree; here they are what the
problem calls compounds, for most sequences two neighbouring tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gengap.base.errors import UsageError
from gengap.environments.compound_splits import ByConstituents, constituents_of
from gengap.environments.splitter import NamedSplit


def unobserved(structures: csr_array, train: np.ndarray) -> np.ndarray:
    """How many kinds of structures each example has that no training example has, ``(n,)``.

    Args:
        structures: how often each kind occurs in each example, ``(n, kinds)``.
        train: rows trained on, indices or mask.

    Example:
        >>> from gengap.environments.compound_splits import counts_of
        >>> unobserved(counts_of([["ab", "bc"], ["bc"], ["bc", "cd", "cd"]]), np.array([0, 1]))
        array([0, 0, 1])
    """
    unknown = np.asarray(structures[train].sum(0)).ravel() == 0
    return np.asarray((structures[:, unknown] > 0).sum(1)).ravel().astype(np.int64)


def unobserved_by_split(examples: Any, splits: Sequence[NamedSplit]) -> pd.DataFrame:
    """What each split asks for: a row a split.

    Args:
        examples: a problem that says what its examples are made of, such as ``Sequences``, or a
            table with factors ``atoms`` and ``compounds``.
        splits: of these, as a splitter's ``iterate`` gives them.

    Returns:
        columns ``split``; ``unseen``, how many examples are; ``hard``, the share of these with a
        structure that training lacks; ``structures``, how many kinds of these there are.
    """
    _, structures = constituents_of(examples)
    rows = []
    for split in splits:
        found = unobserved(structures, split.train)[split.unseen]
        trained = np.asarray(structures[split.train].sum(0)).ravel()
        asked = np.asarray(structures[split.unseen].sum(0)).ravel()
        new = int(((asked > 0) & (trained == 0)).sum())
        rows.append((split.name, len(found), float((found > 0).mean()), new))
    return pd.DataFrame(rows, columns=["split", "unseen", "hard", "structures"])


@dataclass(frozen=True)
class HeldOutStructures(ByConstituents):
    """One split: unseen is whatever holds one of some structures, drawn one by one.

    A structure is held out only if every part of the examples that hold it still occurs in
    training, and if no more than the wanted share of the examples is unseen then.

    Attributes:
        share: of the examples that are unseen, at most.
        seed: decides which structures are held out.
    """

    share: float = 0.2
    seed: int = 0

    def of_counts(self, atoms: csr_array, compounds: csr_array) -> NamedSplit:
        """The split of examples with ``(n, kinds)`` counts of each.

        Raises:
            UsageError: the share is none, or every structure is needed for its parts or held by
                more examples.
        """
        if not 0 < self.share < 1:
            raise UsageError(f"A share of examples lies between 0 and 1, not {self.share:g}.")
        unseen, held = np.zeros(atoms.shape[0], bool), 0
        columns = compounds.tocsc()
        for kind in np.random.default_rng(self.seed).permutation(compounds.shape[1]):
            then = unseen.copy()
            then[columns[:, [kind]].indices] = True
            grown = then.sum() > unseen.sum()
            if grown and then.mean() <= self.share and _all_known(atoms, then):
                unseen, held = then, held + 1
        if not held:
            raise UsageError(
                f"No structure of these examples can be held out within {self.share:.0%} of them; "
                "give a larger share."
            )
        return NamedSplit(
            f"{held} local structures held out", np.flatnonzero(~unseen), np.flatnonzero(unseen)
        )


def _all_known(atoms: csr_array, unseen: np.ndarray) -> bool:
    return bool((np.asarray(atoms[~unseen].sum(0)).ravel() > 0).all())
