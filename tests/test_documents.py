"""The documents tell the truth: links lead somewhere, commands parse, examples run."""

from __future__ import annotations

import doctest
import os
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
import yaml
from sklearn.linear_model import LogisticRegression
from typer.main import get_command

import gengap.statistics
from gengap.cli import app
from gengap.records.tables import SCHEMA, metadata

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```$", re.M | re.S
)
# A block after this comment is for reading only; the comment says why.
NOT_RUN = re.compile(r"<!-- not run: [^>]+ -->\s*\Z")
# Changes to the source and what they lead to, which tests/test_extending.py tries on a copy.
TRIED = re.compile(r"<!-- (?:in|file:|becomes|shows:)[^>]*-->\n```.*?^```$", re.M | re.S)
MISUSE = typer.BadParameter.__bases__[0]
COMMANDS = get_command(app).commands

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(text: str) -> str:
    """The text without its blocks of code and its inline code."""
    return re.sub(r"`[^`\n]+`", "", FENCE.sub("", text))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs both make them."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    plain = [re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading) for heading in headings]
    slugs = [re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in plain]
    return {re.sub(r"[\s-]+", "-", slug) for slug in slugs}


@each_page
def test_links_lead_somewhere(page: Path):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        file = page.parent / path if path else page
        assert file.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(file), f"{link} names no heading"


@each_page
def test_files_named_exist(page: Path):
    """What is named as a file of this repository is one, the tests to run included."""
    code = re.findall(r"`([^`\n]+)`", TRIED.sub("", page.read_text(encoding="utf-8")))
    for word in (word for text in code for word in text.split()):
        if re.match(r"(src|tests|docs|examples|benchmarks)/[\w/.-]+$", word):
            assert (ROOT / word).exists() or "yours" in word, word


@each_page
def test_code_named_exists(page: Path):
    """What is named as a part of the package is one."""
    text = TRIED.sub("", page.read_text(encoding="utf-8"))
    for name in re.findall(r"`(gengap(?:\.\w+)+)(?=[`(])", text):
        pkgutil.resolve_name(name)


@each_page
def test_every_output_is_there(page: Path):
    text = page.read_text(encoding="utf-8")
    marked = re.findall(r"<!-- output[^>]*-->\n```text\n(.*?)```", text, re.S)
    assert len(marked) == text.count("<!-- output")
    assert all(output.strip() for output in marked), "run python docs/make_outputs.py"


def test_functions_to_use_exist():
    table = (DOCS / "statistics.md").read_text(encoding="utf-8").split("## What to use")[1]
    rows = re.findall(r"^\| [^|]+\?? \| ([^|]+) \|", table.split("##")[0], re.M)
    named = re.findall(r"`(\w+)`", " ".join(rows))
    assert len(named) > 20
    assert set(named) <= set(gengap.statistics.__all__)


def test_every_page_is_in_the_navigation():
    listed = re.findall(
        r"[\w/-]+\.md", yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    )
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def commands_in(text: str) -> Iterator[str]:
    """Every ``gengap ...`` of a page, from blocks of commands and from inline code."""
    text = TRIED.sub("", text)
    blocks = [block["code"] for block in FENCE.finditer(text) if block["kind"] == "sh"]
    rest = FENCE.sub("", text)
    for line in "\n".join([*blocks, *re.findall(r"^ {4,}(.*)$", rest, re.M)]).splitlines():
        for command in re.split(r"; ", re.sub(r"\s#.*", "", line)):
            words = re.sub(r"\s>.*", "", command).removeprefix(".venv/bin/")
            if words.startswith("gengap "):
                yield words.strip()
    for code in re.findall(r"`((?:\.venv/bin/)?gengap\s[^`]+)`", rest):
        yield " ".join(code.removeprefix(".venv/bin/").split())


def complaint(name: str, arguments: list[str]) -> str:
    """What the command line says to these arguments; a command merely named may lack some."""
    try:
        COMMANDS[name].make_context(name, arguments)
    except typer.Exit:  # --help
        return ""
    except MISUSE as error:
        return error.format_message() if arguments else ""
    return ""


@each_page
def test_commands_parse(page: Path):
    """Options exist and values are of their kind."""
    for line in commands_in(page.read_text(encoding="utf-8")):
        _, name, *arguments = shlex.split(line)
        if name != "COMMAND":
            assert name in COMMANDS, line
            assert complaint(name, arguments) == "", line


def test_every_command_is_explained():
    text = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    assert set(COMMANDS) <= {line.split()[1] for line in commands_in(text)}


@each_page
def test_options_exist(page: Path):
    known = {
        option
        for command in COMMANDS.values()
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    inline = re.findall(r"`(--[a-z][a-z-]+)[^`]*`", page.read_text(encoding="utf-8"))
    assert set(inline) <= known | {"--help"}


def test_the_tables_of_records_are_explained():
    text = (DOCS / "records.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(gengap_\w+)` \|", text, re.M)) == set(metadata.tables)
    assert f"the schema's number, now {SCHEMA}" in text


def test_the_public_surface_is_in_the_reference():
    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    assert set(gengap.__all__) <= set(re.findall(r"^::: gengap\.(\w+)$", text, re.M))


def runnable(text: str) -> Iterator[tuple[str, str]]:
    """The kind and the code of every block of Python that is to run."""
    text = TRIED.sub("", text)
    for block in FENCE.finditer(text):
        if block["kind"] in ("python", "pycon") and not NOT_RUN.search(text[: block.start()]):
            code = re.sub(rf"^{block['indent']}", "", block["code"], flags=re.M)
            yield block["kind"], code


def readers_own() -> dict[str, Any]:
    """What a reader brings to the examples: rows from three places, a table, a fitted model."""
    rng = np.random.default_rng(0)
    where = np.repeat([0, 1, 2], 60)
    X = rng.normal(size=(180, 3)) + where[:, None] / 2
    y = (X[:, 0] + X[:, 1] + rng.normal(size=180) > where).astype(int)
    frame = pd.DataFrame(X, columns=["age", "dose", "pulse"])
    frame["hospital"] = np.array(["north", "south", "east"])[where]
    frame["readmitted"] = np.where(y, "yes", "no")
    estimator = LogisticRegression()
    model = LogisticRegression().fit(X, y)
    return {
        "estimator": estimator, "model": model, "X": X, "y": y, "where": where, "frame": frame,
        "X_new": X[:20] + 1,
    }  # fmt: skip


with_examples = [page for page in PAGES if list(runnable(page.read_text(encoding="utf-8")))]


@pytest.mark.filterwarnings("ignore::gengap.base.errors.SuspiciousInput")
@pytest.mark.parametrize("page", with_examples, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A page's blocks run one after the other, as a reader would paste them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)  # no pool
    names = readers_own()
    for kind, code in runnable(page.read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(code, str(page), "exec"), names)
        else:
            run_doctest(code, names, page)


def run_doctest(code: str, names: dict[str, Any], page: Path) -> None:
    said: list[str] = []
    example = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(example, out=said.append, clear_globs=False)
    names.update(example.globs)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", ["methods", "adapters", "merges", "detectors", "suites"])
def test_tables_are_up_to_date(name: str):
    import make_tables

    page = DOCS / "catalogue" / f"{name}.md"
    assert page.read_text(encoding="utf-8") == make_tables.filled(name), (
        "run python docs/make_tables.py"
    )
