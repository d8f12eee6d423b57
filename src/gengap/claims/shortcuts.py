"""What makes models rely on a shortcut, and on the simplest of the features that would do.

- Y. Xing et al., Shortcut learning in generalist robot policies (arXiv 2508.06426): little
  diversity within the sets that data are put together from, and disparity between them, raise the
  reliance on what is irrelevant; augmentation lowers it. Four sets have shares of a class of 0.9
  and 0.1 in turn, and an irrelevant input around ``+b`` and ``-b`` with spread ``w``. *Reliance* is
  the accuracy with that input at the side of the class minus accuracy with it at the other, all
  else the same.
- H. Shah et al., The pitfalls of simplicity bias in neural networks (arXiv 2006.07710): networks
  rely on the simplest feature alone, also where it says less, and ensembles do too. Simple is an
  input whose sign is the class; three others have five slabs, in turn of either class.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.claims.claim import Claim
from gengap.claims.material import accuracy, halves, logits, train
from gengap.environments.core import Environments
from gengap.study.trained import Trained

FRAGMENTS = Paper(
    "Shortcut learning in generalist robot policies: the role of dataset diversity and "
    "fragmentation",
    "Xing, Luo, Xie, Gao, Shen, Song",
    2025,
    "https://arxiv.org/abs/2508.06426",
)
SIMPLICITY = Paper(
    "The pitfalls of simplicity bias in neural networks",
    "Shah, Tamuly, Raghunathan, Jain, Netrapalli",
    2020,
    "https://arxiv.org/abs/2006.07710",
)
SETS, EACH, RELEVANT, SHARE = 4, 200, 5, 0.9
SLABS, COMPLEX, ROWS, NEW = 5, 3, 2000, 1000
MEMBERS = 5
TOLERATED = 0.05


def diversity_within(draw: int, store: str) -> float:
    """Reliance with little spread within sets minus reliance with much."""
    return _reliance(draw, store, 1.0, 0.3) - _reliance(draw, store, 1.0, 1.5)


def disparity_between(draw: int, store: str) -> float:
    """Reliance with sets far apart minus reliance with sets close together."""
    return _reliance(draw, store, 1.5, 0.7) - _reliance(draw, store, 0.3, 0.7)


def augmentation(draw: int, store: str) -> float:
    """Reliance as the data are minus reliance with the irrelevant input dealt anew over sets."""
    plain = _reliance(draw, store, 1.0, 0.3)
    return plain - _reliance(draw, store, 1.0, 0.3, augmented=True)


def _reliance(
    draw: int, store: str, between: float, within: float, augmented: bool = False
) -> float:
    rng = generator(draw, "claims about fragments")
    where = np.repeat(np.arange(SETS), EACH)
    side = np.where(where % 2 == 0, 1, -1)
    y = (rng.random(len(where)) < np.where(side > 0, SHARE, 1 - SHARE)).astype(np.int64)
    irrelevant = between * side + within * rng.standard_normal(len(where))
    if augmented:
        irrelevant = rng.permutation(irrelevant)
    X = np.column_stack([_relevant(y, rng), irrelevant])
    data = Environments.from_arrays(
        X.astype(np.float32), y, where, task="classification", name="sets of data"
    )
    (model,) = train(data, "mlp", draw, store)
    truth = np.arange(NEW) % 2
    core = _relevant(truth, rng)
    sides = np.where(truth == 1, 1.0, -1.0)
    agreeing, other = (accuracy(model, np.column_stack([core, s * sides]), truth) for s in (1, -1))
    return agreeing - other


def _relevant(y: np.ndarray, rng: Any) -> np.ndarray:
    """``(n, 5)`` inputs whose means differ between classes by one standard deviation."""
    return np.asarray((y[:, None] - 0.5) + rng.standard_normal((len(y), RELEVANT)))


def simplest_alone(draw: int, store: str) -> float:
    """0.05 minus accuracy above chance where the simple feature is shuffled."""
    X, y, rng = slabs(draw, ROWS)
    (model,) = train(halves(X, y, "slabs"), "mlp", draw, store, (1000,))
    asked, truth, _ = slabs(draw, NEW, "new")
    return TOLERATED - (accuracy(model, _shuffled(asked, rng), truth) - 0.5)


def simplest_hurts(draw: int, store: str) -> float:
    """Accuracy without the simple feature, right in nine of ten, minus accuracy with it."""
    X, y, _ = slabs(draw, ROWS, wrong=0.1)
    asked, truth, _ = slabs(draw, NEW, "new", wrong=0.1)
    scores = []
    for columns in (slice(1, None), slice(0, None)):
        data = halves(X[:, columns], y, "slabs, the simple feature noisy")
        (model,) = train(data, "mlp", draw, store, (1000,))
        scores.append(accuracy(model, asked[:, columns], truth))
    return scores[0] - scores[1]


def ensembles_fail(draw: int, store: str) -> float:
    """0.05 minus what an ensemble gains over a network where the simple feature is shuffled."""
    X, y, rng = slabs(draw, ROWS)
    data = halves(X, y, "slabs")
    seeds = range(MEMBERS * draw, MEMBERS * (draw + 1))
    models = [train(data, "mlp", seed, store, (1000,))[0] for seed in seeds]
    asked, truth, _ = slabs(draw, NEW, "new")
    asked = _shuffled(asked, rng)
    alone = np.mean([accuracy(model, asked, truth) for model in models])
    together = (_probabilities(models, asked) > 0.5) == truth
    return float(TOLERATED - (together.mean() - alone))


def slabs(
    draw: int, rows: int, which: str = "", wrong: float = 0.0
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Inputs ``(n, 4)`` float32, the first of them simple, classes ``(n,)``, and a generator.

    Args:
        draw: which draw of the data.
        rows: how many.
        which: names further rows of the same draw.
        wrong: share of rows whose simple input lies on the other class's side.
    """
    rng = generator(draw, "claims about slabs", which)
    y = rng.integers(0, 2, rows)
    side = np.where(rng.random(rows) < wrong, 1 - y, y)
    simple = (2 * side - 1) * rng.uniform(0.1, 1, rows)
    # Slabs of width 0.3 with gaps of 0.1 between them, alternately of class 0 and 1.
    of_class = [np.arange(SLABS)[np.arange(SLABS) % 2 == label] for label in (0, 1)]
    centres = np.arange(SLABS) * 0.4 - 0.4 * (SLABS - 1) / 2
    chosen = np.stack(
        [np.where(y == 1, rng.choice(of_class[1], rows), rng.choice(of_class[0], rows))
         for _ in range(COMPLEX)],
        axis=1,
    )  # fmt: skip
    deep = centres[chosen] + rng.uniform(-0.15, 0.15, chosen.shape)
    return np.column_stack([simple, deep]).astype(np.float32), y, rng


