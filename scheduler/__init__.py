"""Seriate: scheduling for clinics that treat in series.

The nouns are FHIR R5's, the calendar words RFC 5545's:

    Patient, Practitioner, Location      who is treated, who treats, the chair or room
    Schedule, planning horizon           whose hours, how far ahead
    PlanDefinition, Action, Offset       a protocol, its visits, the gaps between them (relatedAction)
    CarePlan                             one patient's course; its status is a FHIR request-status
    Appointment                          one visit; its status is a FHIR appointmentstatus
    Allocation                           what a visit uses: resource, unit, window (FHIR Slot is its free/busy view)
    RequirementDefinition, Requirement   what must be in place before a visit: in the protocol, and for one course
    Placement                            where the planner puts an action
    Reminder, Message                    a due row, and a mail (FHIR Communication)
    AppointmentEvent                     what happened to a visit (FHIR AuditEvent and Provenance)
    CalendarFeed                         a private iCalendar subscription: `uid` for life, `sequence` + 1 on each change

The series is the set of appointments of one care plan. The clock looks for due rows; the worker runs `Job` rows.
Imports point down: interfaces (web, api, feeds, cli, processes) -> http -> services, notify, ical -> models -> domain.
"""
