"""Whether training examples are to be weighed where the inputs move and the relation does not.

- J. Ge et al., Maximum likelihood estimation is all you need for well-specified covariate shift
  (arXiv 2311.15961): with a model that can be right, plain training on the source is minimax
  optimal for the target up to a constant; with one that cannot, it is not, and weighted likelihood
  is. One input lies around 0 at the source and around 1.5 where nothing was seen, both with spread
  1; the target is ``x + c x²`` and noise, the model a line: well specified at ``c = 0``.
"""

from __future__ import annotations

import numpy as np

from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.claims.claim import Claim
from gengap.claims.material import measured
from gengap.environments.core import Environments

LIKELIHOOD = Paper(
    "Maximum likelihood estimation is all you need for well-specified covariate shift",
    "Ge, Tang, Fan, Ma, Jin",
    2023,
    "https://arxiv.org/abs/2311.15961",
)
ROWS, ELSEWHERE, MOVED, NOISE, CURVE = 200, 2000, 1.5, 0.5, 0.5
RATE, STEPS = 0.01, 1000


def likelihood_suffices(draw: int, store: str) -> float:
    """Squared error where nothing was seen with weights minus plain, the model well specified."""
    plain, weighed = _errors(draw, store, 0.0)
    return weighed - plain


def weighting_wins(draw: int, store: str) -> float:
    """Squared error where nothing was seen, plain minus with weights, the model misspecified."""
    plain, weighed = _errors(draw, store, CURVE)
    return plain - weighed


def _errors(draw: int, store: str, curve: float) -> tuple[float, float]:
    """Squared errors at the unseen environment of plain and of weighted training."""
    methods = [f"erm:learning_rate={RATE}", f"importance-weighting:learning_rate={RATE}"]
    table = measured(
        moved_inputs(draw, curve), methods, "hold-out:elsewhere", draw, store,
        model="linear", steps=STEPS, metric="squared_error",
    )  # fmt: skip
    errors = table.score_unseen
    return float(errors["erm"]), float(errors["importance-weighting"])


def moved_inputs(draw: int, curve: float) -> Environments:
    """One input at a source and elsewhere, and ``x + c x²`` with noise."""
    rng = generator(draw, "claims about weighting")
    where = np.repeat(["source", "elsewhere"], [ROWS, ELSEWHERE])
    x = rng.standard_normal(len(where)) + MOVED * (where == "elsewhere")
    y = x + curve * x**2 + NOISE * rng.standard_normal(len(where))
    return Environments.from_arrays(
        x[:, None].astype(np.float32), y, where, task="regression", name="inputs that move"
    )


_SETTING = "200 rows at a source, inputs 1.5 spreads apart elsewhere; linear model"
CLAIMS = (
    Claim(
        "likelihood-suffices",
        LIKELIHOOD,
        681,
        "Where the model is well specified, weighting for covariate shift gains nothing",
        "squared error where nothing was seen, weighted minus plain, the target a line",
        _SETTING,
        likelihood_suffices,
    ),
    Claim(
        "weighting-wins",
        LIKELIHOOD,
        681,
        "Where the model is misspecified, weighting for covariate shift wins",
        "squared error where nothing was seen, plain minus weighted, the target a parabola",
        _SETTING,
        weighting_wins,
    ),
)
