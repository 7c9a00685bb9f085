"""Visits as iCalendar (RFC 5545): subscriptions, invitations (RFC 5546), and files for mails.

Everything a calendar needs is in an Entry; the same entry always gives the same bytes.

    zones        the rules of a zone, from the tz database
    vtimezone    those rules as a VTIMEZONE, proven against zoneinfo
    texts        what may stand in a calendar, and what visits are called
    entries      a visit as a calendar shows it
    events       an entry as a VEVENT
    calendars    the VCALENDAR of a feed or of a course
    invitations  one visit as REQUEST or CANCEL
"""

from scheduler.ical.calendars import course_calendar, feed_calendar
from scheduler.ical.invitations import Method, invitation

__all__ = ["Method", "course_calendar", "feed_calendar", "invitation"]
