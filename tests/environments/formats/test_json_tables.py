"""JSON lines: values stay what they are, and the first line at fault is named."""

from __future__ import annotations

import pytest

from gengap.base.errors import UsageError
from gengap.environments import read_table


def written(tmp_path, text, name="t.jsonl"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_values_stay_what_they_are(tmp_path):
    text = (
        '{"code": "007", "created_at": 5, "ok": true, "x": 1, "tags": [1], "s": "2020-01-02"}\n'
        '\n{"code": "1e5", "created_at": 6, "ok": false, "x": "a", "tags": []}\n'
    )
    frame = read_table(written(tmp_path, text))
    assert frame["code"].tolist() == ["007", "1e5"]
    assert frame["created_at"].tolist() == [5, 6]
    assert frame["ok"].tolist() == [True, False]
    assert frame["x"].tolist() == ["1", "a"]
    assert frame["s"].isna().tolist() == [False, True]


def test_objects_in_the_first_line_are_enough_to_know_it(tmp_path):
    path = written(tmp_path, '{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "t.txt")
    assert read_table(path)["b"].tolist() == [2, 4]
    braces = written(tmp_path, "{id},b\n1,2\n", "t.csv")
    assert read_table(braces).columns.tolist() == ["{id}", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": 2}\n{"a": 1, "b"\n', "line 2 that is no JSON object"),
        ('{"a": 1, "b": 2}\n\n[3]\n', "line 3 that is no JSON object"),
        ('{"a": 1, "b": 2}\n7\n', "line 2"),
        ('{"a": 1}\n', "two keys or more"),
        ("[1, 2, 3]", "two keys or more"),
        ('[{"a": 1, "b": 2},]', "list of JSON objects"),
        ('{"a": ' + "[" * 3000 + "]" * 3000 + ', "b": 1}\n', "JSON"),
        ('{"a": 1' + "0" * 400 + ', "b": 1}\n', "JSON"),
        ("\0\1\2", "JSON"),
    ],
)
def test_what_is_no_table_is_told_by_its_line(tmp_path, text, said):
    with pytest.raises(UsageError) as caught:
        read_table(written(tmp_path, text))
    assert "t.jsonl" in str(caught.value)
    assert said in str(caught.value)
