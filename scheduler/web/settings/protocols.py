"""Protocols: edited as a table or as a file, reviewed against the present version, kept as versions.

Running courses keep their version. Each form is sent with a step: `review` shows what would change, `edit` goes back to
the form with what was typed, anything else saves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.plan_files.differences import differences
from scheduler.domain.plan_files.variants import counts
from scheduler.domain.plans import Plan
from scheduler.errors import Invalid, NotFound, Stale
from scheduler.models import plan_definition as definitions
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.clinic import plans
from scheduler.services.clinic.yaml_source import FileRefused, write_yaml
from scheduler.transactions import reads_first, write_now
from scheduler.web.current import actor
from scheduler.web.settings import protocol_form
from scheduler.web.settings.blueprint import bp, saved
from scheduler.web.shell import may

Answer = Response | str | tuple[str, int]


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
    return _page(_find(protocol_id))


@bp.post("/protocols/<protocol_id>")
@may("settings")
@reads_first
def save_protocol(protocol_id: str) -> Answer:
    """Review or keep the edited table as the next version, or as a protocol beside this one."""
    definition, form = _find(protocol_id), request.form
    if form.get("step") == "edit":
        return _page(definition, values=form)
    is_variant = form.get("save_as") == "variant"
    try:
        plan = _edited(definition.plan, is_variant)
        if form.get("step") == "review":
            return _review(definition, plan)
        write_now()
        if is_variant:
            made = plans.add(db.session(), actor(), plan, clock.now())
            return saved(".protocols", f"{made.title}: added.")
        return _kept(*plans.save(db.session(), actor(), definition, plan, clock.now()))
    except (Invalid, Stale) as refused:
        db.session.rollback()
        definition = _find(protocol_id)
        return _page(definition, values=form, refusal=refused), refused.status


@bp.post("/protocols")
@may("settings")
@reads_first
def load_protocol() -> Answer:
    """Review or keep a protocol's file as its next version; a shipped one is taken by its key."""
    form = request.form
    shipped = next((one for one in plans.shipped() if one.key == form.get("shipped", "")), None)
    definition = _find(form["protocol_id"]) if form.get("protocol_id") else None
    text = form.get("text", "")
    if form.get("step") == "edit":
        return _page(definition, text=text)
    try:
        plan = shipped or plans.read(text.encode())
        if form.get("step") == "review":
            return _review(definition, plan)
        write_now()  # reading a file takes long: no one waits for it
        if definition is not None and definition.key == plan.key:
            return _kept(*plans.save(db.session(), actor(), definition, plan, clock.now()))
        return _kept(*plans.load(db.session(), actor(), plan, clock.now()))
    except FileRefused as refused:
        return _page(definition, text=text, faults=list(map(str, refused.faults))), 422
    except Stale as refused:
        db.session.rollback()
        return _page(definition, text=text, faults=[refused.words]), refused.status


def _edited(plan: Plan, is_variant: bool) -> Plan:
    """Return the plan that the form asks for. Raises Invalid."""
    edits, form = protocol_form.edits(plan, request.form), request.form
    if not edits.title:
        raise Invalid([("title", "must not be empty")])
    if not is_variant:
        return plans.edited(plan, edits)
    key, title = (form.get(name, "").strip() for name in ("variant_key", "variant_title"))
    if not key or not title or key == plan.key:
        raise Invalid([("variant", "needs a name and a short name of its own")])
    if _has(key):
        raise Invalid([("key", "is the key of another protocol")])
    return plans.edited(plan, replace(edits, title=title), key)


def _review(definition: PlanDefinition | None, plan: Plan) -> str:
    """Show what would change, with the way to save it and the way back."""
    is_new = not _has(plan.key)
    source = definition.plan if definition is not None else None
    found = plans.changes(db.session(), actor().clinic, plan)
    return render_template(
        "settings/protocol_review.html",
        definition=definition,
        plan=plan,
        is_new=is_new,
        changes=differences(source, plan) if is_new and source else found,
        version=plans.next_version(db.session(), actor().clinic, plan.key),
        fields=[(name, value) for name, value in request.form.items(multi=True) if name not in NOT_KEPT],
    )


NOT_KEPT = {"step", "csrf_token"}  # what the form of the review has of its own


def _kept(definition: PlanDefinition, added: bool) -> Response:
    words = f"{definition.title}: version {definition.version}." if added else "No changes to save."
    return saved(".protocols", words)


def _page(
    definition: PlanDefinition | None,
    *,
    text: str | None = None,
    values: protocol_form.Form | None = None,
    refusal: Invalid | Stale | None = None,
    faults: list[str] | None = None,
) -> str:
    """Show a protocol; what was typed stays, in the table (`values`) or in the file (`text`)."""
    more: dict[str, Any] = {}
    if definition is not None:
        plan = definition.plan
        invalid = refusal if isinstance(refusal, Invalid) else None
        more = {
            "plan": plan,
            "versions": definitions.versions(db.session(), actor().clinic.id, definition.key),
            "rows": protocol_form.rows(plan),
            "kinds": protocol_form.kinds(plan),
            "counts": [(name, protocol_form.title_of(plan, name)) for name in counts(plan)],
            "values": values or protocol_form.values(plan),
            "wrong": protocol_form.wrong_rows(plan, invalid) if invalid else set(),
            "parts": protocol_form.PARTS,
        }
        if refusal is not None:
            faults = protocol_form.words(plan, invalid) if invalid else [refusal.words]
    return render_template(
        "settings/protocol.html",
        definition=definition,
        text=text if text is not None else write_yaml(definition.document) if definition else "",
        is_file_open=text is not None or definition is None,
        faults=faults or [],
        **more,
    )


def _find(protocol_id: str) -> PlanDefinition:
    definition = definitions.by_public_id(db.session(), actor().clinic.id, protocol_id)
    if definition is None:
        raise NotFound
    return definition


def _has(key: str) -> bool:
    return definitions.current(db.session(), actor().clinic.id, key) is not None
