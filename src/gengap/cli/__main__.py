"""``python -m gengap.cli`` is ``gengap``."""

from gengap.cli import main

main()
