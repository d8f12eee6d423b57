"""The guard: which inputs a trained model should not answer, at a stated false-alarm rate.

    guard = gg.Guard.fit(model, X, y, environment=where, false_alarms=0.05)
    decision = guard(X_new)
    decision.accept, decision.reason

Some normal examples choose and fit a detector, the others calibrate its threshold
(:mod:`gengap.guard.selection`, :mod:`gengap.guard.calibration`). The false-alarm rate is then kept
for new examples that are exchangeable with the calibration examples, the model included: if the
model was *trained* on them, it is more at home there than on new examples, and false alarms exceed
the stated rate by as much as it has learnt them by heart (docs/results.md). So fit the guard on
normal examples that the model was not trained on; those that a model answers without a single
mistake are warned of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.detectors.base import Detector, Fitted
from gengap.guard import storage
from gengap.guard.calibration import Calibration, calibrate
from gengap.guard.candidates import KEEPERS, chosen_detector, name_of, reads_layers
from gengap.guard.decision import Decision, cut, reasons, refusal, spread, unusable
from gengap.guard.fingerprint import fingerprint
from gengap.guard.fitting import (
    check_finite,
    check_options,
    checked,
    environments_of,
    labelled_outputs,
    outputs_of_strangers,
    parts,
)  # fmt: skip
from gengap.guard.rows import RowForm, read_rows
from gengap.guard.selection import Choice, scores
from gengap.models.estimator_outputs import EstimatorReader, Scale
from gengap.models.outputs import Outputs
from gengap.models.reading import Reader, reader_of

BLOCK = 4096  # rows judged at once


@dataclass(frozen=True, eq=False, repr=False)
class Guard:
    """A fitted detector with a threshold; made by :meth:`fit` or :meth:`load`.

    Some detectors keep the features of the training examples (:attr:`keeps_examples`), and so does
    the folder such a guard is saved in. Of a scikit-learn model the features are the rows
    themselves, or what the steps before the last made of them.

    Attributes:
        detector: with its hyperparameters.
        fitted: what it learnt.
        calibration: scores of normal examples, by which others are judged.
        choice: which detector was chosen and why; ``str(guard.choice)`` is a sentence.
        form: what a row of examples looks like.
        scale: of the features of an estimator, else None.
        width: number of features.
        classes: the model's classes, or None.
        fingerprint: of the model.
        plan: how the model is read.
        reader: reads the model; None after loading without it.
    """

    detector: Detector
    fitted: Fitted
    calibration: Calibration
    choice: Choice
    form: RowForm
    scale: Scale | None
    width: int
    classes: np.ndarray | None
    fingerprint: str
    plan: dict[str, Any]
    reader: Reader | None

    @classmethod
    def fit(
        cls,
        model: Any,
        X: Any,
        y: Any,
        *,
        false_alarms: float = 0.05,
        environment: Any = None,
        per_environment: bool = False,
        detector: str | Detector | None = None,
        detectors: Sequence[str] | None = None,
        strangers: Any = None,
        layer: str | None = None,
        seed: int = 0,
    ) -> Guard:
        """Choose, fit and calibrate a detector for a trained model, which is left as it is.

        Args:
            model: a fitted scikit-learn estimator, or a ``torch.nn.Module``.
            X: ``(n, ...)`` normal examples, best those that the model was not trained on.
            y: ``(n,)`` their labels or target values.
            false_alarms: share of normal examples that may be rejected.
            environment: ``(n,)`` labels of environments; holding them out chooses the detector.
            per_environment: keep the rate in each environment rather than on average.
            detector: name of a detector, or one with hyperparameters, to use without choosing.
            detectors: names of the detectors to choose from; by default a few quick ones.
            strangers: examples the model should not answer, to choose the detector on; never those
                that the guard is to be tested on.
            layer: submodule whose output are the features; see
                :func:`gengap.models.reading.outputs_of`.
            seed: of the split between choosing, fitting and calibrating.

        Raises:
            UsageError: what is given does not fit together, or is too little.
        """
        check_options(false_alarms, detector, detectors, seed)
        alpha = float(false_alarms)
        form, X, y = checked(X, y)
        names, codes = environments_of(environment, len(X), per_environment)
        apart = codes if per_environment else None
        fit, held = parts(len(X), alpha, apart, names, seed)
        reader = reader_of(model, X, layer=layer)
        hidden = reads_layers([detector] if detector is not None else detectors or [])
        outputs, task = labelled_outputs(reader, X, y, hidden, alpha)
        scale = None
        if isinstance(reader, EstimatorReader) and outputs.features is not None:
            scale = Scale.of(outputs.features[fit])
            outputs = scale.apply(outputs)
        check_finite(unusable(outputs))
        others = None
        if strangers is not None:
            others = outputs_of_strangers(strangers, form, reader, scale, hidden)
        normal, own = outputs.rows(fit), None if codes is None else codes[fit.numpy()]
        found, choice = chosen_detector(normal, task, detector, detectors, own, others, seed)
        fitted = found.fit(normal)
        held_scores = scores(found, fitted, outputs.rows(held))
        where = None if apart is None else apart[held.numpy()]
        classes = reader.classes
        if classes is None and task == "classification" and outputs.logits is not None:
            classes = np.arange(outputs.logits.shape[1])
        return cls(
            detector=found,
            fitted=fitted,
            calibration=calibrate(held_scores, alpha, where, names),
            choice=choice,
            form=form,
            scale=scale,
            width=0 if outputs.features is None else outputs.features.shape[1],
            classes=classes,
            fingerprint=fingerprint(model),
            plan=reader.plan,
            reader=reader,
        )

    def __call__(self, X: Any) -> Decision:
        """Judge new examples; rows that cannot be read are rejected with the reason.

        Args:
            X: array, tensor or table ``(n, ...)``, or a list of rows that may differ in length. A
                value more than a million times the largest that the guard has seen in its place is
                rejected unread.

        Raises:
            UsageError: the guard was loaded without its model, or ``X`` is no rows of examples.
        """
        if self.reader is None:
            raise UsageError(
                "This guard was loaded without its model; attach it (Guard.load(folder, model)), "
                "or judge the model's outputs (guard.judge(outputs))."
            )
        rows = read_rows(X, self.form)
        count = int(rows.readable.sum())
        blocks: list[Decision] = []
        for start in range(0, count, BLOCK):
            blocks += self._answers(self.reader, rows.X[start : start + BLOCK])
        if len(blocks) == 1 and count == len(rows.reason):
            return blocks[0]
        return spread(blocks, rows)

    def judge(self, outputs: Outputs) -> Decision:
        """Judge a model's outputs, as :func:`gengap.models.reading.outputs_of` gives them.

        Predictions are None where the outputs do not determine them: for regressors of
        scikit-learn and for classifiers that do not answer by the largest logit.

        Raises:
            UsageError: the features are not as many as the guard was fitted on.
        """
        prediction = np.full(len(outputs), None, dtype=object)
        if outputs.logits is not None and self.plan.get("by_logits", True):
            logits = outputs.logits.numpy()
            prediction = logits[:, 0] if self.classes is None else self.classes[logits.argmax(1)]
        return self._judged(outputs, prediction)

    @property
    def keeps_examples(self) -> bool:
        """Whether the guard, and the folder it is saved in, holds features of training examples."""
        return name_of(self.detector) in KEEPERS

    @property
    def threshold(self) -> float:
        """The score above which an example is rejected."""
        return self.calibration.threshold

    def save(self, folder: str | Path) -> None:
        """Write ``guard.json`` and ``guard.safetensors`` into a folder, whole or not at all.

        Where :attr:`keeps_examples` is true the second file holds features of training examples;
        if these are rows given to a scikit-learn model, a :class:`SuspiciousInput` warning says so.

        Raises:
            UsageError: the detector is not registered, the model was changed since the guard was
                fitted, or the folder cannot be written.
        """
        storage.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, model: Any = None) -> Guard:
        """Read a saved guard; nothing in the files is executed.

        Args:
            folder: where it was saved.
            model: the model it was made for; without it only :meth:`judge` can be used.

        Raises:
            UsageError: a file is missing, cut short, altered or of another version, or the model
                is another one.
        """
        return cls(**storage.load(Path(folder), model))

    def __repr__(self) -> str:
        c = self.calibration
        return (
            f"Guard({self.choice.name}, {c.false_alarms:.3g} false alarms, "
            f"{len(c.scores)} calibration examples)"
        )

    def _answers(self, reader: Reader, X: Any) -> list[Decision]:
        """Decisions on rows; where the model refuses them, halves are tried, down to one row."""
        try:
            outputs = reader.read(X, hidden=self._hidden)
            return [self._judged(outputs, reader.predict(outputs, X))]
        except UsageError as error:
            if len(X) == 1:
                return [refusal(str(error))]
        half = len(X) // 2
        return self._answers(reader, X[:half]) + self._answers(reader, X[half:])

    @cached_property
    def _hidden(self) -> bool:
        return reads_layers([self.detector])

    def _judged(self, outputs: Outputs, prediction: np.ndarray) -> Decision:
        width = 0 if outputs.features is None else outputs.features.shape[1]
        if width != self.width:
            raise UsageError(
                f"The outputs have {width} features where the guard was fitted on {self.width}; "
                "give those of the same layer of the same model."
            )
        bad = cut(outputs)
        if self.scale is not None:
            outputs = self.scale.apply(outputs)
        strange = scores(self.detector, self.fitted, outputs)
        strange = np.where(bad | unusable(outputs), np.nan, strange)
        p = self.calibration.p_values(strange)
        alpha = self.calibration.false_alarms
        accept = p > alpha
        return Decision(accept, strange, p, reasons(accept, p, alpha), prediction)
