"""Files whole or not at all, and JSON that any reader takes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.base.files import json_text, write_files


@dataclass
class Finding:
    mean: float
    counts: np.ndarray
    _cache: list[int] = field(default_factory=list)


def test_json_is_finite_plain_and_without_what_is_private():
    found = Finding(math.nan, np.array([[1, 2], [3, 4]]))
    text = json_text({"found": found, 3: (np.float32(0.5), math.inf)})
    assert text.endswith("}\n")
    assert json.loads(text, parse_constant=pytest.fail) == {
        "found": {"mean": None, "counts": [[1, 2], [3, 4]]},
        "3": [0.5, None],
    }


def test_texts_and_bytes_are_written_into_new_folders(tmp_path):
    write_files({tmp_path / "new" / "a.txt": "größer\n", tmp_path / "b.bin": b"\0\xff"})
    assert (tmp_path / "new" / "a.txt").read_bytes() == "größer\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\0\xff"


def test_where_one_file_cannot_be_written_none_is(tmp_path):
    (tmp_path / "kept.txt").write_text("before")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"Cannot write .*inside\.txt: "):
        write_files({tmp_path / "kept.txt": "after", tmp_path / "file" / "inside.txt": "x"})
    assert (tmp_path / "kept.txt").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "kept.txt"]
