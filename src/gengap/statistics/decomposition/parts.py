"""The parts of the gap of each environment, their sum and their limits; see the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gengap.statistics.decomposition.expected import curved, expected
from gengap.statistics.decomposition.membership import Membership, membership
from gengap.statistics.decomposition.own import own_loss
from gengap.statistics.decomposition.shares import loss_of_labels, same_shares

FOLDS = 3
CAUSES = ("inputs", "relation", "noise", "shares", "dilution")
STRANGE = 0.95  # chance of being of the environment from which a row has no neighbours elsewhere
LEAST_OVERLAP = 0.1  # of a pair, 1 where inputs are alike
ROUNDING = 1e-9
NORMAL = 3.0  # fourth moment of a normal variable over its squared variance
LEAST_ROWS = 8.0  # equally weighted ones that either side of a pair is worth


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows scored by models that lack one environment each.

    Attributes:
        features: ``(n, d)`` standardised inputs.
        environment: ``(n,)`` codes 0 to ``K - 1``.
        weight: ``(n,)``, adding up to 1 in each environment.
        fold: ``(n,)`` folds from 0, rows that belong together in one.
        cluster: ``(n,)`` codes of rows that belong together; each its own where none do.
        unseen: ``(E,)`` the environment that each model lacks.
        loss: ``(n, E)`` of each model, NaN where it was not scored.
        saved: ``(n, E)`` by how much less its reference loses.
        base: ``(n, C)`` predictions of models that have seen the row's environment: a number, or a
            score of each class.
        target: ``(n, C)`` the truth in that form.
        loss_of: the loss ``(n,)`` of predictions ``(n, C)``.
        label: ``(n,)`` class codes; None for numbers.
    """

    features: np.ndarray
    environment: np.ndarray
    weight: np.ndarray
    fold: np.ndarray
    cluster: np.ndarray
    unseen: np.ndarray
    loss: np.ndarray
    saved: np.ndarray
    base: np.ndarray
    target: np.ndarray
    loss_of: Callable[[np.ndarray], np.ndarray]
    label: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Parts:
    """What each of the five :data:`CAUSES` makes of ``E`` unseen environments.

    Attributes:
        estimate: ``(3, E, 5)`` parts of the gap, of the cost of unseen and of the difficulty, which
            add up to them and the last two to the first; NaN where rows cannot tell.
        total: ``(3, E)`` gap, cost of unseen and difficulty themselves.
        variance: ``(3, E, 5)`` of each part, from rows.
        skewness: ``(3, E, 5)`` of each part, 0 for a normal one.
        degrees: ``(3, E, 5)`` degrees of freedom of these variances, after Satterthwaite: few where
            few rows have the say.
        mean_variance: ``(3, 5)`` of the means over these environments as they are.
        same: ``(4, E)`` of relation and noise in the gap together, what the same inputs lose more:
            estimate, variance, skewness and degrees of freedom. No correction enters it.
        spoken_for: ``(E,)`` share of the environment that has neighbours in training environments.
        overlap: ``(E,)`` mean overlap with a training environment, 1 where inputs are alike.
        pairs: ``(E,)`` training environments that it could be compared with.
        shares_first: whether classes were given the same shares before inputs were compared.
        corrected: how predictions were corrected to the environment's own relation.
        member: what tells environments apart.
    """

    estimate: np.ndarray
    total: np.ndarray
    variance: np.ndarray
    skewness: np.ndarray
    degrees: np.ndarray
    mean_variance: np.ndarray
    same: np.ndarray
    spoken_for: np.ndarray
    overlap: np.ndarray
    pairs: np.ndarray
    shares_first: bool
    corrected: str
    member: Membership


