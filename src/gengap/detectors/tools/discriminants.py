"""Whitened features in the directions in which classes differ, and in those in which they do not.

With the covariance within classes whitened, the class means, measured from the overall mean, span
at most C - 1 dimensions. Their singular vectors, weighed by the classes' sizes, are the
coordinates of linear discriminant analysis; in the complement all classes share one mean.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.detectors.base import Fitted
from gengap.detectors.tools.training import classes_of, training_features
from gengap.detectors.tools.whitening import fit_whitening
from gengap.models.outputs import Outputs

RANK_TOLERANCE = 1e-5


def fit_discriminants(train: Outputs) -> tuple[Fitted, Tensor]:
    """What :func:`~gengap.detectors.tools.whitening.whiten` reads, rotated, and variances.

    Returns:
        The first ``r`` whitened coordinates are those in which classes differ, and ``means (C, r)``
        holds only those. Beside it the variance of the class means along each, ``(r,)`` in double
        precision, largest first.
    """
    codes = classes_of(train)
    fitted = fit_whitening(training_features(train), codes)
    share = (torch.bincount(codes).double() / len(codes))[:, None].sqrt()
    means = fitted["means"].double()
    # The whitened overall mean is 0, so these are deviations already.
    _, sizes, directions = torch.linalg.svd(share * means, full_matrices=True)
    rank = int((sizes > RANK_TOLERANCE * sizes[0].clamp_min(1)).sum())
    fitted["matrix"] = (fitted["matrix"].double() @ directions.T).float().contiguous()
    fitted["means"] = (means @ directions[:rank].T).float().contiguous()
    return fitted, sizes[:rank].square()
