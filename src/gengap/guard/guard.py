"""The guard: which inputs a trained model should not answer, at a stated false-alarm rate.

    guard = gg.Guard.fit(model, X, y, environment=where, false_alarms=0.05)
    decision = guard(X_new)
    decision.accept, decision.reason

Some normal examples choose and fit a detector, and show what the columns of a row may hold; the
others calibrate the threshold of both together (:mod:`gengap.guard.selection`,
:mod:`gengap.guard.reach`, :mod:`gengap.guard.calibration`). The false-alarm rate is then kept
for new examples that are exchangeable with the calibration examples, the model included: if the
model was *trained* on them, it is more at home there than on new examples, and false alarms exceed
the stated rate by as much as it has learnt them by heart (docs/results.md). So fit the guard on
normal examples that the model was not trained on; those that a model answers without a single
mistake are warned of.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.detectors.base import Detector, Fitted
from gengap.environments.core import suspect
from gengap.guard import storage
from gengap.guard.batches import batches_of, check_alone, in_batches, joined
from gengap.guard.calibration import Calibration
from gengap.guard.candidates import KEEPERS, chosen_detector, name_of, reads_layers
from gengap.guard.clusters import p_value
from gengap.guard.decision import Decision, cut, refusal, spread, unusable
from gengap.guard.fingerprint import fingerprint
from gengap.guard.fitting import check_options, labels_of, parts, rows_of
from gengap.guard.impossible import impossible
from gengap.guard.normal import SHOWN, calibrated, normal_examples, read_normal
from gengap.guard.reach import Reach, reach_of
from gengap.guard.rows import RowForm, read_rows
from gengap.guard.selection import Choice, scores
from gengap.guard.wording import reasons, refused_row, resting_sentence
from gengap.models.answers import answered, predicted
from gengap.models.estimator_outputs import Scale
from gengap.models.outputs import Outputs
from gengap.models.reading import Reader, reader_of

BLOCK = 4096  # rows judged at once
FEW = 3  # calibration examples above the threshold, below which one is warned


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
        reach: what was seen of each column.
        impossible: share that the guard refuses of each kind of impossible inputs.
        scale: of the features of an estimator, else None.
        logits: number of logits, 0 where there are none.
        width: number of features.
        layers: numbers of units of the hidden layers that were read.
        classes: the model's classes, or None.
        fingerprint: of the model.
        plan: how the model is read.
        reader: reads the model; None after loading without it.
        clusters: ``(C,)`` median strangeness of the calibration clusters, ascending; None where
            rows were on their own.
    """

    detector: Detector
    fitted: Fitted
    calibration: Calibration
    choice: Choice
    form: RowForm
    reach: Reach
    impossible: dict[str, float]
    scale: Scale | None
    logits: int
    width: int
    layers: tuple[int, ...]
    classes: np.ndarray | None
    fingerprint: str
    plan: dict[str, Any]
    reader: Reader | None
    clusters: np.ndarray | None = None

    @classmethod
    def fit(
        cls,
        model: Any,
        X: Any,
        y: Any = None,
        *,
        false_alarms: float = 0.05,
        environment: Any = None,
        per_environment: bool = False,
        cluster: Any = None,
        detector: str | Detector | None = None,
        detectors: Sequence[str] | None = None,
        strangers: Any = None,
        layer: str | None = None,
        seed: int = 0,
    ) -> Guard:
        """Choose, fit and calibrate a detector for a trained model, which is left as it is.

        Args:
            model: a fitted scikit-learn estimator, or a ``torch.nn.Module``; None to judge rows by
                themselves, with no labels and no answers.
            X: ``(n, ...)`` normal examples, best those that the model was not trained on; or a
                loader of batches ``(examples, labels)``, perhaps with environments as a third part
                (:mod:`gengap.guard.batches`).
            y: ``(n,)`` their labels or target values, or ``(n, L)`` of several, unless they come in
                batches; they tell what the columns of a network mean (:mod:`gengap.guard.targets`).
            false_alarms: share of normal examples that may be rejected.
            environment: ``(n,)`` labels of environments; holding them out chooses the detector.
            per_environment: keep the rate in each environment rather than on average.
            cluster: ``(n,)`` labels of rows that belong together, such as the observations of an
                episode: the rate is then that of a row of a new one, and :meth:`left` judges whole
                ones (:mod:`gengap.guard.clusters`).
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
        normal = normal_examples(
            X, y, environment, cluster, per_environment=per_environment,
            labelled=model is not None, seed=seed,
        )  # fmt: skip
        fit, held = parts(len(normal.X), alpha, normal.apart, normal.names, seed, normal.cluster)
        seen = rows_of(normal.X, fit)
        hidden = reads_layers([detector] if detector is not None else detectors or [])
        read = read_normal(reader_of(model, seen, layer=layer), normal, fit, hidden, alpha)
        reach = reach_of(seen, alpha, seed)
        others = read.strangers(strangers, normal.form, reach.columns, seed)
        bar = read.bar(seen, reach) if detector is None else None
        outputs = read.outputs
        own = None if normal.environment is None else normal.environment[fit.numpy()]
        found, choice = chosen_detector(
            outputs.rows(fit), read.task, detector, detectors, own, others, bar, alpha, seed
        )
        fitted = found.fit(outputs.rows(fit))
        calibration, wholes = calibrated(normal, found, fitted, outputs, held, reach, alpha)
        guard = cls(
            detector=found,
            fitted=fitted,
            calibration=calibration,
            choice=replace(choice, sentence=choice.sentence + normal.drawn),
            form=normal.form,
            reach=reach,
            impossible={},
            scale=read.scale,
            logits=0 if outputs.logits is None else outputs.logits.shape[1],
            width=0 if outputs.features is None else outputs.features.shape[1],
            layers=tuple(rows.shape[1] for rows in outputs.layers),
            classes=read.classes,
            fingerprint=fingerprint(model),
            plan=read.reader.plan,
            reader=read.reader,
            clusters=wholes,
        )
        if calibration.resting < FEW:
            more = math.ceil(10 / alpha)
            suspect([f"{resting_sentence(calibration)}; calibrate on {more} or more."])
        made = impossible(rows_of(normal.X, held[:SHOWN]), reach.columns)
        shares = {name: float(np.mean(~guard(rows).accept)) for name, rows in made.items()}
        return replace(guard, impossible=shares)

    def __call__(self, X: Any, *, environment: Any = None) -> Decision:
        """Judge new examples; rows that cannot be read are rejected with the reason.

        Args:
            X: array, tensor or table ``(n, ...)``, or a list of rows that may differ in length. A
                value more than a million times the largest that the guard has seen in its place is
                rejected unread. Batches of a loader are read one at a time, labels unused.
            environment: ``(n,)`` the rows' environments, of a guard with ``per_environment``: each
                row is then held to its own. Others than the guard knows are held to all.

        Raises:
            UsageError: the guard was loaded without its model, or ``X`` is no rows of examples.
        """
        if self.reader is None:
            raise UsageError(
                "This guard was loaded without its model; attach it (Guard.load(folder, model)), "
                "or judge the model's outputs (guard.judge(outputs))."
            )
        if in_batches(X):
            check_alone(environment=environment)
            known = bool(self.calibration.names)
            return joined(
                [
                    self(part.X, environment=part.environment if known else None)
                    for part in batches_of(X)
                ]
            )
        rows = read_rows(X, self.form, self.reach.columns)
        codes = self._codes(environment, len(rows.reason))[rows.readable]
        count = int(rows.readable.sum())
        blocks: list[Decision] = []
        for start in range(0, count, BLOCK):
            some = slice(start, start + BLOCK)
            blocks += self._answers(self.reader, rows.X[some], codes[some])
        if len(blocks) == 1 and count == len(rows.reason):
            return blocks[0]
        return spread(blocks, rows)

    def left(self, X: Any) -> float:
        """p-value that rows which belong together are no stranger than clusters that were normal.

        Of all clusters that are like those of calibration, a share of at most ``a`` gets ``a`` or
        less.

        Args:
            X: the rows of one cluster, such as what an agent saw in an episode.

        Raises:
            UsageError: the guard was fitted without clusters, or ``X`` is no rows of examples.
        """
        if self.clusters is None:
            raise UsageError(
                "This guard knows rows alone; fit it with cluster, which says what belongs "
                "together."
            )
        said = self(X)
        if not len(said):
            raise UsageError("X has no rows; give those of one cluster.")
        rows = read_rows(X, self.form, self.reach.columns)
        beyond = np.zeros(len(said))
        beyond[rows.readable] = self.reach(rows.X).beyond
        return p_value(self.clusters, said.score, beyond)

    def judge(self, outputs: Outputs) -> Decision:
        """Judge a model's outputs, as :func:`gengap.models.reading.outputs_of` gives them.

        The rows themselves are not seen, so the detector alone judges them, at the same rate.
        Predictions are None where the outputs do not determine them: for regressors of
        scikit-learn and for classifiers that do not answer by the largest logit.

        Raises:
            UsageError: the features are not as many as the guard was fitted on.
        """
        prediction: np.ndarray = np.full(len(outputs), None, dtype=object)
        if "answer" in self.plan:
            outputs = answered(outputs, self.plan["answer"], self.plan["probabilities"])
        if outputs.logits is not None and self.plan.get("by_logits", True):
            if self.classes is not None:
                prediction = self.classes[outputs.logits.numpy().argmax(1)]
            else:
                prediction = predicted(outputs.logits, self.plan.get("answer", "classes"))
        return self._judged(outputs, prediction)

    def report(self) -> str:
        """What the guard was chosen by, looks at and refuses, impossible inputs among it."""
        return str(importlib.import_module("gengap.report.guard").guard_report(self))

    @property
    def keeps_examples(self) -> bool:
        """Whether the guard, and the folder it is saved in, holds features of training examples."""
        return name_of(self.detector) in KEEPERS

    @property
    def threshold(self) -> float:
        """The score above which an example within reach is rejected."""
        return self.calibration.threshold

    def save(self, folder: str | Path, *, key: bytes | None = None) -> None:
        """Write ``guard.json`` and ``guard.safetensors`` into a folder, whole or not at all.

        Where :attr:`keeps_examples` is true the second file holds features of training examples;
        if these are rows given to a scikit-learn model, a :class:`SuspiciousInput` warning says so.
        The first holds the names of columns and of recurring categories.

        Args:
            folder: made if there is none.
            key: at least 16 bytes to sign the files with, so that nobody without it can change them
                unseen by those who load them with it.

        Raises:
            UsageError: the detector is not registered, the model was changed since the guard was
                fitted, or the folder cannot be written.
        """
        storage.save(self, Path(folder), key)

    @classmethod
    def load(cls, folder: str | Path, model: Any = None, *, key: bytes | None = None) -> Guard:
        """Read a saved guard; nothing in the files is executed.

        Args:
            folder: where it was saved.
            model: the model it was made for; without it only :meth:`judge` can be used.
            key: that it must have been signed with; without it signatures are not looked at.

        Raises:
            UsageError: a file is missing, cut short, altered or of another version, or the model
                is another one.
        """
        return cls(**storage.load(Path(folder), model, key))

    def __repr__(self) -> str:
        c = self.calibration
        return (
            f"Guard({self.choice.name}, {c.false_alarms:.3g} false alarms, "
            f"{len(c.scores)} calibration examples)"
        )

    def _answers(self, reader: Reader, X: Any, environment: np.ndarray) -> list[Decision]:
        """Decisions on rows; where the model refuses them, halves are tried, down to one row."""
        try:
            outputs = reader.read(X, hidden=self._hidden)
            return [self._judged(outputs, reader.predict(outputs, X), X, environment)]
        except UsageError as error:
            if len(X) == 1:
                return [refusal(*refused_row(self.reach, X, str(error)))]
        half = len(X) // 2
        return self._answers(reader, X[:half], environment[:half]) + self._answers(
            reader, X[half:], environment[half:]
        )

    @cached_property
    def _hidden(self) -> bool:
        return reads_layers([self.detector])

    def _codes(self, environment: Any, rows: int) -> np.ndarray:
        """Numbers ``(n,)`` of the rows' environments, -1 where it is not one of the guard's."""
        if environment is None:
            return np.full(rows, -1)
        known = {name: k for k, name in enumerate(self.calibration.names)}
        if not known:
            raise UsageError(
                "This guard knows no environments; fit it with environment and per_environment, or "
                "leave environment out."
            )
        return np.array([known.get(str(name), -1) for name in labels_of(environment, rows)])

    def _judged(
        self,
        outputs: Outputs,
        prediction: np.ndarray,
        X: Any = None,
        environment: np.ndarray | None = None,
    ) -> Decision:
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
        position = None if X is None else self.reach(X)
        beyond = None if position is None else position.beyond
        p = self.calibration.p_values(strange, beyond, environment)
        alpha = self.calibration.false_alarms
        accept = p > alpha
        reason, column = reasons(accept, p, alpha, X, self.reach, position)
        return Decision(accept, strange, p, reason, prediction, column)
