"""The terms of all reports, each in a sentence or two; only those that a report uses."""

from __future__ import annotations

from typing import Any

from gengap.report.numerals import given, level_text

Term = tuple[str, str, bool]  # the term, what it means, and that this is no code


def study_terms(higher_is_better: bool) -> list[Term]:
    """Return terms of a study with their formulas; positive always means worse off."""

    def minus(first: str, second: str) -> str:
        left, right = (first, second) if higher_is_better else (second, first)
        return f"{left} − {right}"

    return _terms(
        {
            "environment": "Where an example comes from: a value of the environment column.",
            "in distribution": "Trained on the training part of the other environments, scored on "
            "the test part of those same environments.",
            "unseen": "Trained in the same way, scored on the test part of an environment that "
            "gave no training example.",
            "reference": "Trained on as many examples drawn from all environments, the unseen one "
            "included, and scored on the very examples that unseen is scored on.",
            "gap": f"{minus('in distribution', 'unseen')}: difficulty and cost of unseen together.",
            "difficulty": f"{minus('in distribution', 'reference')}: the environment is simply "
            "harder.",
            "cost of unseen": f"{minus('reference', 'unseen')}: what not having seen the "
            "environment costs, compared example by example.",
            "95% interval on these environments": "Where the cost plausibly lies, averaged over "
            "just the environments measured here.",
            "95% interval for a single new one": "Where the cost in one more environment from the "
            "same source plausibly lies; environments are the unit, so only more environments make "
            "it much narrower.",
            "plain training (erm)": "Minimises the average loss and ignores where examples come "
            "from.",
            "against plain training": "The difference where unseen, on the same examples; positive "
            "is better. Its interval is widened for the number of methods compared, and the "
            "verdict is read off it: better or worse when it excludes zero.",
            "selection rule": "How hyperparameters and the stopping point are chosen. A rule that "
            "peeks looks at the unseen environment, which nobody can do in advance; each look is "
            "counted.",
        }
    )


RULES = {
    "mean": "the best mean score",
    "mean rank": "the best average rank",
    "borda": "the largest share of other methods beaten",
    "copeland": "most opponents beaten in most environments, less those lost to",
    "minimax": "the least bad worst defeat",
    "kemeny": "the order that contradicts the fewest comparisons",
}


def comparison_terms(summary: dict[str, Any]) -> list[Term]:
    """Return terms of a comparison, in the order in which the page uses them."""
    about, pairs = summary["comparison"], summary["pairs"]
    level, chance = level_text(about["level"]), level_text(1 - about["level"])
    within = given(about["margin"]) or "0"
    bayes = any("probability_first_better" in row for row in pairs)
    equivalence = bayes and any("equivalence_adjusted_p" in row for row in pairs)
    used = [row["rule"] for row in summary.get("rankings") or [] if row["rule"] in RULES]
    ranked = bool(summary.get("ranks"))
    return _terms(
        {
            "mean, these environments": "The mean over environments of each one's mean over runs. "
            "The limits allow for the noise of training only: where the mean of many more runs in "
            "just these would lie.",
            "environments like these": f"{level} limits of the same mean over all environments "
            "from the same source: Student's t with environments as the unit. Only more "
            "environments make them narrower.",
            "interquartile mean (IQM)": "The mean of the middle half of all runs; the best and the "
            "worst quarter do not count.",
            "optimality gap": ""
            if about["target"] is None
            else f"How far the runs fall short of {about['target']:g} on average, where more than "
            "that does not count.",
            "P(best)": "The share of resamples (environments and runs drawn anew) in which the "
            "method has the best mean. It describes these scores and is no posterior probability.",
            "p (Holm)": "From a t-test over environments, or over runs where a pair shares fewer "
            "than three environments, adjusted by Holm's procedure for the number of pairs, so "
            f"that the chance of any false verdict at all is at most {chance}. The limits of a "
            "difference are at the level at which that procedure judged it: they exclude 0 exactly "
            "where the verdict names a winner.",
            "P(improvement)": "How often a run of the first method beats one of the second in the "
            "same environment, a tie counting half; 0.5 is no difference. It does not say by how "
            "much.",
            "Bayes": bayes * "The Bayesian signed-rank test: the posterior probability that the "
            f"first is better by more than {within}, that they differ by at most that, and that it "
            "is worse by more.",
            "sign flips, signed ranks": bayes * "p-values of two tests of the same differences "
            "with fewer assumptions, not adjusted for the number of pairs; they stand beside the "
            "verdict, which does not use them.",
            "equivalence": equivalence
            * (
                f"p-value of two one-sided t-tests that the difference is within ±{within}, "
                "adjusted by Holm's procedure for the pairs so tested; small values show that two "
                "methods are the same for practical purposes. Two can be told apart and be "
                "equivalent: the verdict then names the better."
            ),
            "average rank": ranked * "The mean over environments of a method's rank there, 1 the "
            "best; ties share ranks.",
            "critical difference": ranked * "The least difference of two average ranks that "
            "Nemenyi's test tells apart. It depends on all methods in the table; for one pair, the "
            "table of pairs is the better guide.",
            "rules": "; ".join(f"{rule}: {RULES[rule]}" for rule in used) + "." * bool(used),
        }
    )


def _terms(meanings: dict[str, str]) -> list[Term]:
    return [(term, meaning, False) for term, meaning in meanings.items() if meaning]
