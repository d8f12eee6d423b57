"""How far what plays one role has one representation.

``n`` entities, such as the words of a vocabulary, have features ``f_i`` and one of ``k`` roles
each. With ``m`` the mean of all features and ``m_r`` that of a role,

    W = Σ_i |f_i - m_{r(i)}|²,    T = Σ_i |f_i - m|²,
    collapse = 1 - (W / (n - k)) / (T / (n - 1)),

the share of the variance that lies between roles, both variances without their bias: 1 where all
entities of a role are the same, 0 on average where features have nothing to do with roles, and
below 0 where roles are more alike than chance makes them. It is the adjusted R² of a regression on
the roles. Turning, moving or scaling all features alike changes nothing.

Source: the notion, T. Laurent et al., Feature collapse (2023), arXiv:2305.16162; there it is exact,
here it has degrees.
"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError


def feature_collapse(features: np.ndarray, roles: np.ndarray) -> float:
    """The collapse of features ``(n, d)`` within roles ``(n,)``, of any kind.

    Raises:
        UsageError: fewer than two roles, no role of two entities, or features that are all alike.

    Example:
        >>> roles = np.array(["fruit", "fruit", "tool", "tool"])
        >>> feature_collapse(np.array([[1.0], [1.0], [3.0], [3.0]]), roles)
        1.0
        >>> round(feature_collapse(np.array([[0.0], [2.0], [3.0], [5.0]]), roles), 3)
        0.538
    """
    values = np.asarray(features, np.float64)
    names, codes = np.unique(np.asarray(roles), return_inverse=True)
    count, kinds = len(values), len(names)
    if len(codes) != count:
        raise UsageError(f"{count} rows of features have {len(codes)} roles; give one to each.")
    if not 2 <= kinds < count:
        raise UsageError(
            f"{count} entities of {kinds} roles say nothing of a collapse; give two roles or more, "
            "and more entities than roles."
        )
    means = np.stack([values[codes == kind].mean(0) for kind in range(kinds)])
    total = np.square(values - values.mean(0)).sum()
    if total <= np.finfo(np.float64).eps * np.square(values).sum():
        raise UsageError("All entities have the same features; there is nothing that roles tell.")
    within = np.square(values - means[codes]).sum()
    return float(1 - (within / (count - kinds)) / (total / (count - 1)))
