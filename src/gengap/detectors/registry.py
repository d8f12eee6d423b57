"""One record per post-hoc detector, stating its paper, its needs and its cost."""

from __future__ import annotations

from dataclasses import dataclass

from gengap.base.paper import Paper
from gengap.base.registry import Registry
from gengap.detectors.base import Detector


@dataclass(frozen=True)
class DetectorInfo:
    """What the registry knows about a post-hoc detector.

    Attributes:
        detector: the dataclass of hyperparameters that implements it.
        name: what the user types.
        summary: one line that says what strangeness means to it.
        paper: the source.
        needs: fields of :class:`~gengap.models.outputs.Outputs` it reads when scoring, and
            "labels" or "head" where fitting reads them.
        cost: what an example costs beyond the model, in words.
        tasks: the kinds of problem it applies to.
    """

    detector: type[Detector]
    name: str
    summary: str
    paper: Paper
    needs: tuple[str, ...]
    cost: str
    tasks: tuple[str, ...] = ("classification",)


_REGISTRY = Registry(DetectorInfo, "detector", "gengap.detectors", first="msp")
register_detector = _REGISTRY.register
detectors = _REGISTRY.all
detector_info = _REGISTRY.get
