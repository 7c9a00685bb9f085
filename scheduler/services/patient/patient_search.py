"""Finding patients by what is typed: exactly in their records, and nearly in their names.

What is typed nearly right is found in memory: each process keeps the words of all names of a clinic and compares them
with rapidfuzz. They are read again when a patient was added and every minute, so only a name that was changed within
the last minute can be missed, and only where it is misspelled. The patients themselves are read from the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from weakref import WeakKeyDictionary

from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler
from sqlalchemy import ColumnElement, Engine, Select, and_, false, func, not_, or_, select
from sqlalchemy.orm import Session

from scheduler.database import is_writer
from scheduler.domain.folding import name_words, search_words
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient

LONGEST_SEARCH = 200  # characters
# Jaro-Winkler similarity, made for names: 0.92 for "nunes" and "nunez", 0.84 for "martin" and "marlon"
LIKE = 0.88
LIKE_SHORT = 0.82  # of words of three letters: "kin" and "kim"
MOST_SIMILAR = 5
CANDIDATES = 200
OLDEST = timedelta(minutes=1)


@dataclass(frozen=True)
class PatientMatches:
    """Patients in whom all of it is found, by name, and others with nearly such a name, the likeliest first."""

    exact: list[Patient]
    similar: list[Patient]

    def __bool__(self) -> bool:
        return bool(self.exact or self.similar)


@dataclass(frozen=True)
class Names:
    """The words of a clinic's names, each with the patients who have it. Never changed once made."""

    newest: int
    read_at: datetime
    patients: Mapping[str, Collection[int]]


_kept: WeakKeyDictionary[Engine, dict[int, Names]] = WeakKeyDictionary()
_lock = Lock()


def look_up(
    session: Session, clinic: Clinic, text: str, now: datetime, limit: int = 20, *, names_only: bool = False
) -> PatientMatches:
    """Return the patients that `text` may mean: all for an empty one, none for one of signs alone."""
    exact = search(session, clinic, text, limit, names_only=names_only)
    if not text.strip() or len(exact) == limit:
        return PatientMatches(exact, [])
    near = _similar(session, clinic, text, now, {one.id for one in exact}, names_only=names_only)
    return PatientMatches(exact, near[: limit - len(exact)])


def search(
    session: Session, clinic: Clinic, text: str, limit: int = 20, *, names_only: bool = False
) -> list[Patient]:
    """Return patients in whom every word of `text` is found (name, phone, birth date, mail), by family name.

    All for an empty text; none for one of signs alone. `names_only` is for roles that see no contact details.
    """
    words = search_words(text[:LONGEST_SEARCH])
    if text.strip() and not words:
        return []
    query = _of(clinic).where(*found_by(words, names_only=names_only))
    query = query.order_by(Patient.family_name, Patient.given_name, Patient.id)
    return list(session.scalars(query.limit(limit)))


def found_by(words: Iterable[str], *, names_only: bool) -> list[ColumnElement[bool]]:
    """Return the conditions under which every word is found in a patient.

    With `names_only` a search must not tell what it does not show: no number is looked for, and a word that the mail
    address holds counts only where a name holds it too, as it is written.
    """
    return [_found(word, names_only=names_only) for word in words]


def forget() -> None:
    """Drop all names that are kept."""
    with _lock:
        _kept.clear()


def _of(clinic: Clinic) -> Select[Patient]:
    return select(Patient).where(
        Patient.clinic_id == clinic.id, Patient.merged_into_id.is_(None), Patient.erased_at.is_(None)
    )


def _found(word: str, *, names_only: bool) -> ColumnElement[bool]:
    found = Patient.search_key.contains(word, autoescape=True)
    if not names_only:
        return found
    if any(map(str.isdigit, word)):
        return false()
    names = (Patient.given_name, Patient.family_name, Patient.preferred_name)
    named = or_(*(func.lower(name).contains(word, autoescape=True) for name in names))
    mailed = func.lower(func.coalesce(Patient.email, "")).contains(word, autoescape=True)
    return and_(found, or_(named, not_(mailed)))


def _similar(
    session: Session, clinic: Clinic, text: str, now: datetime, known: Collection[int], *, names_only: bool
) -> list[Patient]:
    """Return patients who have a name like each word of `text`, and every number in it."""
    words = search_words(text[:LONGEST_SEARCH])
    numbers = [word for word in words if any(map(str.isdigit, word))]
    named = [word for word in words if word not in numbers and len(word) > 2]
    if not named or (numbers and names_only):
        return []
    alike = _likeness(_names(session, clinic.id, now), named)
    best = sorted(alike.keys() - known, key=lambda one: (-alike[one], one))[:CANDIDATES]
    query = _of(clinic).where(Patient.id.in_(best), *found_by(numbers, names_only=names_only))
    found = {one.id: one for one in session.scalars(query)}
    return [found[one] for one in best if one in found][:MOST_SIMILAR]


def _likeness(names: Names, words: Iterable[str]) -> dict[int, float]:
    """Return by patient how alike the words are to words of the names, where each is like one."""
    sums: dict[int, float] = {}
    for number, word in enumerate(words):
        least = LIKE_SHORT if len(word) == 3 else LIKE
        best: dict[int, float] = defaultdict(float)
        for other, score, _ in process.extract(
            word,
            names.patients.keys(),
            scorer=JaroWinkler.normalized_similarity,
            score_cutoff=least,
            limit=CANDIDATES,
        ):
            for patient in names.patients[other]:
                best[patient] = max(best[patient], score)
        sums = {one: best[one] + sums.get(one, 0) for one in best if not number or one in sums}
    return sums


def _names(session: Session, clinic_id: int, now: datetime) -> Names:
    engine = session.get_bind().engine
    newest = session.scalar(select(func.max(Patient.id)).where(Patient.clinic_id == clinic_id)) or 0
    names = _kept.get(engine, {}).get(clinic_id)
    if names and names.newest == newest and timedelta() <= now - names.read_at < OLDEST:
        return names
    patients: dict[str, list[int]] = defaultdict(list)
    for patient, word in _words(session, clinic_id):
        patients[word].append(patient)
    names = Names(newest, now, patients)
    if not is_writer(session):  # what a transaction reads may be rolled back
        with _lock:
            _kept.setdefault(engine, {})[clinic_id] = names
    return names


def _words(session: Session, clinic_id: int) -> Iterator[tuple[int, str]]:
    rows = select(Patient.id, Patient.search_key).where(
        Patient.clinic_id == clinic_id, Patient.merged_into_id.is_(None), Patient.erased_at.is_(None)
    )
    for patient, key in session.execute(rows):
        for word in name_words(key):
            yield patient, word
