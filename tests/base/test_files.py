"""Files whole or not at all, and JSON that any reader takes."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import UsageError
from gengap.base.files import csv_text, json_text, write_files


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


def test_links_are_replaced_and_what_they_point_at_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("precious")
    for name in ("report.html", "report.html.partial"):
        (tmp_path / name).symlink_to("precious")
    write_files({tmp_path / "report.html": "report"})
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "report.html").is_symlink()
    assert (tmp_path / "report.html").read_text() == "report"


def test_text_that_has_no_bytes_is_written_without_it(tmp_path):
    write_files({tmp_path / "a.txt": "name \udc80."})
    assert (tmp_path / "a.txt").read_bytes() == b"name ?."


def test_no_cell_of_a_csv_is_a_formula():
    frame = pd.DataFrame(
        {"=HYPERLINK(1)": ["=1+1", "@x", "-2", "+3", "plain"], "value": [-1.5, 2.0, 0.0, 1.0, 3.0]}
    )
    text = csv_text(frame)
    rows = list(csv.reader(io.StringIO(text)))
    assert [row[0] for row in rows] == [
        "'=HYPERLINK(1)", "'=1+1", "'@x", "'-2", "'+3", "plain"
    ]  # fmt: skip
    assert [float(row[1]) for row in rows[1:]] == [-1.5, 2.0, 0.0, 1.0, 3.0]
