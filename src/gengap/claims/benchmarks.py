"""What makes a benchmark tell methods apart, and what a zoo of models is good for.

- X. Zhang et al., NICO++ (arXiv 2204.08040): benchmarks with much covariate shift and little
  concept shift discriminate best. A benchmark discriminates where two independent draws of it bring
  methods into the same order: Kendall's tau between them.
- Y. Chen et al., Explore and exploit the diverse knowledge in model zoo for domain generalization
  (arXiv 2306.02595): putting diverse models together, weaker ones among them, does better out of
  distribution than the strongest alone.
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.claims.claim import Claim
from gengap.claims.material import measured
from gengap.environments.core import Environments
from gengap.environments.suites import load_suite

NICO = Paper(
    "NICO++: towards better benchmarking for domain generalization",
    "Zhang, He, Xu, Yu, Shen, Cui",
    2023,
    "https://arxiv.org/abs/2204.08040",
)
ZOO = Paper(
    "Explore and exploit the diverse knowledge in model zoo for domain generalization",
    "Chen, Hu, Zhou, Li, Ma",
    2023,
    "https://arxiv.org/abs/2306.02595",
)
MODELS = {
    "logistic": LogisticRegression(max_iter=1000),
    "bayes": GaussianNB(),
    "neighbours": KNeighborsClassifier(),
    "tree": DecisionTreeClassifier(random_state=0),
    "vectors": SVC(),
}
ENVIRONMENTS, EACH = 5, 150
LITTLE, MUCH = 0.2, 2.0  # covariate shift: standard deviation of environments' means
SLIGHT, STRONG = 0.1, 1.0  # concept shift: of the phases of their relation


def discriminates(draw: int, store: str) -> float:
    """Kendall's tau with much covariate and little concept shift minus tau the other way round."""
    apart, tied = (_agreement(draw, store, *shift) for shift in ((MUCH, SLIGHT), (LITTLE, STRONG)))
    return apart - tied


def zoo_over_strongest(draw: int, store: str) -> float:
    """Unseen accuracy of all models' vote minus that of the one with the best score inside."""
    data = load_suite("digits-rotated", seed=draw)
    vote = VotingClassifier(list(MODELS.items()), voting="hard")
    methods = [*({name: model} for name, model in MODELS.items()), {"vote": vote}]
    table = measured(data, methods, "leave-one-out", draw, store)
    strongest = table.loc[list(MODELS), "score_in_distribution"].idxmax()
    return float(table.score_unseen["vote"] - table.score_unseen[strongest])


def _agreement(draw: int, store: str, covariate: float, concept: float) -> float:
    """Kendall's tau between unseen scores of the models on two draws of a benchmark."""
    scores = []
    for again in range(2):
        rng = generator(draw, "claims about benchmarks", again)
        data = benchmark(rng, covariate, concept)
        methods = [{name: model} for name, model in MODELS.items()]
        table = measured(data, methods, "leave-one-out", draw, store)
        scores.append(table.score_unseen[list(MODELS)])
    return float(stats.kendalltau(*scores).statistic)


def benchmark(rng: np.random.Generator, covariate: float, concept: float) -> Environments:
    """Two inputs around a mean of each environment; waves of both tell the class.

    Args:
        rng: draws everything.
        covariate: standard deviation of the environments' means.
        concept: of the phase, in radians, of their waves along the first input.
    """
    means = covariate * rng.standard_normal((ENVIRONMENTS, 2))
    phases = concept * rng.standard_normal(ENVIRONMENTS)
    where = np.repeat(np.arange(ENVIRONMENTS), EACH)
    X = means[where] + rng.standard_normal((len(where), 2))
    noise = 0.3 * rng.standard_normal(len(where))
    # Waves go on, so that both classes occur around any mean.
    y = (np.sin(X[:, 0] + phases[where]) + np.sin(X[:, 1]) / 2 + noise > 0).astype(np.int64)
    return Environments.from_arrays(
        X.astype(np.float32), y, where, task="classification", name="made benchmark"
    )


CLAIMS = (
    Claim(
        "covariate-shift-discriminates",
        NICO,
        116,
        "Much covariate and little concept shift make a benchmark discriminate between methods",
        "Kendall's tau of methods on two draws, much covariate shift minus much concept shift",
        "five made environments of two inputs; five scikit-learn models",
        discriminates,
    ),
    Claim(
        "zoo-over-strongest",
        ZOO,
        226,
        "Diverse models together, weaker ones too, do better out of distribution than the best",
        "unseen accuracy of a vote of five models minus that of the one best inside",
        "digits turned by angles, each left out in turn; five scikit-learn models",
        zoo_over_strongest,
        5,
    ),
)
