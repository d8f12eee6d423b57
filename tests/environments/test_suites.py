"""The catalogue, and the suites made of real or generated examples."""

from __future__ import annotations

import gzip
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from gengap.base.errors import UsageError
from gengap.environments.splits import LeaveOneEnvironmentOut, parse_splits
from gengap.environments.suites import load_suite, parse_suite, suite_info, suites
from gengap.environments.suites.digits import FORM_STARTS
from gengap.environments.suites.drawing import deal
from gengap.environments.suites.fashion import DEBIAN_PATH
from gengap.environments.suites.images import corrupt, rotate
from gengap.environments.suites.signals import place, templates

NAMES = [
    "digits-writers",
    "breast-cancer-size",
    "concept-shift",
    "covariate-shift",
    "diabetes-age",
    "digits-coloured",
    "digits-rotated",
    "digits-writers-shuffled",
    "fashion",
    "label-shift",
    "linear-shift",
    "noise-shift",
    "signals",
]
HERE = [name for name in NAMES if name != "fashion"]


# --- the catalogue --------------------------------------------------------------------------


def test_the_catalogue_lists_every_suite_the_default_first():
    # The whole cube of a function of signs has no n; tests of its own are in test_boolean_suite.
    own = "gengap.environments.suites.boolean_functions"
    others = "gengap.control", "gengap.sequences", own
    tables = {n: s for n, s in suites().items() if not s.load.__module__.startswith(others)}
    assert list(tables) == NAMES
    assert next(iter(suites())) == NAMES[0]
    for info in suites().values():
        assert "seed" in info.arguments
        assert "n" in info.arguments or info.name not in NAMES
        assert info.summary.endswith((".", "?"))


@pytest.mark.parametrize("name", HERE)
def test_suites_are_repeatable_and_their_default_split_works(name):
    first, again = load_suite(name), load_suite(name)
    assert first.fingerprint == again.fingerprint
    assert load_suite(name, seed=1, n=40).fingerprint != load_suite(name, seed=2, n=40).fingerprint
    kinds = first.X.dtypes if isinstance(first.X, pd.DataFrame) else [first.X.dtype]
    assert all(kind == np.float32 for kind in kinds)
    assert np.isfinite(np.asarray(first.X)).all()
    assert not any("object" in str(kind) for kind in first.factors.dtypes)
    splits = parse_splits(suite_info(name).default_splits).iterate(first)
    assert len(splits) == len({split.name for split in splits})
    for split in splits:
        inside, outside = split.train_environments(first), split.unseen_environments(first)
        assert not set(inside) & set(outside)


@pytest.mark.parametrize("name", HERE)
def test_n_bounds_the_size_of_every_environment(name):
    assert load_suite(name, n=30).sizes.tolist() == [30] * len(load_suite(name, n=30).names)
    with pytest.raises(UsageError, match="at least 1 example"):
        load_suite(name, n=0)


def test_names_options_and_values_are_checked():
    with pytest.raises(UsageError, match="did you mean 'digits-writers'"):
        load_suite("digits-writer")
    with pytest.raises(UsageError, match=r"no option 'angels'; did you mean 'angles'"):
        load_suite("digits-rotated", angels=(0, 10))
    with pytest.raises(UsageError, match=r"option n of the suite 'signals' cannot be 'many'"):
        load_suite("signals:n=many")
    with pytest.raises(UsageError, match="write path=VALUE"):
        load_suite("fashion:path")
    with pytest.raises(UsageError, match="task"):
        load_suite("linear-shift:task=ranking")


def test_options_in_the_name():
    assert parse_suite("fashion:path=/a,b,n=5") == ("fashion", {"path": "/a,b", "n": "5"})
    assert parse_suite("signals") == ("signals", {})
    typed = load_suite("digits-rotated:angles=0/30,disjoint=false", n=20)
    assert typed.names == ("0", "30")
    assert (
        typed.fingerprint
        == load_suite("digits-rotated", n=20, angles=(0, 30), disjoint=False).fingerprint
    )
    assert load_suite("linear-shift:task=regression,n=10").task == "regression"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("digits-rotated:angles=10", "angles must hold two or more"),
        ("digits-coloured:agreements=0.9/0.9", "agreements must hold two or more"),
        ("digits-coloured:label_noise=2", "are probabilities"),
        ("signals:shears=1/1", "shears must hold two or more"),
        ("signals:noises=-1", "not negative"),
        ("concept-shift:offsets=1/1", "offsets must hold two or more"),
        ("concept-shift:features=0", "at least one feature"),
        ("covariate-shift:noise=-1/1", "must not be negative"),
        ("label-shift:priors=0/0.5", "between 0 and 1"),
        ("label-shift:separation=0", "positive separation"),
        ("noise-shift:deviations=-1/1", "not negative"),
        ("linear-shift:strengths=1/1", "two or more different"),
        ("linear-shift:shortcut_noise=1/1", "shortcut_noise has 2 values for 4"),
        ("linear-shift:shortcut_noise=0", "must be positive"),
    ],
)
def test_impossible_options_are_refused(text, says):
    with pytest.raises(UsageError, match=says):
        load_suite(text)


