"""The section on streams: who is drawn, and which columns a stream has."""

from gengap.report.figures.drawing import Drawing
from gengap.report.reading import Row, Summary
from gengap.report.streams import streams_section


def row(**more):
    found = {
        "method": "erm + tent", "alone": "erm", "stream": "reset", "batch": 32,
        "at": [0.25, 0.75], "scores": [0.5, 0.4], "scores_alone": [0.75, 0.8],
        "early": 0.1, "early_low": 0.05, "early_high": 0.15, "late": -0.2, "late_low": None,
        "late_high": None, "source": None, "source_after": None, "forgotten": None,
        "near": None, "near_alone": None, "far": None, "far_alone": None,
    }  # fmt: skip
    return Row(found | more)


def summary(*rows):
    study = Row(metric="accuracy", metric_is_fraction=True, higher_is_better=True, baseline="erm")
    methods = [Row(method="erm"), Row(method="erm + tent")]
    return Summary(study, methods, [], [], Row(), [], streams=list(rows))


def parts(*rows):
    made = streams_section(summary(*rows), page=True)
    assert made is not None
    drawing = next(block for block in made.blocks if isinstance(block, Drawing))
    return made, drawing, made.blocks[-1]


def test_a_stream_that_puts_back_has_halves_and_a_line_for_the_model_alone():
    _, drawing, table = parts(row())
    assert [column.label for column in table.columns] == ["Method", "First half", "Second half"]
    assert [cell.text for cell in table.rows[0]] == ["erm + tent", "+10.0", "-20.0"]
    assert "erm (alone)" in str(drawing.standalone())


def test_what_is_forgotten_and_strangers_have_columns_where_they_were_measured():
    _, _, table = parts(
        row(source=0.9, source_after=0.8, forgotten=0.1, forgotten_low=0.05, forgotten_high=0.15,
            far=0.75, far_alone=0.5)
    )  # fmt: skip
    labels = [column.label for column in table.columns]
    assert labels[3:] == ["Source before", "Source after", "Forgotten", "Noise told apart"]
    assert [cell.text for cell in table.rows[0]][3:] == ["90.0", "80.0", "10.0", "0.750"]


def test_one_window_is_not_drawn():
    made = streams_section(summary(row(scores=[0.5, None], scores_alone=[0.75, None])), page=True)
    assert made is not None
    assert not any(isinstance(block, Drawing) for block in made.blocks)


def test_without_adapters_there_is_no_section():
    assert streams_section(summary(), page=True) is None
