"""Columns that every table of a clinic shares, and the keys that keep clinics apart.

A row of a clinic has `(clinic_id, id)` as a second key, and foreign keys inside a clinic carry both columns, so the
database refuses a foreign object in every case. Internal ids are integers and never leave; public ids are
random (80 bits, lower case and digits, safe in addresses) and tell nothing.
"""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.schema import SchemaItem

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
Document = JSON().with_variant(JSONB(), "postgresql")


def new_public_id() -> str:
    """Return 16 random characters: 80 bits."""
    return "".join(ALPHABET[byte % 32] for byte in secrets.token_bytes(16))  # 32 letters: each as often


def choice(kind: type[StrEnum], name: str) -> Enum:
    """Return a column type that holds the values of a StrEnum, as text.

    SQLAlchemy refuses any other value. The database has no CHECK for it, so that a new value needs no migration.
    """
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=False,
        length=24,
        values_callable=lambda members: [member.value for member in members],
    )


def own(*items: SchemaItem) -> tuple[SchemaItem, ...]:
    """Return the table arguments of a clinic's table: its second key, then `items`."""
    return (UniqueConstraint("clinic_id", "id"), *items)


def refers(column: str, table: str, **options: Any) -> ForeignKeyConstraint:
    """Return the foreign key from (clinic_id, column) to the same clinic's row of `table`."""
    return ForeignKeyConstraint(["clinic_id", column], [f"{table}.clinic_id", f"{table}.id"], **options)


def in_order(first: str, second: str, name: str) -> CheckConstraint:
    """Return the check that `first` comes before `second`."""
    return CheckConstraint(f"{first} < {second}", name=name)


def only_on(dialect: str, index: Index) -> Index:
    """Return an index that one engine has and the other does not; migrations look at its `info`."""
    index.info["only_on"] = dialect
    return index.ddl_if(dialect=dialect)


class InClinic:
    """The id of a row, and the clinic it belongs to."""

    id: Mapped[int] = mapped_column(primary_key=True)

    @declared_attr
    def clinic_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey("clinic.id"), index=True)


class Public:
    """The id by which the outside knows a row."""

    public_id: Mapped[str] = mapped_column(String(16), unique=True, default=new_public_id)
