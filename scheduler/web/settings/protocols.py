"""Protocols: read, edited as a copy, kept as versions. Running courses keep theirs."""

from __future__ import annotations

import yaml
from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import NotFound
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
    )


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
    page = "settings/protocol.html"
    return render_template(page, definition=definition, plan=plan, text=text, faults=refused.faults)


def _find(protocol_id: str) -> PlanDefinition:
    definition = definitions.by_public_id(db.session(), actor().clinic.id, protocol_id)
    if definition is None:
        raise NotFound
    return definition


def _has(key: str) -> bool:
    return definitions.current(db.session(), actor().clinic.id, key) is not None


def _text(definition: PlanDefinition) -> str:
    return yaml.safe_dump(definition.document, sort_keys=False, allow_unicode=True, width=100)
