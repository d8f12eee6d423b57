"""Answers written token by token: with what was kept of earlier tokens, and reading anew."""

from __future__ import annotations

import pytest
import torch

from gengap.models.networks import Output
from gengap.sequences.architectures import named
from gengap.sequences.decoding import greedy, writes
from gengap.sequences.pairs import WRITTEN
from gengap.sequences.vocabulary import BEGIN, END, PAD

WORDS, MOST = 12, 6
POSITIONS = (
    "none", "sinusoidal", "learned", "rotary", "alibi", "t5", "fire", "randomised", "abacus",
    "coupled",
)  # fmt: skip


def sources(runs: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(3)
    found = torch.randint(5, WORDS, (runs, 7, 5), generator=draw)
    for k in range(7):
        found[:, k, 1 + k % 5 :] = PAD
    return found


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("kind", ["decoder", "encoder-decoder"])
def test_what_is_kept_changes_nothing(kind, positions):
    model = named(f"{kind}(positions={positions},width=16,heads=2)")
    object.__setattr__(model, "digits", (5, 6, 7))
    own = [model.initialise((2, 5 + MOST), WORDS, seed) for seed in range(2)]
    # Of random weights nearly uniform logits come; larger ones tell tokens apart.
    parameters = {name: 2 * torch.stack([one[name] for one in own]) for name in own[0]}
    source = sources(2)
    kept, anew = (greedy(model, parameters, source, MOST, cached=c) for c in (True, False))
    assert torch.equal(kept, anew)
    assert len(torch.unique(kept)) > 3


class Counting:
    """Says the number of tokens of its source, then one less each time, and the end after 6."""

    causal = True

    def forward(self, parameters, x):
        written = x[:, :, WRITTEN]
        first = (written == BEGIN).long().argmax(-1)
        place = torch.arange(written.shape[-1]) - first[..., None]
        said = 5 + first[..., None] - place
        said = torch.where(said < 6, END, said).clamp(0, WORDS - 1)
        return Output(x, torch.nn.functional.one_hot(said, WORDS).float())


def test_answers_end_and_are_padded():
    found = greedy(Counting(), {}, sources(1), MOST)
    assert found[0, 3].tolist() == [9, 8, 7, 6, END, PAD]
    assert found[0, 0].tolist() == [6, END, PAD, PAD, PAD, PAD]


def test_which_models_write():
    assert all(writes(named(name)) for name in ("decoder", "encoder-decoder"))
    assert not any(writes(named(name)) for name in ("transformer", "lstm", "looped"))
