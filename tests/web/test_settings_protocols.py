"""Protocols on their pages: the table, the review against the present version, variants, the file under Advanced."""

import re

from sqlalchemy import select

from scheduler.domain.plan_files import to_document
from scheduler.models.audit_event import AuditEvent
from scheduler.models.plan_definition import PlanDefinition, current
from scheduler.services.clinic import plans
from scheduler.services.clinic.yaml_source import write_yaml
from scheduler.web.settings import protocol_form
from tests.clocks import NOW
from tests.services.courses import visit


def filled(plan, **typed):
    """Return what the form of the table holds, with what was typed; dashes of names are written as underscores."""
    form = protocol_form.values(plan)
    for name, value in typed.items():
        form.setlist(name.replace("__", "-"), value if isinstance(value, list) else [value])
    return form


def sent(form, **more):
    return {name: form.getlist(name) for name in form} | more


def offered(page):
    """Return the fields of the table on the page."""
    table = page[page.index('id="protocol-table"') : page.index('id="advanced"')]
    return set(re.findall(r'name="([^"]+)"', table)) - {"csrf_token", "step"}


def faults_of(page):
    return re.findall(r"<li>([^<]*)</li>", page[page.index("Not saved.") :])[:5]


def versions(session, harbor, key):
    session.rollback()
    query = select(PlanDefinition.version).where(
        PlanDefinition.clinic_id == harbor.clinic.id, PlanDefinition.key == key
    )
    return sorted(session.scalars(query))


def test_the_table_has_every_gap_length_and_requirement(harbor, signed_in, course):
    definition = course.plan_definition
    page = signed_in(harbor, "mona").get(f"/settings/protocols/{definition.public_id}").text

    assert offered(page) == set(protocol_form.values(definition.plan)) | {
        f"required-{kind}" for kind in ("consult", "assessment", "consent", "therapy", "call")
    }
    assert "Infusion 2 to 6" in page and "after the one before" in page
    assert "same for all 5" in page


def test_changes_are_reviewed_against_the_version_and_saved_as_the_next(session, harbor, signed_in, course):
    boss, definition = signed_in(harbor, "mona"), course.plan_definition
    path, plan = f"/settings/protocols/{definition.public_id}", definition.plan
    typed = sent(filled(plan, **{"all-infusion-2-min": "3", "minutes-infusion-observation": "90"}))

    review = boss.post(path, data=typed | {"step": "review"})
    before = versions(session, harbor, plan.key)
    back = boss.post(path, data=typed | {"step": "edit"})
    made = boss.post(path, data=typed)

    assert (review.status_code, back.status_code, made.status_code) == (200, 200, 303)
    for words in (
        "Changes from version 1",
        "2 to 4 days, ideally 3",
        "3 to 4 days, ideally 3",
        "Save version 2",
    ):
        assert words in review.text
    assert 'name="all-infusion-2-min" value="3"' in review.text  # what is saved is what was reviewed
    assert before == [1] and 'name="all-infusion-2-min" value="3"' in back.text
    assert versions(session, harbor, plan.key) == [1, 2]
    changed = current(session, harbor.clinic.id, plan.key).plan
    assert {changed.action(f"infusion-{n}").offset.min for n in range(2, 7)} == {3}
    assert changed.action("infusion-1").phases[2].length.total_seconds() == 90 * 60
    assert visit(course, "infusion-2").care_plan.plan_definition.version == 1
    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (event.event, event.fields) == ("plan-definition.loaded", ["actions", "source"])


def test_one_visit_of_a_series_gets_a_spacing_of_its_own(session, harbor, signed_in, course):
    boss, definition = signed_in(harbor, "mona"), course.plan_definition
    form = filled(definition.plan, **{"one-infusion-4-ideal": "4"})
    del form["together-infusion-2"]

    boss.post(f"/settings/protocols/{definition.public_id}", data=sent(form))

    session.rollback()
    changed = current(session, harbor.clinic.id, definition.key).plan
    assert [changed.action(f"infusion-{n}").offset.target for n in range(2, 7)] == [3, 3, 4, 3, 3]


