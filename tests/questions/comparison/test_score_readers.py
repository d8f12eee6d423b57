from __future__ import annotations

import io
from itertools import product

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import UsageError
from gengap.questions.comparison import Columns, from_frame, read_scores


def frame(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


LONG = """method,task,seed,score
tree,paris,0,0.5
tree,paris,1,0.7
tree,rome,0,0.4
line,paris,0,0.9
line,paris,1,
line,rome,1,0.2
"""
EXPECTED = [[[0.5, 0.7], [0.4, np.nan]], [[0.9, np.nan], [np.nan, 0.2]]]


def test_a_long_table_keeps_order_and_leaves_missing_cells_empty():
    table = from_frame(frame(LONG))
    assert table.methods == ("tree", "line")
    assert table.environments == ("paris", "rome")
    assert table.seeds == ("0", "1")
    np.testing.assert_array_equal(table.scores, EXPECTED)
    np.testing.assert_allclose(table.means, [[0.6, 0.4], [0.9, 0.2]])
    np.testing.assert_array_equal(table.runs, [[2, 1], [1, 1]])
    assert table.paired


WIDE_FORMS = {
    "environments as columns": "algorithm,run,paris,rome\n"
    "tree,0,0.5,0.4\ntree,1,0.7,\nline,0,0.9,\nline,1,,0.2\n",
    "methods as columns": "dataset,seed,tree,line\n"
    "paris,0,0.5,0.9\nparis,1,0.7,\nrome,0,0.4,\nrome,1,,0.2\n",
    "seeds as columns": "model,env,seed_0,seed_1\n"
    "tree,paris,0.5,0.7\ntree,rome,0.4,\nline,paris,0.9,\nline,rome,,0.2\n",
}


@pytest.mark.parametrize("form", WIDE_FORMS)
def test_every_wide_form_gives_the_same_table_as_the_long_one(form):
    table = from_frame(frame(WIDE_FORMS[form]))
    assert table.methods == ("tree", "line")
    assert table.environments == ("paris", "rome")
    np.testing.assert_array_equal(table.scores, EXPECTED)


def test_columns_of_any_name_are_found_when_they_are_named():
    renamed = frame(LONG.replace("method,task,seed,score", "Verfahren,Ort,Saat,Punkte"))
    columns = Columns("Verfahren", "Ort", "Saat", "Punkte")
    table = from_frame(renamed, columns, higher_is_better=True)
    np.testing.assert_array_equal(table.scores, EXPECTED)
    assert table.metric == "Punkte"


def test_without_seeds_rows_of_a_cell_are_runs_in_their_order():
    table = from_frame(frame("method,task,score\na,x,1\nb,x,4\na,x,2\na,x,3\nb,x,5\n"))
    np.testing.assert_array_equal(table.scores, [[[1, 2, 3]], [[4, 5, np.nan]]])
    assert not table.paired
    assert "no seed column" in table.notes[0]


def test_runs_numbered_across_the_whole_file_are_renumbered_within_cells():
    rows = [
        (m, e, 100 * i + k, k) for i, (m, e) in enumerate(product("ab", "xy")) for k in range(3)
    ]
    table = from_frame(pd.DataFrame(rows, columns=["method", "task", "run", "score"]))
    assert table.scores.shape == (2, 2, 3)
    np.testing.assert_array_equal(table.scores, np.tile([0.0, 1.0, 2.0], (2, 2, 1)))
    assert not table.paired


def test_losses_are_negated_once():
    table = from_frame(frame(LONG.replace("score", "rmse")), higher_is_better=False)
    np.testing.assert_array_equal(table.oriented, -np.array(EXPECTED))
    np.testing.assert_allclose(table.means, [[-0.6, -0.4], [-0.9, -0.2]])
    assert not table.notes


def test_the_name_of_the_scores_says_which_way_is_better():
    table = from_frame(frame(LONG.replace("score", "rmse")))
    assert not table.higher_is_better
    told = from_frame(frame(LONG.replace("score", "rmse")), higher_is_better=True)
    assert told.higher_is_better


def test_one_environment_needs_no_column():
    table = from_frame(frame("method,seed,score\na,0,1\na,1,2\nb,0,3\n"))
    assert table.environments == ("all",)
    np.testing.assert_array_equal(table.scores, [[[1, 2]], [[3, np.nan]]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LONG + "tree,paris,1,0.8\n", "'tree' has two scores in environment 'paris' for seed '1'"),
        (LONG + "tree,rome,1,good\n", "'good' in row 7"),
        (LONG + 'tree,rome,1,"0,5"\n', "decimal point"),
        (LONG + "tree,rome,1,80%\n", "decimal point and without a unit"),
        (LONG + "tree,rome,1,inf\n", "infinite"),
        (LONG + ",rome,1,0.1\n", "Row 7 of scores names no method"),
        (LONG + "tree,rome,,0.1\n", "Row 7 of scores names no seed"),
        ("method,task,score\na,x,\nb,x,\n", "holds no scores"),
        ("method,task,first,second\na,x,1,2\n", "--score COLUMN"),
        ("thing,other\na,1\n", "--method COLUMN"),
        ("task,score\nx,1\n", "--method COLUMN"),
        ("method,colour\na,red\n", "no column of numbers"),
    ],
)
def test_unusable_tables_say_what_to_do(text, said):
    with pytest.raises(UsageError, match="(?s)" + said.replace("(", r"\(")):
        from_frame(frame(text))


