"""Every route beside the API x every kind of caller: 100 % as the table says, and a route without a row fails.

The objects that the table names are Harbor's. For Hill's admin, whose role may do everything, each of them is a 404
without a byte of the object; nothing of Harbor shows on any other page either. The API has a table of its own in
tests/api/test_matrix.py.
"""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from scheduler.models.incoming_mail import open_in
from scheduler.models.message import Message, MessageKind
from scheduler.models.plan_definition import current
from scheduler.models.user import StaffRole
from scheduler.models.user_session import UserSession
from scheduler.services import jobs, private_links
from scheduler.services.account import accounts, invitations, passwords
from scheduler.services.account.permissions import PERMISSIONS
from scheduler.services.actors import Actor
from scheduler.services.clinic import schedules
from scheduler.services.feed import feeds
from scheduler.services.mail import outbox
from scheduler.services.patient import address_changes, incoming_mail, notes, self_service
from scheduler.services.replan import replans
from scheduler.services.replan.affected import Scope
from scheduler.services.reports import files
from tests.answering import needing
from tests.cast import NOW, PASSWORD, add_patient, hire
from tests.engines import SECRET_KEY
from tests.offers import offered
from tests.services.courses import book, visit

MINE = "whoever is signed in, about themselves"
ANYONE = "anyone"
LINK = "whoever has the patient's link"
TOKEN = "a program with a token"
GONE = "nobody: answers 404"
WHEN = {"date": "2026-12-01", "time": "10:00"}
DAYS = {"table": "appointments", "first": "2026-11-01", "last": "2026-11-30"}
DATED = {"on": "2026-12-24", "special_starts": "09:00", "special_ends": "12:00"}
TO_VISIT = "/visits/{link}/appointments/{visit}"
# route: (who may, address, fields of a sensible form, whether the address names an object of Harbor's)
TABLE = {
    "GET api_docs.document": (ANYONE, "/api/v1/openapi.json", None, False),
    "GET api_docs.page": (ANYONE, "/api/docs", None, False),
    "GET api_docs.problems": (ANYONE, "/api/docs/problems", None, False),
    "GET audit.access": ("audit", "/patients/{patient}/access", None, True),
    "GET audit.index": ("audit", "/audit?patient={patient}", None, True),
    "POST audit.found": ("audit", "/audit/found", {"patient": "{patient}", "who": "alice"}, True),
    "POST audit.export": ("audit", "/audit/export", {"patient": "{patient}"}, True),
    "GET board.agenda": ("view", "/board/2026-11-30/agenda", None, False),
    "GET board.day": ("view", "/board/2026-11-30", None, False),
    "GET board.grid": ("view", "/board/2026-11-30/grid", None, False),
    "GET board.jump": ("view", "/board?date=2026-11-30", None, False),
    "GET board.ticks": (ANYONE, "/ticks.css", None, False),
    "GET board.week_ticks": (ANYONE, "/week-ticks.css", None, False),
    "POST board.site": ("view", "/board/site", {"site": "{site}"}, False),
    "POST board.names": ("view", "/board/names", {"names": "initials"}, False),
    "GET board.today": ("view", "/", None, False),
    "GET board.week": ("view", "/board/2026-11-30/week", None, False),
    "POST booking.new": ("book", "/care-plans/new", {"search": "nora"}, False),
    "GET booking.new": ("book", "/care-plans/new?patient={patient}", None, True),
    "GET booking.improvement": ("book", "/care-plans/improvements/{job}", None, True),
    "POST booking.book": ("book", "/care-plans", {"patient": "{patient}", "token": "x"}, False),
    "POST booking.propose": ("book", "/care-plans/proposals", {"patient": "{patient}"}, True),
    "POST booking.starts": ("book", "/care-plans/starts", {"patient": "{patient}"}, True),
    "POST booking.explain_late_start": ("book", "/care-plans/late-start", {"patient": "{patient}"}, True),
    "POST prints.offer": ("book", "/care-plans/proposals/print", {"token": "x"}, False),
    "POST booking.email": ("book", "/care-plans/proposals/email", {"token": "x"}, False),
    "POST booking.close_answer": ("book", "/care-plans/proposals/answers/{task}", {}, True),
    "POST booking.take_back": ("book", "/care-plans/{course}/undo", {}, True),
    "GET bring_back.index": ("book", "/bring-back?why=make-up", None, False),
    "GET care_plans.show": ("view", "/care-plans/{course}", None, True),
    "POST care_plans.activate": ("book", "/care-plans/{course}/activation", {}, True),
    "POST care_plans.email": ("book", "/care-plans/{course}/email", {}, True),
    "POST care_plans.complete_requirement": ("requirements", "/care-plans/{course}/requirements/driver", {}, True),
    "POST care_plans.reopen_requirement": (
        "requirements",
        "/care-plans/{course}/requirements/driver/reopening",
        {},
        True,
    ),
    "POST care_plans.step": ("cancel", "/care-plans/{course}/hold", {}, True),
    "GET clinics.index": (MINE, "/account/clinics", None, False),
    "POST clinics.choose": (MINE, "/account/clinics", {"clinic": "{clinic}"}, True),
    "GET courses_ahead.booster": ("book", "/appointments/{booster}/booking", None, True),
    "POST courses_ahead.booster_times": ("book", "/appointments/{booster}/booking/times", {}, True),
    "POST courses_ahead.preview_booster": ("book", "/appointments/{booster}/booking/preview", WHEN, True),
    "POST courses_ahead.book_booster": ("book", "/appointments/{booster}/booking", {}, True),
    "GET courses_ahead.length": ("move", "/care-plans/{course}/lengths", None, True),
    "POST courses_ahead.preview_length": ("move", "/care-plans/{course}/lengths/preview", {}, True),
    "POST courses_ahead.save_length": ("move", "/care-plans/{course}/lengths", {}, True),
    "GET courses_ahead.make_up": ("book", "/appointments/{visit}/make-up", None, True),
    "POST courses_ahead.make_up_times": ("book", "/appointments/{visit}/make-up/times", {}, True),
    "POST courses_ahead.preview_make_up": ("book", "/appointments/{visit}/make-up/preview", WHEN, True),
    "POST courses_ahead.book_make_up": ("book", "/appointments/{visit}/make-up", {}, True),
    "GET feed_pages.index": ("feeds", "/calendars", None, False),
    "GET feed_pages.mine": ("feeds", "/calendars/mine", None, False),
    "GET feed_pages.of_clinic": ("feeds", "/calendars/clinic", None, False),
    "POST feed_pages.for_clinic": ("feeds", "/calendars/clinic", {}, False),
    "GET feed_pages.of_patient": ("feeds", "/patients/{patient}/feeds", None, True),
    "POST feed_pages.for_patient": ("feeds", "/patients/{patient}/feeds", {}, True),
    "GET feed_pages.of_person": ("feeds", "/calendars/people/{person}", None, True),
    "POST feed_pages.for_person": ("feeds", "/calendars/people/{person}", {}, True),
    "GET feed_pages.of_place": ("feeds", "/calendars/places/{place}", None, True),
    "POST feed_pages.for_place": ("feeds", "/calendars/places/{place}", {}, True),
    "POST feed_pages.revoke": ("feeds", "/calendar-feeds/{feed}/revocation", {}, True),
    "POST feed_pages.rotate": ("feeds", "/calendar-feeds/{feed}/rotation", {}, True),
    "GET fhir.metadata": (ANYONE, "/fhir/metadata", None, False),
    "GET fhir.read": (TOKEN, "/fhir/Patient/{patient}", None, True),
    "GET fhir.search": (TOKEN, "/fhir/Appointment?patient=Patient/{patient}", None, False),
    "GET fhir.elsewhere": (TOKEN, "/fhir/nothing/here/now", None, False),
    "POST fhir.elsewhere": (TOKEN, "/fhir/Patient", {}, False),
    "PUT fhir.elsewhere": (TOKEN, "/fhir/Patient/{patient}", {}, False),
    "PATCH fhir.elsewhere": (TOKEN, "/fhir/Patient/{patient}", {}, False),
    "DELETE fhir.elsewhere": (TOKEN, "/fhir/Patient/{patient}", {}, False),
    "GET first_steps.index": ("settings", "/start", None, False),
    "GET health.healthz": (ANYONE, "/healthz", None, False),
    "GET health.livez": (ANYONE, "/livez", None, False),
    "GET health.readyz": (ANYONE, "/readyz", None, False),
    "GET health.metrics": (ANYONE, "/metrics", None, False),
    "GET invitations.index": (MINE, "/account/invitations", None, False),
    "POST invitations.accept": (MINE, "/account/invitations/{invitation}/acceptance", {}, True),
    "POST invitations.decline": (MINE, "/account/invitations/{invitation}/refusal", {}, True),
    "GET invitations.by_link": (ANYONE, "/account/invitations/by-mail/{invitation_link}", None, False),
    "POST invitations.accept_by_link": (ANYONE, "/account/invitations/by-mail/{invitation_link}", {}, False),
    "GET mailbox.calendar": (ANYONE, "/demo/mailbox/x/calendar/0", None, False),
    "GET mailbox.frame": (ANYONE, "/demo/mailbox/x/body", None, False),
    "GET mailbox.index": (ANYONE, "/demo/mailbox", None, False),
    "GET mailbox.listing": (ANYONE, "/demo/mailbox.json", None, False),
    "GET mailbox.show": (ANYONE, "/demo/mailbox/x", None, False),
    "GET mailbox.source": (ANYONE, "/demo/mailbox/x.eml", None, False),
    "POST merging.candidates": ("patients", "/patients/{patient}/duplicates", {"search": "nora"}, True),
    "GET merging.candidates": ("patients", "/patients/{patient}/duplicates", None, True),
    "GET merging.index": ("patients", "/patients/duplicates", None, False),
    "GET merging.show": ("patients", "/patients/{patient}/merger/{twin}", None, True),
    "POST merging.merge": ("patients", "/patients/{patient}/merger/{twin}", {}, True),
    "GET moves.form": ("move", "/appointments/{visit}/time", None, True),
    "GET moves.starts": ("move", "/appointments/{visit}/starts?date=2026-12-01", None, True),
    "POST moves.show_times": ("move", "/appointments/{visit}/times", {}, True),
    "POST moves.move": ("move", "/appointments/{visit}/time", WHEN, True),
    "POST moves.preview": ("move", "/appointments/{visit}/time/preview", WHEN, True),
    "GET passwords.by_link": (ANYONE, "/account/password/{password_link}", None, False),
    "POST passwords.choose_by_link": (ANYONE, "/account/password/{password_link}", {"password": "x"}, False),
    "GET passwords.forgotten": (ANYONE, "/account/forgotten", None, False),
    "POST passwords.ask": (ANYONE, "/account/forgotten", {"email": "nobody@example.org"}, False),
    "GET passwords.mine": (MINE, "/account/password", None, False),
    "POST passwords.choose_mine": (MINE, "/account/password", {"present": "wrong"}, False),
    "GET patient_pages.ask": (ANYONE, "/visits", None, False),
    "POST patient_pages.send": (ANYONE, "/visits", {"email": "nora@example.org"}, False),
    "GET patient_pages.show": (LINK, "/visits/{link}", None, False),
    "GET patient_pages.sheet": (LINK, "/visits/{link}/sheet", None, False),
    "GET patient_pages.done": (LINK, "/visits/{link}/done/confirmed", None, False),
    "GET patient_pages.ask_calendar": (LINK, "/visits/{link}/calendar", None, False),
    "POST patient_pages.make_calendar": (LINK, "/visits/{link}/calendar", {}, False),
    "POST patient_pages.rotate_calendar": (LINK, "/visits/{link}/calendar/{feed}/rotation", {}, True),
    "POST patient_pages.switch_off_calendar": (LINK, "/visits/{link}/calendar/{feed}/revocation", {}, True),
    "POST patient_pages.switch_off_calendars": (LINK, "/visits/{link}/calendar/revocation", {}, False),
    "GET patient_pages.ask_address": (LINK, "/visits/{link}/address", None, False),
    "POST patient_pages.confirm_address": (LINK, "/visits/{link}/address", {}, False),
    "GET patient_pages.ask_preferences": (LINK, "/visits/{link}/preferences", None, False),
    "POST patient_pages.tell_preferences": (LINK, "/visits/{link}/preferences", {}, False),
    "GET patient_pages.ask_unsubscribe": (LINK, "/visits/{link}/unsubscription", None, False),
    "POST patient_pages.tell_unsubscribe": (LINK, "/visits/{link}/unsubscription", {}, False),
    "GET patient_pages.ask_cancel": (LINK, f"{TO_VISIT}/cancellation", None, True),
    "POST patient_pages.cancel": (LINK, f"{TO_VISIT}/cancellation", {}, True),
    "GET patient_pages.ask_check_in": (LINK, f"{TO_VISIT}/check-in", None, True),
    "POST patient_pages.tell_check_in": (LINK, f"{TO_VISIT}/check-in", {}, True),
    "GET patient_pages.ask_driver": (LINK, f"{TO_VISIT}/driver", None, True),
    "POST patient_pages.tell_driver": (LINK, f"{TO_VISIT}/driver", {}, True),
    "GET patient_pages.ask_move": (LINK, f"{TO_VISIT}/request", None, True),
    "POST patient_pages.move": (LINK, f"{TO_VISIT}/request", {}, True),
    "POST patient_pages.accept": (LINK, f"{TO_VISIT}/request/acceptance", {}, True),
    "POST patient_pages.withdraw": (LINK, f"{TO_VISIT}/request/withdrawal", {}, True),
    "GET patient_pages.ask_earlier": (LINK, f"{TO_VISIT}/earlier", None, True),
    "POST patient_pages.wait": (LINK, f"{TO_VISIT}/earlier", {}, True),
    "POST patient_pages.stop_waiting": (LINK, f"{TO_VISIT}/earlier/removal", {}, True),
    "POST patient_pages.answer_offer": (LINK, "/visits/{link}/offers/{offer}", {}, True),
    "POST patient_pages.confirm_all": (LINK, "/visits/{link}/confirmation", {}, False),
    "POST patient_pages.answer_proposal": (LINK, "/visits/{link}/proposal", {}, False),
    "POST patient_pages.confirm": (LINK, f"{TO_VISIT}/confirmation", {}, True),
    "GET patient_pages.one_calendar": (LINK, f"{TO_VISIT}/visit.ics", None, True),
    "GET patients.edit": ("patients", "/patients/{patient}/edit", None, True),
    "POST patients.finds": ("view", "/patients/finds", {"search": "nora"}, False),
    "POST patients.found": ("view", "/patients/found", {"search": "nora"}, False),
    "POST patients.new": ("patients", "/patients/new", {"name": "Nora Li"}, False),
    "GET patients.index": ("view", "/patients", None, False),
    "GET patients.new": ("patients", "/patients/new", None, False),
    "GET patients.show": ("view", "/patients/{patient}", None, True),
    "POST notes.add": ("notes", "/patients/{patient}/notes", {"text": "prefers mornings"}, True),
    "POST notes.strike": ("notes", "/notes/{note}/mistake", {}, True),
    "POST patients.trust_address": ("patients", "/patients/{patient}/address/works", {}, True),
    "POST patients.cancel_ahead": ("cancel", "/patients/{patient}/cancellation", {"reason": "died"}, True),
    "POST patients.end_links": ("patients", "/patients/{patient}/links/end", {}, True),
    "POST patients.send_link": ("patients", "/patients/{patient}/links", {}, True),
    "POST patients.create": ("patients", "/patients", {"given_name": "Zoe", "family_name": "Li"}, False),
    "POST patients.update": ("patients", "/patients/{patient}", {}, True),
    "GET prints.course": ("view", "/care-plans/{course}/sheet", None, True),
    "GET prints.visit": ("view", "/appointments/{visit}/sheet", None, True),
    "GET prints.day": ("view", "/board/2026-11-30/print", None, False),
    "GET protocol_change.form": ("move", "/care-plans/{course}/protocol", None, True),
    "POST protocol_change.preview": ("move", "/care-plans/{course}/protocol/preview", {}, True),
    "POST protocol_change.save": ("move", "/care-plans/{course}/protocol", {}, True),
    "GET records.show": ("records", "/patients/{patient}/record", None, True),
    "POST records.erase": ("records", "/patients/{patient}/record/erasure", {}, True),
    "POST records.export": ("records", "/patients/{patient}/record/export", {}, True),
    "GET reminders.index": ("send-log", "/reminders", None, False),
    "POST reminders.found": ("send-log", "/reminders/found", {"search": "nora"}, False),
    "POST reminders.agree": ("agree", "/reminders/agreement", {}, False),
    "POST reminders.discard": ("send-log", "/reminders/{mail}/discard", {}, True),
    "POST reminders.export": ("send-log", "/reminders/export", {}, False),
    "POST reminders.release": ("send-log", "/reminders/{mail}/release", {}, True),
    "POST reminders.resend": ("send-log", "/reminders/{mail}/resend", {}, True),
    "POST reminders.settle": ("send-log", "/reminders/calls/{patient}/settlement", {}, True),
    "GET reports.index": ("reports", "/reports?from=2026-11-01&to=2026-11-28", None, False),
    "GET reports.show": ("reports", "/reports/attendance?group_by=weekday", None, False),
    "GET reports.table_file": ("reports", "/reports/visits.csv", None, False),
    "GET reports.visits": ("reports", "/reports/visits/visits?part=ahead&from=2026-11-30&to=2026-12-20", None, False),
    "POST reports.ask_file": ("reports", "/reports/visits/visits/file", {"part": "held"}, False),
    "GET reports.file": ("reports", "/reports/files/{report_file}", None, True),
    "GET reports.file_content": ("reports", "/reports/files/{report_file}/content", None, True),
    "GET requests.index": ("move", "/requests", None, False),
    "POST requests.close": ("move", "/requests/{request}/closing", {}, True),
    "POST requests.decline": ("move", "/requests/{request}/refusal", {"answer": "Nothing is free."}, True),
    "POST requests.suggest": ("move", "/requests/{request}/suggestion", WHEN, True),
    "POST requests.finish_mail": ("move", "/requests/mail/{incoming}/done", {}, True),
    "POST requests.settle_address": ("patients", "/requests/addresses/{address}/settlement", {}, True),
    "GET second_factor.ask": (ANYONE, "/account/second-factor/code", None, False),
    "POST second_factor.answer": (ANYONE, "/account/second-factor/code", {"code": "1"}, False),
    "GET second_factor.enrollment": (MINE, "/account/second-factor/enrollment", None, False),
    "POST second_factor.enrol": (MINE, "/account/second-factor/enrollment", {"present": "wrong"}, False),
    "GET second_factor.index": (MINE, "/account/second-factor", None, False),
    "POST second_factor.remove": (MINE, "/account/second-factor/removal", {"present": "wrong"}, False),
    "POST second_factor.renew": (MINE, "/account/second-factor/codes", {"present": "wrong"}, False),
    "GET security.login": (ANYONE, "/login", None, False),
    "POST security.login": (ANYONE, "/login", {"email": "nobody@example.org", "password": "x"}, False),
    "POST security.logout": (MINE, "/logout", {}, False),
    "GET security.static": (ANYONE, "/fs-static/js/x.js", None, False),
    "GET security.tf_select": (GONE, "/tf-select", None, False),
    "POST security.tf_select": (GONE, "/tf-select", {}, False),
    "GET security.two_factor_rescue": (GONE, "/tf-rescue", None, False),
    "POST security.two_factor_rescue": (GONE, "/tf-rescue", {}, False),
    "GET security.two_factor_setup": (GONE, "/tf-setup", None, False),
    "POST security.two_factor_setup": (GONE, "/tf-setup", {}, False),
    "POST security.two_factor_setup_validate": (GONE, "/tf-setup/x", {}, False),
    "GET security.two_factor_token_validation": (GONE, "/tf-validate", None, False),
    "POST security.two_factor_token_validation": (GONE, "/tf-validate", {}, False),
    "GET sessions.awake": (MINE, "/account/awake", None, False),
    "GET sessions.index": (MINE, "/account/sessions", None, False),
    "POST sessions.end": (MINE, "/account/sessions/{session}/end", {}, True),
    "POST sessions.end_token": (MINE, "/account/sessions/tokens/{token}/end", {}, True),
    "POST sessions.end_others": (MINE, "/account/sessions/others/end", {}, False),
    "GET sessions.locked": (MINE, "/account/locked", None, False),
    "POST sessions.lock": (MINE, "/account/lock", {}, False),
    "POST sessions.unlock": (MINE, "/account/unlock", {"password": "wrong"}, False),
    "GET settings.closures": ("close", "/settings/closures", None, False),
    "POST settings.add_closure": ("close", "/settings/closures", {}, False),
    "POST settings.remove_closure": ("close", "/settings/closures/{closure}/removal", {}, True),
    "GET settings.data": ("records", "/settings/data", None, False),
    "POST settings.save_data": ("records", "/settings/data", {"retention_years": "0"}, False),
    "POST settings.export_data": ("records", "/settings/data/export", DAYS, False),
    "GET settings.holidays": ("settings", "/settings/holidays", None, False),
    "POST settings.close_all_holidays": ("settings", "/settings/holidays/2026/all", {}, False),
    "POST settings.close_holiday": ("settings", "/settings/holidays/2026-12-25/closure", {}, False),
    "POST settings.open_holiday": ("settings", "/settings/holidays/2026-12-25/opening", {}, False),
    "POST settings.save_holiday_region": ("settings", "/settings/holidays/region", {}, False),
    "GET settings.hours": ("settings", "/settings/hours", None, False),
    "POST settings.save_hours": ("settings", "/settings/hours", {}, False),
    "POST settings.remove_later_hours": (
        "settings",
        "/settings/hours/later/removal",
        {"first": "2027-01-04"},
        False,
    ),
    "POST settings.save_dated_hours": ("settings", "/settings/hours/dates", DATED, False),
    "GET settings.import_job": ("settings", "/settings/imports/{job}", None, True),
    "GET zone_rules.index": ("view", "/zone-rules", None, False),
    "POST zone_rules.derive": ("move", "/zone-rules/derivation", {}, False),
    "POST zone_rules.agree": ("move", "/zone-rules/{visit}/agreement", {}, True),
    "GET settings.clinic": ("settings", "/settings/clinic", None, False),
    "POST settings.save_clinic": ("settings", "/settings/clinic", {"name": "x", "visit_label": "x"}, False),
    "GET settings.imports": ("settings", "/settings/imports", None, False),
    "POST settings.ask_import": ("settings", "/settings/imports", {}, False),
    "GET settings.index": ("settings", "/settings", None, False),
    "GET settings.people": ("people", "/settings/people", None, False),
    "POST settings.add_person": ("people", "/settings/people", {"name": "Kim", "roles": "nurse"}, False),
    "POST settings.save_person": ("people", "/settings/people/{person}", {"name": "Kim"}, True),
    "POST settings.invite_person": ("invite", "/settings/people/{person}/invitation", {}, True),
    "POST settings.link_account": ("people", "/settings/people/{person}/account", {}, True),
    "GET settings.shifts": ("people", "/settings/people/{person}/hours", None, True),
    "POST settings.save_shifts": ("people", "/settings/people/{person}/hours", {}, True),
    "POST settings.remove_later_shifts": (
        "people",
        "/settings/people/{person}/hours/later/removal",
        {"first": "2027-01-04"},
        True,
    ),
    "POST settings.save_dated_shifts": ("people", "/settings/people/{person}/hours/dates", DATED, True),
    "GET settings.sites": ("settings", "/settings/sites", None, False),
    "POST settings.add_site": ("settings", "/settings/sites", {"name": "North"}, False),
    "POST settings.save_site": ("settings", "/settings/sites/{site}", {"name": "South"}, True),
    "GET settings.site_hours": ("settings", "/settings/sites/{site}/hours", None, True),
    "POST settings.save_site_hours": ("settings", "/settings/sites/{site}/hours", {}, True),
    "POST settings.remove_later_site_hours": (
        "settings",
        "/settings/sites/{site}/hours/later/removal",
        {"first": "2027-01-04"},
        True,
    ),
    "POST settings.save_dated_site_hours": (
        "settings",
        "/settings/sites/{site}/hours/dates",
        DATED,
        True,
    ),
    "GET settings.places": ("settings", "/settings/places", None, False),
    "POST settings.add_place": ("settings", "/settings/places", {"name": "Chair 9", "kind": "chair"}, False),
    "POST settings.save_place": ("settings", "/settings/places/{place}", {"name": "x"}, True),
    "GET settings.placing": ("settings", "/settings/placing", None, False),
    "POST settings.choose_preset": ("settings", "/settings/placing/preset", {}, False),
    "POST settings.save_placing": ("settings", "/settings/placing", {}, False),
    "GET settings.protocol": ("settings", "/settings/protocols/{plan}", None, True),
    "GET settings.protocols": ("settings", "/settings/protocols", None, False),
    "POST settings.save_protocol": ("settings", "/settings/protocols/{plan}", {}, True),
    "POST settings.load_protocol": ("settings", "/settings/protocols", {}, False),
    "GET settings.roles": ("view", "/settings/roles", None, False),
    "GET settings.rules": ("settings", "/settings/rules", None, False),
    "POST settings.save_rules": ("settings", "/settings/rules", {}, False),
    "POST settings.preview_rules": ("settings", "/settings/rules/preview", {}, False),
    "GET settings.self_service": ("settings", "/settings/self-service", None, False),
    "POST settings.save_self_service": ("settings", "/settings/self-service", {}, False),
    "GET settings.texts": ("settings", "/settings/texts", None, False),
    "GET settings.text": ("settings", "/settings/texts/reminder/en", None, False),
    "POST settings.save_text": ("settings", "/settings/texts/reminder/en", {}, False),
    "POST settings.reset_text": ("settings", "/settings/texts/reminder/en/reset", {}, False),
    "GET settings.first_preview": ("settings", "/settings/texts/reminder/en/preview", None, False),
    "POST settings.preview_text": ("settings", "/settings/texts/reminder/en/preview", {}, False),
    "GET settings.tokens": ("tokens", "/settings/tokens", None, False),
    "POST settings.add_token": ("tokens", "/settings/tokens", {"name": "x", "user": "ada@example.org"}, True),
    "POST settings.revoke_token": ("tokens", "/settings/tokens/{token}/revocation", {}, True),
    "POST settings.add_user": ("invite", "/settings/users", {"email": "zoe@example.org", "role": "nurse"}, False),
    "POST settings.save_role": ("users", "/settings/users/role", {"email": "{email}", "role": "nurse"}, True),
    "POST settings.add_service_account": ("users", "/settings/tokens/service-accounts", {}, False),
    "POST settings.send_invitation": ("invite", "/settings/users/invitations/{invitation}/mail", {}, True),
    "POST settings.withdraw_invitation": ("invite", "/settings/users/invitations/{invitation}/withdrawal", {}, True),
    "GET settings.ask_remove_user": ("invite", "/settings/users/removal?email={email}", None, True),
    "POST settings.remove_user": ("invite", "/settings/users/removal", {"email": "{email}"}, True),
    "POST settings.reset_second_factor": ("users", "/settings/users/second-factor/reset", {"email": "{email}"}, True),
    "POST settings.end_sessions": ("users", "/settings/users/sessions/end", {"email": "{email}"}, True),
    "POST settings.save_closing": ("users", "/settings/users/closing", {}, False),
    "POST settings.save_second_factor": ("users", "/settings/users/second-factor", {}, False),
    "GET replans.closing": ("close", "/board/2026-11-30/closing", None, False),
    "POST replans.close": ("close", "/board/2026-11-30/closing", {"part": "day"}, False),
    "POST replans.ask": ("move", "/replans", {}, False),
    "GET replans.show": ("move", "/replans/{replan}", None, True),
    "POST replans.accept": ("move", "/replans/{replan}/acceptance", {}, True),
    "POST replans.again": ("move", "/replans/{replan}/search", {}, True),
    "POST replans.stop": ("move", "/replans/{replan}/stop", {}, True),
    "POST replans.use_suggestion": (
        "move", "/replans/{replan}/suggestion", {"course": "none", "number": "0"}, True,
    ),
    "POST replans.undo": ("move", "/replans/{replan}/undo", {}, True),
    "GET waitlist.index": ("view", "/waitlist", None, False),
    "GET waitlist.form": ("book", "/waitlist/new?visit={visit}", None, True),
    "POST waitlist.add": ("book", "/waitlist/new?visit={visit}", {}, True),
    "POST waitlist.remove": ("book", "/waitlist/{entry}/removal", {}, True),
    "GET waitlist.opening": ("move", "/openings/{opening}", None, True),
    "POST waitlist.offer": ("move", "/openings/{opening}/offers", {}, True),
    "POST waitlist.withdraw": ("move", "/openings/{opening}/withdrawal", {}, True),
    "POST waitlist.dismiss": ("move", "/openings/{opening}/dismissal", {}, True),
    "POST waitlist.answer": ("move", "/openings/{opening}/offers/{offer}", {}, True),
    "GET shifts.form": ("move", "/board/2026-11-30/shift", None, False),
    "POST shifts.preview": ("move", "/board/2026-11-30/shift/preview", {"minutes": "15"}, False),
    "POST shifts.shift": ("move", "/board/2026-11-30/shift", {"minutes": "15", "token": "x"}, False),
    "GET single_visits.duplicate": ("book", "/appointments/{visit}/copy", None, True),
    "GET single_visits.form": ("book", "/appointments/new?patient={patient}", None, True),
    "POST single_visits.refresh": ("book", "/appointments/new", {"patient": "{patient}"}, True),
    "POST single_visits.book": ("book", "/appointments", {"patient": "{patient}"}, True),
    "GET tasks.index": ("tasks", "/today", None, False),
    "GET tasks.refresh": ("tasks", "/today/list", None, False),
    "GET tasks.count": ("tasks", "/today/count", None, False),
    "POST tasks.snooze": ("answers", "/tasks/{task}/snooze", {}, True),
    "GET tasks.show": ("tasks", "/tasks/{task}", None, True),
    "POST tasks.take": ("answers", "/tasks/{task}/assignment", {}, True),
    "POST tasks.give_back": ("answers", "/tasks/{task}/release", {}, True),
    "POST tasks.complete": ("answers", "/tasks/{task}/completion", {}, True),
    "GET static": (ANYONE, "/static/css/app.css", None, False),
    "GET visits.panel": ("view", "/appointments/{visit}/panel", None, True),
    "GET visits.show": ("view", "/appointments/{visit}", None, True),
    "POST visits.cancel": ("cancel", "/appointments/{visit}/cancellation", {}, True),
    "POST visits.miss": ("progress", "/appointments/{visit}/no-show", {}, True),
    "POST visits.settle": ("requirements", "/appointments/{visit}/requirements/driver", {}, True),
    "POST visits.email": ("book", "/appointments/{visit}/email", {}, True),
    "POST visits.stage": ("progress", "/appointments/{visit}/stage", {"stage": "roomed"}, True),
    "POST visits.step": ("progress", "/appointments/{visit}/arrival", {}, True),
    "POST visits.take_back": ("progress", "/appointments/{visit}/undo", {}, True),
}  # fmt: skip
STAFF = [name for name, row in TABLE.items() if row[0] in PERMISSIONS]
OWN = [name for name, row in TABLE.items() if row[0] == MINE]
OPEN = [name for name, row in TABLE.items() if row[0] in (ANYONE, GONE)]
LINKED = [name for name, row in TABLE.items() if row[0] == LINK]
FOREIGN = [name for name in (*STAFF, *OWN) if TABLE[name][3]]
ROLES = {
    "ada": "admin", "mona": "manager", "alice": "front-desk", "nick": "nurse", "paul": "prescriber",
    "tess": "therapist", "rita": "read-only",
}  # fmt: skip
SECRETS = (
    "Nora",
    "Lindqvist",
    "nora@example.org",
    "Nina",
    "Chair 1",
    "Harbor",
    "ada@example.org",
    "Yes, please",
)