def test_deal_is_even_within_every_class():
    y = np.repeat([0, 1, 2], [7, 12, 2])
    part = deal(y, 4, np.random.default_rng(0))
    for rows in (np.ones(21, bool), y == 0, y == 1, y == 2):
        counts = np.bincount(part[rows], minlength=4)
        assert counts.max() - counts.min() <= 1


# --- digits ---------------------------------------------------------------------------------


def is_subsequence(short: list[int], long: list[int]) -> bool:
    rest = iter(long)
    return all(any(digit == other for other in rest) for digit in short)


def test_writers_boundaries_follow_from_the_sheet_all_copied():
    """Each form is a subsequence of the 130 digits of the first, and only at these boundaries."""
    target = load_digits().target.tolist()
    sheet = target[:130]
    assert sheet[:30] == list(range(10)) * 3
    # the one digit of the file that is not what the sheet asks for
    assert (target[385], sheet[129]) == (3, 8)
    target[385] = 8

    def fits(starts: list[int]) -> bool:
        ends = [*starts[1:], len(target)]
        return all(is_subsequence(target[a:b], sheet) for a, b in zip(starts, ends, strict=True))

    starts = list(FORM_STARTS)
    assert fits(starts)
    for form in range(1, 14):
        for shift in (-1, 1):
            assert not fits([s + shift * (k == form) for k, s in enumerate(starts)])


def test_writers_hold_scikit_learns_digits():
    data, raw = load_suite("digits-writers"), load_digits()
    np.testing.assert_array_equal(data.X[:, 0] * 16, raw.images)
    np.testing.assert_array_equal(data.y, raw.target)
    assert data.names[0] == "writer 00"
    assert data.names[-1] == "writer 13"
    assert data.sizes.tolist() == np.diff([*FORM_STARTS, 1797]).tolist()
    assert all(len(np.unique(data.y[data.environment == k])) == 10 for k in range(14))


def test_the_placebo_has_the_same_examples_and_sizes_but_mixed_writers():
    real, placebo = load_suite("digits-writers"), load_suite("digits-writers-shuffled")
    np.testing.assert_array_equal(real.X, placebo.X)
    np.testing.assert_array_equal(real.y, placebo.y)
    np.testing.assert_array_equal(real.sizes, placebo.sizes)
    # under a permutation about 1 in 14 keeps its writer
    assert 0.04 < np.mean(real.environment == placebo.environment) < 0.11


