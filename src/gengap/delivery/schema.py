"""What may stand in ``model.json``, checked before anything is made of it.

The schema says which values there are and of which kind, and how many; whether the tensors beside
it fit is checked where they are read (:mod:`gengap.delivery.loading`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1
Size = Annotated[int, Field(ge=0, lt=2**40)]
Name = Annotated[str, Field(max_length=100_000)]
Label = Annotated[str | bool | int | float, Field(union_mode="left_to_right")]


class Strict(BaseModel):
    """Exactly these values, of exactly these kinds, and finite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class SavedColumn(Strict):
    """A column of the user's table: its name, and what is a category its values in order.

    ``text`` is the type that a column of text had before its values became categories.
    """

    name: Name
    categories: tuple[Label, ...] | None
    ordered: bool
    text: Literal["", "str", "object", "string"]


class SavedForm(Strict):
    """What examples look like: a table, or an array of examples of a shape.

    ``days_first`` says of columns of dates whether 3/4/2020 is in April, and ``numbers`` of columns
    whose numbers were text what stood between thousands and before decimals.
    """

    table: bool
    series: bool
    shape: tuple[Size, ...]
    columns: tuple[SavedColumn, ...]
    days_first: dict[str, bool | None]
    numbers: dict[str, tuple[Literal["", ",", ".", " ", "'"], Literal[".", ","]]] = {}


class SavedCode(Strict):
    """How a column becomes numbers; see :class:`gengap.environments.preparation.ColumnCode`."""

    name: Name
    kind: Literal["number", "category", "code", "text"]
    middle: float
    exponent: Annotated[int, Field(ge=-2000, le=2000)]
    marked: bool
    present: tuple[Annotated[int, Field(ge=-1, lt=2**31)], ...]
    count: Size
    terms: tuple[Name, ...] = ()
    least: Size = 0


class SavedRun(Strict):
    """The run that was trained; see :class:`gengap.records.run.Run`."""

    problem: str
    method: Name
    hyperparameters: dict[str, Any]
    model: Name
    role: Literal["reference", "unseen"]
    split: Name
    train_environments: tuple[Name, ...]
    unseen_environments: tuple[Name, ...]
    seed: Size
    left_out: Name
    trial: Size
    settings: dict[str, Any]


class SavedPart(Strict):
    """A part of an observation; see :class:`gengap.control.spaces.Part`."""

    path: Name
    kind: Literal["box", "codes", "text"]
    shape: tuple[Size, ...]
    dtype: Literal["uint8", "float32"]
    counts: tuple[Size, ...]
    first: tuple[int, ...]
    words: tuple[Name, ...]
    places: Size


class SavedActions(Strict):
    """What an agent does; see :class:`gengap.control.spaces.Actions`."""

    count: Size
    first: Annotated[int, Field(gt=-(2**40), lt=2**40)]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    shape: tuple[Size, ...]
    dtype: Literal["int64", "int32", "int8", "uint8", "float32", "float64"]


class SavedAgent(Strict):
    """What an agent sees and does; ``parts`` is None where observations are arrays already."""

    parts: tuple[SavedPart, ...] | None
    actions: SavedActions


class SavedAdapter(Strict):
    """What answers in a network's place; see :mod:`gengap.delivery.adapting`.

    ``batch`` rows at a time; ``goes_on`` says whether from one table to the next, ``source``
    whether training examples lie beside it.
    """

    name: Name
    values: dict[str, bool | int | float]
    batch: Annotated[int, Field(ge=1, lt=2**31)]
    goes_on: bool
    source: bool


class Description(Strict):
    """All of a delivered model but its weights.

    Attributes:
        format: of the folder.
        gengap: version that saved it; ``versions`` of what computed it.
        created: when, in UTC.
        name: of the data; ``target`` the column that is predicted, empty where it has no name, and
            ``kind`` what an environment is called.
        task: whether classes or values are predicted.
        classes: their labels, in order.
        run: what was trained, its ``step`` the one that was kept.
        study: key of the study behind it; empty where there was none.
        form: of examples.
        codes: how a table's columns become numbers.
        shift, scale: of a target of regression; of several each has its own.
        rows: trained on; ``apart`` those kept apart from training.
        weights: in which format the model lies beside this.
        code: which code makes the network, where that is the user's own, and ``layers`` a digest
            of them; see :mod:`gengap.delivery.own_code`.
        adapter: what adapts it while it answers; None of other models.
        agent: what it sees and does, where it acts; None of other models.
        targets: what several targets are called; empty of one.
        guard: whether a guard does.
        files: SHA-256 of each further file, by name.
    """

    format: Literal[1]
    gengap: str
    versions: dict[str, str]
    created: str
    name: Name
    target: Name
    kind: Name
    task: Literal["classification", "regression"]
    classes: tuple[Name, ...]
    run: SavedRun
    step: Size
    study: str
    form: SavedForm
    codes: tuple[SavedCode, ...]
    shift: float | tuple[float, ...]
    scale: float | tuple[float, ...]
    rows: Size
    apart: Size
    weights: Literal["safetensors", "skops", "xgboost", "lightgbm", "catboost", ""]
    code: Name = ""
    layers: Name = ""
    adapter: SavedAdapter | None = None
    agent: SavedAgent | None = None
    targets: tuple[Name, ...] = ()
    guard: bool
    files: dict[str, str] = {}
    checksum: str = ""
    signature: str | None = None
