from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from scheduler.database import Model
from scheduler.domain.status import CarePlanStatus
from scheduler.errors import Invalid, ProposalExpired, RuleBroken, SlotTaken, Stale, WrongStatus
from scheduler.models.allocation import PATIENT, Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.calendar_feed import TitleStyle
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder
from scheduler.models.versions import feed_version
from scheduler.services import private_links
from scheduler.services.course import booking
from scheduler.services.feed import feed_events, feed_state, feeds
from scheduler.services.patient import merging, patients
from scheduler.services.patient.patient_search import search
from scheduler.services.planning.proposal_tokens import sign, unsign
from scheduler.services.planning.proposals import propose
from scheduler.services.visit import books, undo, visits
from tests.cast import NOW, add_patient
from tests.engines import SECRET_KEY, both
from tests.services.courses import book, visit, wishes
from tests.visits import add_visit

KEYS = [SECRET_KEY]


@pytest.fixture
def twin(session, harbor):
    """Nora's second record, made by somebody in a hurry."""
    return add_patient(session, harbor, "Twin", "Lindqvist", phone="555 0177", alert_note="allergic to latex")


@pytest.fixture
def nora(session, harbor):
    return harbor.patients["Nora"]


def merge(session, cast, keep, other, who="alice", **more):
    more = {"chosen": {}, **more}
    return merging.merge(session, cast.actor(who), keep, other, now=NOW, **more)


def of_patient(session, table, patient):
    return session.scalar(select(func.count()).select_from(table).where(table.patient_id == patient.id))


@both
def test_everything_goes_to_the_kept_record(session, harbor, nora, twin):
    theirs = book(session, harbor, patient="Twin")
    count = len(theirs.appointments)
    held = session.scalar(select(func.count()).where(Allocation.released_at.is_(None)))
    session.commit()
    merge(session, harbor, nora, twin)
    session.commit()

    assert (theirs.patient_id, {one.patient_id for one in theirs.appointments}) == (nora.id, {nora.id})
    assert [of_patient(session, table, twin) for table in (Appointment, CarePlan, Message)] == [0, 0, 0]
    assert of_patient(session, Appointment, nora) == count
    live = select(func.count()).where(Allocation.released_at.is_(None))
    assert session.scalar(live) == held
    assert session.scalar(live.where(Allocation.resource_id == twin.resource_id)) == 0
    firm = [one for one in theirs.appointments if one.status.is_live]
    assert session.scalar(live.where(Allocation.resource_id == nora.resource_id)) == len(firm)
    assert not books.faults(session, harbor.clinic.id, NOW).any
    assert twin.merged_into_id == nora.id


def test_no_table_that_refers_to_a_patient_is_forgotten(session, harbor, nora, twin):
    """Every column that holds a patient's id, or the patient's resource, is one that a merger moves."""
    referring = {
        (table.name, column.name)
        for table in Model.metadata.tables.values()
        for key in table.foreign_key_constraints
        if key.referred_table.name == "patient"
        for column in key.columns
        if column.name != "clinic_id"
    }
    by_resource = {
        table.name
        for table in Model.metadata.tables.values()
        for key in table.foreign_key_constraints
        if key.referred_table.name == "resource"
    }

    assert referring == {
        ("address_change", "patient_id"),
        ("appointment", "patient_id"),
        ("care_plan", "patient_id"),
        ("incoming_mail", "patient_id"),
        ("message", "patient_id"),
        ("patient", "merged_into_id"),
        ("patient_note", "patient_id"),
        ("task", "patient_id"),
        ("waitlist_entry", "patient_id"),
    }
    # hours, closures and re-plans are of sites, places and people; location and practitioner are those
    assert by_resource == {
        "patient", "location", "practitioner", "allocation", "calendar_feed", "schedule_hours", "schedule_override",
        "closure", "replan", "site",
    }  # fmt: skip


