"""Try published claims about where models fail; the page is docs/places.md.

python docs/make_places.py [draws]    10 draws take about a minute of processor time
"""

from __future__ import annotations

import sys
from pathlib import Path

from claim_words import negative, show, table, verdicts

from gengap.claims.places import factor_order, inverse_agreement, two_at_once

PAGE = Path(__file__).parent / "places.md"
INTRODUCTION = """\
# Published claims about where models fail, tried

Made by `python docs/make_places.py {draws}`. Each claim is a number that is positive where it
holds, found on {draws} draws of the data (twice as many for the first two), which are the units of
the limits (Student's 95%). It holds where they lie above 0, does not hold where they lie below,
and else cannot be told. Models and data this small were not what the papers studied: this says how
far a claim carries, not whether a paper erred. What is tried is in `src/gengap/claims/places.py`.
[Where does it fail?](questions/where.md) asks the same of a study of yours.
"""


def main(draws: int) -> None:
    inverse = inverse_agreement(range(2 * draws))
    order, both = factor_order(range(draws)), two_at_once(range(draws))
    costs = ", ".join(f"{name} {show(cost, 1, 100)}" for name, cost in order.costs.items())
    rows = [
        (
            "Scores inside and outside can be inversely correlated, even in a minimal linear "
            "setting ([2209.00613](https://arxiv.org/abs/2209.00613))",
            "Minus the rank correlation of accuracy inside and outside, linear models of "
            "`linear-shift` where the shortcut is reversed: "
            f"{verdicts({'erm, vrex, irm': negative(inverse.rank)})}.",
        ),
        (
            "Choosing by the score inside misses the best model outside (the same)",
            f"Accuracy lost by it there: {verdicts({'of the same runs': inverse.regret})}.",
        ),
        (
            "Factors contribute unequally to the gap "
            "([2307.03659](https://arxiv.org/abs/2307.03659))",
            "Gap between the dearest and the cheapest factor of digits: "
            f"{verdicts({'three learners': order.unequal})}. Points of accuracy that lacking it "
            f"costs: {costs}.",
        ),
        (
            "The order of factors is the same across setups (the same)",
            "Kendall's tau between the orders of logistic regression, a random forest and a "
            f"support vector machine: {verdicts({'digits': order.agreement})}.",
        ),
        (
            "What is new in two factors at once is harder than what is new in one "
            "([2306.08713](https://arxiv.org/abs/2306.08713))",
            "Accuracy on rotated, noisy digits lost by having trained on neither rather than on "
            f"the less useful one: {verdicts({'logistic regression': both})}.",
        ),
    ]
    text = "\n".join([INTRODUCTION.format(draws=draws), *table(("claim", "here"), rows, " --- |")])
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    PAGE.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
