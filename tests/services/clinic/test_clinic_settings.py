from dataclasses import fields
from pathlib import Path

import pytest

from scheduler.domain.formats import LOCALES
from scheduler.domain.settings import ClinicSettings
from scheduler.errors import Invalid
from scheduler.services.clinic.clinic_settings import CHECKS, change
from tests.cast import NOW, SETTINGS

ROOT = Path(__file__).resolve().parents[3]


def test_each_setting_is_checked_and_has_a_place_on_a_page():
    names = {field.name for field in fields(ClinicSettings)}
    pages = "".join(
        path.read_text()
        for folder in ("scheduler/web/settings", "templates/settings")
        for path in sorted((ROOT / folder).iterdir())
        if path.is_file()
    )

    assert set(CHECKS) == names
    assert [name for name in sorted(names) if name not in pages] == []


def test_a_setting_is_changed_and_only_what_differs_is_kept(session, harbor):
    change(
        session,
        harbor.actor("mona"),
        {"nurse_units": 4, "rush_hours": 3, "reminder_lead_hours": [2, 72]},
        NOW,
    )

    assert harbor.clinic.settings_document == SETTINGS | {
        "nurse_units": 4,
        "reminder_lead_hours": [72, 2],
    }
    assert harbor.clinic.settings.nurse_units == 4


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nurse_units": 0}, "nurse_units: must be a whole number from 1 to 12"),
        ({"quiet_from": "late"}, "quiet_from: is not a time such as 21:00"),
        ({"reminder_lead_hours": [1, 2, 3, 4, 5, 6]}, "reminder_lead_hours: must be at most 5 times"),
        ({"visit_label": ""}, "visit_label: must not be empty"),
        ({"show_location": "yes"}, "show_location: must be true or false"),
        ({"patient_fixed_kinds": "infusion"}, "patient_fixed_kinds: must be a list of at most 50 kinds"),
        ({"check_in_kinds": [""]}, "check_in_kinds: must not be empty"),
        ({"locale": "de-DE"}, f"locale: must be one of {', '.join(LOCALES)}"),
        ({"clock_24_hours": 1}, "clock_24_hours: must be true or false"),
        ({"colour": "red"}, "colour: is not a setting of a clinic"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(session, harbor, changes, reason):
    with pytest.raises(Invalid) as refused:
        change(session, harbor.actor("mona"), {"rush_hours": 5, **changes}, NOW)

    assert str(refused.value) == reason
    assert harbor.clinic.settings_document == SETTINGS
