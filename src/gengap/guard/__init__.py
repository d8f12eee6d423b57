"""The guard: a detector with a threshold, calibrated to a false-alarm rate and saved for use."""

from gengap.guard.decision import Decision
from gengap.guard.guard import Guard

__all__ = ["Decision", "Guard"]