def test_the_fields_are_chosen_one_by_one(session, harbor, nora, twin):
    nora.alert_note, nora.phone = "needs a recliner", "555 0101"
    session.flush()
    planned = merging.plan_merger(session, harbor.actor("alice"), nora, twin)
    proposed = {one.field: one.proposed for one in planned.differences}
    merge(session, harbor, nora, twin, chosen={"phone": "other", "given_name": "keep"})

    assert proposed == {
        "given_name": "keep",
        "phone": "keep",
        "email": "keep",
        "email_ok": "other",
        "alert_note": "both",
    }
    assert (nora.given_name, nora.phone) == ("Nora", "555 0177")
    assert (nora.email, nora.email_ok) == ("nora@example.org", False)
    assert nora.alert_note == "needs a recliner; allergic to latex"
    assert search(session, harbor.clinic, "5550177") == [nora]
    assert search(session, harbor.clinic, "twin") == [nora]  # as the other record was called


def test_a_permission_goes_with_its_time_and_wording(session, harbor, nora, twin):
    merge(session, harbor, nora, twin, chosen={"email_ok": "keep"})

    assert (nora.email_ok, nora.email_ok_at, nora.email_ok_wording) == (True, NOW, patients.MAIL_WORDING)


def test_who_opted_out_in_one_record_stays_opted_out(session, harbor, nora, twin):
    twin.unsubscribed_at = NOW - timedelta(days=9)
    merge(session, harbor, nora, twin)

    assert nora.unsubscribed_at == NOW - timedelta(days=9)


@pytest.mark.parametrize("choice", ["both", "", "none of them"])
def test_a_choice_that_is_none_is_refused(session, harbor, nora, twin, choice):
    with pytest.raises(Invalid) as caught:
        merge(session, harbor, nora, twin, chosen={"phone": choice})

    assert caught.value.details["errors"] == [{"field": "phone", "reason": "must be one of the two"}]


@both
def test_it_is_refused_when_they_were_in_two_places_at_once(session, harbor, nora, twin, nora_course):
    mine, theirs = nora_course, book(session, harbor, key="therapy-6", patient="Twin")
    session.commit()
    if not merging.plan_merger(session, harbor.actor("alice"), nora, twin).clashes:
        pytest.fail("the two courses do not meet: the test has lost its case")

    with pytest.raises(WrongStatus, match="Both have a visit on"):
        merge(session, harbor, nora, twin)
    session.rollback()

    assert (mine.patient_id, theirs.patient_id, twin.merged_into_id) == (nora.id, twin.id, None)


def test_the_database_itself_refuses_two_places_at_once(
    session, harbor, nora, twin, monkeypatch, nora_course
):
    book(session, harbor, key="therapy-6", patient="Twin")
    session.commit()
    monkeypatch.setattr(merging, "_require_one_place", lambda _planned: None)  # so the database is alone

    with pytest.raises(SlotTaken):
        merge(session, harbor, nora, twin)


def two_courses(session, harbor):
    """Both records have the same course open, at different times."""
    book(session, harbor)
    later = NOW.date() + timedelta(days=80)
    wanted = wishes(session, harbor, patient="Twin", not_before=later)
    best = propose(session, harbor.actor("alice"), wanted, NOW)[0]
    booking.book_course(session, harbor.actor("alice"), wanted, best.visits, best.projections, NOW)
    session.commit()


@pytest.mark.parametrize(("who", "reason"), [("alice", ""), ("alice", "two depressions"), ("mona", "")])
def test_the_same_course_twice_needs_a_role_and_a_reason(session, harbor, nora, twin, who, reason):
    two_courses(session, harbor)

    with pytest.raises(RuleBroken, match="Both have an open course of the same kind"):
        merge(session, harbor, nora, twin, who=who, reason=reason)