@pytest.mark.slow
def test_unseen_writers_cost_two_points_and_shuffled_ones_nothing():
    def accuracy(name: str, within: bool) -> float:
        data = load_suite(name)
        X, rng, hits = data.X.reshape(len(data), -1), np.random.default_rng(0), []
        for split in LeaveOneEnvironmentOut().iterate(data):
            half = rng.permutation(split.unseen)
            test, seen = half[: len(half) // 2], half[len(half) // 2 :]
            train = rng.permutation(split.train)
            if within:
                train = np.concatenate([train[len(seen) :], seen])
            model = LogisticRegression(C=0.3, max_iter=300).fit(X[train], data.y[train])
            hits.append(model.predict(X[test]) == data.y[test])
        return float(np.mean(np.concatenate(hits)))

    real = accuracy("digits-writers", True) - accuracy("digits-writers", False)
    placebo = accuracy("digits-writers-shuffled", True) - accuracy("digits-writers-shuffled", False)
    assert real > 0.01
    assert abs(placebo) < 0.01


def test_rotation_is_counter_clockwise_and_exact_at_right_angles():
    images = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(rotate(images, 90), np.rot90(images, axes=(1, 2)), atol=1e-6)
    np.testing.assert_array_equal(rotate(images, 0), images)
    assert rotate(images, 33).dtype == np.float32
    assert 0 <= rotate(images, 33).min() <= rotate(images, 33).max() <= 1.0001


def test_each_digit_is_rotated_once():
    data, images = load_suite("digits-rotated"), load_digits().images / 16
    place = data.factors["position"].to_numpy()
    assert sorted(place.tolist()) == list(range(1797))
    still = data.environment == data.names.index("0")
    np.testing.assert_allclose(data.X[still, 0], images[place[still]], rtol=1e-6)
    turned = data.environment == data.names.index("75")
    assert np.abs(data.X[turned, 0] - images[place[turned]]).mean() > 0.1
    assert data.factors["angle"].tolist() == [float(data.names[k]) for k in data.environment]
    everyone = load_suite("digits-rotated", disjoint=False)
    assert everyone.sizes.tolist() == [1797] * 6


def test_colours_agree_with_the_noisy_label_at_the_stated_rates():
    data = load_suite("digits-coloured")
    digit = data.factors["digit"].to_numpy()
    red = (data.factors["colour"] == "red").to_numpy()
    for k, rate in ((0, 0.1), (1, 0.8), (2, 0.9)):
        here = data.environment == k
        assert data.names[k] == f"agree {rate}"
        bound = 4 * np.sqrt(rate * (1 - rate) / 599)
        assert np.mean(red[here] == (data.y[here] == 1)) == pytest.approx(rate, abs=bound)
        noisy = np.mean((digit[here] >= 5) != (data.y[here] == 1))
        assert noisy == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 599))
    images = load_digits().images[data.factors["position"]] / 16
    np.testing.assert_allclose(data.X[red, 0], images[red], rtol=1e-6)
    np.testing.assert_allclose(data.X[~red, 1], images[~red], rtol=1e-6)
    assert not data.X[red, 1].any()
    assert not data.X[~red, 0].any()


# --- tables ---------------------------------------------------------------------------------


def test_age_bands_hold_their_ages():
    data = load_suite("diabetes-age")
    age = data.factors["age"].to_numpy()
    for k, name in enumerate(data.names):
        low, high = map(int, name.split("-"))
        mine = age[data.environment == k]
        assert (mine.min(), mine.max()) == (low, high)
    (split,) = parse_splits("extrapolate:age").iterate(data)
    assert split.unseen_environments(data) == ("55-64", "65-79")


def test_tumours_are_divided_by_size_and_do_not_show_it():
    data = load_suite("breast-cancer-size")
    raw = load_breast_cancer()
    radius = data.factors["mean radius"].to_numpy()
    edges = [
        (radius[data.environment == k].min(), radius[data.environment == k].max()) for k in range(5)
    ]
    assert all(below[1] < above[0] for below, above in pairwise(edges))
    assert data.sizes.max() - data.sizes.min() <= 1
    assert data.X.shape == (569, 21)
    assert not [c for c in data.X if "radius" in c or "area" in c or "perimeter" in c]
    assert load_suite("breast-cancer-size", size_features=True).X.shape == (569, 30)
    benign = np.asarray(data.classes)[data.y] == "benign"
    np.testing.assert_array_equal(benign, raw.target == 1)
    share = [benign[data.environment == k].mean().round(2) for k in (0, 4)]
    assert share == [0.98, 0.01]


# --- signals --------------------------------------------------------------------------------


def test_signals_are_padded_rolled_and_sampled():
    curve = np.arange(1.0, 13.0)
    # 12 + 28 points are sampled one by one, 12 + 67 = 79 points every second one
    placed = place(np.stack([curve, curve]), np.array([28, 67]), np.array([30, 0]))
    assert placed[0].tolist() == [11.0, 12.0, *[0.0] * 28, *np.arange(1.0, 11.0)]
    assert placed[1].tolist() == [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, *[0.0] * 34]


def test_signals_carry_their_shear_and_noise():
    data = load_suite("signals", n=400)
    factors, X = data.factors, data.X[:, 0]
    line = np.linspace(-0.5, 0.5, 40)
    slopes = X @ line / (line @ line)
    for shear, mean in _means(slopes, factors["shear"]):
        assert mean == pytest.approx(shear, abs=0.15)
    still = load_suite("signals", n=400, noises=(0.0,))
    for noise in (0.1, 0.4):
        loud = load_suite("signals", n=400, noises=(noise,))
        assert np.std(loud.X - still.X) == pytest.approx(noise, rel=0.05)
    assert sorted(factors["translation"].unique()) == [0, 12, 24, 36, 48]
    assert len(parse_splits("combinations:shear,noise").iterate(data)) == 5


