"""A delivered network as an ONNX file, from a user's columns to probabilities or values.

The graph does all that gengap does, in the same order and the same precision: medians are taken off
in float64, everything after that is float32, missing numbers become the training mean, and values
are cut at twenty standard deviations.

- A *table* has an input ``(n, 1)`` for each column: float64 numbers, NaN where missing, or
  strings, ``""`` where missing. An *array* has one input ``X (n, ...)``, float64 where examples are
  rows.
- Classes: ``probabilities (n, C)`` float32 and ``class (n,)`` int64, a position in the class
  labels, which stand in the file's properties. Values: ``value (n,)`` float64. Of several targets
  ``probabilities (n, k)`` of the second class of each and ``labels (n, k)``, or ``value (n, k)``.

Where a graph of standard operators would not give the same numbers there is none, and the error
says why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from gengap.base.errors import UsageError
from gengap.base.files import write_files
from gengap.delivery.adapting import Adapting
from gengap.delivery.parts import Parts
from gengap.environments.preparation import ColumnCode
from gengap.methods.base import Predictor
from gengap.models.networks import Network

OPSET, OF_COLUMNS = 17, 3  # of ai.onnx and of ai.onnx.ml
KNOWN = (
    nn.Sequential, nn.Flatten, nn.ReLU, nn.Linear, nn.Conv1d, nn.Conv2d, nn.MaxPool1d, nn.MaxPool2d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d,
)  # fmt: skip


def why_not_onnx(parts: Parts) -> str:
    """Why ONNX cannot hold a model exactly; empty where it can."""
    trained = parts.trained
    if not isinstance(trained.model, Network):
        return "it is no network; skl2onnx converts many estimators of scikit-learn"
    if isinstance(trained, Adapting):
        return f"{trained.saved.name} changes it as it answers"
    if isinstance(trained.model, Predictor):
        return f"{trained.run.method} has a head of its own, which no standard operator is"
    for layer in trained.module.modules():
        if isinstance(trained.module, nn.Sequential) and not isinstance(layer, KNOWN):
            return f"of its layers {type(layer).__name__} is not written so far"
        if isinstance(layer, nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d):
            sides = [side // 2 for side in trained.problem.shape[1:]]
            if any(side % 4 for side in sides):
                return (
                    f"its pooling of {' x '.join(map(str, sides))} to 4 a side has parts of "
                    "different sizes, for which ONNX has no operator"
                )
    X = trained.problem.X
    for name in X.columns if isinstance(X, pd.DataFrame) else ():
        values = getattr(X[name].dtype, "categories", ())
        if not all(isinstance(value, str) for value in values):
            return f"the categories of column {str(name)!r} are no text"
    if not isinstance(trained.module, nn.Sequential):
        return "its network is made by your own code; use torch.onnx.export on that"
    return ""


def write_onnx(parts: Parts, path: Path) -> Path:
    """Write a network with its standardisation as ONNX.

    Raises:
        UsageError: it cannot be exact, the package onnx is missing, or the file cannot be written.
    """
    if why := why_not_onnx(parts):
        raise UsageError(f"This model cannot be written as ONNX, because {why}.")
    try:
        import onnx
    except ImportError:
        raise UsageError('Writing ONNX needs onnx; run pip install "gengap[onnx]".') from None
    model = _Graph().model(parts)
    onnx.checker.check_model(model)
    write_files({path: model.SerializeToString()})
    return path


class _Graph:
    """A graph in the making: its nodes, constants and inputs."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []

    def model(self, parts: Parts) -> Any:
        """The whole model."""
        from onnx import TensorProto, helper

        trained, said = parts.trained, parts.said
        encoded = self._encoded(trained.problem)
        inputs = trained.prepared.inputs
        rows = self.add("Sub", encoded, self.put(inputs.shift[None]))
        rows = self.add("Mul", rows, self.put(inputs.scale[None]))
        missing = self.add("IsNaN", rows)
        rows = self.add("Where", missing, self.put(np.float32(0)), rows)
        ends = self.put(np.float32(-inputs.clip)), self.put(np.float32(inputs.clip))
        rows = self.add("Clip", rows, *ends)
        for layer in trained.module.children():
            rows = self.layer(layer, rows, trained.problem.shape)
        several = len(said.targets)
        if said.classes and several:
            self.add("Sigmoid", rows, out="probabilities")
            present = self.add("Greater", rows, self.put(np.float32(0)))
            self.add("Cast", present, to=TensorProto.INT64, out="labels")
            outputs: list[tuple[str, int, list[Any]]] = [
                ("probabilities", TensorProto.FLOAT, ["n", several]),
                ("labels", TensorProto.INT64, ["n", several]),
            ]
        elif said.classes:
            self.add("Softmax", rows, axis=1, out="probabilities")
            self.add("ArgMax", rows, axis=1, keepdims=0, out="class")
            outputs = [
                ("probabilities", TensorProto.FLOAT, ["n", len(said.classes)]),
                ("class", TensorProto.INT64, ["n"]),
            ]
        else:
            wide = self.add("Cast", rows, to=TensorProto.DOUBLE)
            wide = self.add("Mul", wide, self.put(np.array(said.scale, np.float64)))
            wide = self.add("Add", wide, self.put(np.array(said.shift, np.float64)))
            shape = [-1, several] if several else [-1]
            self.add("Reshape", wide, self.put(np.array(shape)), out="value")
            outputs = [("value", TensorProto.DOUBLE, ["n", several] if several else ["n"])]
        made = helper.make_graph(
            self.nodes,
            "gengap",
            self.inputs,
            [helper.make_tensor_value_info(*output) for output in outputs],
            self.constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", OF_COLUMNS)]
        model = helper.make_model(made, producer_name="gengap", opset_imports=opsets, ir_version=8)
        labels = {"classes": json.dumps(said.classes), "target": said.target, "data": said.name}
        helper.set_model_props(model, labels)
        return model

    def add(self, kind: str, *inputs: str, out: str = "", domain: str = "", **settings: Any) -> str:
        """Add a node with one output; returns its name."""
        from onnx import helper

        name = out or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **settings))
        return name

    def put(self, values: Any) -> str:
        """Add a constant; returns its name."""
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def take(self, name: str, kind: int, shape: list[Any]) -> str:
        """Add an input; returns its name."""
        from onnx import helper

        self.inputs.append(helper.make_tensor_value_info(name, kind, ["n", *shape]))
        return name

    def _encoded(self, problem: Any) -> str:
        """The encoded examples, float32."""
        from onnx import TensorProto

        if not isinstance(problem.X, pd.DataFrame):
            if len(problem.shape) > 1:
                return self.take("X", TensorProto.FLOAT, list(problem.shape))
            X = self.take("X", TensorProto.DOUBLE, [problem.X.shape[1]])
            columns = [
                self.add("Gather", X, self.put(np.array([k])), axis=1)
                for k in range(problem.X.shape[1])
            ]
        else:
            columns = [self._column(problem.X[name]) for name in problem.X.columns]
        names = list(problem.X.columns) if isinstance(problem.X, pd.DataFrame) else columns
        parts = []
        for column, name, code in zip(columns, names, problem.encoded.codes, strict=True):
            categories = None
            if isinstance(problem.X, pd.DataFrame) and code.kind != "number":
                categories = problem.X[name].cat.categories
            parts += self._code(column, code, categories)
        return self.add("Concat", *parts, axis=1)

    def _column(self, column: pd.Series) -> str:
        """An input of a table: numbers, ranks of ordered categories, or codes of others."""
        from onnx import TensorProto

        name = str(column.name)
        if not isinstance(column.dtype, pd.CategoricalDtype):
            return self.take(name, TensorProto.DOUBLE, [1])
        texts = self.take(name, TensorProto.STRING, [1])
        values = [str(value) for value in column.cat.categories]
        ranked = self.add(
            "LabelEncoder",
            texts,
            domain="ai.onnx.ml",
            keys_strings=["", *values],
            values_floats=[-1.0, *map(float, range(len(values)))],
            default_float=-1.0 if column.cat.ordered else float(len(values)),
        )
        wide = self.add("Cast", ranked, to=TensorProto.DOUBLE)
        if not column.cat.ordered:
            return wide
        below = self.add("Less", wide, self.put(np.float64(0)))
        return self.add("Where", below, self.put(np.float64(np.nan)), wide)

    def _code(self, column: str, code: ColumnCode, categories: Any) -> list[str]:
        """The columns of the matrix ``(n, width)`` that a column becomes."""
        from onnx import TensorProto

        if code.kind == "category":
            present = self.put(np.array([code.present], np.float64))
            same = self.add("Equal", column, present)
            return [self.add("Cast", same, to=TensorProto.FLOAT)]
        if code.kind == "text":
            raise UsageError(
                f"This model cannot be written as ONNX, because column {code.name!r} holds free "
                "text, whose words ONNX divides in other ways."
            )
        if code.kind == "code":
            raise UsageError(
                f"This model cannot be written as ONNX, because column {code.name!r} has too many "
                "categories for a column each."
            )
        taken = self.add("Sub", column, self.put(np.float64(code.middle)))
        if code.exponent:
            taken = self.add("Mul", taken, self.put(np.ldexp(1.0, -code.exponent)))
        parts = [self.add("Cast", taken, to=TensorProto.FLOAT)]
        if code.marked:
            parts.append(self.add("Cast", self.add("IsNaN", column), to=TensorProto.FLOAT))
        return parts

    def layer(self, layer: nn.Module, rows: str, shape: tuple[int, ...]) -> str:
        """One layer of a network that gengap makes."""
        if isinstance(layer, nn.Flatten):
            return self.add("Flatten", rows, axis=1)
        if isinstance(layer, nn.ReLU):
            return self.add("Relu", rows)
        if isinstance(layer, nn.Linear):
            weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
            return self.add("Gemm", rows, self.put(weight), self.put(bias), transB=1)
        spatial = len(shape) - 1
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            assert layer.bias is not None
            weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
            return self.add(
                "Conv", rows, self.put(weight), self.put(bias), pads=[1] * (2 * spatial)
            )
        if isinstance(layer, nn.MaxPool1d | nn.MaxPool2d):
            return self.add("MaxPool", rows, kernel_shape=[2] * spatial, strides=[2] * spatial)
        sides = [side // 2 // 4 for side in shape[1:]]
        return self.add("AveragePool", rows, kernel_shape=sides, strides=sides)