@pytest.mark.parametrize("reason", ["x", "too short"])
def test_a_word_is_no_reason_to_go_on_with_both_courses(session, harbor, nora, twin, reason):
    two_courses(session, harbor)

    with pytest.raises(Invalid, match="10"):
        merge(session, harbor, nora, twin, who="mona", reason=reason)


def test_with_both_the_two_courses_go_on(session, harbor, nora, twin):
    two_courses(session, harbor)
    merge(session, harbor, nora, twin, who="mona", reason="the second follows the first")

    assert [
        one.status for one in session.scalars(select(CarePlan).where(CarePlan.patient_id == nora.id))
    ] == [CarePlanStatus.ACTIVE] * 2
    event = session.scalar(select(AuditEvent).where(AuditEvent.event == "patient.merged"))
    assert event.reason == "the second follows the first"


def test_it_is_one_operation_in_the_trail(session, harbor, nora, twin):
    course = book(session, harbor, patient="Twin")
    session.commit()
    actor = harbor.actor("alice")
    merging.merge(session, actor, nora, twin, {"phone": "other"}, NOW)

    rows = session.scalars(select(AuditEvent).where(AuditEvent.operation == actor.operation)).all()
    assert [(row.event, row.object_id, row.fields) for row in rows] == [
        ("care-plan.merged", course.public_id, ["patient"]),
        ("private-links.ended", nora.public_id, []),
        (
            "patient.merged",
            nora.public_id,
            ["alert_note", "email_ok", "email_ok_at", "email_ok_wording", "phone"],
        ),
        ("patient.merged-away", twin.public_id, []),
    ]
    assert {one.events[-1].operation for one in course.appointments} == {actor.operation}
    assert course.appointments[0].events[-1].changes == {"patient": [twin.public_id, nora.public_id]}


def test_whoever_saw_an_older_record_must_look_again(session, harbor, nora, twin):
    patients.update(session, harbor.actor("ada"), twin, {"phone": "555 0188"}, NOW)

    with pytest.raises(Stale):
        merge(session, harbor, nora, twin, versions=(nora.row_version, twin.row_version - 1))


def test_a_former_id_and_a_chain_of_them_lead_to_the_survivor(session, harbor, nora, twin):
    third = add_patient(session, harbor, "Third", "Lindqvist")
    merge(session, harbor, twin, third)
    merge(session, harbor, nora, twin)
    session.expire_all()

    assert {patients.get(session, harbor.clinic, one.public_id) for one in (nora, twin, third)} == {nora}
    assert third.merged_into_id == nora.id


@pytest.mark.parametrize("case", ["itself", "merged before", "erased"])
def test_it_takes_two_records_that_are_there(session, harbor, nora, twin, case):
    other = nora if case == "itself" else twin
    if case == "merged before":
        twin.merged_into_id = nora.id
    elif case == "erased":
        twin.erased_at = NOW

    with pytest.raises(WrongStatus):
        merge(session, harbor, nora, other)


@both
def test_mails_that_wait_follow_and_carry_a_link_that_opens(session, harbor, nora, twin):
    book(session, harbor, patient="Twin")
    session.commit()
    message = session.scalar(select(Message))
    before = private_links.page_token(KEYS, message, private_links.VISITS)
    merge(session, harbor, nora, twin)
    session.commit()
    after = private_links.page_token(KEYS, message, private_links.VISITS, epoch=nora.link_epoch)

    pages = [private_links.open_page(session, KEYS, token, NOW) for token in (before, after)]
    assert [page.patient for page in pages] == [nora, nora]
    assert [page.closed for page in pages] == [private_links.Closed.ENDED, None]
    assert (message.state.value, message.patient_id) == ("pending", nora.id)


