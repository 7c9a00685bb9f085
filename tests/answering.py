"""Answers of patients for tests that start from a task."""

from scheduler.models.task import Task, TaskKind, open_of
from scheduler.services.patient import patient_answers
from tests.cast import NOW

WORST = {"little_interest": "3", "feeling_down": "3", "mood": "0", "note": "I feel terrible"}


def needing(session, actor, visit, now=NOW, **answers) -> Task:
    """Let a patient give answers that a person must see; return the task."""
    patient_answers.check_in(session, actor, visit, now, answers or WORST)
    return open_of(session, TaskKind.ANSWER, visit.id)
