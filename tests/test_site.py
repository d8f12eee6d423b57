"""The documentation site: built strictly, without dead links, readable without a network."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from browser import running_browser, visit

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "docs")
    import check_site

    check_site.contents.cache_clear()
    return check_site


def site(folder: Path, **pages: str) -> Path:
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    return folder


def test_good_links(checker: ModuleType, tmp_path: Path):
    (tmp_path / "style.css").write_text("a { background: url(data:image/png;base64,AA) }")
    home = '<link rel="stylesheet" href="style.css"><a href="other.html#part">x</a><a href="#">'
    pages = site(tmp_path, index=home + '<a href="https://a.org/b">', other='<p id="part">')
    assert list(checker.faults(pages)) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">', "index.html: the link gone.html leads nowhere."),
        ('<a href="#gone">', "index.html: the link #gone names a place that does not exist."),
        ('<img src="gone.png">', "index.html loads gone.png, which does not exist."),
        ('<script src="//cdn.org/a.js">', "index.html loads //cdn.org/a.js from a network."),
    ],
)
def test_faults(checker: ModuleType, tmp_path: Path, body: str, fault: str):
    assert list(checker.faults(site(tmp_path, index=body))) == [fault]


def test_style_sheets_that_load_fonts(checker: ModuleType, tmp_path: Path):
    (tmp_path / "style.css").write_text('@import "https://fonts.org/a.css";')
    assert list(checker.faults(site(tmp_path, index=""))) == [
        "style.css loads https://fonts.org/a.css from a network."
    ]


def test_no_site(checker: ModuleType, tmp_path: Path):
    assert list(checker.faults(tmp_path)) == [f"There is no site in {tmp_path}."]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip('MkDocs is not installed; run: pip install "gengap[docs]"')
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.slow
def test_built_without_dead_links(built: Path, checker: ModuleType):
    assert list(checker.faults(built)) == []
    assert (built / "catalogue" / "methods" / "vrex.html").exists()


@pytest.mark.slow
def test_read_and_searched_from_a_file(built: Path):
    with running_browser() as browser, visit(browser, built / "index.html") as visited:
        visited.page.fill(".md-search__input", "mahalanobis")
        visited.page.wait_for_selector(".md-search-result__article")
        assert "ahalanobis" in visited.page.inner_text(".md-search-result__list")
        assert all(url.startswith(("file:", "about:", "data:")) for url in visited.requested)
        assert visited.said == []
