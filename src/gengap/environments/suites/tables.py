"""Two clinical tables of scikit-learn, divided by a measurement: age, and the size of a tumour."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gengap.environments.core import Environments
from gengap.environments.suites import suite
from gengap.environments.suites.drawing import thin

AGE_BANDS = {"19-34": 35, "35-44": 45, "45-54": 55, "55-64": 65, "65-79": 80}
SIZE_MEASURES = {"radius", "perimeter", "area"}


@suite(
    "diabetes-age",
    summary="Progression of diabetes after a year (25 to 346), by age band.",
    source="scikit-learn's load_diabetes: Efron et al. 2004, https://doi.org/10.1214/009053604000000067",
    default_splits="extrapolate:age",
)
def diabetes_age(n: int | None = None, seed: int = 0) -> Environments:
    """Load the diabetes table with bands of age as environments.

    Age stays among the features: the default split asks what a model loses at ages beyond those
    it was trained on, and a model in use would know the age.

    Args:
        n: keep at most this many patients per band; None keeps all 442.
        seed: decides which are kept.

    Returns:
        ``X`` a DataFrame of ten float32 columns in the units of the source, ``y`` the
        progression; factor ``age`` in years.
    """
    # Imported here because listing the suites should not wait for scikit-learn.
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    X = pd.DataFrame(data.data, columns=data.feature_names).astype(np.float32)
    age = data.data[:, 0]
    band = np.digitize(age, list(AGE_BANDS.values()))
    environments = Environments.from_arrays(
        X,
        data.target.astype(np.float64),
        np.asarray(list(AGE_BANDS))[band],
        factors={"age": age},
        task="regression",
        name="diabetes-age",
    )
    return thin(environments, n, seed)


@suite(
    "breast-cancer-size",
    summary="Is a tumour benign? By quintile of the mean radius of its cell nuclei.",
    source="scikit-learn's load_breast_cancer: Street et al. 1993, https://doi.org/10.24432/C5DW2B",
)
def breast_cancer_size(
    n: int | None = None, size_features: bool = False, seed: int = 0
) -> Environments:
    """Load the breast cancer table with quintiles of the mean radius as environments.

    The nine features of size (radius, perimeter and area; each as mean, error and worst) are
    left out by default: mean radius defines the environments and the others follow it, so with
    them every unseen quintile would lie outside the training range by construction. What is left
    describes texture and shape. The classes are very unequal between environments: from 98 %
    benign in the first quintile to 1 % in the last, so part of the cost is label shift.

    Args:
        n: keep at most this many per quintile; None keeps all 569.
        size_features: keep the nine features of size.
        seed: decides which are kept.

    Returns:
        ``X`` a DataFrame of 21 (or 30) float32 columns, ``y`` malignant or benign; environments
        ``"size 1"`` (smallest) to ``"size 5"``; factor ``mean radius``.
    """
    # Imported here because listing the suites should not wait for scikit-learn.
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    X = pd.DataFrame(data.data, columns=data.feature_names).astype(np.float32)
    radius = data.data[:, 0]
    quintile = np.digitize(radius, np.quantile(radius, [0.2, 0.4, 0.6, 0.8]))
    sizes = [name for name in X.columns if SIZE_MEASURES & set(name.split())]
    environments = Environments.from_arrays(
        X if size_features else X.drop(columns=sizes),
        data.target_names[data.target].astype(str),
        [f"size {k + 1}" for k in quintile],
        factors={"mean radius": radius},
        task="classification",
        name="breast-cancer-size",
        notes=() if size_features else ("The nine features of size are left out.",),
    )
    return thin(environments, n, seed)
