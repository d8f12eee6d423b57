"""``gengap claims``: the list, the verdicts, what cannot be tried, and stopping."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gengap.claims import trying
from gengap.claims.catalogue import claims
from gengap.claims.claim import Claim
from gengap.cli import app


def made(name: str, sign: float) -> Claim:
    """A claim whose number needs no training."""
    some = claims()["small-sites"]
    return Claim(
        name, some.paper, 54, "It is so", "a number", "nothing", lambda d, _: sign + d / 10, 3
    )


@pytest.fixture
def few(monkeypatch) -> None:
    known = {claim.name: claim for claim in (made("up", 1), made("down", -1), made("even", -0.1))}
    monkeypatch.setattr("gengap.claims.catalogue.claims", lambda: known)


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["claims", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_list_names_every_claim_and_its_paper() -> None:
    code, said, _ = run()
    assert code == 0
    for claim in claims().values():
        assert claim.name in said
        assert claim.paper.link in said
    rows = json.loads(run("--json")[1])
    assert [row["name"] for row in rows] == list(claims())
    assert run("--quiet")[1].split() == list(claims())


def test_verdicts_are_printed_and_written(few, tmp_path: Path) -> None:
    code, said, _ = run("all", "--out", tmp_path / "tried")
    assert code == 0
    flat = " ".join(said.split())
    assert (
        "Of 3 claims 1 holds here (up), 1 does not hold here (down), 1 is undecided (even)." in flat
    )
    kept = json.loads((tmp_path / "tried" / "claims.json").read_text())
    assert [row["verdict"] for row in kept["claims"]] == ["holds", "does not hold", "undecided"]
    assert json.loads(run("up", "--json")[1])["claims"] == kept["claims"][:1]
    assert run("up", "-q")[1].startswith(
        "Holds here: It is so (a number: +1.100 (+0.852 to +1.348)"
    )


def test_what_cannot_be_tried_is_one_sentence(tmp_path: Path) -> None:
    for arguments in (["738"], ["small-site"], ["small-sites", "--draws", "1"]):
        code, said, wrong = run(*arguments, "--out", tmp_path / "none")
        assert code == 2
        assert said == ""
        assert "Traceback" not in wrong
    assert "did you mean 'small-sites'" in " ".join(run("small-site")[2].split())


def test_stopping_says_what_is_kept(few, monkeypatch, tmp_path: Path) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trying, "judged", stop)
    code, _, said = run("up", "--out", tmp_path)
    assert code == 130
    assert "goes on from there" in said
    assert "nothing was written" in run("up")[2]
