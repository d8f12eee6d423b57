"""A delivered model: a scikit-learn estimator with its guard, ready to answer.

model = gg.load("model/")
model.predict(table); model.predict_proba(table)     # as any fitted estimator
model.decide(table)                                  # with the guard: answers, or reasons
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from gengap.base.errors import UsageError
from gengap.control.agents import Remembering
from gengap.control.logged import Logged, spans
from gengap.delivery.adapting import Adapting
from gengap.delivery.agents import actions_of, seen, sight_of
from gengap.delivery.answers import Answers, answers_of, begin
from gengap.delivery.form import as_table, class_values
from gengap.delivery.onnx_file import write_onnx
from gengap.delivery.parts import Parts
from gengap.delivery.saving import save
from gengap.delivery.schema import Description
from gengap.guard import Guard
from gengap.methods.base import Predictor


class Delivered(BaseEstimator):
    """A model to put to work; made by ``result.fit`` or :func:`gengap.load`.

    It is fitted and stays as it is: ``fit`` refuses, and a clone is the model itself, so that what
    scores a model on other rows can be used and what would train it again cannot.

    Attributes:
        parts: what it is made of.
        n_features_in_: columns of a table or an array.
        feature_names_in_: names of a table's columns; an array has none.
        classes_: of a classifier.
        card: its card as numbers (:class:`gengap.delivery.card.Card`), of one just fitted.
    """

    card: Any = None

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        form = parts.trained.problem
        self.n_features_in_ = int(form.X.shape[1])
        if isinstance(form.X, pd.DataFrame):
            self.feature_names_in_ = np.array([str(c) for c in form.X.columns], dtype=object)
        if form.classes:
            values = class_values(form.classes)
            # Of several labels a list, as of scikit-learn's own estimators.
            several = [values] * len(form.target_names)
            self.classes_ = several or values

    def predict(self, X: Any) -> np.ndarray:
        """Classes or values ``(n,)`` of examples ``(n, ...)``, whatever the guard would say.

        Of several targets ``(n, k)``, in the order of ``description.targets``.

        Args:
            X: a table with the columns of training, found by name, or an array.

        Raises:
            UsageError: a column is missing or holds what the model cannot read.
        """
        said, _ = self._asked(X)
        classes = self.parts.said.classes
        return class_values(classes)[said] if classes else said

    def codes(self, X: Any) -> np.ndarray:
        """Positions of the classes in their order, where :meth:`predict` gives the classes."""
        return self._asked(X)[0]

    def _gives_probabilities(self) -> bool:
        trained = self.parts.trained
        return bool(trained.run.model) or hasattr(trained.model, "predict_proba")

    def decide(self, X: Any) -> Answers:
        """Answers row by row, with the rows that the guard refuses and why.

        Rows with text for numbers are refused rather than the whole table.

        Raises:
            UsageError: a column is missing, or there are no rows.
        """
        return answers_of(self.parts, X)

    @property
    def guard(self) -> Guard | None:
        """Which inputs it should not answer; None where it has no guard."""
        return self.parts.guard

    @property
    def description(self) -> Description:
        """What it is and where it came from."""
        return self.parts.said

    def save(self, folder: str | Path, *, key: bytes | None = None) -> dict[str, Path]:
        """Write the model, its guard and its card into a folder; returns paths by name.

        Args:
            folder: made if there is none.
            key: at least 16 bytes to sign the files with, for those who load them with it.

        Raises:
            UsageError: the model is of a kind that no file may hold, or the folder cannot be
                written.
        """
        return save(self.parts, Path(folder), key)

    def export_onnx(self, path: str | Path) -> Path:
        """Write a network as ONNX, with its standardisation; see :mod:`gengap.delivery.onnx_file`.

        Raises:
            UsageError: ONNX cannot hold this model exactly, or the packages are missing.
        """
        return write_onnx(self.parts, Path(path))

    def fit(self, X: Any, y: Any = None) -> NoReturn:
        """Refuse: it is fitted.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "This model is fitted and stays as it is; train another with gengap fit, or wrap it in "
            "sklearn.frozen.FrozenEstimator where something insists on fitting."
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Hyperparameters of the method that trained it."""
        return dict(self.parts.said.run.hyperparameters)

    def set_params(self, **values: Any) -> NoReturn:
        """Refuse: it is fitted.

        Raises:
            UsageError: always.
        """
        self.fit(None)

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        said = self.parts.said
        what = said.run.model or "scikit-learn"
        return f"{type(self).__name__}({said.run.method}, {what}, trained on {said.name!r})"

    def reset(self) -> None:
        """Put an adapter back as it was saved; of other models nothing changes."""
        if isinstance(self.parts.trained, Adapting):
            self.parts.trained.adapter.reset()

    def _asked(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        begin(self.parts)
        try:
            return self.parts.trained.answers(as_table(self.parts.trained.problem, X))
        except UsageError as error:
            said = str(error)
            if said.startswith("the model does not take"):
                raise UsageError(f"{said[0].upper()}{said[1:]}; repair these rows.") from None
            raise


class DeliveredClassifier(ClassifierMixin, Delivered):
    """A delivered model that predicts classes."""

    classes_: Any

    @available_if(Delivered._gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(n, C)`` of ``classes_``; absent where the model gives none.

        Of several labels ``(n, k)``, of the second class of each.

        Raises:
            UsageError: as of :meth:`predict`.
        """
        _, found = self._asked(X)
        assert found is not None
        return found


