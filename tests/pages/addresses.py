"""The addresses of all pages, with a patient, a course and messages that have something to show.

test_every_page.py looks that no page is missing.
"""

from datetime import timedelta

from sqlalchemy import select

from scheduler.demo.mail_catcher import Keeper
from scheduler.models.invitation import Invitation
from scheduler.models.message import Message
from scheduler.models.plan_definition import current
from scheduler.models.task import TaskKind, open_of
from scheduler.models.user import StaffRole
from scheduler.services import jobs, private_links
from scheduler.services.account import invitations, passwords
from scheduler.services.actors import Actor
from scheduler.services.clinic import schedules
from scheduler.services.patient import address_changes, patient_answers
from scheduler.services.progress import silent
from scheduler.services.replan import replan_search, replans
from scheduler.services.reports import files
from scheduler.services.reports.catalog import REPORTS
from scheduler.services.task import emailed_proposals
from scheduler.services.task.emailed_proposals import EmailedVisit
from scheduler.services.visit.visits import cancel
from tests.cast import NOW, add_patient
from tests.engines import SECRET_KEY
from tests.offers import offered

MAIL = b"""From: a@example.org
To: b@example.org
Subject: A mail
Content-Type: text/html

<html lang="en"><head><title>A mail</title></head><body><p>Hello</p></body></html>
"""


def a_searched_replan(session, staffed):
    """Close two days of Nora's course, and find new times for it."""
    start, end = NOW + timedelta(days=14), NOW + timedelta(days=16)
    closure, _ = schedules.close(session, staffed.command, start, end, NOW, reason="storm")
    replan = replans.ask(session, staffed.command, NOW, replans.of_closure(closure), closure)
    request = {"replan": replan.public_id}
    question = replan_search.read(session, staffed.command, request, NOW)
    answer = replan_search.check(question, NOW, silent)
    replan_search.write(session, staffed.command, request, answer, NOW)
    jobs.finish(session, replans.search_of(session, replan), {}, NOW)
    return replan.public_id


