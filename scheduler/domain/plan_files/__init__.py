"""Plan definitions as documents: reading, writing, and the rules that a plan file must keep.

A document is a mapping as a plan file or the database holds it (scheduler/protocols/plan-
definition.schema.json says its shape). `checked_plan` reads what someone wrote, `from_document` what was
checked before, `to_document` writes.
"""

from scheduler.domain.plan_files.documents import (
    PlanRefused,
    checked_plan,
    from_document,
    phase_document,
    phase_of,
    to_document,
)
from scheduler.domain.plan_files.fault import Fault, where

__all__ = [
    "Fault",
    "PlanRefused",
    "checked_plan",
    "from_document",
    "phase_document",
    "phase_of",
    "to_document",
    "where",
]
