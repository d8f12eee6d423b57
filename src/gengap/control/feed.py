"""Feeds a fleet of agents: logged transitions of all runs, copies to act in, and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gengap.base.seeds import generator
from gengap.control.agents import acting
from gengap.control.tables import NEVER
from gengap.methods.base import Predictor
from gengap.methods.batch import Batch, Context
from gengap.methods.expert import Expert
from gengap.methods.practice import Acted, Practice, Transitions, Windows
from gengap.methods.random_policy import RandomPolicy
from gengap.models.networks import Network
from gengap.records.run import Outcome
from gengap.training.tasks import Task, draw_batches

if TYPE_CHECKING:
    from gengap.control.levels import Levels


class LevelFeed:
    """Serves the runs of one fleet; every run draws from streams of its own."""

    def __init__(
        self,
        problem: Levels,
        tasks: Sequence[Task],
        steps: int,
        batch: int,
        slots: int,
        device: str,
    ) -> None:
        self.problem, self.tasks, self.device = problem, tasks, device
        logs = problem.logs
        drawn = [draw_batches(_by_transition(problem, task), steps, slots, batch) for task in tasks]
        self.rows = torch.from_numpy(np.stack([rows for rows, _ in drawn], 1)).to(device)
        self.environment = torch.from_numpy(np.stack([e for _, e in drawn], 1)).long().to(device)
        self.observations = torch.from_numpy(logs.observations).to(device)
        columns = logs.before, logs.after, logs.action, logs.reward, logs.end, logs.returns
        self.before, self.after, self.action, self.reward, self.end, self.returns = (
            torch.from_numpy(np.ascontiguousarray(column)).to(device) for column in columns
        )
        self.scaling = _stacked(tasks, problem.shape, device)
        self.shares = torch.zeros(len(tasks), len(problem.names), 0, device=device)
        self.generators = [generator(t.run.seed, "method", t.run.split) for t in tasks]
        self.practices: dict[int, Practice] = {}

    def batch(self, step: int, context: Context) -> Batch:
        """What was seen, and what was done, in the transitions of one step."""
        rows = self.rows[step].long()
        action, logs = self.action[rows], self.problem.logs
        return Batch(
            x=self.prepared(self.before[rows]),
            y=action if logs.discrete else action.squeeze(-1),
            environment=self.environment[step],
            class_share=self.shares,
            step=step,
            context=context,
            generators=self.generators,
            logged=partial(self._transitions, rows),
            past=partial(self._windows, rows),
            search=None if logs.search is None else partial(self._searched, rows),
            practice=self._practice,
        )

    def _transitions(self, rows: Tensor) -> Transitions:
        return Transitions(
            action=self.action[rows],
            reward=self.reward[rows],
            next_x=self.prepared(self.after[rows]),
            end=self.end[rows],
            returns=self.returns[rows],
            discount=self.problem.logs.discount,
        )

    def _windows(self, rows: Tensor, count: int, length: int) -> Windows:
        """Windows that hold the first ``count`` transitions ``rows (R, E, B)`` of each slot."""
        held = rows[:, :, :count, None]
        first = self.first[held]
        begin = torch.maximum(first, held - length + 1)
        within = begin + torch.arange(length, device=self.device)
        own = within.clamp(max=len(self.first) - 1)
        mask = (own == within) & (self.first[own] == first)
        own = torch.where(mask, own, held)  # in the place of another episode's, any will do
        return Windows(
            x=self.prepared(self.before[own]),
            action=self.action[own],
            reward=self.reward[own],
            returns=self.returns[own],
            time=own - first,
            mask=mask,
            reach=self.reach,
            discount=self.problem.logs.discount,
        )

    def _searched(self, rows: Tensor) -> Tensor:
        found = self.search[self.before[rows]].long()
        return torch.where(found == NEVER, -1, found)

    @cached_property
    def search(self) -> Tensor:
        """``(M, h, w)`` bytes, the search behind what an expert does at each observation."""
        return torch.from_numpy(self.problem.logs.search).to(self.device)

    @cached_property
    def first(self) -> Tensor:
        """``(T,)`` the number of the first transition of each transition's episode."""
        return torch.from_numpy(self.problem.logs.first).long().to(self.device)

    @cached_property
    def reach(self) -> Tensor:
        """``(R, 101)`` percentiles of the returns of the runs' training episodes."""
        logs = self.problem.logs
        begins = [np.unique(logs.first[logs.transitions(task.train_rows)]) for task in self.tasks]
        found = [np.percentile(logs.returns[own], np.arange(101)) for own in begins]
        return torch.from_numpy(np.stack(found).astype(np.float32)).to(self.device)

    def prepared(self, rows: Tensor) -> Tensor:
        """Rows ``(R, ...)`` of the observations, each run's scaled as the run prescribes."""
        found = self.observations.index_select(0, rows.flatten().long()).float()
        found = found.view(*rows.shape, *self.problem.shape)
        return found if self.scaling is None else self.scaling.of_all(found)

    def opening(self, run: int) -> Tensor:
        """What is seen at the start of each of a run's units, ``(n, *shape)``."""
        logs = self.problem.logs
        rows = torch.from_numpy(logs.before[logs.begins[self.tasks[run].train_rows]])
        found = self.observations.index_select(0, rows.long().to(self.device)).float()
        own = self.scaling
        return found if own is None else (found - own.shift[run]) / own.scale[run]

    def _practice(self, count: int) -> Practice:
        if count not in self.practices:
            units = [task.train_rows for task in self.tasks]
            draws = [generator(t.run.seed, "practice", t.run.split) for t in self.tasks]
            made = self.problem.arena.practice(units, draws, count)
            made.starts.levels = [_slots(task) for task in self.tasks]
            made.starts.opening = self.opening
            self.practices[count] = PreparedPractice(made, self.scaling, self.device)
        return self.practices[count]

    @torch.no_grad()
    def predict(self, network: Network, step: int) -> list[list[Outcome]]:
        """The score of every start that each run is scored on."""
        return [
            [
                Outcome(step, part, values)
                for part, values in zip(task.score, self._scores(network, run), strict=True)
            ]
            for run, task in enumerate(self.tasks)
        ]

    def _scores(self, network: Network, run: int) -> list[np.ndarray]:
        """One array per part of what a run is scored on."""
        parts = list(self.tasks[run].score.values())
        units, arena = np.concatenate(parts), self.problem.arena
        score = self.problem.score or arena.scores_known[0]
        method = network.method if isinstance(network, Predictor) else None
        if isinstance(method, Expert):
            found = arena.expert_scores(units, score)
        elif isinstance(method, RandomPolicy):
            found = arena.random_scores(units, score)
        else:
            agent = acting(network.run(run), self.tasks[run].prepared, self.device)
            found = arena.scores(agent, units, score)
        return np.split(found.astype(np.float32), np.cumsum([len(p) for p in parts])[:-1])


