import pytest

from scheduler.notify.layout import Paragraph, VisitLine, as_html, as_text, blocks
from scheduler.notify.texts import BadMailText, check, filled, parsed, text_of

OWN = "Subject: Hi {first_name}\n\nHello {first_name},\n\n[Open]({link})\n"


def test_a_clinic_may_write_its_own_text():
    own = text_of("reminder", "en", {"reminder.en": OWN})

    assert (own.subject, own.paragraphs) == ("Hi {first_name}", ("Hello {first_name},", "[Open]({link})"))
    assert text_of("reminder", "es", {"reminder.en": OWN}) == text_of("reminder", "es")


@pytest.mark.parametrize("text", ["", "Hello", "Subject: x", "Subject: x\n\n"])
def test_a_text_needs_a_subject_and_a_body(text):
    with pytest.raises(BadMailText):
        parsed(text)


def test_an_unknown_placeholder_is_refused_with_its_name():
    with pytest.raises(BadMailText, match=r"\{diagnosis\} is not a placeholder"):
        check("reminder", "Subject: x\n\nAbout {diagnosis}")


@pytest.mark.parametrize(
    "body",
    [
        "Trouble? Open https://evil.example/r?u={link} instead.\n\n[Open]({link})",
        "{link}",
        "Hello {link}",
        "[Open]({link}) now",
        "[Open]( {link})",
        "[Open](https://evil.example/{link})",
        "[Open\nit]({link})",
        "[{link}]({link})",
        "[https://evil.example/r?u=]({link})",
        "[www.evil.example]({link})",
        "https://evil.example/{first_name}",
        "www.evil.example/?{date}",
        "evil.example/?u={first_name}",
        "192.0.2.1/{first_name}",
        "https://{clinic}.evil.example",
        "mailto:x@evil.example?body={first_name}",
        "Subject: {link}\n\nHello",
        "[Open]({action_link})",
    ],
)
def test_a_link_is_a_button_and_nothing_is_filled_into_another_address(body):
    with pytest.raises(BadMailText):
        check("reminder", body)
    assert text_of("reminder", "en", {"reminder.en": body}) == text_of("reminder", "en")


@pytest.mark.parametrize(
    "body",
    [
        "Hello {first_name},\n\n[Open my page at {clinic}]({link})",
        "Phone:{phone}, {date}/{time}.\nSee https://harbor.example/parking",
        "{clinic}\n{address}\n{phone}",
    ],
)
def test_words_beside_the_link_are_free(body):
    check("reminder", body)


@pytest.mark.parametrize("kind", ["account", "invitation", "address-confirm", "address-notice"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_mail_with_a_key_to_an_account_or_about_an_address_is_always_ours(kind, language):
    own = {f"{kind}.{language}": "Hello\n\n{clinic}"}

    assert text_of(kind, language, own) == text_of(kind, language)


def test_a_value_is_never_looked_into():
    assert filled("Hello {first_name}", {"first_name": "{phone}", "phone": "1"}) == "Hello {phone}"


def test_both_parts_come_from_one_text():
    text = parsed(OWN)
    found = blocks(text.paragraphs, {"first_name": "<Nora>", "link": "https://x.example/a"}, [])

    assert as_text(found, "Footer", "en") == "Hello <Nora>,\n\nOpen:\nhttps://x.example/a\n\n-- \nFooter\n"
    page = as_html(found, "Footer", "Hi", "en")
    assert "Hello &lt;Nora&gt;," in page
    assert 'href="https://x.example/a"' in page


def test_the_zone_of_several_visits_is_said_once_unless_the_clocks_change_between_them():
    winter, summer = "New York time, EST", "New York time, EDT"
    first, second, later = (
        VisitLine(day, "10:00 AM to 11:00 AM", zone)
        for day, zone in (("A", winter), ("B", winter), ("C", summer))
    )
    alike, apart = (Paragraph(visits=visits) for visits in ((first, second), (first, later)))

    assert [as_text([one], "", "en").count(winter) for one in (alike, apart)] == [1, 1]
    assert "All times: New York time, EST" in as_text([alike], "", "en")
    assert "10:00 AM to 11:00 AM (New York time, EDT)" in as_text([apart], "", "en")
    assert [as_html([one], "", "x", "es").count(winter) for one in (alike, apart)] == [1, 1]
    assert "Todas las horas" in as_html([alike], "", "x", "es")


def test_a_phone_number_on_a_line_of_its_own_can_be_tapped():
    found = blocks(("Harbor Clinic\n{phone}", "Or call {phone}."), {"phone": "+1 212 555 0100"}, [])
    page = as_html(found, "", "x", "en")

    assert page.count('href="tel:+12125550100"') == 1
    assert as_text(found, "", "en").startswith("Harbor Clinic\n+1 212 555 0100\n\nOr call")


def test_a_day_begins_its_line_with_a_capital_and_an_hour_keeps_its_half():
    before = "lunes, 30 de noviembre de 2026, 9:15 AM a 11:10 AM"
    found = [
        Paragraph(visits=(VisitLine("martes, 1 de diciembre", "8:00 AM a 9:00 AM", "hora de Lima", before),))
    ]
    page, text = as_html(found, "", "x", "es"), as_text(found, "", "es")

    assert "* Martes, 1 de diciembre" in text
    assert f"Antes: {before}" in text
    assert "Martes, 1 de diciembre" in page
    assert "11:10&nbsp;AM" in page
    assert "11:10 AM" not in page
