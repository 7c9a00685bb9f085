"""The ways in which protocols were once broken, each of which can be opened again alone.

a to j are those of the attack that found them; the last ones are about requirements and missing steps.
"""

from dataclasses import replace

from scheduler.services.planning import course_rules
from scheduler.services.visit import changes, step_rules, undo
from scheduler.services.visit import requirements as completing


def _unjudged(monkeypatch, which):
    """Let the judge of dosing gaps pass over the rows that `which` picks."""
    judged = changes.require_dosing_gaps

    def require(session, actor, before, now, reason):
        left = {row: was for row, was in before.items() if not which(row, was, now)}
        judged(session, actor, left, now, reason)

    monkeypatch.setattr(changes, "require_dosing_gaps", require)


def _nothing(monkeypatch, module, name):
    monkeypatch.setattr(module, name, lambda *_, **__: [])


def a(monkeypatch):
    """A single infusion beside a course."""
    _nothing(monkeypatch, course_rules, "without_course")
    _unjudged(monkeypatch, lambda row, _was, _now: row.care_plan is None)


def b(monkeypatch):
    """Infusions without a course."""
    _nothing(monkeypatch, course_rules, "without_course")


def c(monkeypatch):
    """A step of a course once more."""
    checked = course_rules.check_joining

    def join(session, actor, course, visit, *more):
        if course_rules.standing_for(course, visit.action) is not None:
            return []
        return checked(session, actor, course, visit, *more)

    monkeypatch.setattr(course_rules, "check_joining", join)


def d(monkeypatch):
    """A course of which steps are missing."""
    _nothing(monkeypatch, course_rules, "missing_steps")


def e(monkeypatch):
    """A new course whose infusions are too close, with steps missing between them."""
    d(monkeypatch)
    _unjudged(
        monkeypatch, lambda row, was, now: was is None and row.care_plan and row.care_plan.created_at == now
    )


def f(monkeypatch):
    """A hard gap over a missing step, by an override."""
    missing = course_rules.missing_steps
    monkeypatch.setattr(
        course_rules, "missing_steps", lambda *about: [replace(one, hard=False) for one in missing(*about)]
    )


def g(monkeypatch):
    """A second course that gives a drug."""
    _nothing(monkeypatch, course_rules, "second_courses")


def h(monkeypatch):
    """A cancellation taken back beside a visit that has moved meanwhile."""
    _nothing(monkeypatch, undo, "_check_rules")
    _unjudged(monkeypatch, lambda _row, was, _now: was is not None and was.status.is_off)


def i(monkeypatch):
    """A cancellation taken back although the visit was made up for."""
    _nothing(monkeypatch, undo, "_require_place_in_course")


def j(monkeypatch):
    """Two records merged whose infusions are too close."""
    _unjudged(monkeypatch, lambda row, was, _now: was is not None and was.patient is not row.patient)


def requirements(monkeypatch):
    """A visit begun with a requirement open."""
    _nothing(monkeypatch, step_rules, "open_requirements")


def missing_steps(monkeypatch):
    """A visit begun past a step that was canceled or missed."""
    _nothing(monkeypatch, step_rules, "missing_before")


def completers(monkeypatch):
    """A requirement completed by a role that the protocol does not name."""
    _nothing(monkeypatch, completing, "_require_role")


HOLES = (a, b, c, d, e, f, g, h, i, j, requirements, missing_steps, completers)
