"""A delivered model with an adapter: it answers batch by batch and changes as it answers.

A model of a study whose stream put it back before each environment is put back before each table
that it is given, so that its answers depend on that table alone; of any other stream it goes on
from table to table until :meth:`~gengap.delivery.model.Delivered.reset`. Batches are as large as
the study's, and those that the adapter finds too small are answered by the model alone, as there.

What an adapter must know of training goes with the model: its training examples, or as many of
them, drawn at random, as ``MOST`` bytes hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from gengap.adapters.base import Adapter, Source
from gengap.adapters.registry import SOURCE as TRAINING_EXAMPLES
from gengap.adapters.registry import adapter_info
from gengap.base.seeds import derive, generator
from gengap.delivery.schema import SavedAdapter
from gengap.environments.streams import APART, Stream
from gengap.methods.heads import module_with_heads
from gengap.records.run import Run
from gengap.study.trained import Trained
from gengap.training.tables import Tables

MOST = 48 << 20  # bytes of training examples
NAMES = ("x", "y", "environment")


@dataclass(frozen=True, eq=False)
class Adapting(Trained):
    """A trained network that an adapter answers with.

    Attributes:
        saved: which adapter, and how it is given inputs.
        source: what it knows of training; None where it needs nothing.
    """

    saved: SavedAdapter
    source: Source | None = None

    @cached_property
    def adapter(self) -> Adapter:
        """The adapter, as far as it has come."""
        made: Adapter = adapter_info(self.saved.name).adapter(
            module_with_heads(self.model), source=self.source,
            seed=derive(self.run.seed, "adapter", self.saved.name), **self.saved.values,
        )  # fmt: skip
        return made

    @property
    def alone(self) -> Trained:
        """The network that is left alone."""
        return Trained(**{own.name: getattr(self, own.name) for own in fields(Trained)})

    def begin(self) -> None:
        """A new table is to be answered."""
        if not self.saved.goes_on:
            self.adapter.reset()

    def logits(self, prepared: Tensor) -> Tensor:
        """Of prepared inputs ``(m, *shape)``, batch after batch."""
        fewest = adapter_info(self.saved.name).fewest(self.adapter.model)
        stream = Stream(batch=self.saved.batch)
        batches = [prepared[batch] for batch in stream.batches(len(prepared))]
        return torch.cat(
            [
                self.adapter.predict(x) if len(x) >= fewest else super(Adapting, self).logits(x)
                for x in batches
            ]
        )


def adapting(trained: Trained, run: Run) -> Adapting:
    """A trained network with the adapter of a study's run.

    Args:
        trained: the network, with its problem's rows.
        run: of the adapter.
    """
    remedy, settings = run.settings["remedy"], run.settings
    info = adapter_info(remedy["name"])
    needs = TRAINING_EXAMPLES in info.needs or info.adapter.reads_source
    saved = SavedAdapter(
        name=remedy["name"],
        values=dict(remedy["values"]),
        batch=int(settings["stream batch"]),
        goes_on=settings["stream"] not in APART,
        source=needs,
    )
    own = {f.name: getattr(trained, f.name) for f in fields(Trained)} | {"run": run}
    return Adapting(**own, saved=saved, source=_source(trained) if needs else None)


def _source(trained: Trained) -> Source:
    """The training rows, prepared, or a draw of them where they are too many to be handed on."""
    problem, rows = trained.problem, trained.train_rows
    # Inputs in 4 bytes a number, targets and environments in 8 at most.
    each = 4 * math.prod(problem.shape) + 8 * math.prod(problem.y.shape[1:]) + 8
    most = max(1, MOST // each)
    if len(rows) > most:
        draw = generator(trained.run.seed, "delivery", "source")
        rows = np.sort(draw.choice(rows, most, replace=False))
    x = torch.from_numpy(trained.prepared.inputs.apply(problem.matrix[rows]))
    y: Any = problem.y[rows]
    if not problem.classes:
        y = ((y - trained.prepared.shift) / trained.prepared.scale).astype(np.float32)
    return Source(x, torch.as_tensor(y), torch.as_tensor(problem.environment[rows]))


def source_to_bytes(source: Source) -> bytes:
    """As safetensors."""
    return safetensors.torch.save({name: getattr(source, name).contiguous() for name in NAMES})


def source_from_bytes(content: bytes, form: Tables) -> Source:
    """What :func:`source_to_bytes` gave.

    Raises:
        ValueError: parts do not fit each other or the form of examples.
    """
    found = safetensors.torch.load(content)
    x, y, environment = (found[name] for name in NAMES)
    whole = torch.int64 if form.classes else torch.float32
    sound = (
        len(x) > 0
        and x.shape[1:] == form.shape
        and y.shape == (len(x), *form.y.shape[1:])
        and environment.shape == (len(x),)
        and (x.dtype, environment.dtype) == (torch.float32, torch.int64)
        and y.dtype == whole
        and bool(torch.isfinite(x).all() and torch.isfinite(y).all())
        and bool(((environment >= 0) & (environment < len(form.names))).all())
        and not (form.classes and not bool(((y >= 0) & (y < max(len(form.classes), 2))).all()))
    )
    if not sound:
        raise ValueError
    return Source(x, y, environment)
