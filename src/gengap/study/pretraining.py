"""Weights to start from: one network trained on all training rows of a problem, kept as a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.files import write_files
from gengap.base.progress import Progress
from gengap.models.networks import Module, Network
from gengap.records.store import Store
from gengap.study.scores import Scores
from gengap.study.study import Study
from gengap.study.trained import everything, last_step, train_models


@dataclass(frozen=True)
class Pretrained:
    """A trained network.

    Attributes:
        problem: what it was trained on.
        model: its architecture.
        method: how it was trained.
        steps: how long.
        metric: of the score.
        score: on the validation part, whose rows gave no gradient.
        weights: by name, without a leading axis of runs; of a module its buffers as well.
    """

    problem: str
    model: str
    method: str
    steps: int
    metric: str
    score: float
    weights: dict[str, Tensor]

    def save(self, path: str | Path) -> Path:
        """Write the weights as a safetensors file that ``start`` of a study takes."""
        from safetensors.torch import save

        made = {name: value.contiguous() for name, value in self.weights.items()}
        write_files({Path(path): save(made)})
        return Path(path)


def pretrain(
    problem: Any,
    model: Any = None,
    *,
    method: Any = "erm",
    steps: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    store: Store | None = None,
    progress: Callable[[Progress], None] | None = None,
    **settings: Any,
) -> Pretrained:
    """Train a network on the training rows of all environments of a problem.

    Args:
        problem: environments, or any other problem; none of the environments that a later study
            leaves unseen may be among them.
        model, method, steps, batch: as of :class:`~gengap.study.study.Study`.
        seed: of everything drawn.
        store: where the run is kept and found again; None for nowhere.
        settings: further ones of the study.

    Raises:
        UsageError: the method trains no network, or not on these data.
    """
    study = Study(
        problem, [method], model=model, seeds=[seed], steps=steps, batch=batch, keep_models="all",
        selection="last-step", plain_training=False, **settings,
    )  # fmt: skip
    (entry,) = study.plan.entries
    if not entry.model:
        raise UsageError(f"{entry.name} trains no network; name a method of gengap methods.")
    plan = replace(study.plan, cells=(everything(study.plan),))
    kept = store or Store("sqlite://")
    try:
        (trained,) = train_models(study, kept, progress, plan=plan)
        steps = last_step(entry)
        score = _score(Scores(plan, kept, entry.name), trained.run.key, steps, seed)
    finally:
        if store is None:
            kept.close()
    assert isinstance(trained.model, Network)
    own = study.architectures[entry.model].initialise(study.problem.shape, study.problem.outputs, 0)
    weights = {name: trained.model.parameters[name][0] for name in own}
    if isinstance(made := trained.model.architecture, Module):
        weights |= {name: value.detach().cpu() for name, value in made.buffers() if "/" not in name}
    return Pretrained(
        study.problem.name, entry.model, entry.name, steps, plan.metric, score, weights
    )


def _score(scores: Scores, key: str, step: int, seed: int) -> float:
    """Mean over environments on the validation part."""
    examples = scores.examples(seed, "validation")
    outcome = scores.store.outcomes([key], "validation", scores=scores.metric.scores)[key, step]
    return scores.mean_over_environments(outcome, examples, np.ones(len(scores.plan.units), bool))
