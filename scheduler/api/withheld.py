"""Details that the caller's role does not see: empty in the answer, and named there in `withheld`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from scheduler.api.fields import View
from scheduler.http.bearer import caller
from scheduler.services.account.permissions import sees

V = TypeVar("V", bound=View)
Details = Mapping[
    str, Mapping[str, Any]
]  # by the name that permissions give a detail: its fields, and what is empty


def withhold(view: V, details: Details) -> V:
    """Return the view without the fields that the caller's role does not see."""
    hidden = {
        name: empty
        for detail, fields in details.items()
        if not sees(caller(), detail)
        for name, empty in fields.items()
    }
    return view.model_copy(update={**hidden, "withheld": sorted(hidden)}) if hidden else view
