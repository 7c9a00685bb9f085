from scheduler.api.openapi import kinds, openapi
from scheduler.api.operations import CALLS


def test_the_document_is_openapi_31(client):
    document = client.get("/api/v1/openapi.json").json

    assert document["openapi"].startswith("3.1")
    assert document == openapi()


def test_every_call_is_in_the_document(app):
    described = [one["operationId"] for path in openapi()["paths"].values() for one in path.values()]

    assert sorted(described) == sorted(CALLS)
    assert len(set(described)) == len(described)


def test_every_error_is_a_problem_in_the_document(app):
    answers = [
        (status, list(answer.get("content", {})))
        for path in openapi()["paths"].values()
        for one in path.values()
        for status, answer in one["responses"].items()
        if int(status) >= 400
    ]

    assert {tuple(media) for _, media in answers} == {("application/problem+json",)}


def test_the_pages_show_the_document_and_the_codes(client):
    page, codes = client.get("/api/docs"), client.get("/api/docs/problems")

    assert 'data-document="/api/v1/openapi.json"' in page.text
    assert "<script>" not in page.text
    assert [f'id="{kind.code}"' in codes.text for kind in kinds()] == [True] * len(kinds())
