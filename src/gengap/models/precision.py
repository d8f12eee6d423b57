"""In what numbers networks multiply while they train: fp32, or bf16 where the machine has it.

bfloat16 keeps float32's range and eight bits of its digits, at two to eight times the rate of
products on processors and GPUs with instructions for it. Only products, and what lies between the
layers, are kept in it: weights, losses, moments and predictions stay float32, so a trained network
is used like any other.
"""

from __future__ import annotations

import torch

from gengap.base.errors import UsageError, unknown

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def products(precision: str, device: str = "cpu") -> torch.dtype:
    """The type of a precision's products.

    Raises:
        UsageError: for an unknown precision, or one that the device has no instructions for.
    """
    if precision not in PRECISIONS:
        raise unknown(f"There is no precision {precision!r}", precision, PRECISIONS)
    if precision == "bf16" and not has_bfloat16(device):
        raise UsageError(
            "This machine has no instructions for bf16 (AVX512-BF16 or AMX on a processor), so it "
            "would only lose digits; use --precision fp32."
        )
    return PRECISIONS[precision]


def has_bfloat16(device: str = "cpu") -> bool:
    """Whether products of bfloat16 are faster than those of float32 here."""
    if device != "cpu":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
