"""The terms of a comparison's report, each in a sentence or two; only those that it uses."""

from __future__ import annotations

from gengap.report.comparison.reading import Summary


def terms(summary: Summary) -> list[tuple[str, str]]:
    """Return terms and definitions, in the order in which the page uses them."""
    about = summary["comparison"]
    level = f"{100 * about['level']:.3g}%"
    chance = f"{100 * (1 - about['level']):.3g}%"
    found = [
        (
            "mean, these environments",
            "The mean over environments of each one's mean over runs. The limits allow for the "
            "noise of training only: where the mean of many more runs in just these would lie.",
        ),
        (
            "environments like these",
            f"{level} limits of the same mean over all environments from the same source: Student's"
            " t with environments as the unit. Only more environments make them narrower.",
        ),
        (
            "interquartile mean (IQM)",
            "The mean of the middle half of all runs; the best and the worst quarter do not count.",
        ),
        _optimality_gap(summary),
        (
            "P(best)",
            "The share of resamples (environments and runs drawn anew) in which the method has the "
            "best mean. It describes these scores and is no posterior probability.",
        ),
        (
            "p (Holm)",
            "From a t-test over environments, or over runs where a pair shares fewer than three "
            "environments, adjusted by Holm's procedure for the number of pairs, so that the "
            f"chance of any false verdict at all is at most {chance}. The limits of a difference "
            "are at the level at which that procedure judged it: they exclude 0 exactly where the "
            "verdict names a winner.",
        ),
        (
            "P(improvement)",
            "How often a run of the first method beats one of the second in the same environment, "
            "a tie counting half; 0.5 is no difference. It does not say by how much.",
        ),
        *_side_tests(summary),
        *_ranks(summary),
        *_rules(summary),
    ]
    return [(term, meaning) for term, meaning in found if meaning]


def _optimality_gap(summary: Summary) -> tuple[str, str]:
    target = summary["comparison"]["target"]
    if target is None:
        return "optimality gap", ""
    return (
        "optimality gap",
        f"How far the runs fall short of {target:g} on average, where more than that does not "
        "count.",
    )


def _side_tests(summary: Summary) -> list[tuple[str, str]]:
    about, pairs = summary["comparison"], summary["pairs"]
    if not any("probability_first_better" in row for row in pairs):
        return []
    within = f"{about['margin']:g}" if about["margin"] else "0"
    found = [
        (
            "Bayes",
            "The Bayesian signed-rank test: the posterior probability that the first is better by "
            f"more than {within}, that they differ by at most that, and that it is worse by more.",
        ),
        (
            "sign flips, signed ranks",
            "p-values of two tests of the same differences with fewer assumptions, not adjusted "
            "for the number of pairs; they stand beside the verdict, which does not use them.",
        ),
    ]
    if any("equivalence_adjusted_p" in row for row in pairs):
        found.append(
            (
                "equivalence",
                f"p-value of two one-sided t-tests that the difference is within ±{within}, "
                "adjusted by Holm's procedure for the pairs so tested; small values show that two "
                "methods are the same for practical purposes. Two can be told apart and be "
                "equivalent: the verdict then names the better.",
            )
        )
    return found


def _ranks(summary: Summary) -> list[tuple[str, str]]:
    if not summary.get("ranks"):
        return []
    return [
        (
            "average rank",
            "The mean over environments of a method's rank there, 1 the best; ties share ranks.",
        ),
        (
            "critical difference",
            "The least difference of two average ranks that Nemenyi's test tells apart. It depends "
            "on all methods in the table; for one pair, the table of pairs is the better guide.",
        ),
    ]


def _rules(summary: Summary) -> list[tuple[str, str]]:
    meanings = {
        "mean": "the best mean score",
        "mean rank": "the best average rank",
        "borda": "the largest share of other methods beaten",
        "copeland": "most opponents beaten in most environments, less those lost to",
        "minimax": "the least bad worst defeat",
        "kemeny": "the order that contradicts the fewest comparisons",
    }
    used = [row["rule"] for row in summary.get("rankings") or [] if row["rule"] in meanings]
    if not used:
        return []
    return [("rules", "; ".join(f"{rule}: {meanings[rule]}" for rule in used) + ".")]