@pytest.fixture
def objects(session, harbor, at_now):
    """Harbor's objects by the names that the table uses, and links to them."""
    for name, role in (("paul", StaffRole.PRESCRIBER), ("tess", StaffRole.THERAPIST)):
        hire(session, harbor, name, role)
    course, nora = book(session, harbor), harbor.patients["Nora"]
    twin = add_patient(session, harbor, "Norah", "Lindqvist")
    patient = Actor(harbor.clinic, None, None, "patient")
    third = visit(course, "infusion-3")
    asked = self_service.ask(session, patient, third, NOW, None, "Yes, please")
    address = address_changes.ask(session, patient, nora, "nora.new@example.org", NOW)
    incoming_mail.receive(session, b"From: nora@example.org\n\nPlease call me.\n", NOW)
    [incoming] = open_in(session, harbor.clinic.id)
    feed, _ = feeds.create(session, harbor.command, nora.resource_id, "neutral", NOW)
    token, _ = accounts.create_token(session, harbor.command, harbor.users["rita"], "x", NOW)
    closure, _ = schedules.close(session, harbor.command, NOW + timedelta(40), NOW + timedelta(41), NOW)
    mail = session.scalars(select(Message).where(Message.patient_id == nora.id)).first()
    other = UserSession(
        user_id=harbor.users["ada"].id, digest="0" * 64, created_at=NOW, seen_at=NOW, address="", agent=""
    )
    session.add(other)
    eve = accounts.new_user(session, "eve@example.org", "Eve", NOW)
    accounts.set_password(session, eve, PASSWORD)
    ada, keys = harbor.actor("ada"), [SECRET_KEY]
    invited = invitations.invite(session, ada, "eve@example.org", StaffRole.NURSE, NOW, "http://x", keys)
    session.flush()
    known = {
        "patient": nora.public_id,
        "twin": twin.public_id,
        "course": course.public_id,
        "visit": visit(course, "infusion-2").public_id,
        "booster": visit(course, "booster-1").public_id,
        "incoming": incoming.public_id,
        "request": asked.public_id,
        "address": address.public_id,
        "mail": mail.public_id,
        "note": notes.add(session, harbor.actor("alice"), nora, "rings first", NOW).public_id,
        "feed": feed.public_id,
        "token": token.public_id,
        "closure": closure.public_id,
        "replan": replans.ask(session, harbor.command, NOW, Scope()).public_id,
        **offered(session, harbor, visit(course, "infusion-3")),
        "job": jobs.ask(session, harbor.command, "import-patients", {"content": "Nora"}, NOW).public_id,
        "report_file": jobs.ask(session, harbor.command, files.KIND, {"report": "visits"}, NOW).public_id,
        "person": harbor.people["Nina"].public_id,
        "place": harbor.places["Chair 1"].public_id,
        "site": harbor.places["Chair 1"].site.public_id,
        "plan": current(session, harbor.clinic.id, "iv-depression-6").public_id,
        "clinic": harbor.clinic.public_id,
        "session": other.public_id,
        "invitation": invited.public_id,
        "invitation_link": invitations.link_token(invited, keys),
        "email": "rita@example.org",
        "task": needing(session, patient, visit(course, "infusion-1")).public_id,
        "link": private_links.page_token((SECRET_KEY,), mail, private_links.VISITS),
        "password_link": passwords.link_token(harbor.users["rita"], timedelta(hours=1), NOW, [SECRET_KEY]),
    }
    session.commit()
    return known


