"""Files that the worker wrote for reports, in parts that end with their job."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from scheduler.database import Model
from scheduler.models.columns import InClinic, refers


class ReportFilePart(InClinic, Model):
    """`number` counts from 0; the first part begins with the names of the columns."""

    __tablename__ = "report_file_part"
    __table_args__ = (
        refers("job_id", "job", ondelete="CASCADE"),
        UniqueConstraint("job_id", "number"),
    )

    job_id: Mapped[int]
    number: Mapped[int]
    content: Mapped[str] = mapped_column(Text)


def contents(session: Session, job_id: int) -> Iterator[str]:
    """Yield the parts of a file in order, one in memory at a time."""
    parts = select(ReportFilePart.content).where(ReportFilePart.job_id == job_id)
    return iter(session.scalars(parts.order_by(ReportFilePart.number).execution_options(yield_per=1)))