def _means(values: np.ndarray, by: pd.Series) -> list[tuple[float, float]]:
    return [(level, values[(by == level).to_numpy()].mean()) for level in sorted(by.unique())]


def test_templates_have_equal_power_and_are_unlike():
    curves = templates()
    np.testing.assert_allclose((curves**2).mean(axis=1), 1)
    distance = np.linalg.norm(curves[:, None] - curves, axis=2) + 99 * np.eye(10)
    # independent curves of this power lie sqrt(2 * 12) = 4.9 apart on average
    assert distance.min() > 4


def test_signals_need_more_than_a_linear_model():
    data = load_suite("signals", n=800, shears=(0.0, 0.5), noises=(0.05,))
    X, y, cut = data.X[:, 0], data.y, np.random.default_rng(0).permutation(1600)
    train, test = cut[:1200], cut[1200:]
    linear = LogisticRegression(max_iter=300).fit(X[train], y[train]).score(X[test], y[test])
    # the spectrum's size does not depend on where the curve lies
    sizes = np.abs(np.fft.rfft(X, n=80))
    near = KNeighborsClassifier(5).fit(sizes[train], y[train]).score(sizes[test], y[test])
    assert 0.1 < linear < 0.45
    assert near > linear + 0.15


# --- fashion --------------------------------------------------------------------------------


@pytest.fixture
def clothes(tmp_path: Path) -> Path:
    """Write 120 images of 28 x 28 as IDX, the labels compressed."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (120, 28, 28), dtype=np.uint8)
    header = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(header + images.tobytes())
    labels = (np.arange(120) % 10).astype(np.uint8)
    with gzip.open(tmp_path / "train-labels-idx1-ubyte.gz", "wb") as stream:
        stream.write(struct.pack(">4BI", 0, 0, 8, 1, 120) + labels.tobytes())
    np.save(tmp_path / "images.npy", images)
    return tmp_path


@pytest.mark.parametrize(("shift", "still"), [("rotation", "0"), ("corruption", "clean")])
def test_fashion_reads_idx_files_and_uses_each_image_once(clothes, shift, still):
    data = load_suite(f"fashion:path={clothes},n=20,shift={shift}")
    place = data.factors["position"].to_numpy()
    assert data.X.shape == (120, 1, 28, 28)
    assert data.X.dtype == np.float32
    assert sorted(place.tolist()) == list(range(120))
    assert data.sizes.tolist() == [20] * 6
    raw = np.load(clothes / "images.npy")
    untouched = data.environment == data.names.index(still)
    np.testing.assert_allclose(data.X[untouched, 0], raw[place[untouched]] / 255, rtol=1e-6)
    assert np.asarray(data.classes)[data.y[place == 3]].tolist() == ["dress"]
    with pytest.raises(UsageError, match="use n=20 or less"):
        load_suite("fashion", path=str(clothes), n=21, shift=shift)


def test_fashion_says_where_to_get_its_files(tmp_path):
    with pytest.raises(UsageError, match="apt-get install dataset-fashion-mnist"):
        load_suite("fashion", path=str(tmp_path))


def test_corruptions_do_what_they_say():
    images = np.random.default_rng(0).random((50, 28, 28)).astype(np.float32)
    rng = np.random.default_rng(1)
    assert np.mean(corrupt(images, "occlusion", rng) == 0) == pytest.approx(14**2 / 28**2)
    low = corrupt(images, "contrast", rng)
    np.testing.assert_allclose(low.std((1, 2)), 0.3 * images.std((1, 2)), rtol=1e-4)
    blocks = corrupt(images, "pixelate", rng)
    np.testing.assert_allclose(blocks[:, 4:8, 8:12].std((1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(blocks[:, 4, 8], images[:, 4:8, 8:12].mean((1, 2)), rtol=1e-5)
    assert corrupt(images, "blur", rng).std() < 0.3 * images.std()
    grey = corrupt(np.full_like(images, 0.5), "noise", rng)
    # normal noise of 0.25 cut off at two standard deviations either side
    assert grey.std() == pytest.approx(0.24, abs=0.01)


@pytest.mark.skipif(not Path(DEBIAN_PATH).is_dir(), reason="dataset-fashion-mnist not installed")
def test_the_debian_package_is_read():
    data = load_suite("fashion", n=200)
    assert data.names == ("0", "15", "30", "45", "60", "75")
    counts = np.bincount(data.y)
    assert len(counts) == 10
    assert counts.min() > 80
    assert load_suite("fashion", n=200).fingerprint == data.fingerprint
