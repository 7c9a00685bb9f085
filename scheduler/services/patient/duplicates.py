"""Records that may be of one person: the same name and date of birth, the same phone, or the same mail address.

Names are compared folded (accents, case, punctuation) and in any order of their words, phones by the digits that count
without a country code. A phone or an address alone may be a family's: it is a reason to look, not an answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from scheduler.domain.folding import LONGEST_NUMBER, folded
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient

NAME, PHONE, EMAIL = "same name and date of birth", "same phone", "same email"
LARGEST = (
    12  # records of one phone or address: more are a practice's or a home's, and say nothing of a person
)
MOST = 100
Compared = tuple[int, str, str, date | None, str, str | None]
Mark = tuple[str, str]


@dataclass(frozen=True)
class Twins:
    """Two records, the older first, and what they have in common."""

    first: Patient
    second: Patient
    why: tuple[str, ...]


def of_clinic(session: Session, clinic: Clinic, most: int = MOST) -> list[Twins]:
    """Return the likeliest pairs of the clinic, those with more in common first."""
    groups: dict[Mark, list[int]] = defaultdict(list)
    for row in _rows(session, clinic):
        for mark in _marks(row):
            groups[mark].append(row[0])
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    for (why, _), ids in groups.items():
        if len(ids) <= LARGEST:
            for first, second in combinations(ids, 2):
                found[first, second].append(why)
    likeliest = sorted(found.items(), key=_likelihood)[:most]
    known = _patients(session, {one for pair, _ in likeliest for one in pair})
    return [Twins(known[first], known[second], tuple(why)) for (first, second), why in likeliest]


def of_patient(session: Session, clinic: Clinic, patient: Patient) -> list[Twins]:
    """Return the records that may be this patient's too, those with more in common first."""
    own = set(_marks(_compared(patient)))
    alike = [
        Patient.birth_date == patient.birth_date,
        *(Patient.search_key.contains(words, autoescape=True) for words in _looked_for(patient)),
    ]
    found = {}
    for row in _rows(session, clinic, or_(*alike)):
        why = tuple(kind for kind, value in _marks(row) if (kind, value) in own)
        if why and row[0] != patient.id:
            found[row[0]] = why
    likeliest = sorted(found.items(), key=_likelihood)[:LARGEST]
    known = _patients(session, {one for one, _ in likeliest})
    return [Twins(patient, known[one], why) for one, why in likeliest]


def same_person(session: Session, clinic: Clinic, patient: Patient) -> list[Patient]:
    """Return the other records with this patient's name and birth date; nothing where no birth date is known."""
    if patient.birth_date is None:
        return []
    own = set(_marks(_compared(patient)))
    born = _rows(session, clinic, Patient.birth_date == patient.birth_date, Patient.id != patient.id)
    alike = {
        row[0] for row in born if any(kind == NAME and (kind, value) in own for kind, value in _marks(row))
    }
    return sorted(_patients(session, alike).values(), key=lambda one: one.id)


def _likelihood(found: tuple[Any, Sequence[str]]) -> tuple[int, bool, Any]:
    record, why = found
    return -len(why), NAME not in why, record


def _compared(patient: Patient) -> Compared:
    names = (patient.given_name, patient.family_name)
    return patient.id, *names, patient.birth_date, patient.phone, patient.email


def _looked_for(patient: Patient) -> list[str]:
    """Return what the search key of a record with the same phone or address holds."""
    return [words for words in (_digits(patient.phone), folded(patient.email or "")) if words]


def _digits(phone: str) -> str:
    return "".join(character for character in phone if character.isdigit())[-LONGEST_NUMBER:]


def _rows(session: Session, clinic: Clinic, *narrowed: ColumnElement[bool]) -> Iterator[Compared]:
    """Return what is compared, oldest first: columns and not objects, since a large clinic has a hundred thousand."""
    query = select(
        Patient.id, Patient.given_name, Patient.family_name, Patient.birth_date, Patient.phone, Patient.email
    ).where(Patient.clinic_id == clinic.id, Patient.merged_into_id.is_(None), Patient.erased_at.is_(None))
    yield from session.execute(query.where(*narrowed).order_by(Patient.id))


def _marks(row: Compared) -> list[Mark]:
    _, given, family, born, phone, email = row
    marks = []
    if born is not None:
        words = sorted(folded(f"{given} {family}").split())
        marks.append((NAME, f"{born} {' '.join(words)}"))
    if digits := _digits(phone):
        marks.append((PHONE, digits))
    if email:
        marks.append((EMAIL, email.casefold()))
    return marks


def _patients(session: Session, ids: set[int]) -> dict[int, Patient]:
    return {one.id: one for one in session.scalars(select(Patient).where(Patient.id.in_(ids)))}