NO_PAGE = {  # the reads of STAFF that show no page of these objects
    "GET board.jump": 303,
    "GET booking.improvement": 404,
    "GET reports.file_content": 404,
    "GET courses_ahead.make_up": 409,
    "GET feed_pages.mine": 303,
    "GET single_visits.duplicate": 303,
}


def test_every_route_has_a_row(app):
    routes = {
        f"{method} {rule.endpoint}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.endpoint.startswith("api.")
    }

    assert sorted(routes - TABLE.keys()) == []
    assert sorted(TABLE.keys() - routes) == []


def test_every_row_asks_its_own_route(app, objects):
    routes = app.url_map.bind("localhost")
    asked = {}
    for name, (_, address, _, _) in TABLE.items():
        method = name.partition(" ")[0]
        asked[name] = f"{method} {routes.match(urlsplit(address.format(**objects)).path, method)[0]}"

    assert asked == {name: name for name in TABLE}


def test_each_route_asks_for_the_permission_of_its_row(app):
    asked = {
        route: getattr(app.view_functions[route.partition(" ")[2]], "permission", None) for route in TABLE
    }

    assert {route: need for route, need in asked.items() if need} == {
        route: TABLE[route][0] for route in STAFF
    }


@pytest.mark.parametrize("name", ROLES)
def test_each_role_may_what_the_permission_table_says(session, harbor, objects, signed_in, name):
    client, role = signed_in(harbor, name), StaffRole(ROLES[name])
    answers = {route: ask(client, route, objects) for route in STAFF}

    may = {route: role in PERMISSIONS[TABLE[route][0]] for route in STAFF}
    assert {route: answer.status_code not in (401, 403) for route, answer in answers.items()} == may
    refused = {route: answer for route, answer in answers.items() if not may[route]}
    assert {answer.status_code for answer in refused.values()} <= {403}
    assert leaks(refused, own=("Harbor", f"{name}@example.org")) == []
    assert {answer.status_code for answer in answers.values()} <= {200, 303, 400, 403, 404, 409, 422}
    assert not any("/login" in (answer.location or "") for answer in answers.values())
    pages = [route for route in STAFF if may[route] and route.startswith("GET")]
    closed = {route: code for route in pages if (code := answers[route].status_code) != 200}
    assert closed.items() <= NO_PAGE.items()


