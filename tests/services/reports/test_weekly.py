"""The weekly mail: on Monday, once for each manager and admin of a clinic that wants it, figures and no names."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select

from scheduler.domain.localtime import to_local
from scheduler.domain.status import AppointmentStatus
from scheduler.models.message import Message, MessageKind
from scheduler.models.user import User
from scheduler.services.clinic import clinic_settings
from scheduler.services.reports import catalog, weekly
from scheduler.services.reports.catalog import Asked
from tests.cast import NOW, SETTINGS
from tests.visits import add_visit

SEVEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # Monday in New York
DAY = timedelta(days=1)


def wanted(session, cast, **more):
    cast.clinic.settings_document = SETTINGS | {"weekly_figures": True} | more
    session.flush()


def readers(session):
    query = (
        select(User.name).join(Message, Message.user_id == User.id).where(Message.kind == MessageKind.FIGURES)
    )
    return sorted(session.scalars(query))


def test_a_clinic_gets_none_unless_it_wants_them(session, harbor):
    assert weekly.enqueue_due(session, harbor.clinic, SEVEN) == 0
    assert list(weekly.due_clinics(session, SEVEN)) == []


def test_it_comes_on_monday_at_seven_once_to_managers_and_admins(session, harbor, hill):
    wanted(session, harbor)
    times = [SEVEN + timedelta(minutes=minutes) for minutes in (-1, 0, 1, 600)]
    times += [SEVEN + n * DAY for n in (1, 6, 7)]
    due = [list(weekly.due_clinics(session, at)) for at in times[:2]]

    assert due == [[], [harbor.clinic.id]]
    assert [weekly.enqueue_due(session, harbor.clinic, at) for at in times] == [0, 2, 0, 0, 0, 0, 2]
    assert set(readers(session)) == {"Ada", "Mona"}
    assert list(weekly.due_clinics(session, SEVEN + 7 * DAY)) == []


def test_it_leaves_at_the_hour_of_the_daily_email(session, harbor):
    wanted(session, harbor, digest_at="09:30")

    assert weekly.enqueue_due(session, harbor.clinic, SEVEN) == 0
    assert weekly.enqueue_due(session, harbor.clinic, SEVEN + timedelta(hours=2, minutes=30)) == 2


def test_it_comes_at_seven_where_the_daily_email_is_turned_off(session, harbor):
    wanted(session, harbor, digest_at="")

    assert weekly.enqueue_due(session, harbor.clinic, SEVEN) == 2


def test_it_holds_the_figures_of_the_last_week_and_no_names(session, harbor):
    wanted(session, harbor)
    row = add_visit(session, harbor, "Chair 1", SEVEN - 4 * DAY)
    row.status = AppointmentStatus.FULFILLED
    session.flush()
    weekly.enqueue_due(session, harbor.clinic, SEVEN)
    message = session.scalars(select(Message).where(Message.kind == MessageKind.FIGURES)).first()
    lines = message.values["lines"].splitlines()
    scope = catalog.read(session, harbor.clinic, Asked(date(2026, 11, 15), date(2026, 11, 21)), SEVEN)

    assert lines[0] == "Nov 15, 2026 to Nov 21, 2026, beside the week before"
    assert lines[1] == "Visits held: 1 (before 0); All visits are recorded"
    assert [line.partition(":")[0] for line in lines[1:]] == [
        one.words for one in catalog.figures(session, scope)
    ]
    assert row.patient.family_name not in message.values["lines"] and "Nora" not in message.values["lines"]
    assert message.values["path"] == "/reports?from=2026-11-15&to=2026-11-21"
    assert to_local(row.start_at, harbor.clinic.zone).date() <= scope.period.last_on


def test_the_setting_is_checked(session, harbor):
    assert clinic_settings.checked(harbor.clinic.settings, {"weekly_figures": True}).weekly_figures is True
    assert NOW.isoweekday() == 1
