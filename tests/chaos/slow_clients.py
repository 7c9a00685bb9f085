"""Clients that begin a request and do not go on: heads without an end, bodies that never come."""

import socket
from contextlib import ExitStack, contextmanager

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
FILE = "multipart/form-data; boundary=slow"
STARTS = {
    FORM: "email=",
    JSON: '{"given_name": "',
    FILE: '--slow\r\nContent-Disposition: form-data; name="file"',
}


def routes(token="", cookie="", link="x", feed="x"):
    """Return method, path, content type and further headers of a request to every interface."""
    bearer = f"Authorization: Bearer {token}" if token else ""
    signed_in = f"Cookie: {cookie}" if cookie else ""
    return [
        ("POST", "/account/forgotten", FORM, ""),
        ("POST", "/visits", FORM, ""),
        ("POST", "/login", FORM, ""),
        ("POST", "/patients", FORM, signed_in),
        ("POST", "/settings/imports", FILE, signed_in),
        ("POST", f"/visits/{link}/preferences", FORM, ""),
        ("POST", "/api/v1/patients", JSON, bearer),
        ("POST", "/api/v1/imports/patients", JSON, bearer),
        ("POST", "/fhir/Patient", JSON, bearer),
        ("GET", f"/feeds/{feed}.ics", FORM, ""),
        ("GET", "/login", FORM, ""),
    ]


@contextmanager
def slow_clients(port, asked, bodies, heads):
    """Hold so many unfinished bodies and heads open, spread over the routes."""
    with ExitStack() as stack:
        for number in range(bodies + heads):
            method, path, kind, header = asked[number % len(asked)]
            line = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {kind}"]
            lines += [header] if header else []
            if number < bodies:
                lines += ["Content-Length: 1000", "", STARTS[kind]]
            line.sendall("\r\n".join(lines).encode())
        yield