def decompose(sample: Sample, seed: int = 0) -> Parts:
    """Decompose the gap of each unseen environment.

    Args:
        sample: at least two environments, each with a row in every fold.
        seed: of forests and trees.
    """
    member, weight, shares_first = _told_apart(sample, seed)
    own, corrected = own_loss(
        sample.features, sample.environment, sample.base, sample.target, weight, sample.fold,
        sample.loss_of, seed,
    )  # fmt: skip
    outcomes = np.concatenate([sample.loss, sample.saved, own[:, None]], axis=1)
    centred = outcomes - expected(sample.features, outcomes, weight, sample.fold, seed)
    E, flexible = len(sample.unseen), curved(sample.features[:1]).shape[1]
    skewness = np.zeros((3, E, 5))
    estimate, variance, total = np.empty((3, E, 5)), np.empty((3, E, 5)), np.empty((3, E))
    degrees, same = np.empty((3, E, 5)), np.empty((4, E))
    spoken, overlap, pairs = (np.empty(E) for _ in range(3))
    mean, known = np.zeros((len(sample.weight), 3, 5)), np.zeros((3, 5))
    for j, e in enumerate(sample.unseen):
        beside = Beside(sample, weight, member.probability, int(e), sample.loss[:, j])
        found, influence = beside.parts(
            (sample.loss[:, j], sample.saved[:, j]),
            (centred[:, j], centred[:, E + j], centred[:, -1]),
        )
        rows = len(np.unique(sample.cluster[sample.environment == e]))
        # What was fitted on the environment's own rows costs them as many degrees of freedom.
        free = rows - 1 - min(flexible, rows / 4)
        estimate[:, j] = found
        scatter = _scatter(influence, sample.cluster, free, rows)
        variance[:, j], skewness[:, j], degrees[:, j] = scatter
        together = influence[:, 0, 1] + influence[:, 0, 2]
        same[0, j] = found[0, 1] + found[0, 2]
        same[1:, j] = np.ravel(_scatter(together[:, None], sample.cluster, free, rows))
        total[:, j] = beside.totals(sample.loss[:, j], sample.saved[:, j])
        told = ~np.isnan(found)
        known += told
        mean += np.where(told, influence, 0.0)
        spoken[j], overlap[j], pairs[j] = beside.spoken_for, beside.overlap, beside.comparable.sum()
    # What rounding leaves of equal losses is neither a part nor its noise.
    tiny = ROUNDING * float(np.nanmax(np.abs(sample.loss), initial=0.0))
    estimate[np.abs(estimate) < tiny] = 0.0
    variance[variance < tiny**2] = 0.0
    return Parts(
        estimate, total, variance, skewness, degrees,
        _moments(mean / np.maximum(known, 1), sample.cluster)[0],
        same, spoken, overlap, pairs, shares_first, corrected, member,
    )  # fmt: skip


def _told_apart(sample: Sample, seed: int) -> tuple[Membership, np.ndarray, bool]:
    """Membership, the weights of rows, and whether these make the shares of classes the same."""
    arguments = sample.features, sample.environment
    found = membership(*arguments, sample.weight, sample.fold, seed)
    if sample.label is None:
        return found, sample.weight, False
    equal = same_shares(sample.label, sample.environment, sample.weight)
    by_inputs = float(np.average(found.log_loss, weights=sample.weight))
    by_label = loss_of_labels(sample.label, sample.environment, sample.weight, sample.fold)
    if equal is None or by_label >= min(by_inputs, np.log(1 + sample.environment.max())):
        return found, sample.weight, False
    return membership(*arguments, equal, sample.fold, seed), equal, True


