"""What a user names as module:name, and what nobody may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gengap.base.errors import UsageError
from gengap.base.named_objects import from_anywhere, named_object


def test_a_function_is_found_beside_or_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named_here.py").write_text("from subprocess import run\ndef make(): return 7\n")
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    assert named_object(f"{tmp_path}/named_here.py:make")() == 7
    monkeypatch.chdir(tmp_path)
    assert from_anywhere("named_here:make") == f"{tmp_path}/named_here:make"
    assert from_anywhere("CartPole:v1") == "CartPole:v1"
    with pytest.raises(UsageError, match="of Python or of an installed package"):
        named_object("named_here:run")


def test_what_a_command_alone_names_may_be_installed_and_a_part_of_something() -> None:
    assert named_object("pathlib:Path.home", installed=True) == Path.home
    with pytest.raises(UsageError, match=r"pathlib has no Path\.hom"):
        named_object("pathlib:Path.hom", installed=True)
    with pytest.raises(UsageError, match="of Python or of an installed package"):
        named_object("pathlib:Path.home")


@pytest.mark.parametrize("name", ["subprocess:getoutput", "os:system", "sys:exit", "pandas:eval"])
def test_nothing_of_python_or_of_packages_is_called_by_name(name: str) -> None:
    with pytest.raises(UsageError, match="of Python or of an installed package"):
        named_object(name)


def test_names_that_name_nothing() -> None:
    for name in ("make", ":make", "mine:"):
        with pytest.raises(UsageError, match="names nothing to import"):
            named_object(name)
