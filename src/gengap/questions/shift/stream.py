"""``ShiftMonitor``: has a stream left the training environments? The alarm may be read at any time.

The scores are a detector's (larger is stranger) or any other number per example, such as the
model's entropy. The guarantee is that of :mod:`gengap.questions.shift.betting`: while the stream is
exchangeable with the calibration scores, the chance that it *ever* raises an alarm is at most
``false_alarms``, however long it runs and however it is cut into batches.

*By environment.* "Has it left the training environments?" is answered by betting against each one
on its own, ranks taken within it, and raising the alarm when all have been rejected at
``false_alarms``. A stream from any one training environment is then safe, whichever it is, where
bets against the pool win from any environment that is stranger than the pool. The guarantee does
not cover a stream that mixes environments, which is like none of them, though no alarm is likely
where one of them has the largest scores throughout. Use the pool if it is mixed alike.

The calibration scores must come from examples that the detector was not fitted on. The monitor
keeps every score, once per environment, because ranks among the calibration scores alone would not
do.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.base.files import write_files
from gengap.base.finding import Finding
from gengap.base.seeds import generator
from gengap.questions.shift.betting import EXPONENTS, bet, sequential_p_values

BLOCK = 256  # scores ranked at a time; uniforms come in such blocks, so batches change nothing
FORMAT = 1


@dataclass(frozen=True, repr=False)
class Look(Finding):
    """What a monitor says after a batch.

    Attributes:
        looks: batches so far, this one included.
        examples: examples so far.
        p_value: of the whole stream, valid at any time.
        bound: an alarm is raised when ``p_value`` is at most this.
        alarm_at: the example that raised one, counted from 1; 0 for none so far.
        nearest: the environment that the stream is least unlike; empty without environments.
    """

    kind: ClassVar[str] = "shift"
    looks: int
    examples: int
    p_value: float
    bound: float
    alarm_at: int
    nearest: str

    @property
    def alarm(self) -> bool:
        """Whether an alarm was raised, now or before."""
        return self.alarm_at > 0


class ShiftMonitor:
    """Watches a stream of scores; see the module's docstring for what is guaranteed.

    Args:
        scores: ``(n,)`` scores of normal examples that the detector was not fitted on.
        environment: ``(n,)`` where each came from; None pools them.
        false_alarms: chance that a stream like these ever raises an alarm.
        seed: of the random numbers that break ties.

    Raises:
        UsageError: no scores, NaN among them, lengths that differ, a rate outside 0 to 1.

    Example:
        >>> monitor = ShiftMonitor(np.linspace(0, 1, 500))
        >>> monitor.update([0.2, 0.9, 0.5]).alarm
        False
        >>> monitor.update([2.0] * 20).alarm
        True
    """

    def __init__(
        self,
        scores: ArrayLike,
        environment: ArrayLike | None = None,
        *,
        false_alarms: float = 0.05,
        seed: int = 0,
    ) -> None:
        if not 0 < false_alarms < 1:
            raise UsageError(
                f"false_alarms is {false_alarms}; give a share between 0 and 1, e.g. 0.05."
            )
        self.false_alarms, self.seed = false_alarms, seed
        values = _numbers(scores, "scores")
        if len(values) == 0:
            raise UsageError("There are no calibration scores; give at least one.")
        groups = by_environment(values, environment)
        self._calibration = {name: np.sort(own) for name, own in groups.items()}
        self._bags = dict(self._calibration)
        self._awake: dict[str, np.ndarray | None] = dict.fromkeys(groups)
        self._peaks = dict.fromkeys(groups, 0.0)
        self._stream: list[float] = []
        self._looks, self._alarm_at = 0, 0

    def update(self, scores: ArrayLike) -> Look:
        """Take in the next scores ``(m,)``, in order of arrival, and say what is known by now.

        Raises:
            UsageError: scores that are not a list of numbers; none of them is taken in.
        """
        values = _numbers(scores, "scores")
        self._looks += 1
        while len(values):
            # To the end of a block at most, so that uniforms do not depend on the batches.
            room = BLOCK - len(self._stream) % BLOCK
            self._take(values[:room])
            values = values[room:]
        return self._look()

    @property
    def evidence(self) -> dict[str, float]:
        """Largest capital so far of the bets against each environment (``""`` for the pool)."""
        return {name: math.exp(min(peak, 700.0)) for name, peak in self._peaks.items()}

    def save(self, path: str | Path) -> None:
        """Write everything needed to go on as one JSON file.

        Raises:
            UsageError: the file cannot be written.
        """
        awake = {k: None if v is None else v.tolist() for k, v in self._awake.items()}
        state = {
            "format": FORMAT,
            "monitor": "scores",
            "false_alarms": self.false_alarms,
            "seed": self.seed,
            "looks": self._looks,
            "alarm_at": self._alarm_at,
            "awake": awake,
            "peaks": self._peaks,
            "calibration": {name: own.tolist() for name, own in self._calibration.items()},
            "stream": self._stream,
        }
        write_files({Path(path): json.dumps(state) + "\n"})

    @classmethod
    def load(cls, path: str | Path) -> ShiftMonitor:
        """Read a saved monitor; it goes on as if it had never stopped.

        Raises:
            UsageError: the file cannot be read or is not a monitor of scores.
        """
        state = _read_state(path)
        try:
            calibration = {k: np.array(v, dtype=float) for k, v in state["calibration"].items()}
            labels = np.repeat(list(calibration), [len(own) for own in calibration.values()])
            monitor = cls(
                np.concatenate(list(calibration.values())),
                None if list(calibration) == [""] else labels,
                false_alarms=state["false_alarms"],
                seed=state["seed"],
            )
            stream = np.array(state["stream"], dtype=float)
            for name, own in monitor._calibration.items():
                monitor._bags[name] = np.sort(np.concatenate([own, stream]))
                saved = state["awake"][name]
                monitor._awake[name] = None if saved is None else np.array(saved, dtype=float)
                monitor._peaks[name] = float(state["peaks"][name])
            monitor._stream = stream.tolist()
            monitor._looks, monitor._alarm_at = state["looks"], state["alarm_at"]
            _check_state(monitor)
        except (KeyError, TypeError, ValueError, AttributeError, UsageError):
            raise UsageError(
                f"{path} is not a whole monitor file; save the monitor anew."
            ) from None
        return monitor

    def _take(self, scores: np.ndarray) -> None:
        """Bet on scores that lie within one block."""
        seen = len(self._stream)
        block = 1 - generator(self.seed, "ties in a stream", seen // BLOCK).random(BLOCK)
        uniform = block[seen % BLOCK :][: len(scores)]
        lowest = np.full(len(scores), math.inf)
        for name, bag in self._bags.items():
            p = sequential_p_values(bag, scores, uniform)
            capital, self._awake[name] = bet(p, seen, self._awake[name])
            peaks = np.maximum.accumulate(np.maximum(capital, self._peaks[name]))
            self._peaks[name] = float(peaks[-1])
            self._bags[name] = np.sort(np.concatenate([bag, scores]), kind="stable")
            lowest = np.minimum(lowest, peaks)
        self._stream += scores.tolist()
        crossed = lowest >= -math.log(self.false_alarms)
        if crossed.any() and not self._alarm_at:
            self._alarm_at = seen + 1 + int(np.argmax(crossed))

    def _look(self) -> Look:
        nearest = min(self._peaks, key=lambda name: self._peaks[name])
        p, examples = math.exp(-self._peaks[nearest]), len(self._stream)
        return Look(self._looks, examples, p, self.false_alarms, self._alarm_at, nearest)


def by_environment(rows: np.ndarray, environment: ArrayLike | None) -> dict[str, np.ndarray]:
    """Rows ``(n, ...)`` per environment label; all under ``""`` where environment is None."""
    if environment is None:
        return {"": rows}
    labels = np.asarray(environment)
    if labels.shape != (len(rows),):
        raise UsageError(f"environment must be {len(rows)} labels, one each, not {labels.shape}.")
    names = np.array([str(label) for label in labels.tolist()])
    if (names == "").any():
        raise UsageError("An environment label is empty; fill it in or drop those examples.")
    return {str(name): rows[names == name] for name in np.unique(names)}


def _read_state(path: str | Path) -> dict[str, Any]:
    """Read a monitor's JSON file and check that it is one, in the format of today."""
    try:
        state = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read {path} ({error.strerror}); name a saved monitor.") from None
    except ValueError:
        state = None
    if not isinstance(state, dict) or state.get("monitor") != "scores":
        raise UsageError(f"{path} is not a saved monitor of scores; name another file.")
    if state.get("format") != FORMAT:
        raise UsageError(
            f"{path} has format {state.get('format')}, this gengap reads {FORMAT}; make the "
            "monitor anew."
        )
    return state


def _check_state(monitor: ShiftMonitor) -> None:
    """Raise :class:`ValueError` where what was read back cannot come from a monitor."""
    _numbers(monitor._stream, "stream")
    seen = len(monitor._stream)
    counts = ((monitor.seed, 2**63 - 1), (monitor._looks, math.inf), (monitor._alarm_at, seen))
    for count, most in counts:
        if type(count) is not int or not 0 <= count <= most:
            raise ValueError(count)
    for name, peak in monitor._peaks.items():
        awake = monitor._awake[name]
        # Capital is in use as soon as anything was seen, and starts from 1.
        if (awake is None) != (seen == 0) or not 0 <= peak < math.inf:
            raise ValueError(name)
        if awake is not None and (awake.shape != EXPONENTS.shape or np.isnan(awake).any()):
            raise ValueError(awake)


def _numbers(scores: ArrayLike, name: str) -> np.ndarray:
    try:
        values = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name} must be a list of numbers.") from None
    if values.ndim != 1 or not np.isfinite(values).all():
        raise UsageError(f"{name} must be a list of finite numbers, not {values.shape}.")
    return values
