"""One decorator for every call of the API: parse, may I, one service call, commit, answer.

A view gets the actor, then what the call takes (`body`) or asks (`query`), then the ids of its address, and returns an
Answer. A writing call commits here, once, after its answer is made, so that an Idempotency-Key's answer is written in
the same transaction; a refusal commits nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Any, NoReturn

from flask import Blueprint, Response, request
from pydantic import BaseModel, ValidationError
from spectree import Response as Answers
from spectree import SecurityScheme, SpecTree
from spectree.model_adapter import get_pydantic_model_adapter
from spectree.models import SecureType, SecuritySchemeData

from scheduler import clock
from scheduler.api import streams
from scheduler.api.fields import ViewWithSecrets
from scheduler.api.paging import Paged
from scheduler.api.problem_views import Problem
from scheduler.api.problems import BadJson, NotJson
from scheduler.database import db
from scheduler.errors import Invalid, NotFound
from scheduler.http import access
from scheduler.http.bearer import caller, caller_key
from scheduler.services import idempotency
from scheduler.services.account.permissions import require
from scheduler.services.idempotency import IdempotentRequest
from scheduler.transactions import SAFE, only_reads, reads_first

PATH_WORD = re.compile("[0-9a-z-]{1,60}")
bp = Blueprint("api", __name__, url_prefix="/api/v1")

pydantic = get_pydantic_model_adapter()
# a model's schema is made once, not for each of the many calls that name it: every process starts half a second sooner
pydantic.json_schema = cache(pydantic.json_schema)  # type: ignore[method-assign, assignment]
spec = SpecTree(
    "flask",
    model_adapter=pydantic,
    mode="strict",
    annotations=False,
    title="Seriate",
    version="1",
    description="Scheduling for clinics that treat in series.",
    security_schemes=[
        SecurityScheme(name="token", data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer"))
    ],
    security={"token": []},
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _, child: child,
)


@dataclass(frozen=True)
class Answer:
    """What a view gives back. `version` becomes the ETag, `location` the address of what was made.

    `lines` are the same as CSV, for a call that has it.
    """

    body: BaseModel | None
    version: int | None = None
    location: str | None = None
    lines: Iterable[str] | None = None


@dataclass(frozen=True)
class Call:
    """What the OpenAPI document says of a call beyond its models."""

    may: str
    refuses: tuple[int, ...] = ()
    versioned: bool = False
    idempotent: bool = False
    listed: bool = False
    secrets: tuple[str, ...] = ()


CALLS: dict[str, Call] = {}


@dataclass(frozen=True)
class Shape:
    """What a call takes and gives."""

    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    gives: type[BaseModel] | None = None
    status: int = 200
    tags: tuple[str, ...] = field(default=())


def call(
    method: str,
    path: str,
    *,
    may: str,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    gives: type[BaseModel] | None = None,
    status: int = 200,
    refuses: tuple[int, ...] = (),
    versioned: bool = False,
    reads: bool = False,
    asks: bool = False,
    csv: bool = False,
) -> Callable[[Callable[..., Answer]], Callable[..., Response]]:
    """Hang a view in. `may` is the permission it needs, `refuses` the conflicts it may answer (409, 412).

    With `csv` it also answers `Accept: text/csv`, by the lines of its Answer.

    `versioned` objects have an ETag, and a change of one heeds If-Match. `reads` marks a POST that changes nothing,
    `asks` one that changes nothing but may put a job in line, which it does itself when it has its answer.
    """
    writes = method not in SAFE and not reads and not asks
    listed = query is not None and issubclass(query, Paged)
    secrets = tuple(gives.secrets()) if gives and issubclass(gives, ViewWithSecrets) else ()
    known = Call(may, refuses, versioned, writes and method == "POST", listed, secrets)

    def hang(view: Callable[..., Answer]) -> Callable[..., Response]:
        shape = Shape(body, query, gives, status, (path.split("/")[1],))
        validated = _validated(view, shape, method, known)
        lines, as_csv = _streamed(view, shape), _as_csv(view, shape)

        @wraps(validated)
        def answered(**ids: str) -> Response:
            require(caller(), may)
            _check_ids(ids)
            if body is not None:
                _check_json()
            if known.listed and streams.is_wanted():
                return lines(**ids)
            if csv and streams.is_csv_wanted():
                return as_csv(**ids)
            if not writes:
                return conditional(validated(**ids))
            return _written(validated, ids, known)

        CALLS[view.__name__] = known
        shown = only_reads(answered) if reads else reads_first(answered) if asks else answered
        bp.add_url_rule(path, view.__name__, shown, methods=[method])
        return shown

    return hang


def conditional(response: Response) -> Response:
    """Answer 304 when the caller has this version already."""
    if "ETag" in response.headers:
        response.make_conditional(request)
    return response


def _validated(
    view: Callable[..., Answer], shape: Shape, method: str, known: Call
) -> Callable[..., Response]:
    @wraps(view)
    def answered(**ids: str) -> Any:
        given = (
            [request.context.json]  # type: ignore[attr-defined]  # spectree puts the models there
            if shape.body
            else [request.context.query]  # type: ignore[attr-defined]
            if shape.query
            else []
        )
        answer = view(caller(), *given, **ids)
        headers = {}
        if answer.version is not None:
            headers["ETag"] = f'"{answer.version}"'
        if answer.location is not None:
            headers["Location"] = answer.location
        return (answer.body if answer.body is not None else "", shape.status, headers)

    models: dict[str, Any] = {f"HTTP_{shape.status}": shape.gives} if shape.gives else {}
    problems = {f"HTTP_{status}": Problem for status in _problems(shape, method, known)}
    answers = Answers(*([] if shape.gives else [f"HTTP_{shape.status}"]), **models, **problems)
    result: Callable[..., Response] = spec.validate(
        json=shape.body,
        query=shape.query,
        resp=answers,
        tags=shape.tags,
        before=_refuse_invalid,
        after=_refuse_broken,
        operation_id=view.__name__,
    )(answered)
    return result


def _streamed(view: Callable[..., Answer], shape: Shape) -> Callable[..., Response]:
    def answered(**ids: str) -> Response:
        return streams.answer(view, caller(), request.context.query, **ids)  # type: ignore[attr-defined]

    result: Callable[..., Response] = spec.validate(
        query=shape.query, before=_refuse_invalid, after=_refuse_broken
    )(answered)
    return result


def _as_csv(view: Callable[..., Answer], shape: Shape) -> Callable[..., Response]:
    def answered(**ids: str) -> Response:
        given = [request.context.query] if shape.query else []  # type: ignore[attr-defined]
        answer = view(caller(), *given, **ids)
        return streams.csv(answer.lines or ())

    result: Callable[..., Response] = spec.validate(
        query=shape.query, before=_refuse_invalid, after=_refuse_broken
    )(answered)
    return result


def _problems(shape: Shape, method: str, known: Call) -> set[int]:
    """Return every status with which a call may be refused."""
    listed = {
        400,
        401,
        403,
        404,
        413,
        422,
        503,
        *known.refuses,
    }  # 400, 413: a broken or too large request of any kind
    if shape.body is not None:
        listed.add(415)
    if method not in SAFE and known.versioned:
        listed.add(412)
    if known.idempotent:
        listed |= {409, 410}
    return listed


def _written(validated: Callable[..., Response], ids: Mapping[str, str], known: Call) -> Response:
    now, session = clock.now(), db.session()
    question = _question() if known.idempotent else None
    first = idempotency.recall(session, question, now) if question else None
    if first is not None:
        db.session.rollback()
        access.show_again(first.shown)
        return Response(first.body, first.status, {**first.headers, "Idempotency-Replayed": "true"})
    response = validated(**ids)
    if question is not None:
        kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        body = _without_secrets(response.get_data(as_text=True), known.secrets)
        answer = idempotency.StoredResponse(response.status_code, body, kept, access.shown_so_far())
        idempotency.remember(session, question, answer, now)
    db.session.commit()
    return response


KEPT_HEADERS = ("Content-Type", "ETag", "Location")
NOT_AGAIN = (
    "This request was answered before. What it made is there; its secret was shown in the first answer only and is"
    " not stored. If you have not received it, delete this one and create another with a new Idempotency-Key."
)


def _without_secrets(body: str, secrets: Sequence[str]) -> str:
    """Return the answer that a repeated request gets: what opens something is stored nowhere."""
    if not secrets:
        return body
    return json.dumps(json.loads(body) | dict.fromkeys(secrets) | {"notice": NOT_AGAIN}, ensure_ascii=False)


def _question() -> IdempotentRequest | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    route = f"{request.method} {request.path}"[:120]
    return IdempotentRequest(caller().clinic.id, caller_key(), route, key, request.get_data())


def _check_ids(ids: Mapping[str, str]) -> None:
    if not all(PATH_WORD.fullmatch(value) for value in ids.values()):
        raise NotFound


def _check_json() -> None:
    """Refuse a body that is not a JSON object; none at all is an empty one."""
    content = request.get_data()
    if not content and request.mimetype in ("", "application/json"):
        return
    if request.mimetype != "application/json":
        raise NotJson
    try:
        document = json.loads(content, parse_constant=_no_constant, object_pairs_hook=_no_name_twice)
    except (ValueError, RecursionError) as error:
        raise BadJson(f"The body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise Invalid([("body", "must be a JSON object")])


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members. Readers disagree on which of two counts, so two are refused."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{max(names, key=names.count)!r} is given twice")
    return members


def _refuse_invalid(_request: Any, _response: Any, error: Any, _instance: Any, _adapter: Any) -> None:
    if isinstance(error, ValidationError):
        raise Invalid([(_place(one["loc"]), _words(one)) for one in error.errors()])


def _refuse_broken(_request: Any, _response: Any, error: Any, _instance: Any, _adapter: Any) -> None:
    if error is not None:
        raise error  # an answer that is not what the document promises is our fault, and loud


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "body"


def _words(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a known field"
    if error["type"] == "missing":
        return "is missing"
    words: str = error["msg"]
    return words.replace("Input should be", "must be", 1).replace("String should", "must", 1)