def test_the_check_is_that_of_files_and_names_the_visits(session, harbor, signed_in, course):
    boss, definition = signed_in(harbor, "mona"), course.plan_definition
    path, plan = f"/settings/protocols/{definition.public_id}", definition.plan
    cases = {
        "all-infusion-2-min": ("9", "Infusion 2 to 6: spacing: ideal must be between min and max"),
        "minutes-therapy-session": ("7", "Therapy session 1 to 6: length: must be a multiple of 5"),
        "all-therapy-1-max": ("x", "Therapy session 1 to 6: spacing: must be a whole number"),
        "count-infusion": ("0", "infusion: must be 1 to 60 visits"),
        "title": (" ", "title: must not be empty"),
        "valid-pregnancy-test": ("0", "Pregnancy test: days: must be at least 1"),
        "required-infusion": ([], "Driver confirmed: no visit requires driver"),
        "all-assessment-min": ("9999", "Medical assessment: spacing: must be at most 2000"),
    }
    for name, (typed, words) in cases.items():
        answer = boss.post(path, data=sent(filled(plan, **{name: typed}), step="review"))
        assert answer.status_code == 422, name
        assert words in answer.text, (name, faults_of(answer.text))
    assert 'value="9999"' in answer.text and 'aria-invalid="true"' in answer.text
    assert versions(session, harbor, plan.key) == [1]


def test_an_earlier_version_is_not_saved_over_a_later_one(session, harbor, signed_in, course):
    boss, definition = signed_in(harbor, "mona"), course.plan_definition
    path, plan = f"/settings/protocols/{definition.public_id}", definition.plan
    file = write_yaml(definition.document)
    boss.post(path, data=sent(filled(plan, **{"all-infusion-2-min": "3"})))

    late = boss.post(path, data=sent(filled(plan, **{"all-infusion-2-max": "6"})))
    late_file = boss.post(
        "/settings/protocols",
        data={"protocol_id": definition.public_id, "text": file.replace("minutes: 60", "minutes: 55")},
    )

    assert (late.status_code, late_file.status_code) == (412, 412)
    assert "Version 2 of" in late.text and 'value="6"' in late.text
    assert "Version 2 of" in late_file.text and "minutes: 55" in late_file.text
    assert versions(session, harbor, plan.key) == [1, 2]


def test_a_variant_is_made_from_another_protocol(session, harbor, signed_in, course):
    boss, plan = signed_in(harbor, "mona"), course.plan_definition.plan
    path = f"/settings/protocols/{course.plan_definition.public_id}"
    named = {"save_as": "variant", "variant_key": "iv-eight", "variant_title": "Eight infusions"}
    form = filled(plan, **{"count-infusion": "8"})

    review = boss.post(path, data=sent(form, **named, step="review"))
    taken = boss.post(path, data=sent(form, **named | {"variant_key": "therapy-6"}))
    nameless = boss.post(path, data=sent(form, **named | {"variant_key": plan.key}))
    made = boss.post(path, data=sent(form, **named))

    assert [one.status_code for one in (review, taken, nameless, made)] == [200, 422, 422, 303]
    assert "number of visits" in review.text and "Add protocol" in review.text
    assert "is the key of another protocol" in taken.text and "a name and a short name" in nameless.text
    session.rollback()
    eight = current(session, harbor.clinic.id, "iv-eight").plan
    assert sum(one.series == "infusion" for one in eight.actions) == 8
    assert versions(session, harbor, plan.key) == [1]
    assert visit(course, "infusion-6").series_length == 6


def test_the_file_is_reviewed_and_saved_under_advanced(session, harbor, signed_in, course):
    boss, definition = signed_in(harbor, "mona"), course.plan_definition
    text = write_yaml(definition.document).replace(
        "Take your regular medications", "Take your own medications"
    )
    form = {"protocol_id": definition.public_id, "text": text}

    review = boss.post("/settings/protocols", data=form | {"step": "review"})
    wrong = boss.post("/settings/protocols", data=form | {"step": "review", "text": text + "\nx: 1"})
    made = boss.post("/settings/protocols", data=form)

    assert (review.status_code, wrong.status_code, made.status_code) == (200, 422, 303)
    assert "Preparation infusion (en)" in review.text and "Take your own medications" in review.text
    assert "line " in wrong.text and "x: 1" in wrong.text
    assert versions(session, harbor, definition.key) == [1, 2]


def test_every_shipped_protocol_can_be_edited_as_a_file(session, harbor, signed_in):
    boss = signed_in(harbor, "mona")
    for plan in plans.shipped():
        definition, _ = plans.load(session, harbor.actor("mona"), plan, NOW)
        session.commit()
        text = write_yaml(to_document(plan))
        review = boss.post(
            "/settings/protocols",
            data={"protocol_id": definition.public_id, "text": text, "step": "review"},
        )
        assert review.status_code == 200 and "Nothing differs" in review.text, plan.key
