"""The command line: one file per command, each a thin layer over the Python interface."""

import importlib
import pkgutil

from gengap.cli.base import app, main

__all__ = ["app", "main"]

# A command is known once its file is imported.
for _file in pkgutil.iter_modules(__path__):
    if _file.name != "__main__":
        importlib.import_module(f"gengap.cli.{_file.name}")
