import time
import warnings

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.environments import Environments
from gengap.environments.checks import check, drop_small, giveaways


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def clean(rng, n=120, environments=3):
    X = rng.normal(size=(n, 3))
    y = np.arange(n) // environments % 2
    return Environments.from_arrays(X, y, np.arange(n) % environments)


def test_clean_data_raises_no_suspicion(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check(clean(rng)) == []


def test_every_sentence_is_also_a_warning(rng):
    e = clean(rng, n=24)  # eight examples per environment
    with pytest.warns(SuspiciousInput) as caught:
        found = check(e)
    assert [str(w.message) for w in caught] == found
    assert found == ["3 environments have fewer than 10 examples: 0 (8), 1 (8), 2 (8)."]


def test_known_notes_are_not_repeated(rng):
    e = clean(rng, n=24)
    with pytest.warns(SuspiciousInput):
        (sentence,) = check(e)
    told = Environments.from_arrays(e.X, e.y, e.environment, task=e.task, notes=[sentence])
    assert check(told) == []


def test_small_environments_are_left_out_with_their_classes(rng):
    where = ["a"] * 12 + ["b"] * 15 + ["tiny"] * 3
    y = ["p", "q", "r"] * 9 + ["rare"] * 3
    e = Environments.from_arrays(rng.normal(size=(30, 2)), y, where, factors={"k": range(30)})
    with pytest.warns(SuspiciousInput, match=r"tiny \(3\)"):
        kept = drop_small(e)
    assert kept.names == ("a", "b")
    assert kept.sizes.tolist() == [12, 15]
    assert kept.classes == ("p", "q", "r")
    assert kept.y.tolist() == [0, 1, 2] * 9
    assert kept.factors["k"].tolist() == list(range(27))
    assert "fewer than 10 examples, 3 of 30 rows in all: tiny (3)" in kept.notes[-1]
    assert drop_small(kept) is kept


def test_too_few_large_environments_are_refused(rng):
    where = ["a"] * 12 + ["b"] * 9
    e = Environments.from_arrays(rng.normal(size=(21, 2)), [0, 1, 1] * 7, where, name="wards")
    with pytest.raises(UsageError, match=r"Only 1 of 2 environments of wards .*b \(9\)"):
        drop_small(e)


def test_constant_target_after_leaving_out_is_refused(rng):
    where = ["a"] * 12 + ["b"] * 12 + ["c"] * 5
    e = Environments.from_arrays(rng.normal(size=(29, 2)), [0] * 24 + [1] * 5, where)
    with pytest.raises(UsageError, match=r"c \(5\).*constant"):
        drop_small(e)


def test_single_class_environments_and_lonely_classes_are_named(rng):
    where = np.repeat(["a", "b", "c"], 20)
    y = np.array(["u", "v"] * 20 + ["w"] * 20)
    with pytest.warns(SuspiciousInput):
        single, lonely = check(Environments.from_arrays(rng.normal(size=(60, 2)), y, where))
    assert "c (only w)" in single
    assert "a (" not in single
    assert "w (only in c)" in lonely
    assert "u (" not in lonely


def test_constant_target_within_an_environment_of_a_regression(rng):
    y = np.concatenate([rng.normal(size=40), np.full(20, 3.5)])
    e = Environments.from_arrays(rng.normal(size=(60, 2)), y, np.repeat(["a", "b", "c"], 20))
    with pytest.warns(SuspiciousInput):
        assert check(e) == ["The target is constant within environments c."]


@pytest.mark.parametrize("as_frame", [False, True])
def test_copies_across_environments_are_counted(rng, as_frame):
    X = rng.normal(size=(90, 3))
    y = np.arange(90) % 2
    X[30:34], y[30:34] = X[0:4], y[0:4]  # four rows of a again in b
    X[60], y[60] = X[0], y[0]  # one of them in c as well
    X[40] = X[41]  # twice in b only: no copy across environments
    data = pd.DataFrame(X, columns=list("tuv")) if as_frame else X
    e = Environments.from_arrays(data, y, np.repeat(["a", "b", "c"], 30))
    with pytest.warns(SuspiciousInput):
        (sentence,) = check(e)
    # Four rows in a, four in b, one in c.
    assert sentence.startswith("9 of 90 rows are identical")
    assert "most often a and b (4 distinct rows in common)" in sentence


def test_equal_features_with_another_target_are_no_copies(rng):
    X = rng.normal(size=(40, 3))
    X[20:] = X[:20]
    y = np.concatenate([np.arange(20) % 2, 1 - np.arange(20) % 2])
    assert check(Environments.from_arrays(X, y, np.repeat(["a", "b"], 20))) == []


def test_repetition_in_discrete_data_is_no_news(rng):
    X = rng.integers(0, 2, size=(400, 2))
    e = Environments.from_arrays(X, rng.integers(0, 2, 400), np.arange(400) % 4)
    assert check(e) == []


def test_copied_images_are_found(rng):
    X = rng.integers(0, 256, size=(40, 1, 5, 5)).astype(np.uint8)
    X[39] = X[0]
    y = np.arange(40) // 2 % 2
    y[39] = y[0]
    with pytest.warns(SuspiciousInput, match="2 of 40 rows are identical"):
        check(Environments.from_arrays(X, y, np.repeat(["a", "b"], 20)))


def table(columns, y, n):
    return Environments.from_arrays(pd.DataFrame(columns), y, np.arange(n) % 4)


def test_threshold_and_category_that_give_the_class_away(rng):
    n = 1000
    y = rng.permutation(np.arange(n) % 2)
    columns = {
        "fine": rng.normal(size=n),
        "lab": y * 10 + rng.normal(size=n),
        "code": pd.Categorical(
            [f"{'no' if t else 'yes'}{k}" for t, k in zip(y, rng.integers(0, 9, n), strict=True)]
        ),
        "copy": pd.Categorical(np.where(y, "ill", "well")),
    }
    found = giveaways(table(columns, y, n))
    assert len(found) == 3
    assert "'lab'" in found[0]
    assert "100.0%" in found[0]
    assert "'code'" in found[1]
    assert "'copy'" in found[2]
    assert "one-to-one" in found[2]


def test_high_accuracy_that_the_base_rate_explains_is_not_suspicious(rng):
    n = 4000
    y = (np.arange(n) % 200 == 0).astype(int)  # 99.5% of one class
    assert giveaways(table({"x": rng.normal(size=n)}, y, n)) == []


def test_correlated_features_give_the_value_away(rng):
    n = 500
    y = rng.normal(size=n)
    columns = {
        "noisy": y + rng.normal(size=n),
        "celsius": 1.8 * y + 32,
        "monotone": np.exp(4 * y),
        "band": pd.Categorical([f"b{int(v * 10)}" for v in y]),
        "gaps": np.where(np.arange(n) % 3 == 0, np.nan, -y),
    }
    found = giveaways(table(columns, y, n))
    named = [sentence.split("'")[1] for sentence in found]
    assert named == ["celsius", "monotone", "band", "gaps"]
    assert "correlation with it is -1.0000" in found[3]
    assert "rank correlation" in found[1]


def test_feature_that_is_the_environment(rng):
    n = 400
    columns = {
        "x": rng.normal(size=n),
        "city": pd.Categorical([f"city{k % 4}" for k in range(n)]),
        "half": np.arange(n) % 2 * 1.0,
        "code": np.arange(n) % 4 * 7.5,
    }
    found = giveaways(table(columns, rng.integers(0, 2, n), n))
    assert [s.split("'")[1] for s in found] == ["city", "code"]
    assert all("one-to-one with the environment" in s for s in found)


def test_almost_one_to_one_in_the_sample_is_verified_on_all_rows(rng):
    n = 40_000
    code = np.arange(n) % 4 * 1.0
    code[rng.integers(n)] = 9.0
    assert giveaways(table({"code": code}, rng.integers(0, 2, n), n)) == []


def test_arrays_name_columns_by_position(rng):
    y = np.arange(200) % 2
    X = np.column_stack([rng.normal(size=200), y * 3.0])
    (sentence,) = giveaways(Environments.from_arrays(X, y, np.arange(200) // 50))
    assert sentence.startswith("Column 1 (from 0) gives the target away")


@pytest.mark.slow
def test_time_grows_as_the_rows_do(rng):
    def seconds(n: int) -> float:
        X = rng.normal(size=(n, 30))
        e = Environments.from_arrays(X, rng.integers(0, 2, n), rng.integers(0, 50, n))
        start = time.process_time()
        assert check(e) == []
        return time.process_time() - start

    assert seconds(1_000_000) < 30 * seconds(100_000)


def test_a_lower_limit_keeps_smaller_environments(rng):
    where = np.repeat(["a", "b", "c", "d"], [12, 9, 5, 4])
    e = Environments.from_arrays(rng.normal(size=(30, 2)), np.arange(30) % 2, where)
    with pytest.raises(UsageError, match="keep 2 of those with --min-examples 5"):
        drop_small(e)
    with pytest.warns(SuspiciousInput, match=r"Left out 1 of 4 .* 4 of 30 rows in all: d \(4\)\."):
        kept = drop_small(e.with_least(5))
    assert kept.names == ("a", "b", "c")
    assert kept.min_examples == 5
    for least in (4, 0, -1, 2.5, True):
        with pytest.raises(UsageError, match="min_examples must be a whole number of at least 5"):
            e.with_least(least)
