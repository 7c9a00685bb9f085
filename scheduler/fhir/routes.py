"""The addresses: /fhir/metadata, /fhir/{kind}, /fhir/{kind}/{id}. Everything else is not here, or read-only."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, request

from scheduler import clock
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.fhir import capabilities, searches
from scheduler.fhir.elements import Element, base_url
from scheduler.fhir.kinds import KINDS, Kind
from scheduler.fhir.outcomes import ReadOnly, answer
from scheduler.fhir.searches import SearchPage
from scheduler.fhir.values import ID
from scheduler.http.bearer import caller
from scheduler.transactions import only_reads

bp = Blueprint("fhir", __name__, url_prefix="/fhir")


@bp.get("/metadata")
def metadata() -> Response:
    """Say what this interface can do; needs no token."""
    return answer(capabilities.statement(KINDS.values()))


@bp.get("/<kind>")
def search(kind: str) -> Response:
    """Find resources of a kind, in pages."""
    found = _kind(kind)
    pairs = list(request.args.items(multi=True))
    asked = searches.read(pairs, found.parameters)
    page = found.search(db.session(), caller(), asked, clock.now())
    return answer(_bundle(found, pairs, page))


@bp.get("/<kind>/<public_id>")
def read(kind: str, public_id: str) -> Response:
    """Show one resource."""
    if not ID.fullmatch(public_id):
        raise NotFound
    return answer(_kind(kind).read(db.session(), caller(), public_id, clock.now()))


@bp.route("/", defaults={"rest": ""}, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@bp.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@only_reads
def elsewhere(rest: str) -> Response:
    """Refuse what this interface does not have."""
    del rest
    if request.method in ("GET", "HEAD"):
        raise NotFound
    raise ReadOnly


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise NotFound
    return KINDS[name]


def _bundle(kind: Kind, pairs: list[tuple[str, str]], page: SearchPage) -> Element:
    links = [{"relation": "self", "url": _link(kind, pairs)}]
    if page.after is not None:
        further = [pair for pair in pairs if pair[0] != "_after"] + [("_after", page.after)]
        links.append({"relation": "next", "url": _link(kind, further)})
    bundle: Element = {"resourceType": "Bundle", "type": "searchset", "total": page.total, "link": links}
    entries = [
        {
            "fullUrl": f"{base_url()}/{kind.name}/{resource['id']}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for resource in page.resources
    ]
    return bundle | ({"entry": entries} if entries else {})


def _link(kind: Kind, pairs: list[tuple[str, str]]) -> str:
    query = f"?{urlencode(pairs)}" if pairs else ""
    return f"{base_url()}/{kind.name}{query}"
