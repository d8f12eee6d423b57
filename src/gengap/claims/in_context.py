"""Learning a function from its values in the prompt: what decides which functions are learnt.

Y. Li et al., Transformers as algorithms (arXiv 2301.07067): how many functions were trained on, and
how complex they are. Q. Wang et al., Can in-context learning really generalize to
out-of-distribution tasks? (arXiv 2410.09695): outside it acts as the best function inside. S.
Yadlowsky et al., Pretraining data mixtures (arXiv 2311.00871): near-optimal among families known.

A small transformer reads eight points of a function and says its value at a ninth. What it should
say is known exactly, the mean given the points (:mod:`gengap.sequences.tasks.functions`). The
number of steps was settled on a draw that is not among those here.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.claims.claim import Claim
from gengap.records.store import Store
from gengap.sequences.prompts import prompts_of, read
from gengap.sequences.tasks.functions import best_guess, prompts, weights_of
from gengap.study.study import Study
from gengap.study.trained import Trained, everything, train_models

ALGORITHMS = Paper(
    "Transformers as algorithms: generalization and stability in in-context learning",
    "Li et al.",
    2023,
    "https://arxiv.org/abs/2301.07067",
)
OUTSIDE = Paper(
    "Can in-context learning really generalize to out-of-distribution tasks?",
    "Wang et al.",
    2025,
    "https://arxiv.org/abs/2410.09695",
)
MIXTURES = Paper(
    "Pretraining data mixtures enable narrow model selection capabilities in transformer models",
    "Yadlowsky, Doshi, Tripuraneni",
    2023,
    "https://arxiv.org/abs/2311.00871",
)
PROMPTS, ASKED, STEPS, BATCH = 16_000, 2000, 2500, 24
POINTS, NOISE = 9, 0.2
FEW, MANY = 8, 512  # functions
SIMPLE, COMPLEX, BETWEEN = 1, 3, 32  # inputs, and functions there
NEAR = 0.1  # of a function's variance, which is 1
MIXED = "linear", "quadratic"


def more_functions(draw: int, store: str) -> float:
    """Loss to the best guess on new functions, few trained on minus many."""
    few, many = (_trained(draw, store, tasks=tasks) for tasks in (FEW, MANY))
    return _excess(few, draw) - _excess(many, draw)


def complex_functions(draw: int, store: str) -> float:
    """Loss to the best guess on new functions, of more inputs minus of fewer."""
    made = {d: _trained(draw, store, tasks=BETWEEN, inputs=d) for d in (COMPLEX, SIMPLE)}
    return _excess(made[COMPLEX], draw, COMPLEX) - _excess(made[SIMPLE], draw, SIMPLE)


def acts_as_inside(draw: int, store: str) -> float:
    """On quadratic functions, distance to their best guess minus to that of linear ones."""
    x, y = _new(draw, "quadratic")
    said = _said(_trained(draw, store, tasks=MANY), x, y)
    return _apart(said, x, y, "quadratic") - _apart(said, x, y, "linear")


def likelier_family(draw: int, store: str) -> float:
    """On cubic functions, distance to the guess of the less likely family minus the likelier."""
    x, y = _new(draw, "cubic", SIMPLE)
    said = _said(_trained(draw, store, MIXED, inputs=SIMPLE), x, y)
    both = best_guess(x, y, MIXED, NOISE)
    each = np.stack([best_guess(x, y, [family], NOISE) for family in MIXED])
    likely = np.abs(each - both).argmin(0)  # the mean lies nearer to the guess with more weight
    far = (each - said) ** 2
    rows = np.arange(len(said))
    return float((far[1 - likely, rows] - far[likely, rows]).mean())


def chooses(draw: int, store: str) -> float:
    """A tenth of the variance minus what not being told the family adds to the error."""
    x, y = _new(draw, "linear", SIMPLE)
    mixed, alone = (
        _trained(draw, store, families, inputs=SIMPLE) for families in (MIXED, MIXED[:1])
    )
    added = (_said(mixed, x, y) - y[:, -1]) ** 2 - (_said(alone, x, y) - y[:, -1]) ** 2
    return float(NEAR - added.mean())


def breaks_outside(draw: int, store: str) -> float:
    """Loss to the best guess on a family that training lacks minus on those that it has."""
    model = _trained(draw, store, MIXED, inputs=SIMPLE)
    found = {}
    for family in (*MIXED, "cubic"):
        x, y = _new(draw, family, SIMPLE)
        found[family] = _apart(_said(model, x, y), x, y, family)
    return found["cubic"] - (found["linear"] + found["quadratic"]) / 2


def _trained(
    draw: int, store: str, families: tuple[str, ...] = ("linear",), tasks: int = 0, inputs: int = 2
) -> Trained:
    """A transformer trained on prompts of some families, of as many functions, or all different."""
    each, made = PROMPTS // len(families), []
    for family in families:
        rng = generator(draw, "prompts", family, tasks, inputs)
        weights = weights_of(rng, family, tasks or each, inputs)
        some = weights[np.arange(each) % len(weights)]
        made.append(prompts(rng, family, some, POINTS, inputs=inputs, noise=NOISE))
    x, y = (np.concatenate(part) for part in zip(*made, strict=True))
    name = f"prompts of {'+'.join(families)}, {tasks or 'all'} functions of {inputs} inputs"
    data = prompts_of(
        x, y, np.arange(len(x)) // 2 % 2, every=True, factors={}, name=name, kind="half"
    )
    study = Study(
        data, ["scheduled"], model="attention", seeds=[draw], steps=STEPS, batch=BATCH,
        checkpoints=str(STEPS), selection="last-step", keep_models="all", jobs=1, threads=1,
        device="cpu", plain_training=False,
    )  # fmt: skip
    plan = replace(study.plan, cells=(everything(study.plan),))
    with Store(store) as records:
        (model,) = train_models(study, records, plan=plan)
    return model


def _excess(model: Trained, draw: int, inputs: int = 2) -> float:
    """Squared distance of what it says of new linear functions from the best guess."""
    x, y = _new(draw, "linear", inputs)
    return _apart(_said(model, x, y), x, y, "linear")


def _apart(said: np.ndarray, x: np.ndarray, y: np.ndarray, family: str) -> float:
    """Mean squared distance of what was said from the best guess of a family."""
    return float(((said - best_guess(x, y, [family], NOISE)) ** 2).mean())


def _new(draw: int, family: str, inputs: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Prompts of functions that no training has."""
    rng = generator(draw, "asked", family, inputs)
    weights = weights_of(rng, family, ASKED, inputs)
    return prompts(rng, family, weights, POINTS, inputs=inputs, noise=NOISE)


