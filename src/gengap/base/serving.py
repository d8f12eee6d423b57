"""Pages that a running command serves to browsers on this machine, and to nobody else.

The server listens on the loopback address alone. Its address holds a word that no other program
knows, and it answers only to the name it was called by, so that neither another user of the machine
nor a web page that points its own name here reads anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from gengap.base.errors import UsageError

HOST = "127.0.0.1"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; {connect}"
Answer = Callable[[], tuple[str, str]]  # a content type and a text


@contextmanager
def served(answers: Mapping[str, Answer], port: int = 0) -> Iterator[str]:
    """Serve texts while a block runs, each made when it is asked for; yields the address.

    Args:
        answers: by name, ``""`` for what the address itself shows.
        port: 0 for any that is free.

    Raises:
        UsageError: the port is taken.
    """
    word = secrets.token_urlsafe(12)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            names = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}  # type: ignore[attr-defined]
            _, found, name = self.path.partition(f"/{word}/")
            if self.headers.get("Host") not in names or not found or name not in answers:
                self.send_error(404)
                return
            kind, text = answers[name]()
            body = text.encode()
            self.send_response(200)
            for header, value in (
                ("Content-Type", f"{kind}; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("Content-Security-Policy", POLICY.format(connect="connect-src 'self'")),
                ("Referrer-Policy", "no-referrer"),
                ("X-Content-Type-Options", "nosniff"),
            ):
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: Any) -> None:
            """Print nothing: the terminal belongs to the command."""

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"Cannot serve a page on port {port}: {reason}; choose another with --port."
        ) from None
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}/{word}/"
    finally:
        server.shutdown()
        server.server_close()
