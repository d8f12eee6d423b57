"""Write docs/detectors.md: published claims about detectors, tried on small image classifiers.

python docs/make_detectors.py [seeds] [--store records.db]

The convolutional network gets half as many seeds. Every network is a run of a study: with a store
that is kept, a making that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

import numpy as np
import torch
from claim_words import (
    INTRODUCTION,
    Claim,
    listed,
    negative,
    share,
    show,
    table,
    verdicts,
)
from joblib import Parallel, delayed

from gengap.base.machine import cores
from gengap.claims.detection import (
    compare_with,
    hide_inliers,
    loss_of_choosing_by,
    rank_correlation,
    sensitivity,
    stopping_gain,
)
from gengap.claims.detection_runs import (
    KNOWN,
    NEW,
    OTHER,
    SHIFTS,
    SPARE,
    Problem,
    Scored,
    load_images,
    make_problem,
    read,
    score_all,
    trained_networks,
    with_wrong_labels,
)
from gengap.detectors.registry import detectors
from gengap.records.store import Store
from gengap.statistics.bootstrap import student_interval
from gengap.statistics.intervals import Interval
from gengap.statistics.separation.metrics import auroc, separation
from gengap.statistics.separation.unit_tests import threshold
from gengap.study.trained import Trained

PAGE = Path(__file__).parent / "detectors.md"
STEPS = 600
HIDDEN = (0.0, 0.1, 0.25, 0.5)
FACTORS = (1, 3, 10, 100, 1000)
CHECKPOINTS = (50, 100, 200, 400, 800, 1600, 3200)
WRONG = (0.0, 0.2, 0.4)
LONG = 1600
# One perceptron per problem serves all claims: its models after these steps are kept.
KEPT = (50, 100, 200, 400, STEPS, 800, LONG, 3200)
# Logits are to it what features are to others, and no measure of the network's uncertainty.
BY_DISTANCE = {"openmax"}
KINDS = (*SHIFTS, NEW, OTHER)


class Setting(NamedTuple):
    """What one seed trains on, which network, and where its runs are recorded."""

    data: Literal["digits", "clothes"]
    model: Literal["mlp", "cnn"]
    store: str

    @property
    def name(self) -> str:
        return f"{self.data}, {'CNN' if self.model == 'cnn' else 'perceptron'}"

    def problem(self, seed: int, wrong: float = 0.0) -> Problem:
        return with_wrong_labels(make_problem(load_images(self.data), seed), wrong)

    def networks(self, problem: Problem) -> dict[int, Trained]:
        """By steps trained."""
        with Store(self.store) as store:
            steps = KEPT if self.model == "mlp" else (STEPS,)
            return trained_networks(problem, self.model, steps, store)


Runs = dict[str, list[Scored]]


def over_seeds(run: Callable[[int], object], seeds: int) -> list:
    def alone(seed: int) -> object:
        torch.set_num_threads(1)
        return run(seed)

    return Parallel(n_jobs=cores())(delayed(alone)(seed) for seed in range(seeds))


def plain(setting: Setting, seed: int) -> Scored:
    problem = setting.problem(seed)
    return score_all(setting.networks(problem)[STEPS], problem)


def areas(runs: Sequence[Scored], kind: str) -> np.ndarray:
    """AUROC ``(S, D)``."""
    return np.stack([auroc(run.strangeness[KNOWN], run.strangeness[kind]) for run in runs])


def error_areas(runs: Sequence[Scored], kind: str) -> np.ndarray:
    """AUROC ``(S, D)`` between right and wrong answers of a kind."""
    return np.stack(
        [
            auroc(run.strangeness[kind][:, run.right[kind]],
                  run.strangeness[kind][:, ~run.right[kind]])
            for run in runs
        ]
    )  # fmt: skip


def energy(runs: Runs) -> Claim:
    section: list[str] = []
    found = {}
    for setting, own in runs.items():
        names = own[0].detectors
        graded = [separation(run.strangeness[KNOWN], run.strangeness[NEW]) for run in own]
        area = compare_with("msp", names, np.stack([one.auroc for one in graded]))
        fpr = compare_with("msp", names, np.stack([one.fpr for one in graded]))
        order = sorted(range(len(names)), key=lambda d: -area[d].value.estimate)
        found[setting] = negative(fpr[names.index("energy")].difference)
        better = [names[d] for d in order if fpr[d].p_value < 0.05 and fpr[d].difference.high < 0]
        others = [names[d] for d in order if names[d] not in (*better, "msp")]
        section += [f"### New classes: {setting}"]
        section += table(
            ("detector", "AUROC", "minus msp's", "FPR95, %", "minus msp's, points"),
            [
                (f"`{names[d]}`", share(area[d].value), show(area[d].difference, sign=True),
                 share(fpr[d].value, 0, 100), show(fpr[d].difference, 0, 100, sign=True))
                for d in order
            ],
        )  # fmt: skip
        section += [
            f"FPR95 below msp's beyond chance (Holm over all): {listed(better)}. Not shown to beat "
            f"msp: {listed(others)}.",
            "",
        ]
    section += ["### Energy minus msp by kind of stranger, AUROC and FPR95 in points"]
    rows = []
    for setting, own in runs.items():
        for metric, scale in (("auroc", 1), ("fpr", 100)):
            cells = []
            for kind in KINDS:
                graded = [separation(r.strangeness[KNOWN], r.strangeness[kind]) for r in own]
                both = np.stack([getattr(one, metric) for one in graded])
                names = own[0].detectors
                gain = both[:, names.index("energy")] - both[:, names.index("msp")]
                cells.append(show(student_interval(gain), 2 if scale == 1 else 0, scale, True))
            rows.append((f"{setting}, {'AUROC' if scale == 1 else 'FPR95'}", *cells))
    section += table(("", *KINDS), rows)
    return Claim(
        "Energy beats the maximum softmax probability on FPR95, with the same network",
        "[2010.03759](https://arxiv.org/abs/2010.03759)",
        f"FPR95 saved on new classes. {verdicts(found)}. By kind of stranger: below.",
        section,
    )


def covariate(runs: Runs) -> Claim:
    rows, gains = [], {}
    for setting, own in runs.items():
        names = own[0].detectors
        msp = names.index("msp")
        rest = [d for d in range(len(names)) if d != msp]
        shifts = {kind: areas(own, kind) for kind in (*SHIFTS, NEW)}
        shifted = np.mean([shifts[kind] for kind in SHIFTS], axis=0)
        gain = {
            name: values[:, rest] - values[:, [msp]]
            for name, values in (("shifts", shifted), (NEW, shifts[NEW]))
        }
        gains[setting] = sensitivity(gain["shifts"], gain[NEW])
        right = [np.mean([run.right[kind].mean() for run in own]) for kind in (KNOWN, *SHIFTS)]
        rows.append(
            (setting, " / ".join(f"{100 * share:.0f}" for share in right),
             *(f"{values[:, rest].mean():.2f}" for values in shifts.values()),
             show(sensitivity(shifted[:, rest], shifts[NEW][:, rest]), sign=True),
             show(student_interval(gain["shifts"].mean(1)), sign=True),
             show(student_interval(gain[NEW].mean(1)), sign=True),
             show(gains[setting], sign=True))
        )  # fmt: skip
    section = table(
        ("", "accuracy, %", *SHIFTS, NEW, "shifts minus new classes", "shifts: gain over msp",
         "new classes: gain over msp", "difference of gains"),
        rows,
    )  # fmt: skip
    section += [
        "AUROC, mean over all detectors but msp; accuracy on unchanged / rotated / noisy / "
        "low-contrast images. How far AUROC for a shift lies above that for new classes depends on "
        "how strong the shift is, so the claim is judged by the gains over msp.",
        "",
    ]
    return Claim(
        "Modern detectors respond more to covariate than to semantic shift, where they barely "
        "beat msp",
        "[2310.01755](https://arxiv.org/abs/2310.01755)",
        f"Mean gain in AUROC over msp, covariate minus semantic. {verdicts(gains)}.",
        section,
    )


def hidden(runs: Runs) -> Claim:
    rows: list[tuple[str, ...]] = []
    found: dict[str, dict[str, Interval]] = {"like the others": {}, "rotated": {}}
    for setting, own in runs.items():
        for kind in (SPARE, "rotated"):
            each = [
                hide_inliers(run.strangeness[KNOWN], run.strangeness[NEW],
                             run.strangeness[kind], HIDDEN, seed)
                for seed, run in enumerate(own)
            ]  # fmt: skip
            tau = np.array([[one.agreement for one in row] for row in each])
            area = np.array([[one.area for one in row] for row in each])
            drop = student_interval(tau[:, 0] - tau[:, -1])
            what = "like the others" if kind == SPARE else "rotated"
            found[what][setting] = drop
            cells = [
                f"{tau[:, k].mean():.2f} at {area[:, k].mean():.2f}" for k in range(len(HIDDEN))
            ]
            rows.append((f"{setting}, {what}", *cells, show(drop, sign=True)))
    heads = ["hidden inliers", *(f"{100 * share:.0f}%" for share in HIDDEN), "tau lost at 50%"]
    section = table(heads, rows)
    section += [
        "Kendall's tau between the ranking by clean new classes and the ranking on other examples "
        "with hidden inliers, at the mean AUROC; the column of 0% is what two clean rankings "
        "share. Inliers hidden at random shrink all AUROCs towards 0.5 alike, so what they do to "
        "the order is noise; rotated ones are strangers of another kind.",
        "",
    ]
    return Claim(
        "Inliers hidden among the strangers distort the evaluation of detectors",
        "[2306.00826](https://arxiv.org/abs/2306.00826)",
        "Kendall's tau lost with half of the strangers inliers. Like the others: "
        f"{verdicts(found['like the others'])}. Rotated: {verdicts(found['rotated'])}. Every AUROC "
        "shrinks towards 0.5 with the former, by half at 50%.",
        section,
    )


def far_away(setting: Setting, seed: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and ``(F, D + 1)``: mean confidence, then the share flagged by each detector."""
    problem = setting.problem(seed)
    network = setting.networks(problem)[STEPS]
    asked = {SPARE: problem.asked[SPARE]}
    asked |= {str(f): np.float32(f) * problem.asked[KNOWN] for f in FACTORS}
    found = score_all(network, problem, asked=asked)
    limits = [threshold(own) for own in found.strangeness[SPARE]]
    rows = []
    for factor in FACTORS:
        logits = read(network, asked[str(factor)]).logits
        assert logits is not None
        flagged = (found.strangeness[str(factor)] > np.array(limits)[:, None]).mean(1)
        rows.append(np.concatenate([[float(logits.softmax(1).amax(1).mean())], flagged]))
    return found.detectors, np.stack(rows)


