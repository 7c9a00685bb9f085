"""Protocols: read, edited as a copy, kept as versions. Running courses keep theirs."""

from __future__ import annotations

from typing import Any

import yaml
from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.plan_files.variants import counts, gaps, lengths
from scheduler.domain.plans import Plan
from scheduler.domain.text import whole_number
from scheduler.errors import Invalid, NotFound
from scheduler.models import plan_definition as definitions
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.clinic import plans
from scheduler.services.clinic.yaml_source import FileRefused
from scheduler.transactions import reads_first, write_now
from scheduler.web.current import actor
from scheduler.web.settings.blueprint import bp, saved
from scheduler.web.shell import may


@bp.get("/protocols")
@may("settings")
def protocols() -> str:
    return render_template(
        "settings/protocols.html",
        found=definitions.all_current(db.session(), actor().clinic.id),
        shipped=[plan for plan in plans.shipped() if not _has(plan.key)],
    )


@bp.get("/protocols/<protocol_id>")
@may("settings")
def protocol(protocol_id: str) -> str:
    definition = _find(protocol_id)
    return render_template(
        "settings/protocol.html",
        definition=definition,
        plan=definition.plan,
        text=_text(definition),
        faults=(),
        values=None,
        **_changeable(definition.plan),
    )


@bp.post("/protocols/<protocol_id>/variant")
@may("settings")
def make_variant(protocol_id: str) -> Response | tuple[str, int]:
    """Add a protocol that differs from this one in counts, lengths and spacing."""
    definition, form = _find(protocol_id), request.form
    plan = definition.plan
    listed = _changeable(plan)
    try:
        made = plans.make_variant(
            db.session(),
            actor(),
            plan,
            form.get("key", "").strip(),
            form.get("title", "").strip(),
            clock.now(),
            counted={name: _number(f"count-{n}") for n, name in enumerate(listed["counts"])},
            minutes={phase: _number(f"length-{n}") for n, phase in enumerate(listed["lengths"])},
            spaced={
                gap.key: (_number(f"min-{n}"), _number(f"ideal-{n}"), _number(f"max-{n}"))
                for n, gap in enumerate(listed["gaps"])
            },
        )
    except Invalid as refused:
        db.session.rollback()
        faults = [f"{one['field']}: {one['reason']}" for one in refused.details["errors"]]
        definition = _find(protocol_id)
        page = render_template(
            "settings/protocol.html",
            definition=definition,
            plan=definition.plan,
            text=_text(definition),
            faults=faults,
            values=form,
            **listed,
        )
        return page, refused.status
    return saved(".protocols", f"{made.title}: added.")


def _changeable(plan: Plan) -> dict[str, Any]:
    """Return what a variant may change, in the order in which the form numbers it."""
    return {"counts": counts(plan), "lengths": lengths(plan), "gaps": gaps(plan)}


def _number(name: str) -> int:
    """Return a number of the form. Raises Invalid where there is none."""
    number = whole_number(request.form.get(name, ""))
    if number is None:
        raise Invalid([(name, "must be a whole number")])
    return number


@bp.post("/protocols")
@may("settings")
@reads_first
def load_protocol() -> Response | tuple[str, int]:
    """Keep an edited or a new protocol as its next version; a shipped one is taken by its key."""
    key = request.form.get("shipped", "")
    text = request.form.get("text", "")
    try:
        plan = next((one for one in plans.shipped() if one.key == key), None) or plans.read(text.encode())
    except FileRefused as refused:
        return _again(text, refused), 422
    write_now()  # reading a file takes long: no one waits for it
    definition, added = plans.load(db.session(), actor(), plan, clock.now())
    words = f"{definition.title}: version {definition.version}." if added else "No changes to save."
    return saved(".protocols", words)


def _again(text: str, refused: FileRefused) -> str:
    wanted = request.form.get("protocol_id", "")
    definition = _find(wanted) if wanted else None
    plan = definition.plan if definition else None
    more = _changeable(plan) if plan else {}
    page = "settings/protocol.html"
    return render_template(
        page, definition=definition, plan=plan, text=text, faults=refused.faults, values=None, **more
    )


def _find(protocol_id: str) -> PlanDefinition:
    definition = definitions.by_public_id(db.session(), actor().clinic.id, protocol_id)
    if definition is None:
        raise NotFound
    return definition


def _has(key: str) -> bool:
    return definitions.current(db.session(), actor().clinic.id, key) is not None


def _text(definition: PlanDefinition) -> str:
    return yaml.safe_dump(definition.document, sort_keys=False, allow_unicode=True, width=100)
