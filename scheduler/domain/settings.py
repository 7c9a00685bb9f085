"""What a clinic decides for itself, with our defaults.

A document (JSON) holds only what differs. Lengths are in the unit that the name says, times of day are wall-clock. The
defaults are ours unless a source is named; a clinic edits them on its settings pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from scheduler.domain.answers import MOOD_TO, PHQ2_FROM, Thresholds
from scheduler.domain.formats import DEFAULT_LOCALE, Formats

# Reminders at 3 days and 1 day: 4.4 % missed, 1 day only 5.3 %, 3 days only 5.8 % (54,066 visits; Steiner 2018,
# PubMed 30130032).
LEAD_HOURS = (72, 24)
USUAL_LABEL = "Appointment"  # what calendars call a visit, unless the clinic has a word of its own
LABELS = {"es": "Cita"}  # the same for patients who read another language
# What is missing, the driver, and the booster that wants to be booked: ours, without a source.
RULES = (
    "requirements before-start 3 working_days",
    "driver before-start 2 days",
    "booster before-start 14 days",
)


class SeveralVisits(StrEnum):
    """What a mail about several visits carries for calendars, beside the way to the feed."""

    NOTHING = "nothing"
    FILE = "file"  # one without METHOD
    INVITATIONS = "invitations"  # one for each visit


class ProxyNames(StrEnum):
    """How a mail to the person who looks after a patient says for whom it is."""

    FIRST_NAME = "first-name"
    INITIALS = "initials"
    NOTHING = "nothing"


class VisitTypes(StrEnum):
    """Where patients read what an appointment is for, such as "Infusion 3 of 6"."""

    NOWHERE = "nowhere"
    PAGE = "page"  # on the private page
    EMAIL = "email"  # there and in emails


@dataclass(frozen=True, slots=True)
class ClinicSettings:
    locale: str = DEFAULT_LOCALE  # how dates and times are written, and on which day a week begins
    clock_24_hours: bool = False  # 14:30 for 2:30 PM, in any locale
    nurse_units: int = 3
    planning_horizon_days: int = 182
    notice_minutes: int = 0
    # when many visits are planned again, as after a closed day: by how much a gap may be longer than the protocol's,
    # over a weekend, with an override
    replan_longer_days: int = 3
    replan_weeks_after: int = 6  # how long after the last booked visit of the affected courses one may end
    # how much each way of falling short counts when courses are placed, where it is not as usual (planner/values.py)
    planner_weights: dict[str, Any] = field(default_factory=dict, hash=False)
    reminder_lead_hours: tuple[int, ...] = LEAD_HOURS
    # rules beside the lead times, as domain/reminders.py reads them: "after-end 1 days: infusion"
    reminder_rules: tuple[str, ...] = RULES
    reminders_on_closed_days: bool = True
    booster_days: int = 21  # before a proposed visit, when the desk is asked to book it
    digest_at: str = "07:00"  # when the staff's digest leaves; empty is never
    weekly_figures: bool = False  # whether managers and admins are mailed the figures of the week on Monday
    mail_texts: dict[str, str] = field(
        default_factory=dict, hash=False
    )  # by kind and language: "reminder.en"
    confirmation_delay_seconds: int = 60
    change_delay_seconds: int = 180
    rush_hours: int = 3
    reminders_most: int = 6  # mails that remind or check in, to one person in 24 hours; the rest is called
    quiet_from: str = "21:00"
    quiet_until: str = "08:00"
    noshow_grace_minutes: int = 30
    reservation_minutes: int = 60
    retention_years: int = 0  # after which a record is made anonymous; 0 keeps it until someone decides
    front_desk_closes: bool = False  # whether the front desk may enter closures and time off
    second_factor_for_all: bool = False  # a code at sign-in for every role, not only for admins and managers
    visit_label: str = USUAL_LABEL
    mail_name: str = ""  # how mails call the clinic; empty is its name
    several_visits: str = SeveralVisits.NOTHING.value
    proxy_names: str = ProxyNames.FIRST_NAME.value
    reminder_preparation: bool = False  # what to do before, and whether a driver is needed, in the reminder
    visit_types: str = VisitTypes.NOWHERE.value
    private_events: bool = False  # CLASS of events; Google shows private ones as "Busy" only
    show_hidden_visits: bool = False
    show_location: bool = True
    arrive_early_minutes: int = 15
    # what patients may do themselves on their private page; the hours are before the visit's start
    patient_cancel_hours: int = 4
    patient_move_hours: int = 48
    patient_moves_most: int = 2  # requests for one visit
    patient_fixed_kinds: tuple[str, ...] = ()  # kinds of visit that cannot be asked to move
    # offers of time that got free, to those who wait for an earlier one
    offers_automatic: bool = False  # the clock offers; else the desk does
    offers_at_once: int = 3  # how many are asked at the same time; the first yes counts
    offer_minutes: int = 60  # how long an offer holds
    offer_lead_minutes: int = 120  # time that opens sooner is not offered by itself
    offers_a_day: int = 2  # to one patient, by itself
    check_in_kinds: tuple[str, ...] = (
        "infusion",
        "session",
        "dosing",
    )  # after these a patient is asked how they are
    # which answers open a task for a person, and who is notified where the course's prescriber has no account
    answer_phq2_from: int = PHQ2_FROM
    answer_mood_to: int = MOOD_TO
    answer_due_minutes: int = 60  # after which everyone who may take such a task is notified, and again
    answer_contacts: tuple[str, ...] = ()  # accounts of the clinic, by their addresses; set-up asks for one

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ClinicSettings:
        """Read what differs from the defaults. Raises ValueError naming an unknown or ill-typed setting."""
        known = {one.name for one in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in document.items():
            if name not in known:
                raise ValueError(f"{name} is not a setting of a clinic")
            values[name] = tuple(value) if isinstance(value, list) else value
            if type(values[name]) is not type(getattr(DEFAULTS, name)):
                raise ValueError(f"{name} must be {type(getattr(DEFAULTS, name)).__name__}")
        return cls(**values)

    def label(self, language: str) -> str:
        """Return what a calendar in this language calls a visit: the clinic's own word, the usual one translated."""
        return LABELS.get(language, USUAL_LABEL) if self.visit_label == USUAL_LABEL else self.visit_label

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(self.answer_phq2_from, self.answer_mood_to)

    @property
    def formats(self) -> Formats:
        return Formats(self.locale, self.clock_24_hours)

    def to_document(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON."""
        own, default = asdict(self), asdict(DEFAULTS)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in own.items()
            if value != default[name]
        }


DEFAULTS = ClinicSettings()
