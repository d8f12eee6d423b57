"""Are two methods as good as equal? Two one-sided tests against a margin.

"No significant difference" may only mean too few environments. To show that a difference is small,
name a margin beforehand and reject both "it is ``-margin`` or less" and "it is ``margin`` or more",
each at ``alpha``. The p-value is the larger of the two; it is at most ``alpha`` exactly when the
interval at ``1 - 2 alpha`` lies inside the margin. No correction for the two tests is due, since at
most one of the hypotheses is true.

It helps to say that a cheaper method, or doing nothing, loses nothing that matters. It hurts when
the margin is chosen after the results: then the test proves whatever the margin was chosen to
prove. With few environments it rightly shows little: sign flips cannot reach ``alpha`` = 0.05 with
fewer than 5.

Source: D. J. Schuirmann, A comparison of the two one-sided tests procedure and the power approach
for assessing the equivalence of average bioavailability, Journal of Pharmacokinetics and
Biopharmaceutics 15 (1987), 657-680.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, student
from gengap.statistics.paired import environment_means, t_note, variance_of_mean
from gengap.statistics.sign_flips import ALL_SETS_UP_TO, sign_flips


@dataclass(frozen=True, repr=False, kw_only=True)
class Equivalence(Interval):
    """Two one-sided tests; the interval is at ``level = 1 - 2 alpha``.

    Attributes:
        margin: differences smaller than this do not matter.
        p_value: the larger of the two one-sided ones; NaN where it cannot be had.
        equivalent: whether the difference is shown to lie inside the margin.
        units: how many environments it rests on.
    """

    margin: float
    p_value: float
    equivalent: bool
    units: int

    def __repr__(self) -> str:
        verdict = "shown" if self.equivalent else "not shown"
        limits = f"{self.low:.4g} to {self.high:.4g}, {100 * self.level:g}%"
        return (
            f"Equivalence({verdict} within {self.margin:g}: {self.estimate:.4g}, {limits}, "
            f"p={self.p_value:.3g}, n={self.units})"
        )


def equivalence_test(
    differences: ArrayLike,
    margin: float,
    alpha: float = 0.05,
    *,
    test: Literal["Student", "sign flips"] = "Student",
    permutations: int = 9_999,
    seed: int = 0,
) -> Equivalence:
    """Test whether the mean difference lies inside ``-margin`` to ``margin``.

    Args:
        differences: ``(E,)`` or ``(E, S)`` score of one method minus that of another on the same
            environment (and seed); NaN where missing. Environments are the units.
        margin: what does not matter, positive, in the unit of the score.
        alpha: chance of calling a difference as large as the margin equivalent.
        test: Student's t, or sign flips, which ask for symmetric differences only.
        permutations: random sign vectors, used by sign flips of more than 20 environments only.
        seed: of those.

    Raises:
        UsageError: unusable differences, margin, alpha or test.

    Example:
        >>> equivalence_test([0.01, -0.01, 0.0, 0.005, -0.005], margin=0.02).equivalent
        True
    """
    if not 0 < margin < math.inf:
        raise UsageError(f"margin is {margin}; give the largest difference that does not matter.")
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha is {alpha}; give a chance between 0 and 0.5, e.g. 0.05.")
    if test not in ("Student", "sign flips"):
        raise UsageError(f"test is {test!r}; give 'Student' or 'sign flips'.")
    values = environment_means(differences)
    if test == "Student":
        interval, p = _student(values, margin, alpha)
    else:
        interval, p = _sign_flips(values, margin, alpha, permutations, seed)
    return Equivalence(
        **vars(interval), margin=margin, p_value=p, equivalent=p <= alpha, units=len(values)
    )


def _student(values: np.ndarray, margin: float, alpha: float) -> tuple[Interval, float]:
    estimate = float(values.mean())
    variance, degrees = variance_of_mean(values)
    interval = student(estimate, variance, degrees, 1 - 2 * alpha, t_note(values))
    # The nearer end of the margin decides: its one-sided p-value is the larger.
    p = float(special.stdtr(degrees, (abs(estimate) - margin) / math.sqrt(variance)))
    return interval, p


def _sign_flips(
    values: np.ndarray, margin: float, alpha: float, permutations: int, seed: int
) -> tuple[Interval, float]:
    flips = sign_flips(values, np.ones(len(values)), permutations, seed)
    low, high = flips.limits(1 - 2 * alpha)
    few = "environments" if len(values) <= ALL_SETS_UP_TO else "permutations"
    note = f"With so few {few} no p-value can be below {1 / (2 * flips.pairs):.3g}."
    remark = note if math.isnan(low) else ""
    interval = Interval(float(values.mean()), low, high, 1 - 2 * alpha, remark)
    return interval, max(flips.share_below(-margin), flips.share_above(margin))
