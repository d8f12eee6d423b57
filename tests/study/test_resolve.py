"""What a user may write under "methods", and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from gengap.base.errors import UsageError
from gengap.methods.erm import ERM
from gengap.methods.irm import IRM
from gengap.study.resolve import resolve


def resolved(*wanted, task="classification", environments=3, trials=1, baseline=None):
    return resolve(wanted, task, environments, trials, baseline)


def only(*wanted, **settings):
    entries, skipped = resolved(*wanted, **settings)
    assert not skipped
    (entry,) = entries
    return entry


def test_a_name():
    entry = only("irm")
    assert (entry.name, entry.method, entry.estimator) == ("irm", IRM, None)
    assert entry.trials == ({f: getattr(IRM(), f) for f in IRM.fields()},)


@pytest.mark.parametrize(
    "written",
    [
        "irm:penalty=7;anneal=0.25",
        "irm: penalty = 7 ;anneal= 0.25",
        {"irm": {"penalty": 7, "anneal": 0.25}},
        IRM(penalty=7, anneal=0.25),
    ],
    ids=["text", "text with spaces", "mapping", "object"],
)
def test_hyperparameters_however_written(written):
    entry = only(written)
    assert entry.name == "irm"
    assert entry.trials[0] == {
        **{f: getattr(IRM(), f) for f in IRM.fields()}, "penalty": 7, "anneal": 0.25,
    }  # fmt: skip


def test_a_mapping_without_values_means_the_defaults():
    assert only({"irm": None}).trials == only("irm").trials


def test_trials_are_the_defaults_and_then_draws_that_keep_what_was_given():
    entry = only("irm:penalty=7", trials=4)
    assert len(entry.trials) == 4
    assert {trial["penalty"] for trial in entry.trials} == {7}
    rates = [trial["learning_rate"] for trial in entry.trials]
    assert rates[0] == IRM().learning_rate
    assert len(set(rates)) == 4
    low, high = (IRM.fields()["learning_rate"].metadata[end] for end in ("low", "high"))
    assert all(low <= rate <= high for rate in rates)
    # More trials add to the earlier ones, and the draws are the same every time.
    assert only("irm:penalty=7", trials=6).trials[:4] == entry.trials


def test_scikit_learn_by_name():
    entry = only("sklearn:LogisticRegression:C=0.5;solver=saga;fit_intercept=false")
    assert entry.name == "sklearn:LogisticRegression"
    assert entry.method is None
    assert entry.estimator.get_params()["C"] == 0.5
    assert entry.estimator.solver == "saga"
    assert entry.estimator.fit_intercept is False
    assert entry.trials[0]["C"] == 0.5
    mapped = only({"sklearn:LogisticRegression": {"C": 0.5}})
    assert mapped.estimator.C == 0.5


def test_estimator_objects_keep_their_settings():
    forest = RandomForestClassifier(n_estimators=7)
    entry = only(forest, trials=5)
    assert entry.name == "RandomForestClassifier"
    assert entry.estimator is forest
    assert len(entry.trials) == 1  # no search range is known for somebody's estimator
    assert entry.trials[0]["n_estimators"] == 7


def test_an_imputers_missing_value_can_be_recorded():
    entry = only(make_pipeline(SimpleImputer(), LogisticRegression()))
    assert entry.trials[0]["simpleimputer__missing_values"] == "nan"


def defined(source: str):
    """A function as a module of the user's would define it, at an address of its own."""
    module = {"__name__": "theirs"}
    exec(source, module)
    return module["change"]


def test_a_function_is_the_same_wherever_it_lies_and_another_is_not():
    """Otherwise a pipeline with a function of the user's would be trained anew every time."""
    sources = ["def change(x): return x ** 2", "def change(x): return x ** 3"]
    functions = [defined(sources[k]) for k in (0, 0, 1)]
    described = [
        only(make_pipeline(FunctionTransformer(f), LogisticRegression())).trials for f in functions
    ]
    assert functions[0] is not functions[1]
    assert described[0] == described[1] != described[2]
    assert "0x" not in str(described)


def test_long_arrays_among_parameters_are_told_apart():
    one, two = np.zeros(5000), np.zeros(5000)
    two[2500] = 1  # an abbreviated text would not show it
    parameters = [
        only(FunctionTransformer(kw_args={}).set_params(kw_args=array)).trials[0]["kw_args"]
        for array in (one, two, one.copy())
    ]
    assert parameters[0] == parameters[2] != parameters[1]