class DeliveredRegressor(RegressorMixin, Delivered):
    """A delivered model that predicts values."""


class Agent(Delivered):
    """A delivered agent: it acts on what a simulator shows.

    agent = gg.load("agent/")
    observation, info = simulator.reset(seed=7)
    simulator.step(agent.act(observation))

    As an estimator it takes arrays of observations, as :meth:`encoded` gives them, and its classes
    are the actions. An agent that remembers must be told when an episode begins (:meth:`begin`)
    and, if it asks for a return, what was earned (:meth:`note`); as an estimator it answers what it
    would do at the beginning of one.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        saved = parts.said.agent
        assert saved is not None
        self._sight = sight_of(saved)
        self._actions = actions_of(saved, parts.trained.problem.outputs)
        self.begin()

    def begin(self) -> None:
        """An episode begins: nothing is remembered of the one before."""
        model, prepare = self.parts.trained.model, self.parts.trained.prepared.inputs.apply
        remembers = isinstance(model, Predictor) and model.remembers
        self._mind = (
            Remembering(model, lambda x: torch.from_numpy(prepare(x.numpy())))
            if remembers
            else None
        )
        if self._mind is not None:
            self._mind.begin(1)
        self._done: np.ndarray | None = None
        self._earned = 0.0

    def note(self, reward: float) -> None:
        """What the last action earned, as rewards were logged; who forgets need not be told."""
        self._earned += float(reward)

    def act(self, observation: Any, instruction: str | None = None) -> Any:
        """What it does, as the simulator takes it, whatever its guard would say.

        Args:
            observation: as the simulator shows it.
            instruction: that it is to follow, where agents were told one beside what they saw.

        Raises:
            UsageError: the observation is of another kind.
        """
        answer = self._answer(self.encoded([observation], instruction))
        if self._actions.low is not None:
            self._done = answer.clip(-1, 1)[None]
            return self._actions.carried_out(answer)
        self._done = np.array([answer.argmax()])
        return self._actions.carried_out(self._done[0])

    def _answer(self, seen: np.ndarray) -> np.ndarray:
        """Preferences or an action ``(A,)`` at one observation ``(1, *shape)``."""
        trained = self.parts.trained
        if self._mind is None:
            rows = torch.from_numpy(trained.prepared.inputs.apply(seen))
            return np.asarray(trained.model.outputs(rows).logits[0])
        if self._done is not None:
            self._mind.note(self._done, np.array([self._earned]))
            self._earned = 0.0
        return self._mind.answer(torch.from_numpy(seen), np.arange(1))[0].numpy()

    def encoded(self, observations: Sequence[Any], instruction: str | None = None) -> np.ndarray:
        """Observations as the simulator shows them as an array ``(n, *shape)``.

        Raises:
            UsageError: one is of another kind.
        """
        form = self.parts.trained.problem
        rows = [seen(self._sight, form.shape, own, instruction) for own in observations]
        return np.stack(rows) if rows else np.zeros((0, *form.shape), np.float32)

    def read(self, logs: Logged) -> tuple[np.ndarray, np.ndarray]:
        """Logged observations ``(n, *shape)`` as it sees them, and the episode of each ``(n,)``.

        What was seen after the last action of an episode is left out: nothing was done there.

        Raises:
            UsageError: they are of another kind.
        """
        form = self.parts.trained.problem
        rows = spans(logs.first_seen, logs.steps)
        parts = {path: own[rows] for path, own in logs.parts.items()}
        episode = np.repeat(np.arange(len(logs)), logs.steps)
        if self._sight is None:
            found = np.asarray(parts.get("", np.zeros((len(rows), 0))))
        else:
            if logs.instruction is not None and "instruction" not in parts:
                parts["instruction"] = logs.instruction[episode]
            found = self._sight.encode(parts)
        if found.shape[1:] != form.shape:
            raise UsageError(
                f"The logged observations have shape {found.shape[1:]}, and the agent learnt from "
                f"{form.shape}; give logs of play in the same simulator."
            )
        return found.astype(np.float32), episode

    def left(self, observations: Sequence[Any], instruction: str | None = None) -> float:
        """p-value that an episode was like those that were logged.

        Args:
            observations: what was seen in it, from its start to its end.
            instruction: as of :meth:`act`.

        Raises:
            UsageError: the agent has no guard, or nothing was seen.
        """
        if self.guard is None:
            raise UsageError("This agent has no guard, so it cannot say; fit it with one.")
        return self.guard.left(self.encoded(observations, instruction))


class NumberedAgent(ClassifierMixin, Agent):
    """An agent whose actions are numbered."""

    classes_: Any
    predict_proba = DeliveredClassifier.predict_proba


class VectorAgent(RegressorMixin, Agent):
    """An agent whose actions are vectors; as an estimator it gives their first component."""


def delivered(parts: Parts) -> Delivered:
    """The estimator of a model's parts."""
    if parts.said.agent is not None:
        return (NumberedAgent if parts.said.classes else VectorAgent)(parts)
    kind = DeliveredClassifier if parts.said.classes else DeliveredRegressor
    return kind(parts)
