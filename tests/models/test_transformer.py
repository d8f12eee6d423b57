"""Stacked transformers: PyTorch's own with the same weights, and what they may look at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gengap.models.transformer import code_of_time, initial_layers, transformer

WIDTH, HEADS, LAYERS, TOKENS = 8, 2, 2, 6


def stacked(runs: int = 2, layers: int = LAYERS) -> dict[str, Tensor]:
    own = [initial_layers(layers, WIDTH, torch.Generator().manual_seed(k)) for k in range(runs)]
    made = {name: torch.stack([p[name] for p in own]) for name in own[0]}
    draw = torch.Generator().manual_seed(9)  # scales and shifts that differ from 1 and 0
    return {name: v + 0.1 * torch.randn(v.shape, generator=draw) for name, v in made.items()}


def drawn(runs: int = 2, sequences: int = 3) -> Tensor:
    shape = runs, sequences, TOKENS, WIDTH
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def asked_all(parameters: dict[str, Tensor], tokens: Tensor, layers: int = LAYERS) -> Tensor:
    every = torch.arange(TOKENS)
    return transformer(parameters, tokens, every, layers=layers, heads=HEADS)


def as_pytorch(parameters: dict[str, Tensor], run: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, dropout=0.0, batch_first=True, norm_first=True
    )
    made = nn.TransformerEncoder(layer, LAYERS, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
    p = {name: value[run] for name, value in parameters.items()}

    def copy(into: nn.Module, name: str) -> None:
        weight = p[f"{name}/weight"]
        into.weight.data.copy_(weight[0] if isinstance(into, nn.LayerNorm) else weight.T)
        into.bias.data.copy_(p[f"{name}/bias"][0])

    for number, own in enumerate(made.layers):
        name = f"layer{number}"
        attention = own.self_attn
        parts = ("query", "key", "value")
        weights = [p[f"{name}/{part}/weight"].T for part in parts]
        biases = [p[f"{name}/query/bias"][0], torch.zeros(WIDTH), p[f"{name}/value/bias"][0]]
        attention.in_proj_weight.data.copy_(torch.cat(weights))
        attention.in_proj_bias.data.copy_(torch.cat(biases))
        pairs = {"out": attention.out_proj, "wide": own.linear1, "narrow": own.linear2,
                 "before": own.norm1, "between": own.norm2}  # fmt: skip
        for part, module in pairs.items():
            copy(module, f"{name}/{part}")
    copy(made.norm, "end")
    return made.eval()


def test_equals_pytorch_with_the_same_weights_run_by_run() -> None:
    parameters, tokens = stacked(), drawn()
    found = asked_all(parameters, tokens)
    mask = nn.Transformer.generate_square_subsequent_mask(TOKENS)
    for run in range(2):
        wanted = as_pytorch(parameters, run)(tokens[run], mask=mask, is_causal=True)
        torch.testing.assert_close(found[run], wanted, rtol=1e-4, atol=1e-5)


def test_nothing_later_is_seen() -> None:
    parameters, tokens = stacked(), drawn()
    before = asked_all(parameters, tokens)
    tokens[:, :, 3:] *= -2
    after = asked_all(parameters, tokens)
    torch.testing.assert_close(after[:, :, :3], before[:, :, :3], rtol=0, atol=0)
    assert (after[:, :, 3:] - before[:, :, 3:]).abs().min() > 0


def test_some_tokens_are_those_of_all_of_them() -> None:
    parameters, tokens = stacked(), drawn()
    every = asked_all(parameters, tokens)
    asked = torch.tensor([1, 4])
    some = transformer(parameters, tokens, asked, layers=LAYERS, heads=HEADS)
    torch.testing.assert_close(some, every[:, :, asked])
    own = torch.tensor([[[0], [2], [5]], [[3], [1], [4]]])
    each = transformer(parameters, tokens, own, layers=LAYERS, heads=HEADS)
    torch.testing.assert_close(each, every.gather(2, own[..., None].expand(2, 3, 1, WIDTH)))


def test_times_are_told_apart_however_late() -> None:
    codes = code_of_time(torch.arange(3000), 32)
    assert codes.shape == (3000, 32)
    near = torch.cdist(codes[None], codes[None])[0] + 9 * torch.eye(3000)
    assert near.min() > 0.5
    torch.testing.assert_close(codes[2, :2], torch.tensor([0.9093, -0.4161]), rtol=0, atol=1e-4)