def test_the_same_method_twice_is_numbered():
    entries, _ = resolved("irm", {"irm": {"penalty": 7}}, Ridge(), Ridge(alpha=2),
                          "irm", task="regression")  # fmt: skip
    assert [e.name for e in entries] == ["irm", "irm #2", "Ridge", "Ridge #2", "irm #3"]
    assert entries[1].trials[0]["penalty"] == 7
    assert entries[3].estimator.alpha == 2


def test_the_baseline_comes_first_and_need_not_be_asked_for_otherwise():
    asked = "irm", "sklearn:Ridge", {"erm": {"learning_rate": 0.5}}
    named = [
        [entry.name for entry in resolved(*asked, task="regression", baseline=baseline)[0]]
        for baseline in (None, "erm", "sklearn:Ridge", "vrex")
    ]
    assert named == [
        ["irm", "sklearn:Ridge", "erm"],
        ["erm", "irm", "sklearn:Ridge"],
        ["sklearn:Ridge", "irm", "erm"],
        ["vrex", "irm", "sklearn:Ridge", "erm"],
    ]
    entries, _ = resolved(*asked, task="regression", baseline="erm")
    assert entries[0].trials[0]["learning_rate"] == 0.5
    with pytest.raises(UsageError, match="groupdro"):
        resolved("sklearn:Ridge", task="regression", baseline="groupdro", environments=1)


def test_what_cannot_apply_is_skipped_with_the_reason():
    entries, skipped = resolved("erm", "irm", "groupdro", environments=1)
    assert [e.name for e in entries] == ["erm"]
    assert set(skipped) == {"irm", "groupdro"}
    assert skipped["groupdro"] == (
        "groupdro needs at least 2 training environments; a split has 1."
    )


def test_nothing_left_is_an_error_with_the_reasons():
    with pytest.raises(UsageError, match="No method is left to run: groupdro needs at least 2"):
        resolved("groupdro", environments=1)


@dataclass(frozen=True)
class Unregistered(ERM):
    """A method nobody entered into the registry."""


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("irmm", ["no method 'irmm'", "did you mean 'irm'?"]),
        ("irm:penalti=3", ["no hyperparameter 'penalti'", "did you mean 'penalty'?"]),
        ("irm:penalty", ["'penalty' is no hyperparameter", "name=value"]),
        ("irm:penalty=high", ["penalty must be a number", "'high'"]),
        ("irm:penalty=NaN", ["penalty must be a number", "nan"]),
        ({"irm": 10}, ["hyperparameters of irm", "10"]),
        ({"irm": {}, "erm": {}}, ["is no method"]),
        (3, ["3 is no method"]),
        ("sklearn:LogisticRegresion", ["did you mean 'LogisticRegression'?"]),
        ("sklearn:Ridge", ["is a regressor", "target is a classification"]),
        ("sklearn:LogisticRegression:max_itr=3", ["no parameter 'max_itr'", "'max_iter'?"]),
        (Ridge(), ["Ridge is a regressor", "classification"]),
        (LogisticRegression, ["LogisticRegression is a class", "LogisticRegression()"]),
        (Unregistered(), ["Unregistered is not registered"]),
    ],
    ids=str,
)
def test_what_is_no_method_is_refused_in_a_sentence(wanted, words):
    with pytest.raises(UsageError) as caught:
        resolved(wanted)
    for word in words:
        assert word in str(caught.value)


def test_a_classifier_for_values_is_refused():
    with pytest.raises(UsageError, match="LogisticRegression is a classifier"):
        resolved(LogisticRegression(), task="regression")


def test_what_an_entry_was_given_as_makes_it_again():
    given = [
        "erm", {"irm": {"penalty": 2.0}}, "sklearn:DecisionTreeClassifier:max_depth=5",
        {"mine": LogisticRegression(C=0.5)}, LogisticRegression(C=2.0),
    ]  # fmt: skip
    entries, _ = resolve(given, "classification", 3, trials=2)
    assert [entry.given for entry in entries] == given
    for entry in entries:
        (again,), _ = resolve([entry.given], "classification", 3, trials=2)
        assert (again.name, again.trials) == (entry.name, entry.trials)
