"""The registry of adapters: complete records, and sentences for what does not fit."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
import torch
from torch import Tensor, nn

import gengap.adapters
from gengap.adapters.base import Adapter
from gengap.adapters.registry import adapter_info, adapters
from gengap.base.errors import UsageError
from gengap.models.networks import Output
from gengap.testing import adapter_toy

LINK = r"https://(arxiv\.org/abs/\d{4}\.\d{4,5}|doi\.org/10\.\S+|openreview\.net/forum\?id=\w+)"


@pytest.mark.parametrize("name", adapters())
def test_every_record_states_its_source_and_cost(name: str) -> None:
    info = adapters()[name]
    assert info.name == name == adapter_info(name).name
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert re.fullmatch(LINK, info.paper.link)
    assert not info.summary.endswith(".")
    assert "forward pass" in info.cost
    found = re.search(r"arxiv\.org/abs/(\d\d)\d\d\.", info.paper.link)
    if found:
        assert 2000 + int(found[1]) <= info.paper.year <= 2000 + int(found[1]) + 3
    text = importlib.import_module(info.adapter.__module__).__doc__
    assert text
    assert "Helps" in text
    assert "Hurts" in text


def test_a_file_that_defines_an_adapter_registers_it() -> None:
    homes = {info.adapter.__module__ for info in adapters().values()}
    for module in pkgutil.iter_modules(gengap.adapters.__path__, "gengap.adapters."):
        defined = [
            kind
            for kind in vars(importlib.import_module(module.name)).values()
            if isinstance(kind, type)
            and issubclass(kind, Adapter)
            and kind.__module__ == module.name != Adapter.__module__
        ]
        assert bool(defined) == (module.name in homes), f"{module.name} is not registered"


@pytest.mark.parametrize(
    ("name", "task", "model", "shape", "sentence"),
    [
        ("tent", "regression", nn.Linear(2, 1), (2,), "tent applies to classification only"),
        ("tent", "classification", nn.Linear(2, 2), (2,), "needs normalisation layers"),
        ("actmad", "classification", nn.Linear(2, 2), (2,), "needs hidden features"),
        ("t3a", "classification", nn.Conv2d(1, 2, 3), (1, 3, 3), "needs a linear last layer"),
        ("quantile-alignment", "regression", nn.Linear(4, 1), (1, 2, 2), "needs rows of a table"),
        ("drm-heads", "classification", nn.Linear(2, 2), (2,), "needs heads of environments"),
    ],
)
def test_what_does_not_fit_is_told(name, task, model, shape, sentence) -> None:
    assert sentence in (adapter_info(name).why_not(task, model, True, torch.zeros(2, *shape)) or "")


class OneForEachExample(nn.Module):
    """Answers for five places in an example, and features of the example."""

    def forward(self, x: Tensor) -> Output:
        return Output(x.float().mean(1, keepdim=True), x.float()[..., None].expand(-1, -1, 2))


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("lame", "features of every answer; the model shows those of whole examples"),
        ("input-prompt", "numeric inputs or an embedding of tokens"),
        ("teacher-student", "numeric inputs or an embedding of tokens"),
    ],
)
def test_tokens_of_a_network_that_shows_neither_layers_nor_features_do_not_fit(name, needs) -> None:
    tokens = torch.zeros(2, 5, dtype=torch.int64)
    said = adapter_info(name).why_not("classification", OneForEachExample(), True, tokens)
    assert needs in str(said)
    with pytest.raises(UsageError, match=r"leave (it|the adapter) out"):
        adapter_info(name).adapter(OneForEachExample()).predict(tokens)


def test_training_examples_are_asked_for() -> None:
    toy = adapter_toy("rows-plain")
    said = adapter_info("adanpc").why_not("classification", toy.model, False)
    assert said == "adanpc needs training examples, which are not at hand."
    with pytest.raises(UsageError, match="did you mean 'tent'"):
        adapter_info("tnet")


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.reads, self.says = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.says(self.reads(x)[0][:, -1])


def test_what_cannot_adapt_a_model_that_has_all_it_needs_says_so_before_a_study() -> None:
    given = "classification", Recurrent(), True, torch.zeros(2, 5, 3)
    said = adapter_info("hebbian").why_not(*given)
    assert said is not None
    assert (
        said == "hebbian needs a hidden layer that is linear or a convolution; the model has none."
    )
    assert adapter_info("lame").why_not(*given) is None
