"""One record per post-hoc detector, stating its paper, its needs and its cost."""

from __future__ import annotations

from dataclasses import dataclass

from gengap.base.errors import listing
from gengap.base.paper import Paper
from gengap.base.registry import Registry
from gengap.detectors.base import Detector
from gengap.models.outputs import Outputs

# Of detectors that look neither at logits nor at labels.
ANY_TASK = ("classification", "regression", "multi-label")


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
        tasks: the kinds of problem it applies to; in a multi-label one an example may have any
            number of the labels.
    """

    detector: type[Detector]
    name: str
    summary: str
    paper: Paper
    needs: tuple[str, ...]
    cost: str
    tasks: tuple[str, ...] = ("classification",)

    def why_not(self, task: str | None, outputs: Outputs | None = None) -> str:
        """Why it cannot be used, a sentence without its full stop, or empty where it can.

        Args:
            task: the kind of target; None where there is none.
            outputs: what a model shows; None where that is not known yet.
        """
        if task is not None and task not in self.tasks:
            return f"{self.name} applies to {' and '.join(self.tasks)} only"
        shown = {} if outputs is None else vars(outputs)
        lacking = [need for need in self.needs if need in shown and _empty(shown[need])]
        if not lacking:
            return ""
        return f"{self.name} needs the model's {listing(lacking)}, which this model does not show"


def _empty(field: object) -> bool:
    return field is None or (isinstance(field, tuple) and not field)


_REGISTRY = Registry(DetectorInfo, "detector", "gengap.detectors", first="msp")
register_detector = _REGISTRY.register
detectors = _REGISTRY.all
detector_info = _REGISTRY.get
