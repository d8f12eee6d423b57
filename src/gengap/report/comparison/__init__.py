"""The report of ``gengap compare``: a page, a text, drawings and a table in the terminal."""

from gengap.report.comparison.console import console_table
from gengap.report.comparison.drawings import figures
from gengap.report.comparison.html import render_html
from gengap.report.comparison.markdown import render_markdown

__all__ = ["console_table", "figures", "render_html", "render_markdown"]