class Beside:
    """One unseen environment beside each of the environments that its model was trained on."""

    def __init__(
        self,
        sample: Sample,
        weight: np.ndarray,
        probability: np.ndarray,
        unseen: int,
        loss: np.ndarray,
    ) -> None:
        """Args: as in :class:`Sample`; ``weight (n,)`` may make the shares of classes the same."""
        self.sample, self.weight = sample, weight
        K = probability.shape[1]
        scored = ~np.isnan(loss)
        self.outside = scored & (sample.environment == unseen)
        inside = scored & ~self.outside
        self.trained = np.unique(sample.environment[inside])
        self.inside = inside
        own = probability[:, [unseen]]
        self.s = own / (own + probability)  # (n, K): of the unseen rather than of k
        self.at_e = weight[self.outside, None] * (1 - self.s[self.outside])  # (n_e, K)
        code = sample.environment
        self.at_k = np.where(inside, weight * self.s[np.arange(len(code)), code], 0.0)
        self.mass_e = self.at_e.sum(axis=0)
        self.mass_k = np.bincount(code, self.at_k, K)
        worth = np.minimum(
            self.mass_e**2 / np.maximum((self.at_e**2).sum(axis=0), 1e-300),
            self.mass_k**2 / np.maximum(np.bincount(code, self.at_k**2, K), 1e-300),
        )
        shared = self.mass_e + self.mass_k  # 1 where inputs are alike: each half of its weight
        self.overlap = float(shared[self.trained].mean())
        fine = (shared >= LEAST_OVERLAP) & (worth >= LEAST_ROWS)
        self.comparable = fine & np.isin(np.arange(K), self.trained)
        trained = probability[:, self.trained].mean(axis=1)
        odd = own[:, 0] / (own[:, 0] + trained) > STRANGE
        self.spoken_for = float(weight[self.outside] @ ~odd[self.outside])

    def totals(self, loss: np.ndarray, saved: np.ndarray) -> tuple[float, float, float]:
        """Gap, cost of unseen and difficulty."""
        gap = float(self._gap(loss, self.sample.weight)[0])
        cost = float(self._mean(saved, self.outside)[0])
        return gap, cost, gap - cost

    def parts(
        self,
        outcomes: tuple[np.ndarray, np.ndarray],
        centred: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Parts ``(3, 5)`` of gap, cost and difficulty, and the rows' influence ``(n, 3, 5)``.

        Args:
            outcomes: loss of the model, and what its reference saves, ``(n,)`` each.
            centred: these and what remains to be lost, less what is expected given inputs.
        """
        loss, saved, own = (self._same_inputs(values) for values in centred)
        found, influence = np.zeros((2, 5)), np.zeros((len(self.weight), 2, 5))
        for place, (values, same) in enumerate(zip(outcomes, (loss, saved), strict=True)):
            shares = self._gap(values, self.sample.weight) - self._gap(values, self.weight)
            inputs = self._gap(values, self.weight) - same
            noise = own if place == 0 else 0.0 * same
            for cause, column in enumerate((inputs, same - noise, noise, shares)):
                found[place, cause], influence[:, place, cause] = column[0], column[1:]
        dilution = self._mean(outcomes[1], self.inside)
        found[1, 4], influence[:, 1, 4] = dilution[0], dilution[1:]
        found = np.concatenate([found, found[:1] - found[1:]])
        return found, np.concatenate([influence, influence[:, :1] - influence[:, 1:]], axis=1)

    def _gap(self, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Mean outside minus inside under weights, and the rows' influence: ``(1 + n,)``."""
        found = self._mean(values, self.outside, weight) - self._mean(values, self.inside, weight)
        if weight is self.sample.weight or self.sample.label is None:
            return found
        # Under weights that fix the shares of classes only the scatter within classes is left.
        cell = self.sample.environment * (int(self.sample.label.max()) + 1) + self.sample.label
        for rows, sign in ((self.outside, 1.0), (self.inside, -1.0)):
            w = weight[rows]
            total = np.bincount(cell[rows], w)
            middle = np.bincount(cell[rows], w * values[rows]) / np.where(total > 0, total, 1)
            found[1:][rows] = sign * self._each(rows, w) * (values[rows] - middle[cell[rows]])
        return found

    def _mean(
        self, values: np.ndarray, rows: np.ndarray, weight: np.ndarray | None = None
    ) -> np.ndarray:
        """Mean over the environments of some rows, and the rows' influence on it."""
        weight = self.sample.weight if weight is None else weight
        code = self.sample.environment[rows]
        w, v = weight[rows], values[rows]
        total = np.bincount(code, w)
        means = np.bincount(code, w * v) / np.where(total > 0, total, 1.0)
        found = np.zeros(1 + len(weight))
        found[0] = means[total > 0].mean()
        found[1:][rows] = self._each(rows, w) * (v - means[code])
        return found

    def _each(self, rows: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Weights that add up to 1 over the environments of some rows, each alike."""
        code = self.sample.environment[rows]
        total = np.bincount(code, w)
        return np.asarray(w / total[code] / (total > 0).sum())

    def _same_inputs(self, centred: np.ndarray) -> np.ndarray:
        """Difference of centred outcomes on shared inputs, mean over pairs, and its influence."""
        code, found = self.sample.environment, np.zeros(1 + len(self.weight))
        at_k, values = np.where(np.isnan(centred), 0.0, self.at_k), np.nan_to_num(centred)
        known_e = ~np.isnan(centred[self.outside])
        own = values[self.outside]
        mass_k = np.bincount(code, at_k, len(self.mass_k))
        pairs = self.comparable & (mass_k > 0)
        if not pairs.any() or not known_e.any():
            return np.full_like(found, np.nan)
        at_e = self.at_e[:, pairs] * known_e[:, None]
        at_e = at_e / at_e.sum(axis=0)
        mean_e = own @ at_e
        safe = np.where(mass_k > 0, mass_k, 1.0)
        mean_k = np.bincount(code, at_k * values, len(mass_k)) / safe
        number = pairs.sum()
        found[0] = (mean_e - mean_k[pairs]).mean()
        found[1:][self.outside] = (at_e * (own[:, None] - mean_e)).sum(axis=1) / number
        rows = self.inside & pairs[code]
        influence = at_k[rows] / safe[code[rows]] * (values[rows] - mean_k[code[rows]])
        found[1:][rows] = -influence / number
        return found


def _scatter(
    influence: np.ndarray, cluster: np.ndarray, free: float, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variances, skewnesses and degrees of freedom of parts, from ``influence (n, ...)``."""
    second, third, fourth = _moments(influence, cluster)
    skewness = third / np.where(second > 0, second, np.inf) ** 1.5
    # As many squares of normal variables of one spread would scatter like these (Satterthwaite).
    alike = NORMAL * second**2 / np.where(fourth > 0, fourth, np.inf)
    alike = np.where(fourth > 0, alike, np.inf)
    return second * rows / free, skewness, np.maximum(np.minimum(free, alike), 1)


def _moments(influence: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, ...]:
    """Second to fourth moments of sums over independent clusters, of ``influence (n, ...)``."""
    _, code = np.unique(cluster, return_inverse=True)
    flat = influence.reshape(len(influence), -1)
    number = int(code.max()) + 1
    sums = np.stack([np.bincount(code, column, number) for column in flat.T], axis=1)
    shape = influence.shape[1:]
    return tuple((sums**power).sum(axis=0).reshape(shape) for power in (2, 3, 4))