def before_signing_in(session, staffed):
    link = passwords.link_token(staffed.users["rita"], timedelta(hours=1), NOW, [SECRET_KEY])
    invited = Invitation(
        clinic_id=staffed.clinic.id,
        user_id=staffed.users["rita"].id,
        role=StaffRole.NURSE,
        invited_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    session.add(invited)
    session.commit()
    invitation = f"/account/invitations/by-mail/{invitations.link_token(invited, [SECRET_KEY])}"
    return ["/login", "/account/forgotten", f"/account/password/{link}", invitation]


def proposed_by_email(session, staffed):
    """Email Nora two proposals: she has answered the first."""
    nora = staffed.patients["Nora"]
    start = NOW + timedelta(days=9)
    one = EmailedVisit(start, start + timedelta(hours=1), "Infusion", 1, 6)
    for seconds in (1, 2):  # after her course was booked
        at = NOW + timedelta(seconds=seconds)
        emailed_proposals.email(session, staffed.actor("alice"), nora, [one], "/care-plans/new", at)
        if seconds == 1:
            by_patient = Actor(staffed.clinic, None, None, "patient")
            first = emailed_proposals.open_for(session, nora, at)
            emailed_proposals.answer(session, by_patient, first, at, accepts=True)


def of_the_patient(session, staffed, course):
    """Return the pages behind the link in a mail to Nora."""
    nora = staffed.patients["Nora"]
    mail = session.scalars(select(Message).where(Message.patient_id == nora.id)).first()
    home = f"/visits/{private_links.page_token((SECRET_KEY,), mail, private_links.VISITS)}"
    second = next(one for one in course.appointments if one.action == "infusion-3")
    visit = f"{home}/appointments/{second.public_id}"
    proposed_by_email(session, staffed)
    by_patient = Actor(staffed.clinic, None, None, "patient")
    asked = address_changes.ask(session, by_patient, nora, "new@example.org", NOW)
    session.commit()
    to_new = session.get_one(Message, asked.message_id)
    address = f"/visits/{private_links.page_token((SECRET_KEY,), to_new, private_links.ADDRESS)}/address"
    own = ["", "/done/confirmed", "/calendar", "/sheet", "/preferences", "/unsubscription"]
    about = ["/cancellation", "/check-in", "/driver", "/earlier", "/request"]
    return ["/visits", address, *(home + page for page in own), *(visit + page for page in about)]


def an_answer_to_call_about(session, staffed, course):
    """Let Nora answer that she is unwell; return the id of the task."""
    by_patient = Actor(staffed.clinic, None, None, "patient")
    answered = patient_answers.check_in(session, by_patient, course.appointments[3], NOW, {"mood": "0"})
    return open_of(session, TaskKind.ANSWER, answered.appointment_id).public_id


def addresses(session, staffed, course, tmp_path):
    visit = course.appointments[3].public_id
    plan = current(session, staffed.clinic.id, "iv-depression-6").public_id
    nora = staffed.patients["Nora"].public_id
    nell = add_patient(session, staffed, "Nell", "Lindqvist", email="nora@example.org", alert_note="latex")
    booster = next(one.public_id for one in course.appointments if one.action == "booster-1")
    missed = next(one for one in course.appointments if one.action == "infusion-2")
    cancel(session, staffed.actor("alice"), [missed], NOW, "ill")
    nina, chair = staffed.people["Nina"].public_id, staffed.places["Chair 1"].public_id
    job = jobs.ask(session, staffed.command, "import-patients", {"content": "Nora"}, NOW).public_id
    file = jobs.ask(session, staffed.command, files.KIND, {"report": "visits"}, NOW).public_id
    replan = a_searched_replan(session, staffed)
    task = an_answer_to_call_about(session, staffed, course)
    mail = Keeper(tmp_path / "mailbox", lambda: NOW).keep("a@example.org", ["b@example.org"], MAIL)
    waited_for = next(one for one in course.appointments if one.action == "infusion-4")
    opening = offered(session, staffed, waited_for)["opening"]
    own = of_the_patient(session, staffed, course)
    session.commit()
    return [
        *own,
        "/",
        "/account/locked",
        "/account/password",
        "/account/sessions",
        "/api/docs",
        "/api/docs/problems",
        "/calendars/mine",
        f"/calendars/people/{nina}",
        f"/calendars/places/{chair}",
        "/demo/mailbox",
        f"/demo/mailbox/{mail}",
        "/patients/new",
        f"/patients/{nora}/record",
        "/requests",
        "/today",
        f"/tasks/{task}",
        "/reminders?view=calls",
        "/settings/data",
        "/bring-back",
        "/reports?from=2026-11-30&to=2026-12-27",
        *(f"/reports/{name}?from=2026-11-30&to=2026-12-27" for name in REPORTS),
        "/reports/visits?from=2026-11-30&to=2026-12-27&group_by=week",
        "/reports/visits/visits?from=2026-11-30&to=2026-12-27&part=ahead",
        f"/reports/files/{file}",
        "/zone-rules",
        f"/settings/imports/{job}",
        f"/settings/people/{nina}/hours",
        "/board/2026-11-30",
        "/board/2026-11-30?view=people",
        "/board/2026-11-30?only=kind-consult",
        "/board/2026-11-30/week",
        "/board/2026-11-30/agenda",
        "/board/2026-11-30/print",
        f"/board/2026-11-30/closing?resource=place-{staffed.places['Chair 1'].public_id}",
        f"/replans/{replan}",
        "/waitlist",
        f"/waitlist/new?visit={waited_for.public_id}",
        f"/waitlist/new?patient={nora}",
        f"/openings/{opening}",
        f"/board/2026-11-30/shift?resource=place-{staffed.places['Chair 1'].public_id}",
        "/patients",
        f"/patients/{nora}",
        f"/patients/{nora}/edit",
        f"/patients/{nora}/feeds",
        "/calendars",
        "/calendars/clinic",
        "/patients/duplicates",
        "/appointments/new",
        f"/appointments/new?patient={nora}&date=2026-12-01&time=10:00",
        f"/patients/{nora}/duplicates",
        f"/patients/{nora}/merger/{nell.public_id}",
        "/care-plans/new",
        f"/care-plans/new?patient={nora}",
        f"/care-plans/{course.public_id}",
        f"/care-plans/{course.public_id}/sheet",
        f"/care-plans/{course.public_id}/lengths",
        f"/care-plans/{course.public_id}/protocol",
        f"/appointments/{booster}/booking",
        f"/appointments/{missed.public_id}/make-up",
        f"/care-plans/new?patient={nora}&not_before=2026-11-24&plan_definition=therapy-6"
        "&had=therapy-2&last_on=2026-11-20&earlier_for=therapy-6/therapy-2",
        f"/appointments/{visit}",
        f"/appointments/{visit}/sheet",
        f"/appointments/{visit}/time",
        "/reminders",
        "/reminders?view=planned",
        "/reminders?view=boosters",
        "/start",
        "/settings",
        "/settings/clinic",
        "/settings/hours",
        "/settings/closures",
        "/settings/holidays?year=2027",
        "/settings/placing",
        "/settings/imports",
        "/settings/places",
        "/settings/sites",
        f"/settings/sites/{staffed.places['Chair 1'].site.public_id}/hours",
        "/settings/people",
        "/settings/protocols",
        f"/settings/protocols/{plan}",
        "/settings/rules",
        "/settings/self-service",
        "/settings/texts",
        "/settings/texts/reminder/en",
        "/settings/users/removal?email=nick@example.org",
        "/settings/roles",
        "/settings/tokens",
        "/audit",
        f"/patients/{nora}/access",
        "/account/clinics",
        "/account/invitations",
        "/account/second-factor",
        "/account/second-factor/enrollment",
        "/nothing-here",
    ]
