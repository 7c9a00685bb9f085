"""What is typed to find a patient, and what is treated, stay out of addresses and of the titles of pages."""

import re

from tests.services.courses import visit


def test_a_search_is_sent_and_not_put_into_the_address(signed_in, harbor):
    client = signed_in(harbor, "alice")
    pages = {page: client.get(page).text for page in ("/patients", "/care-plans/new")}
    found = client.post("/patients/found", data={"search": "lindqvist"})
    for_whom = client.post("/care-plans/new", data={"search": "lindqvist"})
    nobody = client.post("/patients/found", data={"search": "Zoe Li"}).text
    named = client.post("/patients/new", data={"name": "Zoe Li"}).text

    assert [(answer.status_code, "Nora Lindqvist" in answer.text) for answer in (found, for_whom)] == [
        (200, True)
    ] * 2
    assert not any("replace-url" in page or "push-url" in page for page in pages.values())
    for page in pages.values():
        forms = re.findall(r'<form[^>]*role="search"[^>]*>', page)
        assert forms
        assert all('method="post"' in form for form in forms)
    assert 'data-new-patient="Zoe Li"' in nobody
    assert "name=Zoe" not in nobody
    assert ('value="Zoe"' in named, 'value="Li"' in named) == (True, True)


def test_no_form_puts_what_is_typed_to_find_a_person_into_the_address(signed_in, harbor, course):
    """Nor does an address that holds such a word, typed by hand, find anyone."""
    client = signed_in(harbor, "ada")
    pages = {page: client.get(page).text for page in ("/patients", "/reminders", "/audit", "/care-plans/new")}
    forms = [form for page in pages.values() for form in re.findall(r"<form.*?</form>", page, re.DOTALL)]
    asked = [form for form in forms if re.search(r'type="search"|name="who"', form)]
    trail, mails = (
        client.post(path, data=typed).text
        for path, typed in (("/audit/found", {"who": "Ada"}), ("/reminders/found", {"search": "lindq"}))
    )
    links = re.findall(r'href="([^"]*)"', trail + mails)

    assert len(asked) == 2 * len(pages)  # the one at the top, and its own
    assert all('method="post"' in form and "hx-get" not in form for form in asked)
    assert [link for link in links if re.search(r"lindq|\bada\b|who=|search=", link, re.IGNORECASE)] == []
    assert client.get("/patients/finds?search=lindq").status_code in (404, 405)
    assert "Nora Lindqvist" in client.get("/reminders?search=nobody").text


def test_titles_name_no_treatment(signed_in, harbor, course):
    client, infusion = signed_in(harbor, "mona"), visit(course, "infusion-2").public_id
    booster = visit(course, "booster-1").public_id
    pages = [
        f"/care-plans/{course.public_id}", f"/appointments/{infusion}", f"/appointments/{infusion}/time",
        f"/appointments/{booster}/booking", f"/care-plans/{course.public_id}/sheet",
        f"/care-plans/{course.public_id}/lengths", f"/care-plans/{course.public_id}/protocol",
    ]  # fmt: skip
    titles = {page: re.search(r"<title>(.*?)</title>", client.get(page).text, re.DOTALL)[1] for page in pages}

    told = r"infusion|ketamine|depression|booster session|therapy"
    assert {page: title for page, title in titles.items() if re.search(told, title, re.IGNORECASE)} == {}
