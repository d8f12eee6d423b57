"""How fast are models merged, beside reading and writing them, and beside sorting?

    python benchmarks/merges.py [millions of weights, 100]

Models of so many weights each, in tensors as large as a transformer's, are written to a temporary
folder and merged from files into a file, on one thread. Times are of the processor, which other
processes on the machine disturb less; reads are from the page cache. Each merge is a process of
its own, whose largest resident memory is measured. Ratios:

- *of the copy rate*: the time of reading what the merge reads and writing what it writes, nothing
  done between, over the merge's;
- *times ties*: the time of TIES on the same files with its thresholds from a full sort of each
  task vector, over TIES's.

From a disk that is slower than the processor the first ratio is nearer to 1.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODELS, THREADS = 4, 1
LARGEST = 16 << 20  # weights of the largest tensor: 4096 x 4096
BUFFER = 1 << 20


def write_models(folder: Path, weights: int) -> list[Path]:
    """A base and fine-tunings of it."""
    import torch
    from safetensors.torch import save_file

    paths = []
    for k, name in enumerate(["base", *(f"tuned{k}" for k in range(MODELS))]):
        generator = torch.Generator().manual_seed(k)
        sizes = [min(LARGEST, weights - start) for start in range(0, weights, LARGEST)]
        tensors = {
            f"blocks.{i}.weight": torch.randn(size, generator=generator)
            for i, size in enumerate(sizes)
        }
        paths.append(folder / f"{name}.safetensors")
        save_file(tensors, paths[-1])
    return paths


def copy(paths: list[Path], out: Path) -> None:
    """Read all files, and write as much as one of them has."""
    buffer = bytearray(BUFFER)
    with out.open("wb") as target:
        for place, path in enumerate(paths):
            with path.open("rb", buffering=0) as source:
                while count := source.readinto(buffer):
                    if place == 0:
                        target.write(memoryview(buffer)[:count])


def merge(method: str, base: Path | None, paths: list[Path], out: Path, sort: bool) -> None:
    import torch

    torch.set_num_threads(THREADS)
    if sort:
        by_sorting()
    from gengap.merges.files import merge_files
    from gengap.merges.registry import merge_info

    info = merge_info(method)
    began = time.process_time()
    merge_files(info, paths, out, base)
    print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def by_sorting() -> None:
    """Let TIES sort all magnitudes, with NumPy's sort, the fastest at hand."""
    import numpy as np

    from gengap.merges.entrywise import ties

    def smallest_kept(tensor, base, density):  # type: ignore[no-untyped-def]
        flat = np.sort((tensor - base).abs_().reshape(-1).numpy())
        return float(flat[-max(round(density * len(flat)), 1)])

    ties.smallest_kept = smallest_kept


def measured(folder: Path, method: str, base: bool, sort: bool = False) -> tuple[float, float]:
    """Seconds, and the largest resident memory in GiB, of a merge in a process of its own."""
    words = [sys.executable, __file__, "one", str(folder), method, str(int(base)), str(int(sort))]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    return float(said[0]), float(said[1]) / (1 << 20)


def best(work, repeats: int = 3) -> float:  # type: ignore[no-untyped-def]
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def one(folder: Path, method: str, base: bool, sort: bool) -> None:
    tuned = sorted(folder.glob("tuned*.safetensors"))
    start = folder / "base.safetensors" if base else None
    merge(method, start, tuned, folder / "out.safetensors", sort)


def main(millions: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_models(folder, millions * 1_000_000)
        print(f"{MODELS} models and a base of {millions} million float32, {THREADS} thread")
        print(f"{'merge':<18}{'seconds':>9}{'GB/s':>7}{'GiB':>7}  ratio")
        floors = {False: best(lambda: copy(paths[1:], folder / "copy"))}
        floors[True] = best(lambda: copy(paths, folder / "copy"))
        (folder / "copy").unlink()
        for method, base in (("average", False), ("wise-ft", True), ("lines", True),
                             ("model-stock", True), ("dare", True), ("ties", True)):  # fmt: skip
            runs = [measured(folder, method, base) for _ in range(2)]
            seconds, memory = min(runs)[0], max(run[1] for run in runs)
            moved = 4 * millions / 1000 * (MODELS + base + 1)
            ratio = f"{floors[base] / seconds:.2f} of the copy rate"
            print(f"{method:<18}{seconds:>9.2f}{moved / seconds:>7.2f}{memory:>7.2f}  {ratio}")
        slow, memory = measured(folder, "ties", True, sort=True)
        ratio = f"{slow / seconds:.1f} times ties"
        print(f"{'ties by sorting':<18}{slow:>9.2f}{'':>7}{memory:>7.2f}  {ratio}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        folder, method, base, sort = sys.argv[2:]
        one(Path(folder), method, base == "1", sort == "1")
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