@both
def test_calendar_addresses_of_both_end_and_the_version_is_above_both(app, session, harbor, nora, twin):
    made = [
        feeds.create(session, harbor.actor("alice"), one.resource_id, TitleStyle.NEUTRAL, NOW)[1]
        for one in (nora, twin)
    ]
    for _ in range(5):  # the other's number is far above the kept one's
        patients.update(session, harbor.actor("alice"), twin, {"preferred_name": f"T{_}"}, NOW)
    session.commit()
    engine = session.get_bind()
    merge(session, harbor, nora, twin)
    session.commit()

    states = [feed_state.look_up(engine, token, "https://x.example", NOW) for token in made]
    assert [state.revoked for state in states] == [True, True]
    assert feed_version(session, harbor.clinic.id, nora.resource_id) == 7


@both
@pytest.mark.parametrize("family_name", ["keep", "other"])
def test_calendars_take_note_that_visits_have_other_initials(session, harbor, nora, twin, family_name):
    twin.family_name = "Zorn"
    theirs = book(session, harbor, patient="Twin")
    ours = add_visit(session, harbor, "Room A", NOW + timedelta(days=40), nora)
    feed = feeds.create(session, harbor.actor("alice"), None, TitleStyle.INITIALS, NOW)[0]
    before = stamped(session, feed)
    later = NOW + timedelta(hours=1)
    merging.merge(session, harbor.actor("alice"), nora, twin, {"family_name": family_name}, later)
    after = stamped(session, feed)

    renamed = {uid for uid in after if after[uid][0] != before[uid][0]}
    their_uids = {one.uid for one in theirs.appointments} & after.keys()
    assert renamed == (their_uids if family_name == "keep" else after.keys())
    assert ours.uid in after
    assert {uid for uid in after if after[uid][1] == later} == renamed
    assert [after[uid][2] for uid in after] == [before[uid][2] for uid in after]


def stamped(session, feed):
    """Return the title, DTSTAMP and SEQUENCE of every event."""
    found = feed_events.events(session, feed, "https://x.example", NOW)
    return {one.uid: (one.summary, one.changed_at, one.sequence) for one in found}


def test_a_proposal_for_the_merged_record_is_over(session, harbor, nora, twin):
    wanted = wishes(session, harbor, patient="Twin")
    actor = harbor.actor("alice")
    token = sign(propose(session, actor, wanted, NOW)[0], wanted, actor, KEYS, NOW)
    merge(session, harbor, nora, twin)

    with pytest.raises(ProposalExpired):
        unsign(session, actor, token, KEYS, NOW)


def test_who_looks_after_the_kept_patient_is_reminded_of_the_others_visits(session, harbor, nora, twin):
    nora.proxy_name, nora.proxy_email = "Per", "per@example.org"
    course = book(session, harbor, patient="Twin")
    merge(session, harbor, nora, twin)

    infusion = visit(course, "infusion-1")
    rows = session.scalars(select(Reminder.recipient).where(Reminder.appointment_id == infusion.id))
    assert set(rows) == {"patient", "proxy"}


def test_a_cancelled_visit_of_the_other_can_still_be_taken_back(session, harbor, nora, twin):
    course = book(session, harbor, patient="Twin")
    infusion = visit(course, "infusion-2")
    visits.cancel(session, harbor.actor("alice"), [infusion], NOW, "ill")
    merge(session, harbor, nora, twin)
    undo.undo(session, harbor.actor("alice"), infusion, "cancel", NOW)
    session.flush()

    held = session.scalars(
        select(Allocation.resource_id).where(
            Allocation.appointment_id == infusion.id,
            Allocation.released_at.is_(None),
            Allocation.role == PATIENT,
        )
    ).all()
    assert held == [nora.resource_id]


def test_a_patient_of_another_clinic_is_not_touched(session, harbor, hill, nora, twin):
    merge(session, harbor, nora, twin)

    otto = session.scalar(select(Patient).where(Patient.clinic_id == hill.clinic.id))
    assert (otto.merged_into_id, otto.row_version) == (None, 1)
    assert session.scalar(text("SELECT count(*) FROM patient WHERE merged_into_id IS NOT NULL")) == 1
