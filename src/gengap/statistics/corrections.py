"""Where a joint model is right and its parts are wrong, and the other way round.

Averaging models can correct more than either knew: of the examples that *both* models get wrong,
the joint one is right on a share that is the mark of diverse spurious features, for no choice
between the two could have been (Lin et al. 2024, arXiv:2309.17230). The eight counts below divide
the examples by who is right; the gain of the joint model over the first is what it corrects less
what it spoils.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError


@dataclass(frozen=True)
class Corrections:
    """Counts of examples by who is right.

    Attributes:
        right: the joint model is right; ``(2, 2)`` by whether the first and the second are.
        wrong: the joint model is wrong; the same.
    """

    right: tuple[tuple[int, int], tuple[int, int]]
    wrong: tuple[tuple[int, int], tuple[int, int]]

    @property
    def both_wrong_yet_right(self) -> int:
        """Examples that the joint model alone gets right."""
        return self.right[0][0]

    @property
    def both_right_yet_wrong(self) -> int:
        """Examples that the joint model alone gets wrong."""
        return self.wrong[1][1]

    @property
    def examples(self) -> int:
        """All."""
        return int(np.sum(self.right) + np.sum(self.wrong))

    @property
    def gain(self) -> float:
        """Accuracy of the joint model above that of the better part."""
        by_first = np.sum(self.right[1]) + np.sum(self.wrong[1])
        by_second = sum(part[k][1] for part in (self.right, self.wrong) for k in (0, 1))
        return float((np.sum(self.right) - max(by_first, by_second)) / self.examples)


def corrections(
    first: np.ndarray, second: np.ndarray, joint: np.ndarray, targets: np.ndarray
) -> Corrections:
    """Count who is right.

    Args:
        first: predicted classes ``(n,)`` of one part.
        second: of the other.
        joint: of their average, of weights or of answers.
        targets: the true classes.

    Raises:
        UsageError: lengths differ, or there are no examples.
    """
    parts = [np.asarray(part) for part in (first, second, joint, targets)]
    if len({part.shape for part in parts}) != 1 or not parts[0].size:
        raise UsageError("Predictions and targets must be as many as each other, at least one.")
    one, two, both = (part == parts[3] for part in parts[:3])
    counts = np.zeros((2, 2, 2), int)
    np.add.at(counts, (both.astype(int), one.astype(int), two.astype(int)), 1)
    wrong, right = (((int(a), int(b)), (int(c), int(d))) for (a, b), (c, d) in counts.tolist())
    return Corrections(right, wrong)
