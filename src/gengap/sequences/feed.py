"""Feeds a fleet of sequence models: batches of pairs, and what share of each target was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gengap.base.seeds import generator
from gengap.methods.batch import Batch, Context
from gengap.models.networks import Network
from gengap.records.run import Outcome
from gengap.sequences.drawing import draw_pairs, step_widths
from gengap.sequences.ragged import Ragged
from gengap.sequences.vocabulary import PAD, UNKNOWN
from gengap.training.tasks import Task

if TYPE_CHECKING:
    from gengap.sequences.problem import Sequences

# Tokens of all runs together that are scored in one go.
TOKENS_AT_ONCE = 1 << 16


class SequenceFeed:
    """Serves the runs of one fleet; every run draws from streams of its own."""

    def __init__(
        self,
        problem: Sequences,
        tasks: Sequence[Task],
        steps: int,
        batch: int,
        slots: int,
        device: str,
    ) -> None:
        self.problem, self.tasks, self.device = problem, tasks, device
        self.width = max(problem.apart(task.train_rows) for task in tasks)
        self.widths = step_widths(problem.widths, self.width, steps)
        drawn = [draw_pairs(task, problem.widths, self.widths, slots, batch) for task in tasks]
        self.drawn = torch.from_numpy(np.stack([rows for rows, _ in drawn], 1))
        self.environment = torch.from_numpy(np.stack([e for _, e in drawn], 1)).long().to(device)
        rows = problem.rows
        self.read = [_placed(part, device) for part in (rows.slots, rows.written)]
        self.wanted = _placed(rows.wanted, device)
        self.starts = torch.from_numpy(rows.slots.starts).to(device)
        self.lengths = torch.from_numpy(rows.slots.lengths).to(device)
        self.first = torch.from_numpy(rows.first).to(device)
        written = problem.steps_written
        none = np.zeros(len(problem), np.int64)
        self.steps = torch.from_numpy(none if written is None else written).to(device)
        known = torch.from_numpy(np.stack([task.prepared for task in tasks]))
        self.known = None if bool(known.all()) else known.to(device)
        self.shares = torch.zeros(len(tasks), len(problem.names), 0, device=device)
        self.generators = [generator(t.run.seed, "method", t.run.split) for t in tasks]

    def batch(self, step: int, context: Context) -> Batch:
        """The pairs of one step."""
        rows = self.drawn[step].long().to(self.device)
        width = int(self.widths[step])
        x, y, mask = self.gathered(rows, width, self.left_out(rows))

        def shortened(share: Tensor, further: Tensor) -> Batch:
            steps = self.steps[rows]
            cut = torch.minimum((share * steps).long() + further, steps)
            x, y, mask = self.gathered(rows, width, cut)
            return replace(found, x=x, y=y, mask=mask)

        found = Batch(
            x=x,
            y=y,
            environment=self.environment[step],
            class_share=self.shares,
            step=step,
            context=context,
            generators=self.generators,
            mask=mask,
            rows=rows,
            shortened=shortened,
        )
        return found

    def gathered(
        self, rows: Tensor, width: int, cut: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What models read ``(R, ..., 2, width)``, are to say, and where ``(R, ..., width)``.

        Args:
            cut: tokens that each target begins without, as ``rows``; none unless given.
        """
        place = torch.arange(width, device=rows.device)
        first, length = self.first[rows][..., None], self.lengths[rows][..., None]
        start, last = self.starts[rows][..., None], len(self.wanted) - 1
        numbers = (start + place).clamp_(max=last)
        asked = numbers
        if cut is not None:
            # What is asked moves up from the first place of the answer on; what was written before,
            # from the place after that, where the beginning stands.
            gone = cut[..., None]
            length = length - gone
            asked = (start + place + gone * (place >= first)).clamp_(max=last)
            numbers = (start + place + gone * (place > first)).clamp_(max=last)
        inside = place < length
        both = torch.stack(
            [part[n] for part, n in zip(self.read, (asked, numbers), strict=True)], -2
        )
        x = both.masked_fill_(~inside[..., None, :], PAD)
        if self.known is not None:
            run = torch.arange(len(rows), device=rows.device).view(-1, *(1,) * (x.dim() - 1))
            x = x.masked_fill_(~self.known[run, x], UNKNOWN)
        mask = inside & (place >= first)
        return x, self.wanted[asked].masked_fill_(~mask, PAD), mask

    def left_out(self, rows: Tensor) -> Tensor | None:
        """Tokens that targets begin without, as ``rows``: their steps where answers are asked."""
        return self.steps[rows] if self.problem.asked == "answer" else None

    @torch.no_grad()
    def predict(self, network: Network, step: int) -> list[list[Outcome]]:
        """The score of every pair that each run is scored on."""
        found: list[list[Outcome]] = [[] for _ in self.tasks]
        for part in self.tasks[0].score:
            rows = [task.score[part] for task in self.tasks]
            for run, scores in enumerate(self._scores(network, rows)):
                found[run].append(Outcome(step, part, scores))
        return found

    def _scores(self, network: Network, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Scores of each run's own rows, those of equal width together."""
        widths = self.problem.widths
        found = [np.zeros(len(own), np.float32) for own in rows]
        for width in np.unique(np.concatenate([widths[own] for own in rows])):
            places = [np.flatnonzero(widths[own] == width) for own in rows]
            longest = max(map(len, places))
            block = max(1, TOKENS_AT_ONCE // (int(width) * len(rows)))
            for start in range(0, longest, block):
                size = min(block, longest - start)
                asked = np.zeros((len(rows), size), np.int64)
                for run, own in enumerate(places):
                    here = rows[run][own[start : start + size]]
                    asked[run, : len(here)] = here
                scores = self._scored(network, torch.from_numpy(asked).to(self.device), int(width))
                for run, own in enumerate(places):
                    here = own[start : start + size]
                    found[run][here] = scores[run, : len(here)]
        return found

    def _scored(self, network: Network, rows: Tensor, width: int) -> np.ndarray:
        x, y, mask = self.gathered(rows, width, self.left_out(rows))
        right = (network(x).logits.argmax(-1) == y) & mask
        if self.problem.score == "exact_match":
            return (right == mask).all(-1).float().cpu().numpy()
        return (right.sum(-1) / mask.sum(-1)).float().cpu().numpy()


def _placed(rows: Ragged, device: str) -> Tensor:
    return torch.from_numpy(rows.values.astype(np.int64)).to(device)
