"""One thread for each fit, and what was set before afterwards."""

from __future__ import annotations

import threadpoolctl
from sklearn.linear_model import LogisticRegression  # noqa: F401  (loads the libraries)

from gengap.training.threads import single_threaded


def test_every_library_has_one_thread_inside_and_what_it_had_afterwards():
    with threadpoolctl.threadpool_limits(2):
        before = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        with single_threaded():
            inside = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        after = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    assert 2 in before
    assert inside == [1] * len(before)
    assert after == before
