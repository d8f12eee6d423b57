"""The report: from a study's summary to a page, a text and a table in the terminal."""

from gengap.report.answer import headline
from gengap.report.console import console_table
from gengap.report.html import render_html
from gengap.report.markdown import render_markdown

__all__ = ["console_table", "headline", "render_html", "render_markdown"]
