"""What patients may do, on its settings page: saved, refused, and what it changes on the patient's page."""

import re

import pytest

from scheduler.models.audit_event import AuditEvent
from scheduler.services.patient import self_service
from tests.cast import NOW, SETTINGS
from tests.services.courses import visit

PAGE = "/settings/self-service"


def form(client, **changes):
    """Return what the page's form would send, with changes."""
    text = client.get(PAGE).text
    sent = dict(re.findall(r'name="((?:patient|answer|offers?)_\w+)"[^>]*?value="(\d+)"', text))
    for name in ("movable", "asked", "answer_contacts"):
        sent[name] = re.findall(rf'name="{name}" value="([\w@.-]+)" checked', text)
    sent |= dict(re.findall(r'name="(offers_automatic)" value="(yes)" checked', text))
    return sent | changes


def test_a_form_that_is_sent_back_as_it_came_changes_nothing(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    sent = form(client)
    session.rollback()

    assert sent["patient_move_hours"] == "48"
    assert "infusion" in sent["movable"]
    assert sent["asked"] == ["dosing", "infusion", "session"] or set(sent["asked"]) <= {
        "infusion",
        "session",
        "dosing",
    }
    assert client.post(PAGE, data=sent).status_code == 303
    session.rollback()
    assert harbor.clinic.settings.patient_fixed_kinds == ()
    assert set(harbor.clinic.settings.check_in_kinds) == set(sent["asked"])


def test_what_is_saved_holds_for_the_patient(session, harbor, course, signed_in):
    infusion, first = visit(course, "infusion-1"), visit(course, "consult")

    def choices(one=infusion):
        session.rollback()
        return self_service.choices(session, harbor.clinic, one, NOW)

    assert (choices().move, choices().cancel) == (True, True)
    client = signed_in(harbor, "mona")
    kinds = [kind for kind in form(client)["movable"] if kind != "infusion"]
    assert client.post(PAGE, data=form(client, movable=kinds, asked=["infusion"])).status_code == 303
    assert (choices().move, choices().cancel) == (False, True)
    assert harbor.clinic.settings.patient_fixed_kinds == ("infusion",)
    assert harbor.clinic.settings.check_in_kinds == ("infusion",)
    assert form(client)["movable"] == kinds

    session.rollback()  # what a test has read must not stand between it and writing
    client.post(PAGE, data=form(client, patient_cancel_hours="336"))
    assert choices(first).cancel is False
    session.rollback()
    client.post(
        PAGE,
        data=form(client, patient_cancel_hours="0", patient_moves_most="0", movable=[*kinds, "infusion"]),
    )
    assert (choices().move, choices(first).cancel) == (False, True)
    events = [row for row in session.query(AuditEvent) if row.event == "clinic.changed"]
    assert [sorted(row.fields) for row in events] == [
        ["check_in_kinds", "patient_fixed_kinds"],
        ["patient_cancel_hours"],
        ["patient_cancel_hours", "patient_fixed_kinds", "patient_moves_most"],
    ]


def test_offers_are_sent_as_the_clinic_wants(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    changes = {
        "offers_automatic": "yes",
        "offers_at_once": "1",
        "offer_minutes": "30",
        "offer_lead_minutes": "240",
    }
    assert client.post(PAGE, data=form(client, offers_a_day="5", **changes)).status_code == 303
    session.rollback()

    settings = harbor.clinic.settings
    assert (settings.offers_automatic, settings.offers_at_once, settings.offer_minutes) == (True, 1, 30)
    assert (settings.offer_lead_minutes, settings.offers_a_day) == (240, 5)
    sent = form(client)
    assert sent["offers_automatic"] == "yes"

    session.rollback()
    del sent["offers_automatic"]
    client.post(PAGE, data=sent)
    session.rollback()
    assert harbor.clinic.settings.offers_automatic is False
    assert harbor.clinic.settings.offers_at_once == 1


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"patient_cancel_hours": "337"}, "patient_cancel_hours"),
        ({"patient_move_hours": "soon"}, "patient_move_hours"),
        ({"patient_moves_most": ""}, "patient_moves_most"),
        ({"offers_at_once": "0"}, "offers_at_once"),
        ({"offer_minutes": "14"}, "offer_minutes"),
        ({"offer_lead_minutes": "29"}, "offer_lead_minutes"),
        ({"offers_a_day": "11"}, "offers_a_day"),
        ({"answer_phq2_from": "0"}, "answer_phq2_from"),
        ({"answer_mood_to": "10"}, "answer_mood_to"),
    ],
)
def test_what_makes_no_sense_is_refused_and_the_form_kept(session, harbor, signed_in, changes, wrong):
    client = signed_in(harbor, "mona")
    answer = client.post(PAGE, data=form(client, movable=["infusion"], **changes))

    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-wrong"', answer.text) == [wrong]
    assert re.findall(r'name="movable" value="([\w-]+)" checked', answer.text) == ["infusion"]
    session.rollback()
    assert harbor.clinic.settings_document == SETTINGS


def test_kinds_that_no_protocol_has_are_not_forgotten(session, harbor, signed_in):
    harbor.clinic.settings_document = SETTINGS | {"patient_fixed_kinds": ["laser"]}
    session.commit()
    client = signed_in(harbor, "mona")

    assert client.post(PAGE, data=form(client)).status_code == 303
    session.rollback()
    assert harbor.clinic.settings.patient_fixed_kinds == ("laser",)


@pytest.mark.parametrize("contacts", [[], ["alice@example.org"], ["nobody@example.org"]])
def test_answers_must_reach_someone_who_may_read_them(session, harbor, signed_in, contacts):
    client = signed_in(harbor, "mona")
    answer = client.post(PAGE, data=form(client, answer_contacts=contacts))
    session.rollback()

    assert answer.status_code == 422
    assert harbor.clinic.settings.answer_contacts == ("mona@example.org",)
    assert client.post(PAGE, data=form(client, answer_contacts=["nick@example.org"])).status_code == 303
    session.rollback()
    assert harbor.clinic.settings.answer_contacts == ("nick@example.org",)
