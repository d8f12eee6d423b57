"""Orders of units against what each promises, and the batches they come in."""

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.environments.streams import ORDERS, Stream, Visit, times

ENVIRONMENT = np.repeat([0, 1, 2], [40, 30, 50])
TARGET = np.tile([0, 1, 2, 3, 4], 24)


def visits(order, batch=8, environment=ENVIRONMENT, target=TARGET):
    return Stream(order, batch).visits(environment, target, np.random.default_rng(0))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("batch", [1, 2, 8, 1000])
def test_every_unit_comes_once_and_no_batch_is_larger_than_asked(order, batch):
    found = visits(order, batch)
    assert sorted(np.concatenate([v.places for v in found])) == list(range(len(ENVIRONMENT)))
    assert max(len(v.places) for v in found) <= batch + (batch == 2)
    assert found[0].reset


@pytest.mark.parametrize("order", ["reset", "correlated"])
def test_a_model_is_put_back_once_before_each_environment(order):
    found = visits(order)
    own = [set(ENVIRONMENT[v.places]) for v in found]
    assert all(len(codes) == 1 for codes in own)
    at = [k for k, v in enumerate(found) if v.reset]
    assert len(at) == 3
    assert all(own[k] != own[k - 1] for k in at[1:])


def test_a_continual_stream_is_put_back_only_at_its_beginning():
    found = visits("continual")
    assert [v.reset for v in found] == [True] + [False] * (len(found) - 1)
    seen = ENVIRONMENT[np.concatenate([v.places for v in found])]
    assert (np.diff(seen) != 0).sum() == 2


def test_half_of_a_batch_is_left_to_strangers_and_nothing_is_put_back():
    found = visits("strangers", 20)
    assert max(len(v.places) for v in found) == 10
    assert [v.reset for v in found] == [True] + [False] * (len(found) - 1)
    assert all(len(set(ENVIRONMENT[v.places])) == 1 for v in found)


def test_times_are_shares_of_what_comes_between_two_puttings_back():
    found = [
        Visit(np.array([4, 0]), True),
        Visit(np.array([1, 2]), False),
        Visit(np.array([3, 5, 6]), True),
        Visit(np.array([7]), False),
    ]
    # Two batches of two: middles at 1 and 3 of 4. Then of three and of one: 1.5 and 3.5 of 4.
    expected = [0.25, 0.75, 0.75, 0.375, 0.25, 0.375, 0.375, 0.875]
    np.testing.assert_allclose(times(found), expected)


def test_gradual_neighbours_overlap_by_a_quarter_of_their_time_and_others_never():
    environment = np.repeat([0, 1, 2], 400)
    order = np.concatenate(
        [v.places for v in visits("gradual", environment=environment, target=environment)]
    )
    seen = environment[order]
    # Of the first environment nothing comes later than a quarter into the next one's time.
    first = seen[0]
    assert np.flatnonzero(seen == first).max() < 400 * 1.5
    assert (np.diff(seen) != 0).sum() > 50
    assert len(set(seen[:250])) == 1


def test_a_mixed_stream_has_all_environments_from_the_start():
    assert len(set(ENVIRONMENT[visits("mixed", 20)[0].places])) == 3


@pytest.mark.parametrize("order", ["correlated", "mixed-correlated"])
def test_correlated_streams_bring_one_class_after_another(order):
    seen = np.concatenate([v.places for v in visits(order)])
    changes = (np.diff(TARGET[seen]) != 0).sum()
    groups = 3 if order == "correlated" else 1
    assert changes <= 5 * groups - 1


def test_values_are_cut_into_twenty_classes():
    values = np.random.default_rng(1).normal(size=len(ENVIRONMENT))
    seen = np.concatenate([v.places for v in visits("mixed-correlated", target=values)])
    ranks = np.argsort(np.argsort(values))[seen] * 20 // len(values)
    assert (np.diff(ranks) != 0).sum() == 19


def test_no_batch_is_of_a_single_unit_where_that_can_be_helped():
    found = visits("mixed", 32, np.zeros(33, int), np.zeros(33, int))
    assert sorted(len(v.places) for v in found) == [16, 17]
    found = visits("mixed", 2, np.zeros(3, int), np.zeros(3, int))
    assert [len(v.places) for v in found] == [3]


def test_an_unknown_order_is_refused_with_the_nearest_one():
    with pytest.raises(UsageError, match=r"no stream 'continaul'.*continual"):
        Stream("continaul")
