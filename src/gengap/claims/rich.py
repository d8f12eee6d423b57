"""Whether penalties do better when the network has rich features to choose from.

- J. Zhang et al., Rich feature construction for the optimization-generalization dilemma
  (arXiv 2203.15516): initialised with features found in several ways, methods that penalise
  differences between environments do better on coloured digits, each of them. Two environments
  whose colour agrees with the class in 0.9 and 0.8 of the digits, and an unseen one where it does
  in 0.1; a quarter of the classes is turned round. There are few digits, so each is shown many
  times over, moved by up to a pixel, its class turned and its colour drawn anew. Both ways take the
  same number of steps; penalties are as strong as in their papers and come on half way. Networks
  are those after the last step, since the best validation score inside is the colour's. That was
  settled by what the penalties do from random weights, on a draw that is not among those tried.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import digits, measured
from gengap.environments.core import Environments

PALETTE = Paper(
    "Rich feature construction for the optimization-generalization dilemma",
    "Zhang, Lopez-Paz, Bottou",
    2022,
    "https://arxiv.org/abs/2203.15516",
)
AGREEMENTS, TURNED = {"agree 0.9": 0.9, "agree 0.8": 0.8, "agree 0.1": 0.1}, 0.25
ROWS, KEPT = 2500, 1200  # of each environment, and digits that training draws from
PENALTIES = {"irm": 1e4, "vrex": 1e4, "fishr": 2e4}
STEPS = 600


def lifted(method: str, draw: int, store: str) -> float:
    """Unseen accuracy of a method from rich features minus from random weights."""
    setting = f"penalty={PENALTIES[method]:g}"
    methods = [f"{method}:{setting}", f"rich-{method}:{setting}"]
    table = measured(
        coloured(draw), methods, "hold-out:agree 0.1", draw, store,
        model="mlp", steps=STEPS, selection="last-step",
    )  # fmt: skip
    return float(table.score_unseen[f"rich-{method}"] - table.score_unseen[method])


def coloured(draw: int) -> Environments:
    """Digits of 2 x 8 x 8 pixels, moved, coloured and named anew; those unseen are others."""
    images, digit, rng = digits(draw, salt="claims about rich features")
    pools = np.arange(KEPT), np.arange(KEPT, len(digit))
    where = np.repeat(list(AGREEMENTS), ROWS)
    chosen = np.concatenate([rng.choice(pools[k == "agree 0.1"], ROWS) for k in AGREEMENTS])
    agreement = np.array([AGREEMENTS[k] for k in where])
    y = (digit[chosen] >= 5) ^ (rng.random(len(where)) < TURNED)
    red = y ^ (rng.random(len(where)) >= agreement)
    X = np.zeros((len(where), 2, 8, 8), np.float32)
    X[np.arange(len(where)), np.where(red, 0, 1)] = moved(images[chosen], rng)
    return Environments.from_arrays(
        X, y.astype(np.int64), where, task="classification", name="digits in colours that lie"
    )


def moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images ``(n, h, w)``, each moved by up to a pixel along both axes, zeros filling in."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    height, width = images.shape[1:]
    down, right = rng.integers(3, size=(2, len(images)))
    rows = down[:, None, None] + np.arange(height)[:, None]
    columns = right[:, None, None] + np.arange(width)
    return padded[np.arange(len(images))[:, None, None], rows, columns]


CLAIMS = tuple(
    Claim(
        f"rich-features-{method}",
        PALETTE,
        35,
        f"Rich features lift {name} on the coloured digits",
        "unseen accuracy from rich features minus from random weights, at equal steps",
        "coloured digits, the colour reversed where unseen; perceptron, 600 steps",
        partial(lifted, method),
        draws=6,
    )
    for method, name in (("irm", "IRM"), ("vrex", "V-REx"), ("fishr", "Fishr"))
)