def _said(model: Trained, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The value at the last point, ``(n,)``."""
    said, _ = model.answers(read(x, y))
    return said[:, -1]


_SETTING = (
    "eight points of a function, noise 0.2, and a ninth to answer; 16,000 prompts, a transformer "
    "of two layers of 32, 2,500 steps"
)
CLAIMS = (
    Claim(
        "in-context-more-functions",
        ALGORITHMS,
        446,
        "New functions are learnt in context the better the more functions were trained on",
        "squared distance from the best guess on new linear functions, 8 trained on minus 512, "
        "prompts being as many",
        f"{_SETTING}; two inputs",
        more_functions,
        5,
    ),
    Claim(
        "in-context-complex-functions",
        ALGORITHMS,
        446,
        "And the less complex the functions are",
        "squared distance from the best guess on new linear functions of three inputs minus of "
        "one, 32 trained on",
        _SETTING,
        complex_functions,
        5,
    ),
    Claim(
        "in-context-acts-as-inside",
        OUTSIDE,
        571,
        "On functions outside the family trained on, it acts as the best function inside does",
        "squared distance from the best guess of their own family minus from that of linear "
        "functions, on quadratic functions, 512 linear ones trained on",
        f"{_SETTING}; two inputs",
        acts_as_inside,
        5,
    ),
    Claim(
        "in-context-likelier-family",
        OUTSIDE,
        571,
        "Outside, of several families trained on, it acts as the one that errs less",
        "squared distance from the guess of the family less likely given the points minus from "
        "the likelier one's, on cubic functions, linear and quadratic ones trained on",
        f"{_SETTING}; one input",
        likelier_family,
        5,
    ),
    Claim(
        "in-context-chooses",
        MIXTURES,
        720,
        "Among families trained on it chooses nearly as if it had been told",
        "0.1 minus the squared error on linear functions having trained on linear and quadratic "
        "ones, beyond that having trained on linear ones alone",
        f"{_SETTING}; one input",
        chooses,
        5,
    ),
    Claim(
        "in-context-breaks-outside",
        MIXTURES,
        720,
        "On families not trained on it breaks",
        "squared distance from the best guess, on cubic functions minus on linear and quadratic "
        "ones, which were trained on",
        f"{_SETTING}; one input",
        breaks_outside,
        5,
    ),
)
