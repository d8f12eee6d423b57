"""Installs the lowest declared version of each package, but torch's, into a folder to be imported.

``make check`` runs tests with it: ``python tests/lowest_versions.py FOLDER``. What these packages
need themselves is resolved with them, so that versions that exclude each other are found. Torch
stays as it is installed: its builds for CPUs alone are not where the others are.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parents[1]
EXTRAS = ("parquet", "images", "postgresql", "skops", "excel", "spss", "zstd", "duckdb")


def lowest() -> list[str]:
    """``name==version`` of every package that is declared with a lowest version."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    extras = [each for extra in EXTRAS for each in project["optional-dependencies"][extra]]
    declared = [*project["dependencies"], *extras]
    return [each.replace(">=", "==") for each in declared if not each.startswith("torch")]


def name_of(requirement: str) -> str:
    """The name of a package, as pip compares names."""
    return re.split(r"[\[=]", requirement)[0].lower().replace("_", "-")


def main(folder: Path) -> None:
    """Install into the folder what is not installed elsewhere for the project."""
    wanted = lowest()
    # The others' versions are those of every installation of the project.
    free = {name_of(each) for each in wanted} | {"psycopg-binary", "pydantic-core", "click"}
    lines = (HERE / "constraints.txt").read_text().splitlines()
    kept = [line for line in lines if "==" in line and name_of(line) not in free]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "constraints.txt").write_text("\n".join(kept) + "\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    where = ["--upgrade", "--target", str(folder), "--constraint", str(folder / "constraints.txt")]
    subprocess.run([*pip, *where, *wanted], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
