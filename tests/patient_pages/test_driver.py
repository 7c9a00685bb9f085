import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.models.requirement import Requirement
from scheduler.models.visit_answer import DriverAnswer
from scheduler.services.visit import requirements
from tests.cast import NOW as HARBOR_NOW
from tests.patient_pages.conftest import mailed, mark_in
from tests.services.courses import book, visit


@pytest.fixture
def infusion(session, harbor, at):
    """Nora's first infusion: its driver requirement is hers alone, and all others are settled."""
    at.time = HARBOR_NOW
    care_plan = book(session, harbor)
    first = visit(care_plan, "infusion-1")
    for requirement in requirements.open_requirements(first):
        own = first if requirement.key == "driver" else None
        if own is None:
            requirements.complete(
                session,
                harbor.prescriber,
                care_plan,
                requirement.key,
                HARBOR_NOW,
                note="seen on paper",
                waived=True,
            )
    session.commit()
    return first


@pytest.fixture
def tell(client, session, harbor, infusion):
    token = mailed(session, harbor.clinic, infusion.patient, [infusion])
    path = f"/visits/{token}/appointments/{infusion.public_id}/driver"

    def post(**fields):
        answered = client.post(path, data={"mark": mark_in(client.get(path)), **fields})
        session.rollback()
        return answered

    post.page, post.form = f"/visits/{token}", path.removeprefix(f"/visits/{token}")
    return post


def test_a_driver_with_a_phone_settles_the_requirement_and_none_opens_it(client, session, infusion, tell):
    assert "Please tell us who is driving you home." in client.get(tell.page).get_data(as_text=True)

    assert tell(has_driver="yes", name="Bo <i>", phone="+1 555 0199").status_code == 303
    answer, requirement = session.query(DriverAnswer).one(), _requirement(session, infusion)
    assert (answer.name, answer.phone, answer.has_driver) == ("Bo <i>", "+1 555 0199", True)
    assert requirement.completed_at is not None
    assert infusion.status is AppointmentStatus.BOOKED
    shown = [client.get(f"{tell.page}{end}").get_data(as_text=True) for end in ("", "/sheet", tell.form)]
    assert all("You told us" in page or "You have already answered" in page for page in shown)
    assert not [page for page in shown if "Bo &lt;i&gt;" in page or "555 0199" in page]

    assert tell(has_driver="no").status_code == 303
    assert _requirement(session, infusion).completed_at is None
    assert infusion.status is AppointmentStatus.PENDING
    assert session.query(DriverAnswer).one().phone == ""


def test_a_driver_without_a_phone_is_asked_again(session, infusion, tell):
    refused = tell(has_driver="yes", name="Bo", phone="later")

    assert refused.status_code == 422
    assert "Please enter a phone number." in refused.get_data(as_text=True)
    assert session.query(DriverAnswer).count() == 0
    assert _requirement(session, infusion).completed_at is None


def test_a_visit_that_needs_no_driver_does_not_ask(client, token, visit):
    assert "Add my driver" not in client.get(f"/visits/{token}").get_data(as_text=True)
    page = client.get(f"/visits/{token}/appointments/{visit.public_id}/driver").get_data(as_text=True)
    assert "Who is driving you home?" not in page


def _requirement(session, infusion):
    return session.query(Requirement).filter_by(key="driver", appointment_id=infusion.id).one()
