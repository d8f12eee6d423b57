"""``gap.json`` is what its published schema says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from gengap.study.finding import StudyFinding, schema
from study_builders import study, wards

PUBLISHED = Path(__file__).parents[2] / "docs" / "reference" / "gap.schema.json"


def test_the_published_schema_is_the_declared_one():
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == schema()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"classes": 0},
        {"seeds": 1},
        {"curves": True, "checkpoints": "log:3"},
        {"until_decided": True, "seeds": 10},
    ],
)
def test_what_a_study_writes_fits_it(tmp_path, settings):
    data = wards((30, 30, 30), classes=settings.pop("classes", 3))
    result = study(data, ["erm", "vrex"], **settings).run()
    text = result.save(tmp_path)["gap.json"].read_text(encoding="utf-8")
    written = json.loads(text)
    reader = TypeAdapter(StudyFinding)
    assert reader.validate_json(text, strict=True).as_json() == written
    declared = schema()
    assert set(written) <= set(declared["properties"])
    for part, name in (("methods", "MethodRow"), ("environments", "EnvironmentRow")):
        fields = set(declared["$defs"][name]["properties"])
        assert all(set(row) == fields for row in written[part])
    broken = {**written, "methods": [{**written["methods"][0], "gap": "large"}]}
    with pytest.raises(ValidationError):
        reader.validate_json(json.dumps(broken), strict=True)
