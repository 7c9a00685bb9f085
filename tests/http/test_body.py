"""Every route has a limit for the body of a request, with and without a Content-Length."""

import io
import time
from contextvars import Context

import pytest

from scheduler.http import body
from scheduler.services.clinic import plans
from scheduler.services.clinic.yaml_source import LARGEST, FileRefused
from scheduler.transactions import SAFE
from tests.web.conftest import at_now, signed_in  # noqa: F401  (fixtures)


def test_every_route_that_takes_a_body_refuses_one_that_is_too_large(app, harbor):
    app.config["WTF_CSRF_ENABLED"] = False
    asked = [
        (method, rule.rule.replace("<path:", "<").replace("<", "x").replace(">", "x"))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or SAFE) - SAFE
    ]
    client = app.test_client()

    let_in = [
        f"{method} {path}"
        for method, path in asked
        if client.open(path, method=method, data=b"a" * (body.limit(path) + 1)).status_code != 413
    ]

    assert let_in == []
    assert len(asked) > 150


@pytest.mark.parametrize("path", ["/account/forgotten", "/visits"])
@pytest.mark.parametrize(("size", "refused"), [(100_001, True), (99_000, False)])
def test_a_body_without_a_length_is_limited_too(app, harbor, path, size, refused):
    app.config["WTF_CSRF_ENABLED"] = False
    chunked = {"wsgi.input": io.BytesIO(b"email=" + b"a" * (size - 6)), "wsgi.input_terminated": True}
    headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/x-www-form-urlencoded"}

    status = (
        Context().run(app.test_client().post, path, headers=headers, environ_overrides=chunked).status_code
    )

    assert (status == 413) == refused


def test_more_fields_than_any_form_has_are_refused(app, harbor):
    app.config["WTF_CSRF_ENABLED"] = False
    many = {f"f{number}": (io.BytesIO(b""), "") for number in range(body.MOST_PARTS + 1)}

    answer = app.test_client().post("/visits", data=many, content_type="multipart/form-data")

    assert answer.status_code == 413


def test_an_import_of_two_megabytes_passes(signed_in, harbor):  # noqa: F811
    mona = signed_in(harbor, "mona")
    table = b"given_name,family_name\n" + b"Ann,Long\n" * 230_000
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="patients.csv"\r\n\r\n'

    answer = mona.post(
        "/settings/imports",
        data=head + table + b"\r\n--x--\r\n",
        content_type="multipart/form-data; boundary=x",
    )

    assert answer.status_code == 303
    assert len(table) > 2_000_000


def test_a_protocol_that_is_too_long_is_refused_in_words(signed_in, harbor):  # noqa: F811
    mona = signed_in(harbor, "mona")

    answer = mona.post("/settings/protocols", data={"text": "x" * (LARGEST + 1)})

    assert answer.status_code == 422
    assert "is larger than 40 kB" in answer.text


@pytest.mark.parametrize(
    "line",
    ["  - key: a{}\n    bad: 1\n", "k{}: 1\n", "- - - - - [[[[x, {}]]]]\n"],
    ids=["steps", "names", "nested"],
)
def test_the_largest_protocol_is_judged_within_a_second(line):
    text = ("actions:\n" if line.startswith("  ") else "") + "".join(line.format(n) for n in range(4000))
    content = text.encode()[: LARGEST - 1].rpartition(b"\n")[0]
    seconds = []
    for _ in range(3):  # the best of three: other programs share the core
        began = time.process_time()
        with pytest.raises(FileRefused):
            plans.read(content)
        seconds.append(time.process_time() - began)

    assert len(content) > LARGEST * 0.9 or line.startswith("k")
    assert min(seconds) < 1
