"""A storm of bookings, moves and cancellations from several processes: no two visits ever share a chair or a person.

Every attempt goes through the API's whole stack. The control books with services that see an empty calendar, over a
database without its guard.
"""

from sqlalchemy import text

from scheduler.services import books
from tests.api.test_same_slot import OVERLAPS
from tests.cast import NOW, add_person, add_place
from tests.chaos.bookers import bookers, figures
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds
from tests.engines import both
from tests.models.test_occupation import GUARDS

PROCESSES = 4


@both
def test_a_storm(engine_name, app, session, harbor, tmp_path):
    number = rounds(160, 20_000)
    for name in ("Room B", "Room C"):
        add_place(session, harbor, name, "room")
    add_person(session, harbor, "Tess", "therapist")
    with bookers(app, session, harbor, tmp_path, PROCESSES, SEED, attempts=number, days=10) as crew:
        crew.start_all()
        crew.join()
        found = figures(crew.answered())
        lost, unknown = crew.lost()
    overlaps = session.scalar(OVERLAPS)
    wrong = books.faults(session, harbor.clinic.id, NOW).any
    session.rollback()
    tell(
        "booking-storm",
        engine_name,
        {"processes": PROCESSES, **found, "lost": lost, "overlaps": overlaps},
        {
            "bug": "blind services, no guard",
            "overlaps": unguarded(app, session, harbor, tmp_path / "control"),
        },
    )

    assert (overlaps, wrong, lost, unknown) == (0, False, 0, 0)
    assert found["attempts"] == number // PROCESSES * PROCESSES
    assert found["asked again"] == 0
    assert found["done"] > 0


def unguarded(app, session, harbor, folder):
    folder.mkdir()
    drops = {**GUARDS, "sqlite": [*GUARDS["sqlite"], "DROP TRIGGER occupation_overlap_update"]}
    for drop in drops[session.get_bind().dialect.name]:
        session.execute(text(drop))
    session.commit()
    with bookers(app, session, harbor, folder, 2, SEED, attempts=60, control="blind", days=1) as crew:
        crew.start_all()
        crew.join()
    overlaps = session.scalar(OVERLAPS)
    session.rollback()
    assert overlaps > 0, figures(crew.answered())
    return overlaps
