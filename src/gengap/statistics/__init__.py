"""Statistics on arrays: one function a question, small frozen dataclasses out.

Nothing here knows models, runs or stores. Scores are ``(M, E, S)``: methods, environments, seeds,
NaN where missing, larger is better.

*How good is it?* :func:`aggregate_intervals`, :func:`bootstrap_interval`, :func:`student_interval`,
:func:`performance_profile`; in a new environment :func:`new_environment`; environment by
environment :func:`shrunken_means`; and where the spread comes from :func:`variance_components`.

*Is it better?* :func:`t_test`, :func:`permutation_test`, :func:`wilcoxon_test`,
:func:`seed_difference`, :func:`probability_of_improvement`, :func:`signed_rank_posterior`; shown to
be the same: :func:`equivalence_test`; several at once: :func:`holm`, :func:`benjamini_hochberg`,
:func:`friedman_test`, :func:`critical_difference`; adding seeds until decided:
:func:`compare_sequentially`.

*Which is best?* :func:`rank`, :func:`two_level_ranking`, :func:`bradley_terry`,
:func:`plackett_luce`, :func:`stability`.

*What more is needed?* :func:`runs_to_detect`, :func:`best_allocation`,
:func:`environments_for_width`, :func:`fit_curve`, :func:`fit_two_way_curve`,
:func:`prediction_level`, :func:`grade`.

*With fewer examples?* :func:`sort_examples`, :func:`choose_examples`, :func:`estimate_score`,
:func:`fit_item_response`, :func:`expected_score`.

*Is it consistent?* :func:`pass_at_k`, :func:`g_pass_at_k`, :func:`mean_g_pass_at_k`, :func:`churn`.

*Do two samples differ?* :func:`mmd_test`, :func:`energy_test`.

*What does not having seen an environment cost?* :func:`environment_intervals`,
:func:`mean_interval`, :func:`new_environment_interval`, :func:`compare`.

*Do these intervals hold?* :func:`gengap.statistics.calibration.coverage`.
"""

from gengap.statistics.aggregate_intervals import aggregate_intervals
from gengap.statistics.aggregates import interquartile_mean, mean, median, optimality_gap
from gengap.statistics.allocation import best_allocation, runs_to_detect
from gengap.statistics.bootstrap import bootstrap_interval, student_interval
from gengap.statistics.bradley_terry import bradley_terry
from gengap.statistics.comparison import Comparison, Differences, compare
from gengap.statistics.components import variance_components
from gengap.statistics.consistency import churn, g_pass_at_k, mean_g_pass_at_k, pass_at_k
from gengap.statistics.curves import fit_curve
from gengap.statistics.equivalence import equivalence_test
from gengap.statistics.example_order import sort_examples
from gengap.statistics.extrapolation import grade, prediction_level
from gengap.statistics.fixed_environments import seed_difference
from gengap.statistics.friedman import critical_difference, friedman_test
from gengap.statistics.gap import environment_intervals, mean_interval, new_environment_interval
from gengap.statistics.improvement import (
    improvement_over_baseline,
    pairwise_improvement,
    probability_of_improvement,
)
from gengap.statistics.intervals import Interval
from gengap.statistics.item_response import expected_score, fit_item_response
from gengap.statistics.multiple import benjamini_hochberg, benjamini_yekutieli, holm
from gengap.statistics.paired import permutation_test, t_test, wilcoxon_test
from gengap.statistics.plackett_luce import plackett_luce
from gengap.statistics.planning import environments_for_width
from gengap.statistics.prediction import new_environment
from gengap.statistics.profiles import performance_profile
from gengap.statistics.rankings import RANKING_RULES, rank, two_level_ranking
from gengap.statistics.sequential import compare_sequentially
from gengap.statistics.shrinkage import shrunken_means
from gengap.statistics.signed_rank_bayes import signed_rank_posterior
from gengap.statistics.stability import stability
from gengap.statistics.subset_evaluation import choose_examples, estimate_score
from gengap.statistics.tradeoff import fit_two_way_curve
from gengap.statistics.two_sample import energy_test, mmd_test
from gengap.statistics.variance_parts import variance_parts

__all__ = [
    "RANKING_RULES",
    "Comparison",
    "Differences",
    "Interval",
    "aggregate_intervals",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "best_allocation",
    "bootstrap_interval",
    "bradley_terry",
    "choose_examples",
    "churn",
    "compare",
    "compare_sequentially",
    "critical_difference",
    "energy_test",
    "environment_intervals",
    "environments_for_width",
    "equivalence_test",
    "estimate_score",
    "expected_score",
    "fit_curve",
    "fit_item_response",
    "fit_two_way_curve",
    "friedman_test",
    "g_pass_at_k",
    "grade",
    "holm",
    "improvement_over_baseline",
    "interquartile_mean",
    "mean",
    "mean_g_pass_at_k",
    "mean_interval",
    "median",
    "mmd_test",
    "new_environment",
    "new_environment_interval",
    "optimality_gap",
    "pairwise_improvement",
    "pass_at_k",
    "performance_profile",
    "permutation_test",
    "plackett_luce",
    "prediction_level",
    "probability_of_improvement",
    "rank",
    "runs_to_detect",
    "seed_difference",
    "shrunken_means",
    "signed_rank_posterior",
    "sort_examples",
    "stability",
    "student_interval",
    "t_test",
    "two_level_ranking",
    "variance_components",
    "variance_parts",
    "wilcoxon_test",
]
