"""What MkDocs asks while it builds the site: pages and tables made from the code itself.

Each method, adapter, detector and suite gets a page from its record and its module's docstring; the
page of commands is made from the command line's own declarations. None of it is kept in the
repository.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))

from docstrings import ROLE, without_roles
from make_tables import limited

from gengap.adapters.registry import AdapterInfo, adapters
from gengap.detectors.registry import DetectorInfo, detectors
from gengap.environments.suites import SuiteInfo, suites
from gengap.methods.base import Method
from gengap.methods.registry import MethodInfo, methods

PACKAGES = {
    "reference/statistics.md": "gengap.statistics",
    "reference/environments.md": "gengap.environments",
    "reference/shift.md": "gengap.questions.shift",
    "reference/selective.md": "gengap.statistics.selective",
}
CATALOGUES = {"methods": methods, "adapters": adapters, "detectors": detectors, "suites": suites}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every method, adapter, detector and suite."""
    for kind, entries in CATALOGUES.items():
        for name, info in entries().items():
            path = f"catalogue/{kind}/{name}.md"
            files.append(File.generated(config, path, content=entry_page(info)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link the catalogues' names to their pages; fill in the commands and the statistics."""
    path = page.file.src_uri
    if path == "reference/commands.md":
        return markdown + "\n\n".join(command_sections())
    if path in PACKAGES:
        return markdown + package_sections(importlib.import_module(PACKAGES[path]))
    for kind in CATALOGUES:
        if path == f"catalogue/{kind}.md":
            return re.sub(
                r"^\| `([a-z-]+)` \|", rf"| [`\1`]({kind}/\1.md) |", markdown, flags=re.MULTILINE
            )
    return markdown


def docstring(text: str | None) -> str:
    """A docstring as Markdown; its displayed formulas are indented and stay as they are."""
    return without_roles(inspect.cleandoc(text or ""))


def entry_page(info: MethodInfo | AdapterInfo | DetectorInfo | SuiteInfo) -> str:
    """The page of one entry of a catalogue."""
    if isinstance(info, SuiteInfo):
        facts, knobs = suite_facts(info), suite_options(info)
        text = docstring(info.load.__doc__)
    elif isinstance(info, AdapterInfo):
        facts, knobs = adapter_facts(info), hyperparameters(info.adapter.Settings)
        text = docstring(sys.modules[info.adapter.__module__].__doc__)
    else:
        implementation = info.method if isinstance(info, MethodInfo) else info.detector
        facts = method_facts(info) if isinstance(info, MethodInfo) else detector_facts(info)
        knobs = hyperparameters(implementation)
        text = docstring(sys.modules[implementation.__module__].__doc__)
    parts = [f"# {info.name}", f"*{info.summary}*", facts, knobs, text]
    return "\n\n".join(part for part in parts if part)


def method_facts(info: MethodInfo) -> str:
    return table(
        ["", ""],
        [
            ["use", f"`gengap run --methods erm,{info.name}`" if info.name != "erm" else
             "`gengap run --methods erm`"],
            ["source", f"{info.paper} ([link]({info.paper.link}))"],
            ["needs", ", ".join(limited(info.needs, info.tasks)) or "nothing beyond examples"],
            ["passes per step", f"{info.passes:g}"],
            ["training environments", f"{info.minimum_environments} or more"],
        ],
    )  # fmt: skip


def adapter_facts(info: AdapterInfo) -> str:
    return table(
        ["", ""],
        [
            ["use", f"`gg.adapters.{info.adapter.__name__}(model)`"],
            ["source", f"{info.paper} ([link]({info.paper.link}))"],
            ["needs", ", ".join(limited(info.needs, info.tasks)) or "nothing but the model"],
            ["cost", info.cost],
            ["smallest batch", f"{info.minimum_batch}"],
        ],
    )


def detector_facts(info: DetectorInfo) -> str:
    return table(
        ["", ""],
        [
            ["use", f"`gengap detect --detectors {info.name}`"],
            ["source", f"{info.paper} ([link]({info.paper.link}))"],
            ["reads", ", ".join(limited(info.needs, info.tasks))],
            ["cost of an example", info.cost],
        ],
    )


def suite_facts(info: SuiteInfo) -> str:
    return table(
        ["", ""],
        [
            ["use", f"`gengap run --suite {info.name}`"],
            ["source", info.source],
            ["splits", f"`{info.default_splits}`"],
            ["needs", info.needs or "nothing beyond the package"],
            ["costs known in closed form", "yes" if info.truth else "no"],
        ],
    )


def suite_options(info: SuiteInfo) -> str:
    rows = [[f"`{name}`", f"`{default}`"] for name, default in info.arguments.items()]
    return table(["option", "default"], rows)


def hyperparameters(implementation: Any) -> str:
    """A table of the fields; those that every method has come last."""
    fields = [f for f in dataclasses.fields(implementation) if "low" in f.metadata]
    shared = Method.fields() if issubclass(implementation, Method) else {}
    fields.sort(key=lambda field: field.name in shared)
    rows = [
        [f"`{f.name}`", f"{f.default:g}", f"{f.metadata['low']:g} to {f.metadata['high']:g}"
         + (", by its logarithm" if f.metadata["log"] else ""), f.metadata["help"]]
        for f in fields
    ]  # fmt: skip
    return table(["hyperparameter", "default", "searched", "what it is"], rows)


def command_sections() -> Iterator[str]:
    """Every command with its help, arguments and options, as the command line declares them."""
    from typer.main import get_command

    from gengap.cli import app

    for name, command in sorted(get_command(app).commands.items()):
        rows = [
            [f"`{declared(parameter)}`", parameter.help or "", shown_default(parameter)]
            for parameter in command.params
            if getattr(parameter, "help", None) and parameter.name != "help"
        ]
        yield f"## gengap {name}"
        yield docstring(command.help)
        yield table(["argument or option", "", "default"], rows)
        yield inspect.cleandoc(command.epilog or "")


def declared(parameter: Any) -> str:
    """``--seeds``, ``--lower-is-better / --higher-is-better`` or ``SOURCE``."""
    if parameter.param_type_name == "argument":
        return parameter.name.upper()
    return ", ".join(parameter.opts) + "".join(f" / {no}" for no in parameter.secondary_opts)


def shown_default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    return "" if default in (None, False) or callable(default) else f"`{default}`"


def package_sections(package: ModuleType) -> str:
    """Directives for everything that a package offers, under the questions of its docstring."""
    left = list(package.__all__)
    parts = []
    for question, names in questions_of(package.__doc__ or ""):
        found = [name for name in names if name in left]
        left = [name for name in left if name not in found]
        parts += [f"## {question}", *(directive(package, name) for name in found)] if found else []
    heading = ["## Results and the rest"] if parts else []
    return "\n\n".join([*parts, *heading, *(directive(package, name) for name in left)])


def questions_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """The questions in italics in a docstring, and the functions that answer each."""
    for question, rest in re.findall(r"\*([^*]+\?)\*((?:(?!\n\n).)*)", text, re.DOTALL):
        yield " ".join(question.split()), [name for _, name in ROLE.findall(rest)]


def directive(package: ModuleType, name: str) -> str:
    return f"::: {package.__name__}.{name}\n    options:\n      heading_level: 3"


def table(header: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *([cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
