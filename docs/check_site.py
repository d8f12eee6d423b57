"""Check the built site: no dead links, nothing from a network.

python docs/check_site.py [build/site]    prints each fault and exits with 1 if there is any
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).parent.parent / "build" / "site"
# What a browser loads by itself; an <a> is followed by the reader only.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
CSS_ADDRESS = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])((?:https?:)?//[^'\")\s]+)")


class PageContents(HTMLParser):
    """The anchors of a page, the links in it and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if LOADED.get(tag) in values and values.get("rel") != "canonical":
            self.loads.append(values[LOADED[tag]])


@cache
def contents(page: Path) -> PageContents:
    found = PageContents()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def faults(site: Path = SITE) -> Iterator[str]:
    """One sentence for each dead link and each thing that comes from a network."""
    pages = sorted(site.rglob("*.html"))
    if not pages:
        yield f"There is no site in {site}."
    for page in pages:
        place = page.relative_to(site)
        for address in contents(page).loads:
            if is_remote(address):
                yield f"{place} loads {address} from a network."
            elif not target(page, address).is_file():
                yield f"{place} loads {address}, which does not exist."
        for link in contents(page).links:
            yield from (f"{place}: {fault}" for fault in dead(page, link))
    for sheet in sorted(site.rglob("*.css")):
        for address in CSS_ADDRESS.findall(sheet.read_text(encoding="utf-8")):
            yield f"{sheet.relative_to(site)} loads {address} from a network."


def is_remote(address: str) -> bool:
    return urlsplit(address).netloc != ""


def target(page: Path, address: str) -> Path:
    """The file that an address on a page stands for."""
    path = unquote(urlsplit(address).path)
    if page.name == "404.html":  # served at any address, so that its own are absolute
        path = path.removeprefix("/") or "."
    found = page.parent / path if path else page
    return found / "index.html" if found.is_dir() else found


def dead(page: Path, link: str) -> Iterator[str]:
    """What is wrong with a link, if anything; links that leave the site are not followed."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return
    file = target(page, link)
    if not file.is_file():
        yield f"the link {link} leads nowhere."
    elif parts.fragment and unquote(parts.fragment) not in contents(file).anchors:
        yield f"the link {link} names a place that does not exist."


if __name__ == "__main__":
    found = list(faults(Path(sys.argv[1]) if len(sys.argv) > 1 else SITE))
    print("\n".join(found) or "No dead links, and nothing is loaded from a network.")
    sys.exit(bool(found))