def test_a_bad_cell_of_a_wide_table_is_named_by_its_row():
    with pytest.raises(UsageError, match="'oops' in row 3"):
        from_frame(frame("method,x,y,z\na,1,2,3\nb,1,2,3\nc,1,oops,3\n"))


def test_an_unknown_column_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'task'"):
        from_frame(frame(LONG), Columns(environment="tasks"))


def test_many_rows_are_read_in_their_order(tmp_path):
    m, e, s = np.meshgrid(np.arange(20), np.arange(50), np.arange(100), indexing="ij")
    score = np.random.default_rng(0).random(m.size)
    path = tmp_path / "many.csv"
    columns = {"method": m.ravel(), "task": e.ravel(), "seed": s.ravel(), "score": score}
    pd.DataFrame(columns).to_csv(path, index=False)
    table = read_scores(path)
    np.testing.assert_array_equal(table.scores.ravel(), score)


def test_names_confused_with_numbers_are_refused_before_memory_runs_out():
    n = 20_000
    rows = pd.DataFrame({"method": np.arange(n), "task": np.arange(n), "score": np.ones(n)})
    with pytest.raises(UsageError, match="400,000,000 cells"):
        from_frame(rows)


def labelled(labels) -> pd.DataFrame:
    rows = [
        (m, e, labels(m, e, k), 0.5) for m in ("a", "b", "c") for e in "vwxyz" for k in range(3)
    ]
    return pd.DataFrame(rows, columns=["method", "task", "seed", "score"])


def test_the_labels_of_seeds_say_what_they_have_in_common():
    common = from_frame(labelled(lambda m, e, k: k))
    assert (common.paired, common.crossed) == (True, True)
    of_methods = from_frame(labelled(lambda m, e, k: f"{m}{k}"))
    assert (of_methods.paired, of_methods.crossed) == (False, True)
    assert any("Methods have few seeds in common" in note for note in of_methods.notes)
    of_environments = from_frame(labelled(lambda m, e, k: f"{e}{k}"))
    assert (of_environments.paired, of_environments.crossed) == (False, False)
    of_cells = from_frame(labelled(lambda m, e, k: f"{m}{e}{k}"))
    assert (of_cells.paired, of_cells.crossed) == (False, False)
    assert any("trained models of its own" in note for note in of_cells.notes)
    assert {t.scores.shape for t in (common, of_methods, of_environments, of_cells)} == {(3, 5, 3)}
    unnamed = from_frame(labelled(lambda m, e, k: k).drop(columns="seed"))
    assert (unnamed.paired, unnamed.crossed) == (False, True)
    assert any("no seed column" in note for note in unnamed.notes)
