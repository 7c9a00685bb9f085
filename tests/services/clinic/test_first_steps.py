from datetime import time

from scheduler.models.user import StaffRole
from scheduler.services.clinic import clinic_settings, plans, schedules
from scheduler.services.clinic.first_steps import SetupStep, first_steps
from scheduler.services.clinic.schedules import Hours
from tests.cast import NOW, add_patient, add_person, add_place, bare, hire, shipped
from tests.engines import both


@both
def test_each_step_counts_once_it_is_done_and_only_in_its_clinic(session, harbor):
    cast = bare(session, "new", "New Clinic", "Asia/Kolkata")
    clinic = cast.clinic

    def now():
        found = first_steps(session, clinic)
        return found.count, found.next

    seen = [now()]
    schedules.set_hours(session, cast.command, None, [Hours(1, time(8), time(18))], NOW)
    seen.append(now())
    add_place(session, cast, "Chair 1", "chair")
    seen.append(now())
    add_person(session, cast, "Nina", "nurse")
    seen.append(now())
    plans.load(session, cast.command, shipped()[0], NOW)
    seen.append(now())
    hire(session, cast, "ada", StaffRole.ADMIN)
    clinic_settings.change(session, cast.command, {"answer_contacts": ["ada@example.org"]}, NOW)
    seen.append(now())
    add_patient(session, cast, "Asha", "Rao")
    seen.append(now())

    assert seen == [
        (0, SetupStep.HOURS),
        (1, SetupStep.PLACES),
        (2, SetupStep.PEOPLE),
        (3, SetupStep.PROTOCOL),
        (4, SetupStep.CONTACTS),
        (5, SetupStep.PATIENT),
        (6, None),
    ]
    assert first_steps(session, harbor.clinic).next is None


def test_the_next_step_is_the_first_that_is_missing(session, harbor):
    cast = bare(session, "new", "New Clinic", "Asia/Kolkata")
    add_patient(session, cast, "Asha", "Rao")

    found = first_steps(session, cast.clinic)
    assert (found.done, found.next) == ({SetupStep.PATIENT}, SetupStep.HOURS)
