"""``BatchMonitor``: a two-sample test at each of a planned number of looks, one false-alarm rate.

Testing each batch at 5% raises a false alarm in most streams of 50 batches. The rate is spent
instead: each of ``K`` planned looks gets ``alpha / K``, so that by the union bound the chance of
any false alarm is at most ``alpha``, however the batches depend on each other through the reference
they share. Independent looks would allow ``1 - (1 - alpha)^{1/K}`` each, only some 2% more.

*By environment.* Each batch is tested against each training environment and the largest p-value
counts: the batch has left the training environments when it differs from every one of them. A batch
from a single environment then raises an alarm at most at the rate promised. A batch that mixes
environments is like none; leave ``environment`` out where the reference is mixed alike.

It sees what a score cannot: any movement of the features.
:class:`gengap.questions.shift.stream.ShiftMonitor` needs no plan, no batches and far less
computing, but sees only its score.

Source: K. K. G. Lan & D. L. DeMets, Discrete sequential boundaries for clinical trials, Biometrika
70 (1983), 659-663 (spending); R. L. Berger, Multiparameter hypothesis testing and acceptance
sampling, Technometrics 24 (1982), 295-300 (the largest p-value).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError, listing
from gengap.base.files import write_texts
from gengap.base.seeds import derive
from gengap.questions.shift.classifier import linear_classifier_test
from gengap.questions.shift.stream import FORMAT, Look, by_environment, check_rate, read_state
from gengap.questions.shift.univariate import any_column, column_tests
from gengap.questions.shift.variation import least_unlike
from gengap.statistics.two_sample import energy_test, mmd_test

FEWEST_PERMUTATIONS, MOST_PERMUTATIONS = 199, 20_000

Test = Literal["mmd", "energy", "linear", "columns"]
TESTS: dict[str, Callable[[np.ndarray, np.ndarray, int, int], float]] = {
    "mmd": lambda x, y, number, seed: mmd_test(x, y, number, seed).p_value,
    "energy": lambda x, y, number, seed: energy_test(x, y, number, seed).p_value,
    "linear": lambda x, y, number, seed: linear_classifier_test(x, y, number, seed).p_value,
    "columns": lambda x, y, number, seed: any_column(column_tests(x, y, seed)),
}


class BatchMonitor:
    """Tests batches of features against a reference, at most ``looks`` times.

    Args:
        reference: ``(n, d)`` features of the training environments.
        environment: ``(n,)`` where each row came from; None pools them.
        looks: how many batches are planned.
        test: ``"mmd"``, ``"energy"``, ``"linear"`` (a classifier) or ``"columns"``.
        false_alarms: chance of any false alarm in all looks together.
        seed: of the permutations.

    Raises:
        UsageError: an unknown test, too many looks for permutations, features that are no table.
    """

    def __init__(
        self,
        reference: ArrayLike,
        environment: ArrayLike | None = None,
        *,
        looks: int,
        test: Test = "mmd",
        false_alarms: float = 0.05,
        seed: int = 0,
    ) -> None:
        check_rate(false_alarms)
        if test not in TESTS:
            raise UsageError(f"There is no test {test!r}; choose one of {listing(TESTS)}.")
        if isinstance(looks, bool) or not isinstance(looks, int) or looks < 1:
            raise UsageError(f"looks must be a whole number of at least 1, not {looks!r}.")
        self.false_alarms, self.seed, self.planned, self.test = false_alarms, seed, looks, test
        self.bound = false_alarms / looks
        # Twice what the smallest p-value needs, so that no single extreme permutation is a veto.
        self.permutations = max(FEWEST_PERMUTATIONS, math.ceil(2 / self.bound) - 1)
        if test != "columns" and self.permutations > MOST_PERMUTATIONS:
            raise UsageError(
                f"{looks} looks would need {self.permutations} permutations each; plan fewer, "
                "test columns, or use ShiftMonitor."
            )
        rows = _features(reference)
        self._groups = by_environment(rows, environment)
        self._looks = self._examples = self._alarm_at = 0

    def update(self, batch: ArrayLike) -> Look:
        """Test a batch of features ``(m, d)``.

        Raises:
            UsageError: all planned looks are used, or features that do not fit the reference.
        """
        if self._looks == self.planned:
            raise UsageError(
                f"All {self.planned} planned looks are used; start a monitor with more of them."
            )
        rows, number = _features(batch), self._looks + 1
        seed = derive(self.seed, "look", number)
        test = TESTS[self.test]
        p_values = {
            name: test(own, rows, self.permutations, seed) for name, own in self._groups.items()
        }
        self._looks, self._examples = number, self._examples + len(rows)
        nearest = least_unlike(p_values, self._groups, rows)
        p = p_values[nearest]
        # Permutation p-values are ratios of whole numbers; rounding must not decide.
        if p <= self.bound * (1 + 1e-9) and not self._alarm_at:
            self._alarm_at = number
        return self._look(p, nearest)

    def save(self, path: str | Path) -> None:
        """Write the state, without the reference, as JSON.

        Raises:
            UsageError: the file cannot be written.
        """
        state = {
            "format": FORMAT,
            "monitor": "batches",
            "test": self.test,
            "false_alarms": self.false_alarms,
            "seed": self.seed,
            "planned": self.planned,
            "looks": self._looks,
            "examples": self._examples,
            "alarm_at": self._alarm_at,
            "reference": _checksum(self._groups),
        }
        write_texts({Path(path): json.dumps(state, indent=2) + "\n"})

    @classmethod
    def load(
        cls, path: str | Path, reference: ArrayLike, environment: ArrayLike | None = None
    ) -> BatchMonitor:
        """Go on with a saved monitor and the same reference.

        Raises:
            UsageError: the file cannot be read, or the reference is another one.
        """
        state = read_state(path, "batches")
        try:
            monitor = cls(
                reference, environment, looks=state["planned"], test=state["test"],
                false_alarms=state["false_alarms"], seed=state["seed"],
            )  # fmt: skip
            monitor._looks, monitor._examples = int(state["looks"]), int(state["examples"])
            monitor._alarm_at, checksum = int(state["alarm_at"]), state["reference"]
        except (KeyError, TypeError, ValueError):
            raise UsageError(
                f"{path} is not a whole monitor file; save the monitor anew."
            ) from None
        if checksum != _checksum(monitor._groups):
            raise UsageError(f"{path} was saved with another reference; give that one.")
        return monitor

    def _look(self, p: float, nearest: str) -> Look:
        if self._alarm_at:
            left = "left the training environments" if nearest else "moved away from the reference"
            sentence = f"Alarm since look {self._alarm_at}: the stream has {left}"
        else:
            sentence = f"No alarm after look {self._looks} of {self.planned}"
        sentence += f" (this batch p = {p:.3g}, alarm from {self.bound:.3g}"
        sentence += f"; nearest is {nearest})." if nearest else ")."
        alarm = self._alarm_at > 0
        return Look(self._looks, self._examples, p, self.bound, alarm, nearest, sentence)


def _features(rows: ArrayLike) -> np.ndarray:
    try:
        found = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("Features must be numbers; encode other columns first.") from None
    if found.ndim != 2 or len(found) < 2:
        raise UsageError(f"Features have shape {found.shape}; give a table of at least 2 rows.")
    return found


def _checksum(groups: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, rows in groups.items():
        digest.update(f"{name}\x1f{rows.shape}\x1f".encode() + rows.tobytes())
    return digest.hexdigest()
