"""A WSGI application that says what it got, takes its time, or answers at length."""

import os
import time


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow":
        time.sleep(1.5)
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/long":
        return (b"x" * 1_000_000 for _ in range(60))
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    told = [environ.get("HTTP_X_FORWARDED_FOR", "-"), environ.get("HTTP_X_FORWARDED_PROTO", "-")]
    return [f"{os.getpid()} {len(body)} {' '.join(told)}".encode()]