def scaled(perceptrons: Mapping[str, Setting], seeds: int) -> Claim:
    logits_only = {
        n for n, info in detectors().items()
        if set(info.needs) <= {"logits", "labels"} and "classification" in info.tasks
    } - BY_DISTANCE  # fmt: skip
    found, columns = {}, []
    rows: dict[str, list[str]] = {}
    for data, setting in perceptrons.items():
        each = over_seeds(partial(far_away, setting), seeds)
        names = ("confidence", *each[0][0])
        shares = np.stack([values for _, values in each])
        of_logits = [d for d, name in enumerate(names) if name in logits_only]
        flagged = shares[:, :, of_logits].mean(2)
        found[data] = student_interval(flagged[:, 0] - flagged[:, -1])
        columns += [f"{data}, x{factor}" for factor in FACTORS]
        for d, name in enumerate(names):
            cells = [f"{100 * shares[:, f, d].mean():.0f}" for f in range(len(FACTORS))]
            rows.setdefault(name, []).extend(cells)
    blind = {
        data: [name for name, cells in rows.items()
               if name != "confidence" and float(cells[len(FACTORS) * (k + 1) - 1]) < 50]
        for k, data in enumerate(perceptrons)
    }  # fmt: skip
    section = table(("%", *columns), [(f"`{n}`" if n != "confidence" else "mean confidence", *c)
                                      for n, c in rows.items()])  # fmt: skip
    section += [
        "Known images multiplied by 1 to 1000: the network's mean confidence, then the share each "
        "detector flags at a threshold for 5% false alarms. "
        + " ".join(f"Flagging fewer than half at 1000 on {data}: {listed(names)}."
                   for data, names in blind.items()),
        "",
    ]  # fmt: skip
    outcome = "; ".join(
        f"{len(logits_only & set(names))} of the {len(logits_only)} detectors of uncertainty that "
        f"read logits only, and {len(set(names) - logits_only)} others, flag fewer than half on "
        f"{data}"
        for data, names in blind.items()
    )
    return Claim(
        "Far from the data ReLU networks are confident, so uncertainty cannot detect it",
        "[2012.05329](https://arxiv.org/abs/2012.05329)",
        f"Share flagged of known images minus share flagged of the same times 1000, detectors of "
        f"uncertainty that read logits only. {verdicts(found)}. "
        f"{outcome}.",
        section,
    )


