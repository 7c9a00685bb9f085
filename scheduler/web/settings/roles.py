"""Who may do what, as a table: the one that every interface asks."""

from __future__ import annotations

from flask import render_template

from scheduler.models.user import StaffRole
from scheduler.services.account.permissions import BY_SETTING, FIELD_WORDS, FIELDS, PERMISSIONS, WORDS
from scheduler.web.settings.blueprint import bp
from scheduler.web.shell import may


@bp.get("/roles")
@may("view")
def roles() -> str:
    return render_template(
        "settings/roles.html",
        permissions=PERMISSIONS,
        by_setting=BY_SETTING,
        words=WORDS,
        fields=FIELDS,
        field_words=FIELD_WORDS,
        roles=list(StaffRole),
    )
