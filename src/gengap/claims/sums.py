"""Sums in several ways of writing them: what is learnt of few examples, and what of longer numbers.

- *Order of digits* (N. Lee et al., Teaching arithmetic to small transformers, arXiv 2307.03381):
  answered lowest digit first, sums are learnt from fewer examples. Tried where positions line up
  digits of equal weight in either order; with rotary ones neither is learnt in as many steps.
- *Simple programs* (H. Zhou et al., What algorithms can transformers learn?, arXiv 2310.16028):
  what a short program of attention does at every length extrapolates, and sums do once they are
  made so. Here not by letters as hints but by positions that are equal for digits of equal weight
  (Cho et al. 2024, arXiv 2405.20671).
- *Longer than in training* (C. Anil et al., Exploring length generalization in large language
  models, arXiv 2207.04901): training alone does not carry over to longer instances.

Both numbers have equally many digits; a network trains on short ones and is asked of those and of
longer ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.environments.suites import load_suite
from gengap.study.study import Study

LEE = Paper(
    "Teaching arithmetic to small transformers",
    "Lee, Sreenivasan, Lee, Lee, Papailiopoulos",
    2024,
    "https://arxiv.org/abs/2307.03381",
)
ZHOU = Paper(
    "What algorithms can transformers learn? A study in length generalization",
    "Zhou, Bradley, Littwin, Razin, Saremi, Susskind, Bengio, Nakkiran",
    2024,
    "https://arxiv.org/abs/2310.16028",
)
ANIL = Paper(
    "Exploring length generalization in large language models",
    "Anil, Wu, Andreassen, Lewkowycz, Misra, Ramasesh, Slone, Gur-Ari, Dyer, Neyshabur",
    2022,
    "https://arxiv.org/abs/2207.04901",
)
# Settled by what coupled positions make of a draw that is not among those here.
TRAINED, LONGEST, EACH = 4, 6, 1200
STEPS, BATCH, RATE = 2000, 12, 5e-3
PLAIN, REVERSED = "padded", "reversed/padded"
ROTARY, COUPLED, ABACUS = "rotary", "coupled", "abacus"


def _minus(
    column: str, first: tuple[str, str], second: tuple[str, str]
) -> Callable[[int, str], float]:
    """A column of the table of methods, of one form and positions minus of another."""

    def measure(draw: int, store: str) -> float:
        one, other = (_of(draw, store, *said) for said in (first, second))
        return float(one[column] - other[column])

    return measure


def cost_of_longer(draw: int, store: str) -> float:
    """Cost of not having seen the longer numbers, positions coupled."""
    return float(_of(draw, store, REVERSED, COUPLED).cost_of_unseen)


def _of(draw: int, store: str, form: str, positions: str) -> Any:
    """The row of a study of sums of a draw, written in a form."""
    suite = f"addition:form={form},longest={LONGEST},each={EACH}"
    study = Study(
        load_suite(suite, seed=draw), [{"scheduled": {"learning_rate": RATE}}],
        model=f"decoder(layers=1,positions={positions})", splits=f"extrapolate:digits>{TRAINED}",
        seeds=[draw], steps=STEPS, batch=BATCH, jobs=1, threads=1, store=store,
        keep_models="none", plain_training=False,
    )  # fmt: skip
    return study.run().methods.iloc[0]


INSIDE, OUTSIDE = "score_in_distribution", "score_unseen"
_SETTING = (
    f"sums of numbers of 1 to {TRAINED} digits, 720 pairs each, asked of longer ones of up to "
    f"{LONGEST}; a transformer of one layer of 64, {STEPS:,} steps"
)
CLAIMS = (
    Claim(
        "reversed-sums-sooner",
        LEE,
        704,
        "Sums are learnt from fewer examples where the answer's lowest digit comes first",
        "exact match on numbers as long as in training, reversed minus plain",
        f"{_SETTING}; positions are places of digits, equal for digits of equal weight",
        _minus(INSIDE, (REVERSED, COUPLED), (PLAIN, ABACUS)),
        5,
    ),
    Claim(
        "simple-sums-extend",
        ZHOU,
        15,
        "Made simple for attention, sums carry over to longer numbers",
        "exact match on longer numbers, positions of equal weight coupled minus rotary",
        f"{_SETTING}, answers reversed",
        _minus(OUTSIDE, (REVERSED, COUPLED), (REVERSED, ROTARY)),
        5,
    ),
    Claim(
        "longer-sums-cost",
        ANIL,
        142,
        "Trained plainly, transformers lose on instances longer than in training",
        "exact match lost on longer numbers by not having seen any",
        f"{_SETTING}, answers reversed, positions coupled",
        cost_of_longer,
        5,
    ),
)
