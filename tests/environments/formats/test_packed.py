"""Packed text: which file of an archive, and how much may come out of one."""

from __future__ import annotations

import bz2
import lzma
import zipfile

import pytest
import zstandard

from gengap.base import paths
from gengap.base.errors import UsageError
from gengap.environments import read_table

TABLE = b"a,b\n" + b"1,2\n" * 50


def archive(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(f"{name}.csv", content)
    return path


def test_a_file_of_an_archive_is_named_after_a_hash(tmp_path):
    path = archive(tmp_path / "t.zip", train=TABLE, test=b"c,d\n3,4\n")
    with pytest.raises(UsageError, match=r"train.csv, test.csv.*t.zip#train.csv"):
        read_table(path)
    assert read_table(f"{path}#test.csv").columns.tolist() == ["c", "d"]
    with pytest.raises(UsageError, match=r"no file 'tset.csv'; did you mean 'test.csv'"):
        read_table(f"{path}#tset.csv")


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t.bz2", bz2.compress),
        ("t.xz", lzma.compress),
        ("t.zst", zstandard.compress),
        ("t.zip", None),
    ],
)
def test_bombs_of_every_kind_are_refused(tmp_path, monkeypatch, name, pack):
    monkeypatch.setattr(paths, "UNSUSPICIOUS", 1 << 20)
    monkeypatch.setattr("gengap.environments.formats.packed.UNSUSPICIOUS", 1 << 20)
    content = b"a,b\n" + b"1,2\n" * 400_000
    path = tmp_path / name
    archive(path, t=content) if pack is None else path.write_bytes(pack(content))
    with pytest.raises(UsageError, match="unpacks to"):
        read_table(path)


def test_an_archive_with_a_password_is_refused(tmp_path):
    path = archive(tmp_path / "t.zip", t=TABLE)
    content = bytearray(path.read_bytes())
    for at in (6, content.index(b"PK\x01\x02") + 8):  # the flag in both headers
        content[at] |= 1
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"t.zip is damaged"):
        read_table(path)


def test_several_packed_pieces_are_one_table(tmp_path):
    """As ``cat a.zst b.zst`` makes it, and bzip2 and xz likewise."""
    for name, pack in (("t.zst", zstandard.compress), ("t.bz2", bz2.compress)):
        (tmp_path / name).write_bytes(pack(TABLE) + pack(b"3,4\n"))
        assert len(read_table(tmp_path / name)) == 51
