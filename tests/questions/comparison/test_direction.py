"""Which way scores point, told from their names or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gengap.questions.comparison import from_frame
from gengap.questions.comparison.direction import (
    LOSSES,
    PLAIN,
    SCORES,
    UnknownDirection,
    higher_is_better,
)
from gengap.study.metrics import METRICS

LOWER = (
    "log_loss test_loss val-loss trainLoss NLL perplexity ppl WER cer regret simple_regret error "
    "error_rate rmse RMSE val_mae fpr95 FPR@95 brier brier_score ece latency cost wall_time "
    "seconds dice_loss f1_loss success_time false_positive_rate cross_entropy "
    "negative_log_likelihood 1-accuracy neg_accuracy"
)
HIGHER = (
    "accuracy test_acc balanced_accuracy auroc roc_auc F1 macro_f1 r2 R^2 reward mean_reward "
    "return episodic_return success_rate score f1_score neg_log_loss neg_root_mean_squared_error "
    "log_likelihood hits@10 mIoU win_rate true_positive_rate top_1_accuracy performance "
    "reward_per_episode"
)
UNTOLD = ["value", "result", "metric", "x", "Punkte", "output", "y_1", "steps"]


@pytest.mark.parametrize("name", LOWER.split())
def test_losses_are_known_by_any_of_their_words(name):
    assert higher_is_better(name) is False


@pytest.mark.parametrize("name", HIGHER.split())
def test_scores_are_known_too(name):
    assert higher_is_better(name) is True


@pytest.mark.parametrize("name", UNTOLD)
def test_what_no_word_tells_is_not_guessed(name):
    assert higher_is_better(name) is None
    long = pd.DataFrame({"method": ["a", "b"], "task": ["x", "x"], name: [0.1, 0.2]})
    with pytest.raises(UnknownDirection, match="--higher-is-better or --lower-is-better"):
        from_frame(long)
    assert not from_frame(long, higher_is_better=False).higher_is_better


def test_no_word_says_two_things():
    assert not LOSSES & SCORES
    assert not (LOSSES | SCORES) & PLAIN


def test_our_own_metrics_are_read_the_way_they_are_written():
    for name, metric in METRICS.items():
        assert higher_is_better(name) is metric.higher_is_better, name


def test_a_wide_table_goes_by_its_own_name():
    wide = pd.DataFrame({"method": ["a", "b"], "paris": [0.1, 0.2], "rome": [0.1, 0.3]})
    assert from_frame(wide, name="scores").higher_is_better
    assert not from_frame(wide, name="test errors").higher_is_better
    with pytest.raises(UnknownDirection, match="'results'"):
        from_frame(wide, name="results")


def test_the_method_with_the_lowest_loss_leads():
    rows = [
        (method, place, seed, loss + 0.01 * seed)
        for method, loss in (("good", 0.1), ("bad", 0.9))
        for place in "abcd"
        for seed in range(3)
    ]
    frame = pd.DataFrame(rows, columns=["method", "environment", "seed", "test_log_loss"])
    table = from_frame(frame)
    assert table.methods[int(np.argmax(table.means.mean(axis=1)))] == "good"
