"""A person who is treated, and how they wish to be reached.

`search_key` is the folded text that the desk's search looks through (see domain/folding.py). `email_ok_*` record that
the person agreed to unencrypted mail, when, and to which wording. `preferences` holds weekdays, earliest, latest.
To a patient with `deceased_on`, or one who left the clinic (not `active`), nothing is sent.

A row with an `import_key` belongs to an import that has not ended. No query finds it (see
`_without_unfinished_imports`) until the import clears the key of all its rows at once.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, String, Text, event, select, text
from sqlalchemy.orm import (
    Mapped,
    ORMExecuteState,
    Session,
    mapped_column,
    relationship,
    with_loader_criteria,
)

from scheduler.database import Model, UTCDateTime
from scheduler.domain.identity import AdministrativeSex
from scheduler.models.columns import Document, InClinic, Public, choice, only_on, own, refers
from scheduler.models.resource import Resource

UNFINISHED_IMPORTS = "unfinished_imports"  # execution option of a query that wants rows with an `import_key`
FOUND_BY_SEARCH = "merged_into_id IS NULL AND erased_at IS NULL"
IN_LIST_ORDER = ("clinic_id", "family_name", "given_name", "id")


class Patient(InClinic, Public, Model):
    __tablename__ = "patient"
    __table_args__ = own(
        refers("resource_id", "resource"),
        refers("merged_into_id", "patient"),
        Index(
            "ix_patient_import_key",
            "import_key",
            sqlite_where=text("import_key IS NOT NULL"),
            postgresql_where=text("import_key IS NOT NULL"),
        ),
        only_on(  # which looks for words in the index alone, in the list's order, and stops when the list is full
            "sqlite",
            Index("ix_patient_search", *IN_LIST_ORDER, "search_key", sqlite_where=text(FOUND_BY_SEARCH)),
        ),
        only_on(  # which takes no long text into such an index
            "postgresql",
            Index("ix_patient_list", *IN_LIST_ORDER, postgresql_where=text(FOUND_BY_SEARCH)),
        ),
    )

    resource_id: Mapped[int] = mapped_column(unique=True)
    given_name: Mapped[str] = mapped_column(String(100))
    family_name: Mapped[str] = mapped_column(String(100), default="")
    preferred_name: Mapped[str] = mapped_column(String(100), default="")
    pronunciation: Mapped[str] = mapped_column(String(100), default="")
    birth_date: Mapped[date | None]
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str] = mapped_column(String(40), default="")
    language: Mapped[str] = mapped_column(String(8), default="en")
    email_ok: Mapped[bool] = mapped_column(default=False)
    email_ok_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    email_ok_wording: Mapped[str] = mapped_column(String(60), default="")
    email_bad_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    unsubscribed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    proxy_name: Mapped[str] = mapped_column(String(200), default="")
    proxy_email: Mapped[str | None] = mapped_column(String(254))
    alert_note: Mapped[str] = mapped_column(String(300), default="")
    pronouns: Mapped[str] = mapped_column(String(40), default="")
    sex: Mapped[AdministrativeSex | None] = mapped_column(choice(AdministrativeSex, "sex"))
    address_line: Mapped[str] = mapped_column(String(200), default="")
    city: Mapped[str] = mapped_column(String(100), default="")
    state: Mapped[str] = mapped_column(String(60), default="")
    postal_code: Mapped[str] = mapped_column(String(20), default="")
    emergency_name: Mapped[str] = mapped_column(String(200), default="")
    emergency_relation: Mapped[str] = mapped_column(String(60), default="")
    emergency_phone: Mapped[str] = mapped_column(String(40), default="")
    mrn: Mapped[str] = mapped_column(String(40), default="")  # medical record number, of another system
    insurance_payer: Mapped[str] = mapped_column(String(100), default="")
    insurance_member_id: Mapped[str] = mapped_column(String(60), default="")
    interpreter: Mapped[str] = mapped_column(String(60), default="")
    deceased_on: Mapped[date | None]
    active: Mapped[bool] = mapped_column(default=True)
    wheelchair: Mapped[bool] = mapped_column(default=False)
    preferences: Mapped[dict[str, Any]] = mapped_column(Document, default=dict)
    search_key: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    row_version: Mapped[int] = mapped_column(default=1)
    link_epoch: Mapped[int] = mapped_column(
        default=0
    )  # raised to end all private links; see services/patient/links.py
    merged_into_id: Mapped[int | None]
    erased_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # by services/patient/erasure.py
    import_key: Mapped[str | None] = mapped_column(String(36))

    resource: Mapped[Resource] = relationship(
        Resource, primaryjoin="foreign(Patient.resource_id) == Resource.id"
    )

    @property
    def may_be_notified(self) -> bool:
        """Tell whether anything at all may be sent: not once the patient died or left the clinic."""
        return self.active and self.deceased_on is None

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def last_name(self) -> str:
        """The family name, or the only name of a person who has one."""
        return self.family_name or self.given_name

    @property
    def called(self) -> str:
        """The first name that a mail uses."""
        return self.preferred_name or self.given_name


def surviving(session: Session, patient: Patient) -> Patient:
    """Return the record that this one was merged into, or itself. A chain of mergers is kept one step long."""
    if patient.merged_into_id is None:
        return patient
    return session.get_one(Patient, patient.merged_into_id)


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Patient | None:
    query = select(Patient).where(Patient.clinic_id == clinic_id, Patient.public_id == public_id)
    return session.scalar(query)


@event.listens_for(Session, "do_orm_execute")
def _without_unfinished_imports(state: ORMExecuteState) -> None:
    """Leave the rows of unfinished imports out of every query of patients.

    One that does not select patients or their columns, but only has conditions on them (a count, an EXISTS), must ask
    for `import_key` itself.
    """
    if (
        state.is_select
        and not state.is_column_load
        and not state.is_relationship_load
        and not state.execution_options.get(UNFINISHED_IMPORTS)
        and any(mapper.class_ is Patient for mapper in state.all_mappers)
    ):
        state.statement = state.statement.options(WITHOUT_UNFINISHED_IMPORTS)


WITHOUT_UNFINISHED_IMPORTS = with_loader_criteria(Patient, Patient.import_key.is_(None))
