"""The registry of detectors: one complete record each, and sentences for what does not fit."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import gengap.detectors
from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.detectors.base import Detector
from gengap.detectors.registry import detector_info, detectors, register_detector
from gengap.testing.detectors import READ

LINK = r"https://(arxiv\.org/abs/\d{4}\.\d{4,5}|doi\.org/10\.\S+|openreview\.net/forum\?id=\w+)"


@pytest.mark.parametrize("name", detectors())
def test_every_record_states_its_source_needs_and_cost(name: str) -> None:
    info = detectors()[name]
    assert info.name == name == detector_info(name).name
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert re.fullmatch(LINK, info.paper.link)
    assert info.paper.title
    assert info.paper.authors
    assert 1900 < info.paper.year <= 2026
    assert info.tasks
    assert set(info.tasks) <= {"classification", "regression", "multi-label"}
    assert info.needs
    assert set(info.needs) <= READ
    assert issubclass(info.detector, Detector)
    for text in (info.summary, info.cost):
        assert text
        assert not text.endswith(".")


@pytest.mark.parametrize("name", detectors())
def test_an_arxiv_paper_is_not_older_than_it_says(name: str) -> None:
    """An arXiv number begins with the year and month of the first version."""
    paper = detectors()[name].paper
    found = re.search(r"arxiv\.org/abs/(\d\d)\d\d\.", paper.link)
    if found:
        assert 2000 + int(found[1]) <= paper.year <= 2000 + int(found[1]) + 3


@pytest.mark.parametrize("name", detectors())
def test_every_file_says_when_it_helps_and_when_it_hurts(name: str) -> None:
    text = importlib.import_module(detectors()[name].detector.__module__).__doc__
    assert text
    assert "Helps" in text
    assert "Hurts" in text


def test_a_file_that_defines_a_detector_registers_it() -> None:
    homes = {info.detector.__module__ for info in detectors().values()}
    for module in pkgutil.iter_modules(gengap.detectors.__path__, "gengap.detectors."):
        defined = [
            kind
            for kind in vars(importlib.import_module(module.name)).values()
            if isinstance(kind, type)
            and issubclass(kind, Detector)
            and kind.__module__ == module.name != Detector.__module__
        ]
        assert bool(defined) == (module.name in homes), f"{module.name} is not registered"


def test_the_baseline_is_first_and_the_rest_in_order() -> None:
    names = list(detectors())
    assert names[0] == "msp"
    assert names[1:] == sorted(names[1:])


def test_an_unknown_detector_is_told_the_nearest_and_all_others() -> None:
    with pytest.raises(UsageError) as caught:
        detector_info("enrgy")
    sentence = str(caught.value)
    assert sentence.startswith("There is no detector 'enrgy'; did you mean 'energy'?")
    assert all(name in sentence for name in detectors())


def test_a_name_is_given_once() -> None:
    source = Paper("Title", "Author", 2020, "https://doi.org/10.1/x")
    again = register_detector("msp", summary="again", paper=source, needs=("logits",), cost="none")
    with pytest.raises(ValueError, match="two detectors are called 'msp'"):
        again(Detector)
    assert detectors()["msp"].detector is not Detector
