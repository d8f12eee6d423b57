"""Pairs laid out as models read them, and what share of each target a fleet of models says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gengap.models.networks import Network
from gengap.sequences.decoding import greedy, writes
from gengap.sequences.pairs import SLOTS, WRITTEN
from gengap.sequences.ragged import Ragged
from gengap.sequences.vocabulary import END, PAD, SLOT, UNKNOWN

if TYPE_CHECKING:
    from gengap.sequences.problem import Sequences

# Tokens of all runs together that are scored in one go.
TOKENS_AT_ONCE = 1 << 16


class Scorer:
    """Reads pairs of a problem and scores what networks say of them.

    Args:
        known: ``(R, V)`` tokens that each run's training saw (:meth:`Sequences.prepare`).
    """

    def __init__(self, problem: Sequences, known: np.ndarray, device: str = "cpu") -> None:
        self.problem, self.device = problem, device
        rows = problem.rows
        self.read = [_placed(part, device) for part in (rows.slots, rows.written)]
        self.wanted = _placed(rows.wanted, device)
        self.starts = torch.from_numpy(rows.slots.starts).to(device)
        self.lengths = torch.from_numpy(rows.slots.lengths).to(device)
        self.first = torch.from_numpy(rows.first).to(device)
        written = problem.steps_written
        none = np.zeros(len(problem), np.int64)
        self.steps = torch.from_numpy(none if written is None else written).to(device)
        self.known = None if known.all() else torch.from_numpy(known).to(device)

    def gathered(
        self,
        rows: Tensor,
        width: int,
        cut: Tensor | None = None,
        dropped: Tensor | None = None,
        every: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What models read ``(R, ..., 2, width)``, are to say, and where ``(R, ..., width)``.

        Args:
            cut: tokens that each target begins without, as ``rows``; none unless given.
            dropped: ``(R, ..., width)`` places of targets that are left out wherever they are,
                instead.
            every: whether the answers of examples that sources hold are asked for too.
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
        if dropped is not None:
            length = length - dropped.sum(-1, keepdim=True)
            order = torch.argsort(dropped.long(), dim=-1, stable=True)
            asked = (start + order).clamp_(max=last)
            # A token was written a place behind where it is asked.
            before = torch.where(place > first, order.roll(1, -1) + 1, place)
            numbers = (start + before).clamp_(max=last)
        inside = place < length
        both = torch.stack(
            [part[n] for part, n in zip(self.read, (asked, numbers), strict=True)], -2
        )
        x = both.masked_fill_(~inside[..., None, :], PAD)
        if self.known is not None:
            run = torch.arange(len(rows), device=rows.device).view(-1, *(1,) * (x.dim() - 1))
            x = x.masked_fill_(~self.known[run, x], UNKNOWN)
        own = place >= first
        mask = inside & (own | (x[..., SLOTS, :] == SLOT) if every else own)
        return x, self.wanted[asked].masked_fill_(~mask, PAD), mask

    def are_steps(self, rows: Tensor, width: int) -> Tensor:
        """Which places are steps written before the answer, ``(R, ..., width)``."""
        place, first = torch.arange(width, device=rows.device), self.first[rows][..., None]
        return (place >= first) & (place < first + self.steps[rows][..., None])

    def left_out(self, rows: Tensor) -> Tensor | None:
        """Tokens that targets begin without, as ``rows``: their steps where answers are asked."""
        return self.steps[rows] if self.problem.asked == "answer" else None

    @torch.no_grad()
    def scores(self, network: Network, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
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
        own_steps = self.problem.own_steps
        model = getattr(network, "architecture", None) if own_steps else None
        if own_steps and writes(model):
            return self._answered(network, rows, x).float().cpu().numpy()
        if own_steps:
            answer = self.first[rows] + self.steps[rows]
            mask &= torch.arange(width, device=rows.device) >= answer[..., None]
        free = getattr(model, "on_its_own", None)
        said = free(network.parameters, x) if free else network(x)
        right = (said.logits.argmax(-1) == y) & mask
        if self.problem.score == "token_accuracy":
            return (right.sum(-1) / mask.sum(-1)).float().cpu().numpy()
        return (right == mask).all(-1).float().cpu().numpy()

    def _answered(self, network: Network, rows: Tensor, x: Tensor) -> Tensor:
        """Whether what networks write to sources ``x (R, n, 2, L)`` ends with the answer."""
        first, steps = self.first[rows], self.steps[rows]
        place = torch.arange(int(first.max()), device=rows.device)
        source = x[:, :, WRITTEN, : len(place)].masked_fill(place >= first[..., None], PAD)
        most = min(int(self.problem.target.lengths.max()), self.problem.shape[-1] - len(place))
        said = greedy(network.architecture, network.parameters, source, most)
        target = self.lengths[rows] - first
        last = len(self.wanted) - 1
        begins, length = self.starts[rows] + first, target - steps
        # Targets without an end have their answer where they have it.
        ended = (said == END) & (self.wanted[begins + target - 1] == END)[..., None]
        end = torch.where(ended.any(-1), ended.long().argmax(-1) + 1, target.clamp(max=most))
        asked = torch.arange(int(length.max()), device=rows.device)
        told = (end - length)[..., None] + asked
        wanted = self.wanted[((begins + steps)[..., None] + asked).clamp(max=last)]
        mask = asked < length[..., None]
        right = said.gather(-1, told.clamp(0, most - 1)) == wanted
        return ((right & (told >= 0)) | ~mask).all(-1)


def _placed(rows: Ragged, device: str) -> Tensor:
    return torch.from_numpy(rows.values.astype(np.int64)).to(device)
