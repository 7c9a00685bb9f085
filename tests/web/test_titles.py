"""The browser's history keeps a page's title and address: neither says who is treated, or for what."""

import re

from tests.web.test_matrix import STAFF, TABLE, ask, objects  # noqa: F401  (a fixture)


def test_no_title_names_a_patient_or_a_diagnosis(harbor, objects, signed_in):  # noqa: F811
    client = signed_in(harbor, "ada")
    titles = {}
    for route in STAFF:
        if route.startswith("GET") and not TABLE[route][1].startswith("/settings"):
            head = ask(client, route, objects).text.partition("</head>")[0]
            titles[route] = "".join(re.findall(r"<title>(.*?)</title>", head, re.S))

    words = ("Nora", "Lindqvist", "ketamine", "depression", "Infusion", "infusion")
    assert [(route, word) for route, title in titles.items() for word in words if word in title] == []
    assert sum(bool(title) for title in titles.values()) > 20


def test_typing_a_name_does_not_change_the_address(harbor, signed_in):
    page = signed_in(harbor, "rita").get("/patients").text

    assert "hx-post" in page
    assert "hx-replace-url" not in page
    assert "hx-push-url" not in page
