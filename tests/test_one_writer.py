"""Only `services/visit/changes.py` does what follows from a changed appointment."""

import ast

from tests.test_layers import FILES, ROOT

WRITER = "scheduler/services/visit/changes.py"
STEPS = {  # module or object, function
    ("outbox", "tell"),
    ("reminders", "plan_for"),
    ("reminders", "void_for"),
    ("allocation", "allocate"),
    ("allocation", "release"),
    ("allocation", "ever_used"),
}
COUNTERS = {"sequence", "schedule_version"}
ELSEWHERE = {
    # finds out which of many visits fit at their new time, before any of them is changed
    ("scheduler/services/visit/zone_rules.py", "allocation.allocate"),
    ("scheduler/services/visit/zone_rules.py", "allocation.release"),
    # the other record's visits are reminded of to the kept patient's recipients; no visit changes its schedule
    ("scheduler/services/patient/merging.py", "reminders.plan_for"),
    # of a request and of an answer, which remember the version of the visit that they are about
    ("scheduler/services/patient/self_service.py", "request.schedule_version"),
    ("scheduler/services/patient/patient_answers.py", "answer.schedule_version"),
}


def test_no_other_module_calls_the_steps_of_the_writer():
    found = {
        (name, step)
        for path in FILES
        if (name := str(path.relative_to(ROOT))) != WRITER
        for step in steps(path.read_text())
    }

    assert found == ELSEWHERE


def test_planted_steps_are_found():
    source = "outbox.tell(session, clinic, rows, now)\nrow.sequence += 1\nrow.schedule_version = 3\nrecord_event(row)"

    assert steps(source) == {"outbox.tell", "row.sequence", "row.schedule_version", "record_event"}


def steps(source):
    """Return the steps that a file takes: calls, and assignments to a counter."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "record_event" or tuple(called.rsplit(".", 1)) in STEPS:
                found.add(called)
        targets = []
        if isinstance(node, ast.Assign):
            targets = [inner for target in node.targets for inner in ast.walk(target)]
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr in COUNTERS:
                found.add(ast.unparse(target))
    return found
