"""What no form sends, sent by hand: refused in words, and never an error of ours."""

NO_NUMBERS = ("²", "٣", "9" * 30, "9" * 5_000, "1e3", "-1", "1.5")
FORMS = (
    ("/settings/people", {"name": "Pat", "roles": "nurse"}, "rank"),
    ("/settings/people", {"name": "Pat", "roles": "nurse"}, "units"),
    ("/settings/places", {"name": "Chair 9", "kind": "chair"}, "rank"),
    ("/settings/data", {}, "retention_years"),
)


def test_what_is_no_number_is_refused(app, signed_in, harbor):
    mona = signed_in(harbor, "mona")
    app.testing = False  # answer as a server does
    answers = {
        (address, name, text[:9]): mona.post(address, data={**fields, name: text}).status_code
        for address, fields, name in FORMS
        for text in NO_NUMBERS
    }

    assert {asked: status for asked, status in answers.items() if status != 422} == {}


def test_a_search_of_thousands_of_words_is_answered(app, signed_in, harbor):
    alice = signed_in(harbor, "alice")
    app.testing = False
    pages = ("/patients/found", "/patients/finds", "/care-plans/new", "/reminders/found")
    answers = {page: alice.post(page, data={"search": "a " * 5_000}).status_code for page in pages}

    assert answers == dict.fromkeys(pages, 200)