def test_a_change_without_the_forms_token_is_refused(app, harbor, objects, signed_in):
    client = signed_in(harbor, "ada")
    app.config["WTF_CSRF_ENABLED"] = True
    answers = {route: ask(client, route, objects) for route in STAFF if not route.startswith("GET")}

    assert {route: answer.status_code for route, answer in answers.items()} == dict.fromkeys(answers, 400)
    assert all("This page has expired" in answer.text for answer in answers.values())


def test_who_is_signed_in_reaches_their_own_pages(harbor, objects, signed_in):
    client = signed_in(harbor, "rita")
    ending = {"POST sessions.lock", "POST passwords.choose_mine", "POST sessions.unlock"}
    skipped = {*ending, "POST security.logout"}  # the forms' fields are off; see tests/web/test_sessions.py
    answers = {route: ask(client, route, objects) for route in OWN if route not in skipped}
    answers |= {route: ask(signed_in(harbor, "rita"), route, objects) for route in ending}

    assert {answer.status_code for answer in answers.values()} <= {200, 204, 302, 303, 403, 404, 422}
    assert answers["POST sessions.end"].status_code == 404  # Ada's, not Rita's


def test_another_clinics_admin_finds_nothing(hill, harbor, objects, signed_in):
    client = signed_in(hill, "oscar")
    answers = {route: ask(client, route, objects) for route in FOREIGN}

    assert {route: answer.status_code for route, answer in answers.items()} == dict.fromkeys(FOREIGN, 404)
    assert leaks(answers) == []