class Scales:
    """The runs' shifts and scales of observations, ``(R, *shape)`` each."""

    def __init__(self, shift: Tensor, scale: Tensor) -> None:
        self.shift, self.scale = shift, scale

    def of_all(self, x: Tensor) -> Tensor:
        """Scale ``x (R, ..., *shape)``."""
        view = (len(self.shift), *(1,) * (x.dim() - self.shift.dim()), *self.shift.shape[1:])
        return (x - self.shift.view(view)) / self.scale.view(view)


class PreparedPractice:
    """Practice on the device that is trained on, its observations scaled as those of batches are.

    Simulators act on the processor: actions go there, and what came of them comes back, in numbers
    where it is bytes.
    """

    def __init__(self, practice: Practice, scales: Scales | None, device: str) -> None:
        self.practice, self.scales, self.device = practice, scales, device
        self.discount, self.draws = practice.discount, practice.draws
        self.starts = practice.starts
        self.x = self._seen(practice.x)

    def act(self, action: Tensor) -> Acted:
        """Carry out one action in every copy."""
        found, device = self.practice.act(action.cpu()), self.device
        self.x = self._seen(found.x)
        last = self.x if found.last is found.x else self._seen(found.last)
        return Acted(
            reward=found.reward.to(device),
            end=found.end.to(device),
            cut=found.cut.to(device),
            last=last,
            x=self.x,
        )

    def _seen(self, x: Tensor) -> Tensor:
        x = x.to(self.device).float()
        return x if self.scales is None else self.scales.of_all(x)


def _stacked(tasks: Sequence[Task], shape: tuple[int, ...], device: str) -> Scales | None:
    if any(task.prepared is None for task in tasks):
        return None
    shifts, scales = (
        np.stack([getattr(task.prepared, name) for task in tasks]) for name in ("shift", "scale")
    )
    return Scales(torch.from_numpy(shifts).to(device), torch.from_numpy(scales).to(device))


def _slots(task: Task) -> np.ndarray:
    """Which of its training environments each of a run's training units is of."""
    return np.repeat(np.arange(len(task.train)), [len(own) for own in task.train])


def _by_transition(problem: Levels, task: Task) -> Task:
    """The task with the transitions of its training units in the place of their numbers."""
    units, logs = np.concatenate(task.train), problem.logs
    numbers = logs.transitions(units).astype(np.int32)
    lasts = np.cumsum([len(own) for own in task.train])[:-1]
    ends = np.r_[0, np.cumsum(logs.lengths(units))][lasts]
    return replace(task, train=tuple(np.split(numbers, ends)))
