"""What came from outside, made safe to show: passwords, control characters, enormous values."""

from __future__ import annotations

import pickle

import pytest

from gengap.base.errors import UsageError
from gengap.base.printable import MOST, masked, steady


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:sesame@host/db",
        "postgresql+psycopg://me:sesame@host:5432/db?sslmode=require",
        "postgresql://me:open:sesame/and@more@host/db",
        "postgresql://:sesame@host",
        "postgresql:/me:sesame@host/db",  # what a path makes of it
        "postgresql://me@firm:sesame@host/db",
        "postgresql://me@host/db?password=sesame",
        "postgresql://me@host/db?sslpassword=sesame&x=1",
        "--store=postgresql://me:sesame@host/db",
    ],
)
@pytest.mark.parametrize("before", ["", "Store "])
def test_no_form_of_a_password_is_left(address, before):
    shown = masked(f"{before}{address}") + str(UsageError(f"{before}{address} is wrong."))
    assert "sesame" not in shown
    assert "host" in shown
    assert "***" in shown


def test_an_argument_may_have_a_password_with_spaces():
    assert masked("postgresql://me:open sesame@host/db", one=True) == "postgresql://me:***@host/db"


@pytest.mark.parametrize(
    "text", ["https://arxiv.org/abs/2110.11334", "C:/data/x.csv", "a:b@c", "ray://host:10001"]
)
def test_what_holds_no_password_is_left_alone(text):
    assert masked(text) == text


def test_control_characters_become_spaces_and_text_keeps_its_direction():
    assert steady("two\nlines\x1b[31m\x9b2J\x00") == "two lines [31m 2J"
    assert steady("\u202egnp.exe\u2069") == "gnp.exe"
    assert steady("größe  50 %") == "größe 50 %"


def test_an_enormous_value_does_not_hide_what_to_do():
    said = str(UsageError(f"There is no column {'x' * 10**6}; rename it."))
    assert len(said) <= MOST + 3
    assert said.startswith("There is no column xxx")
    assert said.endswith("x; rename it.")


def test_errors_travel_between_processes():
    assert str(pickle.loads(pickle.dumps(UsageError("a\x1b b")))) == "a b"