def test_nothing_of_harbor_shows_on_the_pages_of_another_clinic(hill, harbor, objects, signed_in):
    client = signed_in(hill, "oscar")
    rest = [route for route in STAFF if route not in FOREIGN and route.startswith("GET")]

    assert leaks({route: ask(client, route, objects) for route in rest}) == []


@pytest.mark.parametrize(
    "kind", ["anonymous", "over", "ended", "inactive", "a new password", "forged", "a patient's link"]
)
def test_whoever_is_not_signed_in_gets_nothing(app, session, harbor, objects, signed_in, kind):
    client = nobody(app, session, harbor, objects, signed_in, kind)
    app.config.update(WTF_CSRF_ENABLED=True, WTF_CSRF_CHECK_DEFAULT=False)  # forms keep their fields
    answers = {route: ask(client, route, objects) for route in (*STAFF, *OWN)}
    logout = answers.pop("POST security.logout")

    assert {
        route: (answer.status_code, urlsplit(answer.location or "").path) for route, answer in answers.items()
    } == (dict.fromkeys(answers, (303, "/login")))
    assert logout.status_code in (302, 400)
    assert leaks(answers | {"logout": logout}) == []


def test_a_locked_session_gets_nothing(session, harbor, objects, signed_in):
    client = signed_in(harbor, "ada")
    client.post("/account/lock")
    answers = {route: ask(client, route, objects) for route in STAFF}

    assert {(answer.status_code, answer.location.partition("?")[0]) for answer in answers.values()} == {
        (303, "/account/locked")
    }
    assert leaks(answers) == []


