"""How fast are the detectors that measure distance, and how near to faiss are exact neighbours?

    pip install faiss-cpu
    python benchmarks/detectors_distance.py [THREADS]

Prints the rate of exact k-nearest-neighbour scoring with 50,000 references of 128 features as a
ratio to faiss's IndexFlatL2 on the same work (repetitions taken in turn, medians), checks that the
distances agree, and prints the examples per second of every distance detector at 128 features and
10 classes, with the share of the machine's own matmul rate that Mahalanobis distance reaches.
Without faiss the ratios are left out.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence

import torch

from gengap.base.machine import cores
from gengap.detectors.registry import detector_info
from gengap.detectors.tools.neighbours import bank_of, directions, distance_to_kth
from gengap.models.outputs import Head, Outputs
from gengap.study.chunks import torch_threads

REPEATS = 5
REFERENCES, FEATURES, CLASSES = 50_000, 128, 10
RATES = (
    ("mahalanobis", 200_000),
    ("relative-mahalanobis", 200_000),
    ("whitened-lda", 200_000),
    ("residual", 200_000),
    ("vim", 200_000),
    ("fdbd", 200_000),
    ("density", 50_000),
    ("gram", 10_000),
    ("knn", 2_048),
    ("knn-standardised", 2_048),
    ("nnguide", 2_048),
)


def seconds(works: Sequence[Callable[[], object]]) -> list[float]:
    """Median seconds of each piece of work, all taken in turn after one unmeasured round."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(REPEATS + 1):
        for work, times in zip(works, taken, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return [statistics.median(times[1:]) for times in taken]


def outputs(n: int, seed: int, labelled: bool = False) -> Outputs:
    """Rectified features around class means, as a hidden layer would give them."""
    source = torch.Generator().manual_seed(0)
    means = torch.randn(CLASSES, FEATURES, generator=source)
    head = Head(means / 10, torch.zeros(CLASSES))
    source.manual_seed(seed)
    labels = torch.randint(CLASSES, (n,), generator=source)
    features = (means[labels] + torch.randn(n, FEATURES, generator=source)).relu()
    return Outputs(head(features), features, (features,), None, labels if labelled else None, head)


def against_faiss(k: int, queries: int = 2_048) -> None:
    """Our rate over that of faiss, on features of length 1."""
    try:
        import faiss
    except ImportError:
        print("faiss is not installed (pip install faiss-cpu): no ratio")
        return
    faiss.omp_set_num_threads(torch.get_num_threads())
    points = directions(outputs(REFERENCES, 1).features)
    rows = directions(outputs(queries, 2).features)
    index, bank = faiss.IndexFlatL2(FEATURES), bank_of(points)
    index.add(points.numpy())
    ours, theirs = seconds(
        [lambda: distance_to_kth(rows, bank, k), lambda: index.search(rows.numpy(), k)]
    )
    squared = torch.from_numpy(index.search(rows.numpy(), k)[0][:, -1]).clamp(min=0)
    apart = (distance_to_kth(rows, bank, k).square() - squared).abs().max()
    print(
        f"k = {k:3d}: {queries / ours:8,.0f} queries/s, faiss {queries / theirs:8,.0f}; "
        f"ratio {theirs / ours:.2f}; squared distances differ by at most {apart:.1e}"
    )


def rates() -> None:
    """Examples per second of each detector beyond the model."""
    train = outputs(REFERENCES, 1, labelled=True)
    product = torch.randn(4096, FEATURES), torch.randn(FEATURES, FEATURES)
    for name, n in RATES:
        detector, new = detector_info(name).detector(), outputs(n, 2)
        fitted = detector.fit(train)
        one = new.rows(slice(1))

        def products(blocks: int = n // 4096 + 1) -> None:
            for _ in range(blocks):
                torch.mm(*product)

        work, floor, single = seconds(
            [
                lambda d=detector, f=fitted, o=new: d.score(f, o),  # type: ignore[misc]
                products,
                lambda d=detector, f=fitted, o=one: d.score(f, o),  # type: ignore[misc]
            ]
        )
        share = f"  {100 * floor / work:3.0f}% of one (d, d) product" if n >= 200_000 else ""
        print(f"{name:22s}{n / work:12,.0f} examples/s; one example {1e3 * single:6.2f} ms{share}")


if __name__ == "__main__":
    with torch_threads(int(sys.argv[1]) if len(sys.argv) > 1 else cores()):
        print(f"{torch.get_num_threads()} threads, {REFERENCES:,} references x {FEATURES} features")
        for neighbours in (1, 10, 50):
            against_faiss(neighbours)
        rates()