def _shuffled(X: np.ndarray, rng: Any) -> np.ndarray:
    """The same rows with the simple feature of others."""
    changed = X.copy()
    changed[:, 0] = rng.permutation(X[:, 0])
    return changed


def _probabilities(models: list[Trained], X: np.ndarray) -> np.ndarray:
    """``(n,)`` of class 1, the mean over networks."""
    told = [logits(model, X) for model in models]
    return np.asarray(np.mean([1 / (1 + np.exp(t[:, 0] - t[:, 1])) for t in told], axis=0))


_SETS = "four sets of two classes in shares of 0.9 and 0.1, an irrelevant input; perceptron"
_SLABS = "one simple input, three of five slabs, each enough alone; perceptron"
CLAIMS = (
    Claim(
        "diversity-within",
        FRAGMENTS,
        89,
        "Little diversity within sets of data raises the reliance on what is irrelevant",
        "reliance with a spread of 0.3 within sets minus reliance with 1.5",
        _SETS,
        diversity_within,
    ),
    Claim(
        "disparity-between",
        FRAGMENTS,
        89,
        "Disparity between sets of data raises the reliance on what is irrelevant",
        "reliance with sets 3 apart minus reliance with sets 0.6 apart",
        _SETS,
        disparity_between,
    ),
    Claim(
        "augmentation-unties",
        FRAGMENTS,
        89,
        "Augmentation that breaks the tie lowers the reliance on what is irrelevant",
        "reliance as the data are minus reliance with the irrelevant input dealt anew",
        _SETS,
        augmentation,
    ),
    Claim(
        "simplest-alone",
        SIMPLICITY,
        109,
        "Networks rely on the simplest feature alone",
        "0.05 minus the accuracy above chance where the simple input is shuffled",
        _SLABS,
        simplest_alone,
    ),
    Claim(
        "simplest-hurts",
        SIMPLICITY,
        109,
        "They do so also where the simplest feature says less, at a cost",
        "accuracy of networks without the simple input, a tenth of it wrong, minus with it",
        _SLABS,
        simplest_hurts,
    ),
    Claim(
        "ensembles-keep-shortcuts",
        SIMPLICITY,
        109,
        "Ensembles do not mend that",
        "0.05 minus what five networks gain over one where the simple input is shuffled",
        _SLABS,
        ensembles_fail,
        5,
    ),
)
