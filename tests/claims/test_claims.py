"""Claims about detectors: their statistics against other code, and what came out on digits.

The claims run on real digits are slow. They assert what held there with room to spare; the numbers
with their intervals are in docs/detectors.md.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_digits
from statsmodels.stats.multitest import multipletests
from torch import nn

from gengap.base.errors import UsageError
from gengap.claims.claim import verdict
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
    SHIFTS,
    SPARE,
    Images,
    Problem,
    Scored,
    load_images,
    make_problem,
    read,
    score_all,
    trained_networks,
    with_wrong_labels,
)
from gengap.environments.parts import TEST, TRAIN
from gengap.records.store import Store
from gengap.statistics.intervals import Interval
from gengap.statistics.separation.metrics import auroc
from gengap.statistics.separation.unit_tests import threshold
from gengap.study.trained import Trained

TABLE = np.random.default_rng(0).normal(0.8, 0.05, (6, 4))


def numbered(n: int = 400) -> Images:
    """Images that carry their row in every pixel, classes in turn."""
    pixels = np.broadcast_to(np.linspace(0, 1, n)[:, None, None], (n, 4, 4)).astype(np.float32)
    return Images(pixels, np.arange(n) % 10, pixels + 2)


def test_a_claim_holds_only_where_the_interval_lies_on_its_side() -> None:
    assert verdict(Interval(0.2, 0.1, 0.3)) == "holds"
    assert verdict(Interval(-0.2, -0.3, -0.1)) == "does not hold"
    assert verdict(Interval(0.1, -0.1, 0.3)) == "undecided"
    assert verdict(Interval(0.1, np.nan, np.nan)) == "undecided"


def test_comparison_is_a_paired_t_test_under_holm() -> None:
    found = compare_with("b", ["a", "b", "c", "d"], TABLE)
    tests = [stats.ttest_rel(TABLE[:, d], TABLE[:, 1]) for d in (0, 2, 3)]
    adjusted = multipletests([test.pvalue for test in tests], method="holm")[1]
    others = [found[d] for d in (0, 2, 3)]
    np.testing.assert_allclose([one.p_value for one in others], adjusted)
    for one, test in zip(others, tests, strict=True):
        limits = test.confidence_interval(0.95)
        assert (one.difference.low, one.difference.high) == pytest.approx(tuple(limits))
    assert np.isnan(found[1].p_value)
    assert found[1].difference.estimate == 0
    assert found[0].value.estimate == pytest.approx(TABLE[:, 0].mean())


def test_sensitivity_is_the_mean_difference_over_detectors() -> None:
    found = sensitivity([[0.9, 0.7], [0.8, 0.8]], [[0.6, 0.6], [0.7, 0.5]])
    # Seeds differ by 0.2 and 0.2 on average over detectors.
    assert (found.estimate, found.low, found.high) == pytest.approx((0.2, 0.2, 0.2))


def test_random_hidden_inliers_shrink_areas_and_keep_the_order() -> None:
    rng = np.random.default_rng(1)
    quality = np.array([0.3, 0.9, 1.5, 2.1])[:, None]
    known, hidden = rng.normal(size=(2, 4, 4000))
    strangers = rng.normal(size=(4, 4000)) + quality
    found = hide_inliers(known, strangers, hidden, [0, 0.25, 0.5])
    clean = stats.norm.cdf(quality / np.sqrt(2)).mean()
    for one in found:
        assert one.agreement == 1
        assert one.area == pytest.approx((1 - one.share) * clean + one.share / 2, abs=0.01)


def test_hidden_inliers_that_one_detector_finds_strange_turn_the_order() -> None:
    rng = np.random.default_rng(2)
    known = rng.normal(size=(2, 1000))
    strangers = rng.normal([[1.0], [1.5]], size=(2, 1000))
    hidden = rng.normal([[9.0], [0.0]], size=(2, 1000))
    agreements = [one.agreement for one in hide_inliers(known, strangers, hidden, [0, 0.5])]
    assert agreements == [1, -1]


def test_stopping_is_graded_on_the_seed_left_out() -> None:
    # Seeds 1 and 2 choose checkpoint 1 for seed 0; seeds 0 and 1, and 0 and 2, choose checkpoint 0.
    areas = [[0.9, 0.1, 0.5], [0.6, 0.8, 0.5], [0.6, 0.7, 0.5]]
    assert stopping_gain(areas).estimate == pytest.approx(((0.1 - 0.5) + 0.1 + 0.1) / 3)


def test_stopping_early_gains_nothing_on_noise() -> None:
    noise = np.random.default_rng(3).normal(0.8, 0.02, (200, 7))
    assert (noise.max(1) - noise[:, -1]).mean() > 0.02
    assert not stopping_gain(noise).excludes(0)


def test_rank_correlation_is_spearmans_averaged_over_seeds() -> None:
    other = np.random.default_rng(4).normal(size=TABLE.shape)
    expected = [stats.spearmanr(a, b)[0] for a, b in zip(TABLE, other, strict=True)]
    assert rank_correlation(TABLE, other).estimate == pytest.approx(np.mean(expected))
    assert rank_correlation(TABLE, np.exp(TABLE)).estimate == pytest.approx(1)


def test_choosing_by_another_number_loses_what_the_choices_differ_in() -> None:
    wanted = np.array([[0.9, 0.6], [0.8, 0.6], [0.9, 0.5]])
    assert loss_of_choosing_by(-wanted, wanted).estimate == pytest.approx(0.3)
    assert loss_of_choosing_by(10 * wanted, wanted).estimate == 0


def test_tables_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(UsageError, match="no detector 'msq'; did you mean 'msp'"):
        compare_with("msq", ["msp", "knn", "b", "c"], TABLE)
    with pytest.raises(UsageError, match="2 detectors are named, but 4"):
        compare_with("msp", ["msp", "knn"], TABLE)
    with pytest.raises(UsageError, match="one shape"):
        sensitivity(TABLE, TABLE[:, :2])
    with pytest.raises(UsageError, match="Finite numbers"):
        stopping_gain([[0.5, np.nan], [0.5, 0.6]])
    with pytest.raises(UsageError, match="at least 2 detectors"):
        hide_inliers(TABLE[:1], TABLE[:1], TABLE[:1], [0])
    with pytest.raises(UsageError, match="inliers to hide"):
        hide_inliers(np.ones((2, 9)), np.ones((2, 40)), np.ones((2, 9)), [0.5])


def train(problem: Problem, steps: Sequence[int], model: object = "mlp") -> list[Trained]:
    with Store(":memory:") as store:
        return list(trained_networks(problem, model, steps, store).values())


def test_parts_of_a_problem_share_no_image_and_no_held_out_class() -> None:
    images = numbered()
    problem = make_problem(images, 0, train=150, each=50)

    def rows(pixels: np.ndarray) -> np.ndarray:
        return np.rint(pixels[:, 0, 0, 0] * 399).astype(int)

    (trained,) = train(problem, [1])
    fitted = trained.train_rows
    train_rows, known, spare = (
        rows(part)
        for part in (problem.environments.X[fitted], problem.asked[KNOWN], problem.asked[SPARE])
    )
    new = rows(problem.asked[NEW])
    assert [len(part) for part in (train_rows, known, spare, new)] == [150, 50, 50, 50]
    assert len(set(train_rows) | set(known) | set(spare) | set(new)) == 300
    assert len(set(new % 10)) == 3
    assert not set(new % 10) & set(np.concatenate([train_rows, known, spare]) % 10)
    left = sorted({0, 1, 2, 3, 4, 5, 6, 7, 8, 9} - set(new % 10))
    assert [left[code] for code in problem.answers[KNOWN]] == list(known % 10)
    assert [left[code] for code in problem.environments.y[fitted]] == list(train_rows % 10)
    assert np.array_equal(np.sort(fitted), np.flatnonzero(problem.part == TRAIN))
    again, other = make_problem(images, 0, 150, 50), make_problem(images, 1, 150, 50)
    assert np.array_equal(again.environments.X, problem.environments.X)
    assert not np.array_equal(other.environments.X, problem.environments.X)


def test_wrong_labels_are_another_class_for_exactly_their_share() -> None:
    problem = make_problem(numbered(), 0, 150, 50)
    before = problem.environments.y.copy()
    for share in (0.0, 0.2, 1.0):
        wrong = with_wrong_labels(problem, share)
        assert (wrong.environments.y != before).mean() == share
        assert set(wrong.environments.y) <= set(range(7))
        assert np.array_equal(wrong.truth, before)
    assert np.array_equal(problem.environments.y, before)
    with pytest.raises(UsageError, match="between 0 and 1"):
        with_wrong_labels(problem, 1.5)


def test_checkpoints_are_those_that_the_run_recorded(tmp_path: Path) -> None:
    problem = make_problem(numbered(), 0, 150, 50)
    state = torch.get_rng_state()
    with Store(tmp_path / "records.db") as store:
        found = trained_networks(problem, "mlp", [3, 30], store)
        (run,) = store.runs()
        recorded = store.outcomes([run.run.key], "test", [3, 30])
        again = trained_networks(problem, "mlp", [3, 30], store)
        assert [stored.created for stored in store.runs()] == [run.created]
    assert torch.equal(torch.get_rng_state(), state)
    test = np.concatenate([np.arange(half, 250, 2) for half in range(2)])
    test = test[np.isin(test, np.flatnonzero(problem.part == TEST))]
    for step, trained in found.items():
        logits = read(trained, problem.environments.X[test]).logits
        assert logits is not None
        said = recorded[run.run.key, step].predicted
        np.testing.assert_array_equal(logits.argmax(1).numpy(), said)
        kept = read(again[step], problem.environments.X[test]).logits
        assert kept is not None
        assert torch.equal(kept, logits)
    early, late = (recorded[run.run.key, step].predicted for step in (3, 30))
    assert (early != late).any()


def test_scores_are_the_detectors_own() -> None:
    problem = make_problem(numbered(), 0, 150, 50)
    (trained,) = train(problem, [20])
    found = score_all(trained, problem, ["msp", "knn"])
    fitted = problem.environments.X[problem.part == TRAIN].astype(np.float64)

    def logits(pixels: np.ndarray) -> np.ndarray:
        standardised = ((pixels - fitted.mean()) / fitted.std()).astype(np.float32)
        return trained.module(torch.from_numpy(standardised)).detach().double().numpy()

    chance = np.exp(logits(problem.asked[NEW]))
    chance /= chance.sum(1, keepdims=True)
    assert found.detectors == ("msp", "knn")
    np.testing.assert_allclose(found.strangeness[NEW][0], 1 - chance.max(1), atol=1e-6)
    said = logits(problem.asked["noise"]).argmax(1)
    assert np.array_equal(found.right["noise"], said == problem.answers[SPARE])
    assert NEW not in found.right


def test_a_convolutional_network_has_no_detectors_between_layers() -> None:
    def build(shape: object, classes: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, classes))

    problem = make_problem(numbered(), 0, 150, 50)
    (trained,) = train(problem, [2], build)
    found = score_all(trained, problem, ["msp", "blood", "quantile-width"])
    assert found.detectors == ("msp",)


def test_images_come_from_idx_files_at_the_size_of_each_other(tmp_path: Path) -> None:
    clothes = np.zeros((3, 28, 28), np.uint8)
    clothes[1, 2:6, 2:6] = 255
    images = b"\0\0\x08\x03" + np.array([3, 28, 28], ">u4").tobytes() + clothes.tobytes()
    labels = b"\0\0\x08\x01" + np.array([3], ">u4").tobytes() + bytes([4, 9, 0])
    for name, content in (("images-idx3", images), ("labels-idx1", labels)):
        (tmp_path / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    large, small = (load_images(name, str(tmp_path)) for name in ("clothes", "digits"))
    assert large.labels.tolist() == [4, 9, 0]
    assert large.elsewhere.shape == (1797, 28, 28)
    assert small.pixels.shape == (1797, 8, 8)
    assert small.elsewhere.shape == (3, 8, 8)
    assert small.elsewhere[1].sum() == small.elsewhere[1, 1, 1] == 1
    with pytest.raises(UsageError, match="nowhere"):
        load_images("clothes", str(tmp_path / "nowhere"))


SEEDS = range(5)


@cache
def digits() -> Images:
    found = load_digits()
    noise = np.random.default_rng(9).random((400, 8, 8), dtype=np.float32)
    return Images((found.images / 16).astype(np.float32), found.target, noise)


def trained(seed: int, steps: int = 600, wrong: float = 0.0) -> tuple[Problem, Trained]:
    problem = with_wrong_labels(make_problem(digits(), seed), wrong)
    (network,) = train(problem, [steps])
    return problem, network


@cache
def plain_runs() -> tuple[Scored, ...]:
    return tuple(score_all(network, problem) for problem, network in map(trained, SEEDS))


def areas(kind: str) -> np.ndarray:
    return np.stack([auroc(r.strangeness[KNOWN], r.strangeness[kind]) for r in plain_runs()])


@pytest.mark.slow
def test_energy_is_not_shown_to_beat_softmax_in_auroc_on_new_digits() -> None:
    names = plain_runs()[0].detectors
    found = compare_with("msp", names, areas(NEW))[names.index("energy")]
    assert verdict(found.difference) != "holds"
    assert abs(found.difference.estimate) < 0.02


@pytest.mark.slow
def test_detectors_gain_more_over_softmax_on_covariate_than_on_semantic_shift() -> None:
    shifted = np.mean([areas(kind) for kind in SHIFTS], axis=0)
    gains = [values[:, 1:] - values[:, :1] for values in (shifted, areas(NEW))]
    assert plain_runs()[0].detectors[0] == "msp"
    assert verdict(sensitivity(*gains)) == "holds"


@pytest.mark.slow
def test_hidden_inliers_halve_the_lead_over_chance() -> None:
    found = [
        hide_inliers(run.strangeness[KNOWN], run.strangeness[NEW], run.strangeness[SPARE], [0, 0.5])
        for run in plain_runs()
    ]
    clean, half = np.mean([[one.area - 0.5 for one in row] for row in found], axis=0)
    assert half == pytest.approx(clean / 2, abs=0.03)


@pytest.mark.slow
def test_confidence_grows_far_from_the_data_and_detectors_of_logits_flag_nothing_there() -> None:
    for seed in SEEDS:
        problem, network = trained(seed)
        far = 1000 * problem.asked[KNOWN]
        names = ("msp", "entropy", "energy", "max-logit", "mahalanobis", "local-outlier-factor")
        found = score_all(network, problem, names, {SPARE: problem.asked[SPARE], "far": far})
        logits = read(network, far).logits
        assert logits is not None
        assert logits.softmax(1).amax(1).mean() > 0.99
        flagged = [
            (far > threshold(spare)).mean()
            for spare, far in zip(found.strangeness[SPARE], found.strangeness["far"], strict=True)
        ]
        assert max(flagged[:4]) < 0.02
        assert min(flagged[4:]) > 0.98


@pytest.mark.slow
def test_detection_peaks_before_the_last_checkpoint_only_with_wrong_labels_to_memorise() -> None:
    def gain(wrong: float) -> Interval:
        table = []
        for seed in SEEDS:
            problem = with_wrong_labels(make_problem(digits(), seed), wrong)
            networks = train(problem, [100, 200, 400, 1600])
            found = [score_all(network, problem, ["energy"]) for network in networks]
            table.append([auroc(f.strangeness[KNOWN], f.strangeness[NEW])[0] for f in found])
        return stopping_gain(table)

    assert gain(0.2).low > 0.1
    assert abs(gain(0).estimate) < 0.03


@pytest.mark.slow
def test_errors_look_more_like_strangers_than_right_answers_do_under_label_noise() -> None:
    table = []
    for seed in SEEDS:
        problem, network = trained(seed, steps=1600, wrong=0.4)
        found = score_all(network, problem)
        known, right = found.strangeness[KNOWN], found.right[KNOWN]
        parts = (known[:, right], known[:, ~right])
        table.append([auroc(part, found.strangeness[NEW]) for part in parts])
    right, wrong = np.array(table).transpose(1, 0, 2)
    assert verdict(sensitivity(right, wrong)) == "holds"
