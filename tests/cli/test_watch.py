"""A study is watched in a browser while it runs: by this machine alone, and to the same numbers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

import gengap as gg
from browser import running_browser
from gengap.base.progress import Progress
from gengap.base.serving import served
from gengap.records.store import Store
from gengap.report import live
from gengap.study.filling import Filling
from gengap.study.plan import write_plan


def study(path: Path) -> gg.Study:
    rng = np.random.default_rng(0)
    X, where = rng.normal(size=(90, 3)), np.repeat(["a", "b", "c"], 30)
    y = (X[:, 0] + rng.normal(size=90) > 0).astype(int)
    data = gg.Environments.from_arrays(X, y, where, name="watched")
    methods = ["sklearn:LogisticRegression", "sklearn:GaussianNB"]
    return gg.Study(data, methods, seeds=2, jobs=1, store=path, selection="last-step")


def test_the_table_fills_to_the_numbers_of_the_report(tmp_path: Path) -> None:
    made = study(tmp_path / "records.db")
    with Store(tmp_path / "records.db") as store:
        write_plan(made.plan, store)
        filling = Filling(made.plan, store)
        assert {row.done for row in filling.rows()} == {0}
        first = made.plan.part(seeds=[0])
        made.carry_out(store, first)
        assert {(row.done, row.of) for row in filling.rows()} == {(1, 2)}
        result = made.run()
        found = {(row.method, row.split): row for row in filling.rows()}
    for row in result.summary["environments"]:
        own = found[row["method"], row["environment"]]
        assert (own.done, own.unseen, own.reference, own.cost) == pytest.approx(
            (2, row["unseen"], row["reference"], row["cost_of_unseen"])
        )
    result.store.close()


@pytest.fixture(scope="module")
def browser():
    with running_browser() as found:
        yield found


def test_the_page_shows_how_far_the_study_is_and_that_it_has_ended(
    tmp_path: Path, browser: Browser
) -> None:
    made = study(tmp_path / "records.db")
    made.run().store.close()
    said: list[str] = []
    with Store(tmp_path / "records.db") as store:
        filling = Filling(made.plan, store)

        def state() -> tuple[str, str]:
            now = Progress(7, 16, "<b>fitting</b>")
            return "application/json", live.text(made.plan, now, 130.0, filling.rows())

        answers = {"": lambda: ("text/html", live.page(made.plan)), "state.json": state}
        with served(answers) as address:
            context = browser.new_context(viewport={"width": 390, "height": 800})
            page = context.new_page()
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("console", lambda message: said.append(message.text))
            page.goto(address)
            page.wait_for_selector("#rows tr:nth-child(2)")
            assert page.inner_text("#answer").startswith("7 of 16 runs, about 2")
            assert page.inner_text("#doing") == "<b>fitting</b>"
            assert "6 of 6" in page.inner_text("#rows tr:nth-child(1)")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert said == []
        page.wait_for_selector("body.ended")
        context.close()


def test_nobody_else_is_answered() -> None:
    with served({"": lambda: ("text/plain", "secret")}) as address:
        host, _, word = address.removeprefix("http://").rstrip("/").partition("/")
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == b"secret"
        for url, name in (
            (f"http://{host}/", host),
            (f"http://{host}/{word}/other", host),
            (address, "evil.example"),
            (address, f"evil.example:{host.partition(':')[2]}"),
        ):
            asked = urllib.request.Request(url, headers={"Host": name})
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(asked)


def test_a_port_that_is_taken_is_named() -> None:
    with served({}) as address:
        port = int(address.split(":")[2].partition("/")[0])
        with (
            pytest.raises(gg.UsageError, match=f"port {port}: Address already in use"),
            served({}, port),
        ):
            pass


def test_states_are_json_before_anything_is_known(tmp_path: Path) -> None:
    plan = study(tmp_path / "records.db").plan
    found = json.loads(live.text(plan, None, float("nan"), []))
    assert (found["doing"], found["left"], found["methods"]) == ("preparing", "", [])
