"""A file of patients, sent in a browser."""

from playwright.sync_api import expect

from scheduler.processes import worker


def test_the_page_of_an_import_shows_by_itself_that_it_is_done(app, mona):
    lines = "".join(f"Zoe,Number {n},1990-01-02\n" for n in range(30))
    content = ("given_name,family_name,birth_date\n" + lines).encode()
    mona.goto("/settings/imports")
    mona.get_by_label("File", exact=True).set_input_files(
        {"name": "patients.csv", "mimeType": "text/csv", "buffer": content}
    )
    mona.get_by_role("button", name="Import").click()
    expect(mona.locator("#job")).to_contain_text("waiting for the worker")
    worker.work_once(app, "one")

    expect(mona.locator("#job")).to_contain_text("30 added", timeout=20_000)
    mona.goto("/patients")
    mona.get_by_role("main").get_by_role("searchbox").fill("number 7")
    expect(mona.get_by_role("link", name="Zoe Number 7", exact=True)).to_be_visible()