def test_who_belongs_to_no_clinic_any_more_gets_nothing(session, harbor, objects, signed_in):
    client = signed_in(harbor, "rita")
    harbor.users["rita"].memberships.clear()
    session.commit()
    answers = {route: ask(client, route, objects) for route in STAFF}

    assert {answer.status_code for answer in answers.values()} == {404}
    assert leaks(answers) == []


def test_what_is_open_to_anyone_says_nothing_of_anybody(app, harbor, objects, at_now):
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    client = app.test_client()
    answers = {route: ask(client, route, objects) for route in OPEN}

    assert {route for route, answer in answers.items() if answer.status_code >= 500} <= {"GET health.healthz"}
    assert {answers[route].status_code for route in OPEN if TABLE[route][0] == GONE} == {404}
    assert leaks(answers) == []


def test_the_patients_link_opens_their_own_pages(app, harbor, objects, at_now):
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    client = app.test_client()
    answers = {route: ask(client, route, objects) for route in LINKED}

    assert {answer.status_code for answer in answers.values()} <= {200, 303, 400, 404, 409, 422}
    assert answers["GET patient_pages.show"].status_code == 200


@pytest.mark.parametrize(
    "kind", ["another patient's", "another clinic's", "forged", "for another purpose", "none"]
)
def test_no_other_link_opens_them(app, session, harbor, hill, objects, at_now, kind):
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    client, known = app.test_client(), objects | {"link": other_link(session, harbor, hill, objects, kind)}
    named = [route for route in LINKED if TABLE[route][3]]
    answers = {route: ask(client, route, known) for route in named}

    assert {answer.status_code for answer in answers.values()} <= {404, 410}
    assert leaks(answers) == []


