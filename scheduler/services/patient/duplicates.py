"""Records that may be of one person: one rule for the Duplicates page, for new patients and for imports.

Names are compared folded (accents, case, punctuation) and in any order of their words, phones by the digits that count
without a country code. Two records are of the same person (`is_same`) when their names agree and nothing contradicts:

- the same words and no two different dates of birth;
- or one name holds the other ("Two M. Tabs"), or the first given names are the same, with a phone or address in common
  and no two different dates of birth.

A phone or an address alone may be a family's: it is a reason to look, not an answer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from scheduler.domain.folding import LONGEST_NUMBER, folded
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient

NAME, PHONE, EMAIL = "same name and date of birth", "same phone", "same email"
NAME_ALONE = "same name, a date of birth is missing"
LARGEST = (
    12  # records of one phone or address: more are a practice's or a home's, and say nothing of a person
)
MOST = 100
EXTENSION = re.compile(r"[x#*]")
Compared = tuple[int, str, str, date | None, str, str | None]
Mark = tuple[str, str]


@dataclass(frozen=True)
class Identity:
    """What a person is recognized by; `label` says which record or line it is."""

    label: str
    given: tuple[str, ...]
    words: tuple[str, ...]
    born: date | None
    contacts: frozenset[Mark]


@dataclass
class Identities:
    """People by what they are recognized by, so that each of a large file is compared with few."""

    by_words: dict[tuple[str, ...], list[Identity]] = field(default_factory=lambda: defaultdict(list))
    by_contact: dict[Mark, list[Identity]] = field(default_factory=lambda: defaultdict(list))

    def add(self, one: Identity) -> None:
        self.by_words[one.words].append(one)
        for contact in one.contacts:
            self.by_contact[contact].append(one)

    def same(self, one: Identity) -> Identity | None:
        """Return the first record of the same person."""
        named = self.by_words.get(one.words, ())
        reached = (other for mark in sorted(one.contacts) for other in self.by_contact.get(mark, ()))
        return next((other for other in (*named, *reached) if is_same(one, other)), None)

    def reached_alike(self, one: Identity) -> Identity | None:
        """Return the first record with the same phone or address, unless so many have it that it says nothing."""
        found = (self.by_contact.get(mark, []) for mark in sorted(one.contacts))
        return next((others[0] for others in found if 0 < len(others) <= LARGEST), None)


def identity(label: str, fields: Mapping[str, Any]) -> Identity:
    """Return what the fields of a patient say of who it is."""
    given = folded(fields.get("given_name") or "").split()
    family = folded(fields.get("family_name") or "").split()
    contacts = _contacts(fields.get("phone") or "", fields.get("email"))
    born = fields.get("birth_date")
    return Identity(label, tuple(given), tuple(sorted(given + family)), born, frozenset(contacts))


def is_same(one: Identity, other: Identity) -> bool:
    """Tell whether two records are of the same person, as far as records can tell."""
    if one.born and other.born and one.born != other.born:
        return False
    if one.words == other.words:
        return True
    fewer, more = sorted((set(one.words), set(other.words)), key=len)
    alike = (len(fewer) > 1 and fewer < more) or one.given[:1] == other.given[:1] != ()
    return alike and bool(one.contacts & other.contacts)


def known(
    session: Session, clinic: Clinic, *narrowed: ColumnElement[bool], prefix: str = ""
) -> Iterator[tuple[int, Identity]]:
    """Return the id and identity of each patient of the clinic, oldest first; `prefix` begins each label.

    What a merged record holds are former names and addresses of the record that goes on.
    """
    goes_on = aliased(Patient)
    query = (
        select(
            Patient.id,
            func.coalesce(goes_on.public_id, Patient.public_id).label("label"),
            Patient.given_name,
            Patient.family_name,
            Patient.birth_date,
            Patient.phone,
            Patient.email,
        )
        .outerjoin(
            goes_on, and_(goes_on.clinic_id == Patient.clinic_id, goes_on.id == Patient.merged_into_id)
        )
        .where(Patient.clinic_id == clinic.id, Patient.erased_at.is_(None), *narrowed)
        .order_by(Patient.id)
    )
    for row in session.execute(query):
        yield row.id, identity(f"{prefix}{row.label}", row._asdict())


@dataclass(frozen=True)
class Twins:
    """Two records, the older first, and what they have in common."""

    first: Patient
    second: Patient
    why: tuple[str, ...]


def of_clinic(session: Session, clinic: Clinic, most: int = MOST) -> list[Twins]:
    """Return the likeliest pairs of the clinic, those with more in common first."""
    groups: dict[Mark, list[Compared]] = defaultdict(list)
    for row in _rows(session, clinic):
        for mark in _marks(row):
            groups[mark].append(row)
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    for (kind, _), rows in groups.items():
        if len(rows) <= LARGEST:
            for first, second in combinations(rows, 2):
                if _counts(kind, first, second):
                    found[first[0], second[0]].append(kind)
    likeliest = sorted(found.items(), key=_likelihood)[:most]
    known = _patients(session, {one for pair, _ in likeliest for one in pair})
    return [Twins(known[first], known[second], tuple(why)) for (first, second), why in likeliest]


def of_patient(session: Session, clinic: Clinic, patient: Patient) -> list[Twins]:
    """Return the records that may be this patient's too, those with more in common first."""
    mine = _compared(patient)
    own = set(_marks(mine))
    found = {}
    for row in _rows(session, clinic, _alike(patient), Patient.id != patient.id):
        shared = [kind for kind, value in _marks(row) if (kind, value) in own and _counts(kind, mine, row)]
        if shared:
            found[row[0]] = tuple(shared)
    likeliest = sorted(found.items(), key=_likelihood)[:LARGEST]
    known = _patients(session, {one for one, _ in likeliest})
    return [Twins(patient, known[one], why) for one, why in likeliest]