def checkpoint_areas(setting: Setting, wrong: float, seed: int) -> np.ndarray:
    """``(4, T)``: AUROC of msp, energy and knn for new classes, and training accuracy."""
    problem = setting.problem(seed, wrong)
    networks = setting.networks(problem)
    rows = []
    for network in map(networks.__getitem__, CHECKPOINTS):
        found = score_all(network, problem, ("msp", "energy", "knn"))
        e, train = problem.environments, network.train_rows
        logits = read(network, e.X[train]).logits
        assert logits is not None
        fitted = float((logits.argmax(1).numpy() == e.y[train]).mean())
        rows.append([*auroc(found.strangeness[KNOWN], found.strangeness[NEW]), fitted])
    return np.array(rows).T


def checkpoints(perceptrons: Mapping[str, Setting], seeds: int) -> Claim:
    rows, found = [], {}
    for data, setting in perceptrons.items():
        for wrong in WRONG[:2]:
            each = np.stack(over_seeds(partial(checkpoint_areas, setting, wrong), seeds))
            labels = f"{data}, {100 * wrong:.0f}% wrong labels"
            for k, name in enumerate(("msp", "energy", "knn")):
                gain = stopping_gain(each[:, k])
                if name == "energy":
                    found[labels] = gain
                cells = [f"{value:.2f}" for value in each[:, k].mean(0)]
                rows.append((f"{labels}, `{name}`", *cells, show(gain, sign=True)))
            fitted = [f"{100 * value:.0f}%" for value in each[:, 3].mean(0)]
            rows.append((f"{labels}, training accuracy", *fitted, ""))
    section = table(("AUROC for new classes", *map(str, CHECKPOINTS), "best minus last"), rows)
    section += [
        "By training steps. The best checkpoint is chosen on the other seeds, as the best of seven "
        "is never below the last by itself.",
        "",
    ]
    return Claim(
        "Detection peaks before the end of training, as atypical examples are memorised",
        "[2306.03715](https://arxiv.org/abs/2306.03715)",
        f"AUROC of energy at the best checkpoint minus the last. {verdicts(found)}.",
        section,
    )