@pytest.mark.parametrize(
    "kind", ["none", "unknown", "expired", "revoked", "without the permission", "another clinic's"]
)
def test_fhir_answers_only_a_token_in_force(app, session, harbor, hill, objects, kind):
    client, expected = program(app, session, harbor, hill, kind)
    routes = [name for name, row in TABLE.items() if row[0] == TOKEN]
    answers = {route: ask(client, route, objects) for route in routes}

    assert answers["GET fhir.read"].status_code == expected
    assert leaks(answers) == []
    assert "Nora" in ask(program(app, session, harbor, hill, "good")[0], "GET fhir.read", objects).text


@pytest.mark.parametrize(
    ("kind", "status"), [("good", 200), ("unknown", 404), ("revoked", 410), ("a link's", 404)]
)
def test_feeds_answer_only_their_token(app, session, harbor, objects, kind, status):
    feed, text = feeds.create(session, harbor.command, harbor.patients["Nora"].resource_id, "neutral", NOW)
    if kind == "revoked":
        feeds.revoke(session, harbor.command, feed, NOW)
    session.commit()
    text = {"unknown": "AbCd" * 11, "a link's": objects["link"]}.get(kind, text)
    answer = app.test_client().get(f"/feeds/{text}.ics")

    assert answer.status_code == status
    assert ("VEVENT" in answer.text) is (kind == "good")
    assert leaks({"feed": answer}, own=("Harbor",) if kind == "good" else ()) == []


