"""Measure training methods whose networks serve detection; the table is in docs/results.md.

python docs/make_own_heads.py [seeds]    10 seeds take about two minutes
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from gengap.claims.detection_runs import KNOWN, NEW, Images, make_problem
from gengap.detectors.base import Detector
from gengap.detectors.energy import Energy
from gengap.detectors.mahalanobis import Mahalanobis
from gengap.detectors.max_logit import MaximumLogit
from gengap.environments.parts import TRAIN
from gengap.methods.abet import AbeT
from gengap.methods.base import Method
from gengap.methods.erm import ERM
from gengap.methods.hypo import HYPO
from gengap.methods.palm import PALM
from gengap.methods.unleashing_mask import UnleashingMask
from gengap.models.networks import MLP, Network
from gengap.models.outputs import Outputs
from gengap.records.run import Run
from gengap.statistics.bootstrap import student_interval
from gengap.statistics.separation.metrics import auroc
from gengap.training.tables import Tables
from gengap.training.tasks import Task
from gengap.training.train import train_fleet

PAGE = Path(__file__).parent / "results.md"
# Each with the detector of its paper.
TRIED: dict[str, tuple[Method, Detector]] = {
    "`erm`, read by `energy`": (ERM(), Energy()),
    "`unleashing-mask`, read by `energy`": (UnleashingMask(), Energy()),
    "`abet`, read by `energy`": (AbeT(), Energy()),
    "`hypo`, read by `max-logit`": (HYPO(), MaximumLogit()),
    "`palm`, read by `mahalanobis`": (PALM(), Mahalanobis()),
    "`palm` with one prototype, read by `mahalanobis`": (PALM(prototypes=1), Mahalanobis()),
    "`erm`, read by `mahalanobis`": (ERM(), Mahalanobis()),
}


def trained(
    method: Method, images: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[Network, Task]:
    """One network after training on images ``(n, 1, h, w)`` of classes ``(n,)``."""
    rows = np.arange(len(images))
    classes = tuple(map(str, range(int(labels.max()) + 1)))
    tables = Tables(images, labels, np.zeros_like(labels), ("all",), classes)
    run = Run("p", "m", {}, "mlp", "unseen", "all", ("all",), (), seed)
    task = Task(run, (rows,), tables.prepare(rows))
    kept: list[Network] = []
    train_fleet(
        tables, [task], [method], MLP((128, 128)), steps=600, batch=64, slots=1, checkpoints=(),
        keep=kept.append,
    )  # fmt: skip
    return kept[0].run(0), task


def separation(method: Method, detector: Detector, seed: int) -> float:
    """AUROC of classes never seen against known ones."""
    digits = load_digits()
    pixels = (digits.images / 16).astype(np.float32)
    problem = make_problem(Images(pixels, digits.target, elsewhere=pixels), seed)
    rows = problem.part == TRAIN
    images, labels = problem.environments.X[rows], problem.truth[rows]
    network, task = trained(method, images, labels, seed)

    def read(images: np.ndarray, labels: np.ndarray | None = None) -> Outputs:
        x = torch.from_numpy(task.prepared.inputs.apply(images))
        return network.outputs(x, None if labels is None else torch.from_numpy(labels))

    fitted = detector.fit(read(images, labels))
    known, new = (detector.score(fitted, read(problem.asked[kind])) for kind in (KNOWN, NEW))
    return float(auroc(known.numpy()[None].astype(float), new.numpy()[None].astype(float))[0])


def main(seeds: int) -> None:
    lines = [f"| trained with, {seeds} seeds | AUROC |", "| --- | ---: |"]
    for name, (method, detector) in TRIED.items():
        found = student_interval([separation(method, detector, seed) for seed in range(seeds)])
        lines.append(
            f"| {name} | {found.estimate:.2f} ({found.low:.2f} to {min(found.high, 1):.2f}) |"
        )
    block = "<!-- own heads -->\n{}\n<!-- end own heads -->".format("\n".join(lines))
    text = PAGE.read_text(encoding="utf-8")
    pattern = "<!-- own heads -->.*?<!-- end own heads -->"
    PAGE.write_text(re.sub(pattern, block, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
