"""Models in files merged into one in files, part by part, in the memory of a few tensors."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paths import typed
from gengap.merges.agreement import Form, merges_as
from gengap.merges.base import Choice
from gengap.merges.checkpoints import Checkpoint, opened
from gengap.merges.linear.combination import Combination
from gengap.merges.merging import Merging, choose, prepared
from gengap.merges.registry import BASE, IMPORTANCE, SCORES, MergeInfo
from gengap.merges.shards import planned, size_of, write_shards

# Numbers of each model that are merged at a time: they stay in a core's own memory.
PIECE = 1 << 18
SHARD = 5_000_000_000  # bytes, as transformers writes them


@dataclass(frozen=True)
class MergedFiles:
    """What was merged and written.

    Attributes:
        merge: its name.
        models: what was merged.
        base: what they were fine-tuned from, or None.
        weights: of each model.
        tensors: how many.
        parameters: numbers in them.
        bytes: of the tensors written.
        files: that were written.
        seconds: taken.
    """

    merge: str
    models: tuple[str, ...]
    base: str | None
    weights: tuple[float, ...]
    tensors: int
    parameters: int
    bytes: int
    files: tuple[str, ...]
    seconds: float


def merge_files(
    info: MergeInfo,
    paths: Sequence[str | Path],
    out: str | Path,
    base: str | Path | None = None,
    *,
    importance: Sequence[str | Path] | None = None,
    weights: Sequence[float] | None = None,
    steps: Sequence[int] | None = None,
    layers: Sequence[str] | None = None,
    seed: int = 0,
    shard: int = SHARD,
    tell: Callable[[int, int, str], None] | None = None,
    **hyperparameters: float,
) -> MergedFiles:
    """Merge checkpoints as :func:`~gengap.merges.merging.merge_models` merges dicts.

    Args:
        info: how, from the registry.
        paths: safetensors files, indices of shards, or folders that hold either.
        out: a file that ends in ``.safetensors``, or a folder, which gets shards with an index
            where one file would be larger than ``shard`` bytes.
        base: what the models were fine-tuned from.
        importance: files with tensors of the same names.
        tell: is told tensors done, all tensors, and the name of the next.

    Raises:
        UsageError: as for dicts; or a file cannot be read or written, or needs unpickling.
    """
    began = time.perf_counter()
    _check_needs(info, base, importance)
    merge = info.merge.make(**hyperparameters)
    target = typed(out)
    _check_target(target, paths, base)
    with ExitStack() as stack:

        def read(path: str | Path) -> Checkpoint:
            found = stack.enter_context(opened(path))
            if target.resolve() in [file.resolve() for file in found.files]:  # as of a folder
                raise UsageError(f"{target} is also merged; write to another place with --out.")
            return found

        models = [read(path) for path in paths]
        merging = prepared(
            merge,
            models,
            None if base is None else read(base),
            None if importance is None else [read(path) for path in importance],
            [str(path) for path in paths],
            seed=seed,
            layers=layers,
        )
        chosen = choose(
            merge,
            Choice(
                len(models),
                None if weights is None else tuple(weights),
                None if steps is None else tuple(steps),
                base is not None,
            ),
        )
        ready = merging.weighted(chosen)
        forms = models[0].forms
        plan = planned(forms, target, shard)
        first = typed(paths[0])
        into_folder = target.suffix != ".safetensors"
        written = write_shards(
            plan,
            forms,
            lambda name: pieces(ready, name),
            lambda done, name: tell and tell(done, len(forms), name),
            first if into_folder and first.is_dir() else None,
        )
    return MergedFiles(
        info.name,
        tuple(map(str, paths)),
        None if base is None else str(base),
        chosen,
        len(forms),
        sum(math.prod(form.shape) for form in forms.values()),
        sum(map(size_of, forms.values())),
        tuple(map(str, written)),
        time.perf_counter() - began,
    )


def pieces(merging: Merging, name: str) -> Iterator[Tensor]:
    """A merged tensor in parts, or whole where its merge must see it whole."""
    count = math.prod(merging.models[0].forms[name].shape)
    if name in merging.places and not merging.merge.piecewise:
        yield merging.tensor(name)
        return
    form = merging.models[0].forms[name]
    sources = [*merging.models, *([] if merging.base is None else [merging.base])]
    # Numbers are read into place as they lie, so all must be as wide as what is written.
    alike = {source.forms[name].dtype for source in sources} == {merges_as(name, form.dtype)}
    if isinstance(merging.merge, Combination) and alike:
        yield from accumulated(merging, merging.merge, name, form)
        return
    for start in range(0, count, PIECE):
        yield merging.tensor(name, slice(start, min(start + PIECE, count)))


def accumulated(merging: Merging, merge: Combination, name: str, form: Form) -> Iterator[Tensor]:
    """A combination in parts, each added up where the first model's numbers were read to.

    A part is good until the next. What is not finite stays so in a sum, so only a sum that is not
    is looked into.
    """
    empty = torch.empty(0)
    based = merging.base is not None
    rest, numbers = merge.shares(
        [empty] * len(merging.models), empty if based else None, merging.places[name]
    )
    sources = [*([merging.base] if based else []), *merging.models]
    shares = dict(zip(range(len(sources)), [*([rest] if based else []), *numbers], strict=True))
    used = sorted(shares, key=lambda k: not shares[k])  # what does not count is only checked
    count = math.prod(form.shape)
    total, piece = (torch.empty(min(PIECE, count), dtype=form.dtype) for _ in range(2))
    for start in range(0, count, PIECE):
        own, other = (part[: min(PIECE, count - start)] for part in (total, piece))
        sound = True
        for place, k in enumerate(used):
            source = sources[k]
            assert isinstance(source, Checkpoint)
            source.read(name, start, other if place else own)
            if not place:
                own.mul_(shares[k])
            elif shares[k]:
                own.add_(other, alpha=shares[k])
            else:
                sound = sound and math.isfinite(other.sum().item())
        if not sound or not math.isfinite(own.sum().item()):
            merging.visit(name, slice(start, start + len(own)))  # says which model
        yield own


def _check_needs(info: MergeInfo, base: Any, importance: Any) -> None:
    if SCORES in info.needs:
        raise UsageError(
            f"{info.name} needs {SCORES}, which files do not hold; call gengap.merges."
            f"{info.name.replace('-', '_')} in Python with score, a function."
        )
    for need, given, option in ((BASE, base, "--base"), (IMPORTANCE, importance, "--importance")):
        if need in info.needs and not given:
            raise UsageError(f"{info.name} needs {need}; name its file with {option}.")


def _check_target(target: Path, paths: Sequence[str | Path], base: str | Path | None) -> None:
    """Raise :class:`UsageError` where what is written would lie over what is read, or on others."""
    for path in (*paths, *([] if base is None else [base])):
        if typed(path).resolve() in (target.resolve(), target.resolve().parent / target.name):
            raise UsageError(f"{target} is also merged; write to another place with --out.")
    if target.suffix == ".safetensors":
        if target.is_dir():
            raise UsageError(f"{target} is a folder; name a file or another folder with --out.")
    elif target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"{target} is there already and no empty folder; name a new folder, or a file that "
            "ends in .safetensors, with --out."
        )
