import pytest

from scheduler.services.feed.subscribing import offer, program


@pytest.mark.parametrize(
    ("client", "called"),
    [
        ("Google-Calendar-Importer", "Google Calendar"),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.1; Pro)", "Outlook"),
        ("Microsoft.Exchange/15.20 (Microsoft.Exchange.Calendar)", "Outlook"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.0", "Thunderbird"),
        ("iOS/26.1 (23B74) dataaccessd/1.0", "Apple Calendar"),
        ("macOS/26.1 (25B78) CalendarAgent/1000", "Apple Calendar"),
        ("vdirsyncer/0.20.0", "vdirsyncer"),
        ("SomethingNew/2.1 (x)", "SomethingNew"),
        ("", ""),
    ],
)
def test_a_program_goes_by_the_name_that_people_know(client, called):
    assert program(client) == called


def test_a_token_in_the_forms_that_programs_take():
    made = offer("https://clinic.example", "abc")

    assert made.url == "https://clinic.example/feeds/abc.ics"
    assert made.webcal == "webcal://clinic.example/feeds/abc.ics"
    assert made.google.endswith("?cid=webcal%3A%2F%2Fclinic.example%2Ffeeds%2Fabc.ics")
    assert made.outlook.endswith("?url=https%3A%2F%2Fclinic.example%2Ffeeds%2Fabc.ics")
    assert made.office == made.outlook.replace("outlook.live.com", "outlook.office.com")
    assert made.path.count("M") > made.width
