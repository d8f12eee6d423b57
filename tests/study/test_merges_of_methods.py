"""What merges join of each method's models, against the same done by hand with the kept ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch import nn

from gengap.environments.core import Environments
from gengap.models.starting import start_of
from gengap.records.models import kept_model
from gengap.study.study import Study

SETTINGS = {
    "seeds": [0], "steps": 6, "trials": 2, "threads": 1, "jobs": 1, "keep_models": "all",
    "executor": "threads", "plain_training": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def places():
    draw = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 40)
    X = draw.normal(size=(120, 4)) + 0.5 * codes[:, None]
    return Environments.from_arrays(X, (X.sum(1) > 2).astype(int), codes)


class Named(nn.Module):
    """Layers whose names are in no order of the alphabet."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.stem, self.body = nn.Linear(shape[0], 5), nn.Linear(5, 5)
        self.answer = nn.Linear(5, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answer(torch.relu(self.body(torch.relu(self.stem(x)))))


def kept(result, name: str) -> list[dict[str, torch.Tensor]]:
    """The last models of a method's runs of the first split, trial by trial."""
    runs = [run for run, _ in result.planned.runs[name] if run.role == "unseen"]
    first = [run for run in runs if run.split == runs[0].split]
    models = [kept_model(result.store, run.key, result.study.scored_at[-1]) for run in first]
    return [load(model.content) for model in models]


def ran(places, method: str, merges: list[str], model="mlp(5,5)", **own):
    study = Study(places, [method], model=model, merges=merges, **{**SETTINGS, **own})
    return study.run()


def drawn(model, seed: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    if model is Named:
        return {name: p.detach().clone() for name, p in Named((4,), 2).named_parameters()}
    sizes = [(4, 5), (5, 5), (5, 2)]
    weights = {f"weight{k}": torch.randn(size) for k, size in enumerate(sizes)}
    return weights | {f"bias{k}": torch.randn(1, size[1]) for k, size in enumerate(sizes)}


def mean(models: list[dict[str, torch.Tensor]], name: str) -> torch.Tensor:
    return torch.stack([model[name] for model in models]).mean(0)


def test_depth_is_where_a_layer_is_defined_and_not_where_its_name_is_in_the_alphabet(places):
    base = drawn(Named)
    result = ran(places, "erm", ["lines"], Named, start=start_of(base))
    (merged,), own = kept(result, "erm + lines"), kept(result, "erm")
    for layer, share in (("stem", 0.2), ("body", 0.6), ("answer", 1.0)):
        for name in (f"{layer}.weight", f"{layer}.bias"):
            expected = base[name] + share * (mean(own, name) - base[name])
            torch.testing.assert_close(merged[name], expected)
    result.store.close()


def test_the_last_layer_is_the_networks_whatever_only_training_reads(places):
    base = drawn("mlp")
    result = ran(places, "dann", ["bang"], start=start_of(base))
    (merged,), own = kept(result, "dann + bang"), kept(result, "dann")
    for name in base:
        temperature = 1.5 if name.endswith("2") else 1.0
        expected = 0.5 * base[name] + 0.5 * mean(own, name) / temperature
        torch.testing.assert_close(merged[name], expected)
    result.store.close()


def test_entries_are_chosen_among_those_that_prediction_reads(places):
    base = drawn("mlp")
    merge = "grafting:density=0.25"
    result = ran(places, "dann", [merge], start=start_of(base), trials=1)
    name = next(e.name for e in result.planned.entries if e.remedy is not None)
    (merged,), (own,) = kept(result, name), kept(result, "dann")
    changes = torch.cat([(own[k] - base[k]).abs().flatten() for k in base])
    least = changes.sort(descending=True).values[round(0.25 * len(changes)) - 1]
    for k in base:
        expected = torch.where((own[k] - base[k]).abs() >= least, own[k], base[k])
        torch.testing.assert_close(merged[k], expected)
    result.store.close()


@pytest.mark.parametrize(
    "method", ["drm", "dmg", "orthogonal-adapters", "ghost-norm", "hypo", "abet"]
)
def test_the_base_of_a_method_with_a_head_is_what_it_predicts_with_before_training(places, method):
    base = drawn("mlp")
    given = {"start": start_of(base), "merges": ["wise-ft:share=0.25", "saft"]}
    result = ran(places, method, **given)
    name = next(e.name for e in result.planned.entries if "wise-ft" in e.name)
    (merged,), own = kept(result, name), kept(result, method)
    assert merged.keys() == own[0].keys()
    for k in base:
        torch.testing.assert_close(merged[k], 0.75 * base[k] + 0.25 * mean(own, k))
    assert np.isfinite(result.methods["score_unseen"]).all()
    result.store.close()


def test_perceptrons_are_aligned_whatever_only_training_reads(places):
    result = ran(places, "dann", ["rebasin"])
    assert set(result.methods["method"]) == {"dann", "dann + rebasin"}
    result.store.close()


@pytest.mark.parametrize(
    ("method", "left"),
    [
        ("last-layer", {"average"}),
        ("nadaraya-watson", {"average"}),
        ("intermediate-layer", set()),
        ("label-augmentation", {"average", "ema", "wise-ft"}),
    ],
)
def test_what_is_fitted_beside_the_weights_is_not_joined_with_what_lacks_it(places, method, left):
    merges = ["average", "ema", "wise-ft", "rebasin"]
    study = Study(
        places, ["erm", method], model="mlp(5,5)", merges=merges,
        start=start_of(drawn("mlp")), **SETTINGS,
    )  # fmt: skip
    names = [e.name for e in study.plan.entries if e.name.startswith(f"{method} +")]
    assert names == [f"{method} + {merge}" for merge in merges if merge in left]
    assert all(study.skipped[f"{method} + {merge}"] for merge in {*merges} - left)


@pytest.mark.parametrize("method", ["drm", "divdis-unseen"])
def test_shares_of_heads_that_are_left_out_ask_for_no_slope(places, method):
    result = ran(places, method, ["fisher", "saft"], start=start_of(drawn("mlp")))
    (merged,), own = kept(result, f"{method} + fisher"), kept(result, method)
    assert (own[0]["heads.share"] == 0).any()
    torch.testing.assert_close(merged["heads.share"], mean(own, "heads.share"))
    assert np.isfinite(result.methods["score_unseen"]).all()
    result.store.close()