def same_person(session: Session, clinic: Clinic, patient: Patient) -> list[Patient]:
    """Return the other records that are of this person, former names and addresses of merged ones considered."""
    own = identity(patient.public_id, _named(_compared(patient)))
    others = {
        other.label
        for other_id, other in known(session, clinic, _alike(patient))
        if other_id != patient.id and is_same(own, other)
    } - {own.label}
    query = select(Patient).where(Patient.clinic_id == clinic.id, Patient.public_id.in_(others))
    return list(session.scalars(query.order_by(Patient.id)))


def _likelihood(found: tuple[Any, Sequence[str]]) -> tuple[int, bool, Any]:
    record, why = found
    return -len(why), NAME not in why, record


def _compared(patient: Patient) -> Compared:
    names = (patient.given_name, patient.family_name)
    return patient.id, *names, patient.birth_date, patient.phone, patient.email


def _alike(patient: Patient) -> ColumnElement[bool]:
    """Return the condition that every record fulfills that has a mark in common with the patient."""
    words = [folded(f"{patient.given_name} {patient.family_name}").split()]
    words += [[mark] for _, mark in _contacts(patient.phone, patient.email and folded(patient.email))]
    found = [
        and_(*(Patient.search_key.contains(word, autoescape=True) for word in each)) for each in words if each
    ]
    born = [Patient.birth_date == patient.birth_date] if patient.birth_date else []
    return or_(*born, *found)


def _contacts(phone: str, email: str | None) -> list[Mark]:
    """Return by what a person is reached: the digits of the phone without an extension, the mail address."""
    number = EXTENSION.split(phone)[0]
    digits = "".join(character for character in number if character.isdigit())[-LONGEST_NUMBER:]
    return [(PHONE, digits)] * bool(digits) + [(EMAIL, (email or "").casefold())] * bool(email)


def _counts(kind: str, first: Compared, second: Compared) -> bool:
    """Tell whether a mark in common says something: a name alone does where a date of birth is missing."""
    return kind != NAME_ALONE or first[3] is None or second[3] is None


def _named(row: Compared) -> dict[str, Any]:
    return dict(zip(("id", "given_name", "family_name", "birth_date", "phone", "email"), row, strict=True))


def _rows(session: Session, clinic: Clinic, *narrowed: ColumnElement[bool]) -> Iterator[Compared]:
    """Return what is compared, oldest first: columns and not objects, since a large clinic has a hundred thousand."""
    query = select(
        Patient.id, Patient.given_name, Patient.family_name, Patient.birth_date, Patient.phone, Patient.email
    ).where(Patient.clinic_id == clinic.id, Patient.merged_into_id.is_(None), Patient.erased_at.is_(None))
    yield from session.execute(query.where(*narrowed).order_by(Patient.id))


def _marks(row: Compared) -> list[Mark]:
    _, given, family, born, phone, email = row
    words = " ".join(sorted(folded(f"{given} {family}").split()))
    dated = [(NAME, f"{born} {words}")] if born else []
    return [*dated, (NAME_ALONE, words), *_contacts(phone, email)]


def _patients(session: Session, ids: set[int]) -> dict[int, Patient]:
    return {one.id: one for one in session.scalars(select(Patient).where(Patient.id.in_(ids)))}