def noisy(setting: Setting, seed: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and ``(W, 2, D)``: AUROC of new classes against right answers and against errors."""
    rows = []
    for wrong in WRONG:
        problem = setting.problem(seed, wrong)
        found = score_all(setting.networks(problem)[LONG], problem)
        known, right = found.strangeness[KNOWN], found.right[KNOWN]
        parts = (known[:, right], known[:, ~right])
        rows.append([auroc(part, found.strangeness[NEW]) for part in parts])
    return found.detectors, np.array(rows)


def label_noise(setting: Setting, seeds: int) -> Claim:
    each = over_seeds(partial(noisy, setting), seeds)
    names, values = each[0][0], np.stack([own for _, own in each])
    mean = values.mean(3)
    lost = {
        f"new classes against {part}": student_interval(mean[:, 0, k] - mean[:, -1, k])
        for k, part in enumerate(("right answers", "errors"))
    }
    below = {
        f"{100 * wrong:.0f}% wrong labels": student_interval(mean[:, w, 0] - mean[:, w, 1])
        for w, wrong in enumerate(WRONG)
    }
    order = np.argsort(-values[:, 0, 0].mean(0))
    section = table(
        ("clothes, perceptron", *(f"{part}, {100 * wrong:.0f}%" for part in ("right", "errors")
                                  for wrong in WRONG)),
        [
            ("mean of all", *(share(student_interval(mean[:, w, k])) for k in range(2)
                              for w in range(len(WRONG)))),
            *((f"`{names[d]}`", *(f"{values[:, w, k, d].mean():.2f}" for k in range(2)
                                  for w in range(len(WRONG)))) for d in order),
        ],
    )  # fmt: skip
    section += [
        f"AUROC of new classes against inliers answered rightly or wrongly, by share of wrong "
        f"training labels, {LONG} steps.",
        "",
    ]
    return Claim(
        "Label noise degrades detectors; above all errors are confused with strangers",
        "[2404.01775](https://arxiv.org/abs/2404.01775)",
        f"Mean AUROC lost with 40% wrong labels. {verdicts(lost)}. AUROC against right answers "
        f"minus that against errors. {verdicts(below)}.",
        section,
    )


def errors(runs: Runs) -> Claim:
    rows, found = [], {}
    for setting, own in runs.items():
        strange, rotated = areas(own, NEW), error_areas(own, "rotated")
        names = own[0].detectors
        correlation = rank_correlation(strange, rotated)
        loss = loss_of_choosing_by(strange, rotated)
        found[setting] = loss
        best = [names[int(values.mean(0).argmax())] for values in (strange, rotated)]
        msp = names.index("msp")
        rows.append(
            (setting, show(correlation, sign=True),
             f"`{best[0]}` {strange.mean(0).max():.2f}, errors "
             f"{rotated.mean(0)[strange.mean(0).argmax()]:.2f}",
             f"`{best[1]}` {rotated.mean(0).max():.2f}, new classes "
             f"{strange.mean(0)[rotated.mean(0).argmax()]:.2f}",
             f"{strange.mean(0)[msp]:.2f}, errors {rotated.mean(0)[msp]:.2f}",
             show(loss, sign=True))
        )  # fmt: skip
    section = table(
        ("", "rank correlation", "best for new classes", "best for errors", "msp",
         "AUROC for errors lost by choosing for new classes"),
        rows,
    )  # fmt: skip
    section += [
        "AUROC for new classes against AUROC between right and wrong answers on rotated images, "
        "Spearman's correlation over all detectors. Choices are made on the other seeds.",
        "",
    ]
    return Claim(
        "Detecting strangers well does not mean rejecting errors well; the best monitor differs",
        "[2211.16158](https://arxiv.org/abs/2211.16158)",
        f"AUROC for errors lost by choosing the detector by new classes. {verdicts(found)}.",
        section,
    )


def main(seeds: int, store: str) -> None:
    few = max(seeds // 2, 2)
    digits, clothes = Setting("digits", "mlp", store), Setting("clothes", "mlp", store)
    counts = {digits: seeds, clothes: seeds, Setting("clothes", "cnn", store): few}
    runs = {own.name: over_seeds(partial(plain, own), count) for own, count in counts.items()}
    perceptrons = {own.data: own for own in (digits, clothes)}
    claims = [
        energy(runs), covariate(runs), hidden(runs), scaled(perceptrons, seeds),
        checkpoints(perceptrons, seeds), label_noise(clothes, seeds), errors(runs),
    ]  # fmt: skip
    page = [INTRODUCTION.format(seeds=seeds, few=few, steps=STEPS)]
    rows = [(f"{claim.text} ({claim.paper})", claim.outcome) for claim in claims]
    page += table(("claim", "here"), rows, " --- |")
    for claim in claims:
        page += [f"## {claim.text}", "", *claim.section]
    text = "\n".join(page)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    PAGE.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=10)
    parser.add_argument("--store", help="records of the runs; kept nowhere when not given")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        main(given.seeds, given.store or f"{folder}/records.db")
