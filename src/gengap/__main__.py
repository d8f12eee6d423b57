"""``python -m gengap`` is the ``gengap`` command."""

from gengap.cli import main

main()
