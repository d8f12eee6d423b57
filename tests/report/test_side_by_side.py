"""Methods beside one another in the few environments that were left out."""

from summary_builders import environment_row, method_row, small_summary

from gengap.report.reading import read
from gengap.report.tables.study import side_by_side_table


def test_parts_that_were_left_out_stand_side_by_side_the_best_first() -> None:
    parts = {"both": 0.3, "new instruction": 0.25, "new level": 0.7}
    rows = [
        environment_row(part, method, unseen=score - lost, cost_low=None if lost else 0.01)
        for method, lost in (("bc", 0.0), ("cql", 0.1))
        for part, score in parts.items()
    ]
    found = side_by_side_table(
        read(
            small_summary(
                methods=[method_row("bc"), method_row("cql")], environments=rows, baseline="bc",
            )
        )
    )  # fmt: skip
    assert found is not None
    labels = [column.label for column in found.columns]
    assert labels == ["Method", "In distribution", "new level", "both", "new instruction"]
    lines = [[cell.line for cell in row] for row in found.rows]
    assert lines[0][:3] == ["bc", "95.3", "70.0 (cost 2.0 (1.0 to 3.0))"]
    assert lines[1][2:] == ["60.0 (cost 2.0)", "20.0 (cost 2.0)", "15.0 (cost 2.0)"]


def test_one_method_in_environments_left_out_in_turn_has_nothing_beside_it() -> None:
    assert side_by_side_table(read(small_summary())) is None
    many = [environment_row(f"writer {k}") for k in range(9)]
    assert side_by_side_table(read(small_summary(environments=many))) is None
