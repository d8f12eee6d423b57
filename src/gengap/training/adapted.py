"""What an adapter answers on a stream of all units that are scored, and what it has become after.

A stream that puts nothing back ends in a model that has changed. It is then given the test part of
what was trained on once more, as it comes when the source returns: what it has forgotten is what
it scores less there than the model that was left alone. Passes are counted on the stream alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gengap.adapters.base import Adapter
from gengap.adapters.registry import adapter_info
from gengap.adapters.tools.softmax import example_entropies
from gengap.base.seeds import derive, generator
from gengap.environments.streams import APART, STRANGERS, Stream, Visit
from gengap.methods.heads import module_with_heads
from gengap.models.networks import Network, Output
from gengap.records.run import FinishedRun, Outcome, Part
from gengap.training.remedies import Bench, Models, are_numbers
from gengap.training.strangers import Strangers
from gengap.training.tasks import finished

# What is noted of an adapter beside its scores: passes for each example that it answered.
FORWARDS, BACKWARDS = "forward passes", "backward passes"


class Answering:
    """An adapter in the place of a network, called on ``x (1, n, *shape)``.

    Args:
        adapter: adapts on a batch and answers it.
        trained: the network as it was trained, which answers batches that are too small.
        fewest: examples that the adapter needs.

    Attributes:
        beside: strangers ``(m, *shape)`` that come with the next batch.
        told: ``(n + m, 2)`` how strange each input of a batch with strangers was to the adapter and
            to the network as it was trained, batch after batch.
        answered: inputs that were answered, strangers among them.
    """

    def __init__(self, adapter: Adapter, trained: Network, fewest: int) -> None:
        self.adapter, self.trained, self.fewest = adapter, trained, fewest
        self.beside: Tensor | None = None
        self.told: list[np.ndarray] = []
        self.answered = 0

    def __call__(self, x: Tensor) -> Output:
        """Features are not asked for; the logits stand in their place."""
        own = x.shape[1]
        if self.beside is not None:
            x = torch.cat([x, self.beside[None]], 1)
        self.answered += x.shape[1]
        small = x.shape[1] < self.fewest
        if small:
            self.adapter.forwards += x.shape[1]
            logits = self.trained(x).logits
        else:
            logits = self.adapter.predict(x[0])[None]
        if self.beside is not None:
            strange = None if small else self.adapter.strangeness
            alone = example_entropies(self.trained(x).logits[0])
            found = example_entropies(logits[0]) if strange is None else strange
            self.told.append(torch.stack([found, alone], 1).detach().cpu().numpy())
        return Output(logits[:, :own], logits[:, :own])


def adapted(bench: Bench, models: Models, steps: Sequence[int], stream: Stream) -> FinishedRun:
    """Let an adapter answer a stream of all units that are scored, from each kept checkpoint on.

    Args:
        models: of the run it starts from.
        steps: checkpoints.
        stream: how the units come.
    """
    began = time.perf_counter()
    run, remedy = bench.task.run, bench.task.run.settings["remedy"]
    (of,) = run.settings["of"]
    info, feed = adapter_info(remedy["name"]), bench.feed()
    source = bench.source(feed)
    outcomes: list[Outcome] = []
    per_example = np.zeros((len(steps), 2))
    answered = sum(map(len, bench.task.score.values()))
    for place, step in enumerate(steps):
        trained = bench.network(models[of, step])
        module = module_with_heads(trained)
        if not are_numbers(module.state_dict().values()):  # it diverged, and answers as it does
            feed.tasks = [bench.task]
            outcomes += feed.predict(trained, step)[0]
            per_example[place] = 1, 0
            continue
        adapter = info.adapter(
            module, source=source,
            seed=derive(run.seed, "adapter", remedy["name"]), **remedy["values"],
        )  # fmt: skip
        before = np.array([adapter.forwards, adapter.backwards])
        answering = Answering(adapter, trained, info.fewest(adapter.model))
        for part in bench.task.score:
            outcomes += _streamed(bench, feed, answering, part, step, stream)
        answered = answering.answered
        spent = np.array([adapter.forwards, adapter.backwards]) - before
        per_example[place] = spent / max(answered, 1)
        if stream.order not in APART and len(bench.returning):
            outcomes.append(_returned(bench, feed, answering, step, stream))
    noted = {FORWARDS: per_example[:, 0], BACKWARDS: per_example[:, 1]}
    seconds = time.perf_counter() - began
    return finished(bench.task, outcomes, seconds, 0.0, answered, curves=noted)


def _streamed(
    bench: Bench, feed: Any, answering: Answering, part: Part, step: int, stream: Stream
) -> list[Outcome]:
    """What an adapter answers on a part, in the part's own order, and what it finds strange."""
    rows = bench.task.score[part]
    draw = generator(bench.task.run.seed, "stream", part)  # the same for whatever adapts
    visits = stream.visits(bench.problem.environment[rows], bench.problem.y[rows], draw)
    if stream.order != STRANGERS:
        return [_answers(bench, feed, answering, part, rows, step, visits)]
    answering.told = []
    draw = generator(bench.task.run.seed, "strangers", part)
    strangers = Strangers(feed, bench.problem, draw, np.concatenate(bench.task.train))
    found = _answers(bench, feed, answering, part, rows, step, visits, strangers)
    if part != "test":
        return [found]
    places = np.concatenate([bench.problem.environment[rows[visit.places]][:1].repeat(2 * len(
        visit.places)) for visit in visits])  # fmt: skip
    kinds = np.concatenate(strangers.kinds)
    told = np.column_stack([kinds, places, np.concatenate(answering.told)])
    return [found, Outcome(step, "strangeness", told.astype(np.float32))]


def _returned(bench: Bench, feed: Any, answering: Answering, step: int, stream: Stream) -> Outcome:
    """What it answers on the test part of what was trained on once the stream is over."""
    rows = bench.returning
    draw = generator(bench.task.run.seed, "stream", "returned")
    mixed = Stream("mixed", stream.batch)
    visits = mixed.visits(bench.problem.environment[rows], bench.problem.y[rows], draw)
    going_on = [visit._replace(reset=False) for visit in visits]
    return _answers(bench, feed, answering, "returned", rows, step, going_on)


def _answers(
    bench: Bench, feed: Any, answering: Answering, part: Part, rows: np.ndarray, step: int,
    visits: Sequence[Visit], strangers: Strangers | None = None,
) -> Outcome:  # fmt: skip
    """The answers of visits to rows, in the rows' order."""
    pieces: list[Outcome] = []
    for visit in visits:
        if visit.reset:
            answering.adapter.reset()
        answering.beside = None if strangers is None else strangers.come(len(visit.places))
        feed.tasks = [replace(bench.task, score={part: rows[visit.places]})]
        pieces.append(feed.predict(answering, step)[0][0])
    answering.beside = None
    back = np.argsort(np.concatenate([visit.places for visit in visits]), kind="stable")
    return _joined(pieces).at(back)


def _joined(pieces: Sequence[Outcome]) -> Outcome:
    def together(name: str) -> Any:
        values = [getattr(piece, name) for piece in pieces]
        return None if values[0] is None else np.concatenate(values)

    names = ("predicted", "true_probability", "scores")
    return Outcome(pieces[0].step, pieces[0].part, *map(together, names))
