"""Paths as users type them, pipes among them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import pytest

from gengap.base import paths
from gengap.base.errors import UsageError
from gengap.base.paths import readable, refuse_bomb, typed


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("~nobody-of-that-name/x.csv", "user who does not exist"),
        ("x" * 300, "too long"),
        ("a\0b", "no path can"),
        ("\ud800", "no path can"),
    ],
)
def test_what_is_no_path_is_refused(path, word):
    with pytest.raises(UsageError, match=word):
        typed(path)


def test_a_path_need_not_exist(tmp_path):
    assert typed(tmp_path / "none" / "x.csv") == tmp_path / "none" / "x.csv"
    assert typed("~") == typed(os.path.expanduser("~"))


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_devices_are_refused(device):
    with pytest.raises(UsageError, match="device"):
        readable(device)


def test_sockets_and_loops_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s")
        with pytest.raises(UsageError, match="socket"):
            readable("s")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="symbolic links"):
        readable("loop")


def test_a_pipe_is_read_whole_and_once(tmp_path):
    path = tmp_path / "data.csv"
    os.mkfifo(path)
    content = os.urandom(3_000_000)
    writer = threading.Thread(target=path.write_bytes, args=(content,))
    writer.start()
    copy = readable(path)
    writer.join()
    assert copy.name == "data.csv"
    assert copy.read_bytes() == content
    assert readable(path) == copy


def test_what_a_shell_substitutes_is_read():
    script = (
        "from gengap.base.paths import readable; import sys;"
        "print(readable(sys.argv[1]).read_text(), readable(sys.argv[1]).name)"
    )
    shell = ["bash", "-c", f"'{sys.executable}' -c '{script}' <(sleep 0.2; printf 'a,b')"]
    assert subprocess.run(shell, capture_output=True, text=True, check=True).stdout == "a,b pipe\n"


def test_a_pipe_that_nobody_fills_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "p")
    with pytest.raises(UsageError, match="Nobody writes"):
        readable(tmp_path / "p")


def test_a_pipe_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "MOST_PIPED", 1 << 20)
    os.mkfifo(tmp_path / "p")
    endless = ["bash", "-c", f"yes > '{tmp_path}/p'"]
    with (
        subprocess.Popen(endless, stderr=subprocess.DEVNULL),
        pytest.raises(UsageError, match="more than"),
    ):
        readable(tmp_path / "p")


def test_only_what_unpacks_to_far_more_than_it_is_is_a_bomb(tmp_path):
    (tmp_path / "x.gz").write_bytes(b"x" * 1000)
    refuse_bomb(tmp_path / "x.gz", 1 << 28)
    with pytest.raises(UsageError, match="unpacks to"):
        refuse_bomb(tmp_path / "x.gz", (1 << 28) + 1)
    (tmp_path / "x.gz").write_bytes(b"x" * 10_000_000)
    refuse_bomb(tmp_path / "x.gz", 10**9)
