"""What does a training method cost beyond its own passes?

    python benchmarks/methods.py [name ...]

Each line is one method, trained on digits-writers as a fleet of eight runs, as a study trains it,
one environment left out. The ratio is its time for each pass over that of plain training, passes
counted while they are made, medians of rounds that alternate within one run, processor time on one
thread; the aim is below 1.3. What a method computes of features, gradients and weights is the rest.
"""

from __future__ import annotations

import sys
import time
from statistics import median

import torch

import gengap as gg
from gengap.methods.registry import methods
from gengap.study.chunks import Trainer
from gengap.study.study import Study
from gengap.training.train import train_fleet

RUNS, STEPS, ROUNDS, AIM = 8, 40, 3, 1.3


def study_of(names: list[str]) -> Study:
    """A study of all methods that apply."""
    return gg.Study(
        gg.load_suite("digits-writers"), names, seeds=RUNS, splits="hold-out:writer 00",
        steps=STEPS, selection="last-step", keep_models="none",
    )  # fmt: skip


def per_pass(study: Study, name: str) -> float:
    """Milliseconds of a run's pass over a batch."""
    trainer = Trainer(study.plan, study._work)
    entry = next(entry for entry in study.plan.entries if entry.name == name)
    tasks = [trainer.task(run) for run, cell in study.plan.runs[name] if cell.role == "unseen"]
    started = time.process_time()
    done = train_fleet(
        study.problem, tasks, [entry.method(**task.run.hyperparameters) for task in tasks],
        study.architecture, steps=STEPS, batch=study.batch,
        slots=int(tasks[0].run.settings["slots"]), checkpoints=[],
    )  # fmt: skip
    seconds = time.process_time() - started
    return 1000 * seconds / sum(run.passes for run in done)


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    known = [n for n, info in methods().items() if info.passes and not info.own_network]
    study = study_of(["erm", *[n for n in names or known if n != "erm"]])
    entries = [entry.name for entry in study.plan.entries]
    print(f"{'method':28s}{'passes':>8s}{'a pass':>10s}{'ratio':>8s}")
    ratios = {}
    for name in entries[1:]:
        per_pass(study, name)
        own, plain = [], []
        for _ in range(ROUNDS):
            plain.append(per_pass(study, "erm"))
            own.append(per_pass(study, name))
        ratios[name] = median(own) / median(plain)
        passes = methods()[name].passes
        print(f"{name:28s}{passes:8g}{median(own):7.2f} ms{ratios[name]:8.2f}", flush=True)
    above = [name for name, ratio in ratios.items() if ratio > AIM]
    print(f"\n{len(ratios) - len(above)} of {len(ratios)} are below {AIM:g}; above: {above or '-'}")


if __name__ == "__main__":
    main(sys.argv[1:])
