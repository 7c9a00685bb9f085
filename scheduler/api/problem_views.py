"""What an error looks like in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class FieldError(BaseModel):
    """A field of the request and what is wrong with it."""

    field: str
    reason: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `code` is stable; further lists depend on it."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | None = None
    conflicts: list[dict[str, Any]] | None = None
    reasons: list[dict[str, Any]] | None = None
    suggestions: list[dict[str, Any]] | None = None
    violations: list[dict[str, Any]] | None = None
    changes: list[dict[str, Any]] | None = None
    requirements: list[dict[str, Any]] | None = None
    proven: bool | None = None
    job_id: str | None = None