def nobody(app, session, harbor, objects, signed_in, kind):
    if kind in ("anonymous", "a patient's link"):
        client = app.test_client()
        if kind != "anonymous":
            assert client.get(f"/visits/{objects['link']}").status_code == 200
        return client
    client = signed_in(harbor, "ada")
    if kind == "forged":
        client.set_cookie("seriate", client.get_cookie("seriate").value[:-4] + "AAAA")
        return client
    row = session.scalars(select(UserSession).order_by(UserSession.id.desc())).first()
    if kind == "over":
        row.created_at = NOW - timedelta(hours=12)
    elif kind == "ended":
        row.ended_at = NOW
    elif kind == "inactive":
        harbor.users["ada"].active = False
    else:
        accounts.set_password(session, harbor.users["ada"], PASSWORD + " again")
    session.commit()
    return client


def other_link(session, harbor, hill, objects, kind):
    if kind == "none":
        return "nonsense"
    if kind == "forged":
        return objects["link"][:-2] + ("AA" if not objects["link"].endswith("AA") else "BB")
    if kind == "for another purpose":
        mail = session.scalars(select(Message).where(Message.public_id == objects["mail"])).one()
        return private_links.page_token((SECRET_KEY,), mail, "something-else")
    cast = hill if kind == "another clinic's" else harbor
    other = add_patient(session, cast, "Zelda", "Quist")
    mail = outbox.enqueue(session, cast.clinic, MessageKind.LINK, NOW, patient=other)
    session.commit()
    return private_links.page_token((SECRET_KEY,), mail, private_links.VISITS)


def program(app, session, harbor, hill, kind):
    client = app.test_client()
    if kind == "none":
        return client, 401
    cast = hill if kind == "another clinic's" else harbor
    ends = NOW - timedelta(hours=1) if kind == "expired" else None
    scopes = ["audit"] if kind == "without the permission" else None
    user = cast.users["oscar" if cast is hill else "ada"]
    token, text = accounts.create_token(
        session, cast.command, user, "x", NOW - timedelta(days=1), ends, scopes
    )
    if kind == "revoked":
        accounts.revoke_token(session, cast.command, token, NOW)
    session.commit()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {'seriate_unknown' if kind == 'unknown' else text}"
    return client, {"another clinic's": 404, "without the permission": 403, "good": 200}.get(kind, 401)


def ask(client, route, objects):
    """Return the answer to a row's request, without what an earlier one left to be said on the next page."""
    with client.session_transaction() as kept:
        kept.pop("_flashes", None)
    method, (_, address, fields, _) = route.partition(" ")[0], TABLE[route]
    filled = {name: value.format(**objects) for name, value in (fields or {}).items()}
    return client.open(address.format(**objects), method=method, data=filled or None, buffered=True)


def leaks(answers, own=()):
    """Return where a secret of Harbor's shows, without what is the reader's own."""
    secrets = [word for word in SECRETS if word not in own]
    return [(route, word) for route, answer in answers.items() for word in secrets if word in answer.text]
