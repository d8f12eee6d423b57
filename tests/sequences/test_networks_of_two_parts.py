"""Encoders with decoders against PyTorch's, and iterated layers against a plain loop."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gengap.base.errors import UsageError
from gengap.sequences.architectures import named
from gengap.sequences.pairs import SLOTS, WRITTEN
from gengap.sequences.vocabulary import BEGIN, PAD, SLOT

WORDS, WIDTH, HEADS, SOURCE, ANSWER = 9, 8, 2, 5, 4


def rows() -> torch.Tensor:
    """Three sources of five, four and three tokens, each with an answer of four."""
    draw = torch.Generator().manual_seed(1)
    x = torch.full((1, 3, 2, SOURCE + ANSWER), PAD)
    for k, source in enumerate((5, 4, 3)):
        x[0, k, :, :source] = torch.randint(5, WORDS, (source,), generator=draw)
        x[0, k, SLOTS, source : source + ANSWER] = SLOT
        told = torch.randint(5, WORDS, (ANSWER - 1,), generator=draw)
        x[0, k, WRITTEN, source : source + ANSWER] = torch.cat([torch.tensor([BEGIN]), told])
    return x


def own(model, seed: int = 0):
    return {k: v[None] for k, v in model.initialise((2, SOURCE + ANSWER), WORDS, seed).items()}


def copied(theirs, p, pairs):
    with torch.no_grad():
        for one, name in pairs:
            one.weight.copy_(p[f"{name}.weight"][0].T)
            one.bias.copy_(p[f"{name}.bias"][0, 0])
    return theirs


def test_both_parts_are_pytorchs():
    model = named(f"encoder-decoder(positions=none,width={WIDTH},layers=1,heads={HEADS})")
    p, x = own(model), rows()
    settings = {"batch_first": True, "norm_first": True}
    reads = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, **settings)
    writes = nn.TransformerDecoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, **settings)
    for side, made in (("encoder", reads), ("decoder", writes)):
        name = f"{side}.layer0"
        copied(
            made, p,
            [(made.self_attn.out_proj, f"{name}.joined"), (made.linear1, f"{name}.wide"),
             (made.linear2, f"{name}.narrow")],
        )  # fmt: skip
        with torch.no_grad():
            made.self_attn.in_proj_weight.copy_(p[f"{name}.attention.weight"][0].T)
            made.self_attn.in_proj_bias.copy_(p[f"{name}.attention.bias"][0, 0])
    name, crossed = "decoder.layer0", writes.multihead_attn
    copied(writes, p, [(crossed.out_proj, f"{name}.found")])
    with torch.no_grad():
        for kind in ("weight", "bias"):
            both = torch.cat([p[f"{name}.{part}.{kind}"][0] for part in ("asked", "told")], -1)
            getattr(crossed, f"in_proj_{kind}").copy_(both.T if kind == "weight" else both[0])
        said = model.forward(p, x).logits[0]
        for k, source in enumerate((5, 4, 3)):
            table = p["embedding"][0]
            e = nn.functional.layer_norm(reads(table[x[0, k, SLOTS, :source]][None]), (WIDTH,))
            answer = table[x[0, k, WRITTEN, source : source + ANSWER]][None]
            ahead = nn.Transformer.generate_square_subsequent_mask(ANSWER)
            h = nn.functional.layer_norm(writes(answer, e, tgt_mask=ahead), (WIDTH,))
            wanted = (h @ p["output.weight"][0] + p["output.bias"][0])[0]
            torch.testing.assert_close(
                said[k, source : source + ANSWER], wanted, atol=1e-5, rtol=1e-5
            )


def test_iterated_layers_by_a_plain_loop():
    model = named(f"looped(positions=none,width={WIDTH},heads={HEADS},loops=3)")
    p, x = own(model), rows()
    made = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, 0.0, batch_first=True, norm_first=True
    )
    copied(
        made, p,
        [(made.self_attn.out_proj, "layer0.joined"), (made.linear1, "layer0.wide"),
         (made.linear2, "layer0.narrow")],
    )  # fmt: skip
    with torch.no_grad():
        made.self_attn.in_proj_weight.copy_(p["layer0.attention.weight"][0].T)
        made.self_attn.in_proj_bias.copy_(p["layer0.attention.bias"][0, 0])
        for asked in (1, 5):
            tokens = x[0, :, SLOTS]
            e, h = p["embedding"][0][tokens], torch.zeros(())
            for _ in range(asked):
                h = made(h + e, src_key_padding_mask=tokens == PAD)
                h = nn.functional.layer_norm(h, (WIDTH,))
            wanted = h @ p["output.weight"][0] + p["output.bias"][0]
            said = model.iterating(asked).forward(p, x).logits[0]
            real = tokens != PAD
            torch.testing.assert_close(said[real], wanted[real], atol=1e-5, rtol=1e-5)


def test_iterations_are_as_many_as_said_on_average():
    model = named("looped(loops=6)")
    assert model.iterations() == 6
    assert model.iterating(9).iterations() == 9
    model.train(True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = torch.tensor([model.iterations() for _ in range(4000)]).float()
    assert drawn.min() >= 1
    # A Poisson number of a log-normal mean m = 5 has variance m + m² (exp(1/4) - 1) = 12.1.
    assert drawn.mean() == pytest.approx(6, abs=4 * (12.1 / 4000) ** 0.5)
    assert drawn.var() == pytest.approx(12.1, rel=0.2)
    with pytest.raises(UsageError, match="iterates twice or more"):
        named("looped(loops=1)")
