"""Editing a mail's words in a browser: the preview follows the typing inside a policy of its own."""

from playwright.sync_api import expect


def preview(page):
    return page.frame_locator("iframe[name=preview]")


def test_the_preview_follows_the_typing_and_back_leads_back(mona):
    page = mona
    page.goto("/settings/texts")
    page.get_by_role("link", name="Reminder, English: ours").click()
    expect(preview(page).locator("body")).to_contain_text("Hello Maria,")
    for words in ("Good day {first_name}", "Good evening {first_name}"):
        page.get_by_label("Text", exact=True).fill(words + "\n\n[Answer]({link})")
        expect(preview(page).locator(".card")).to_contain_text(words.replace("{first_name}", "Maria"))
    page.go_back()

    expect(page.get_by_role("heading", name="Email texts")).to_be_visible()


def test_the_preview_names_what_it_does_not_know(mona):
    page = mona
    page.goto("/settings/texts/reminder/en")
    page.get_by_label("Text", exact=True).fill("Hello {diagnosis}")

    expect(preview(page).get_by_role("alert")).to_have_text("{diagnosis} is not a placeholder of this mail")


def test_a_text_is_saved_and_taken_back(mona):
    page = mona
    page.goto("/settings/texts/reminder/en")
    page.get_by_label("Text", exact=True).fill("Hello {first_name}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    page.get_by_role("link", name="Reminder, English: custom").click()
    page.get_by_role("button", name="Restore default").click()

    expect(page.get_by_role("link", name="Reminder, English: ours")).to_be_visible()


def test_the_preview_of_rules_takes_the_focus_and_enter_saves(mona, session, staffed):
    page = mona
    page.goto("/settings/rules")
    page.get_by_label("Rule 1: how long").fill("48")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#preview")).to_contain_text("No patient has an upcoming visit.")
    page.get_by_label("Rule 1: how long").press("Enter")

    expect(page.get_by_role("status")).to_contain_text("Saved.")
    session.rollback()
    assert staffed.clinic.settings.reminder_lead_hours == (48, 24)
