"""libical, the parser of Evolution, KDE and many servers, reads the same as everybody else. Part of `make interop`.

It is a library of the system (Debian: libical3), called through its C interface; LIBICAL may name its file.
"""

import ctypes
import os
from ctypes import Structure, c_char_p, c_int, c_longlong, c_void_p
from ctypes.util import find_library
from datetime import UTC, datetime

import pytest

from tests.ical.readers import Read
from tests.ical.test_readers import ZONES, torture  # noqa: F401  (a fixture)

VEVENT = 4  # icalcomponent_kind


class IcalTime(Structure):
    _fields_ = [
        *((name, c_int) for name in ("year", "month", "day", "hour", "minute", "second")),
        ("is_date", c_int),
        ("is_daylight", c_int),
        ("zone", c_void_p),
    ]


@pytest.fixture(scope="module")
def libical():
    path = os.environ.get("LIBICAL") or find_library("ical")
    if path is None:
        pytest.fail("libical is not here: apt-get install libical3, or name its file in LIBICAL")
    library = ctypes.CDLL(path)
    for name, result, *arguments in (
        ("icalparser_parse_string", c_void_p, c_char_p),
        ("icalcomponent_count_errors", c_int, c_void_p),
        ("icalcomponent_get_first_component", c_void_p, c_void_p, c_int),
        ("icalcomponent_get_next_component", c_void_p, c_void_p, c_int),
        ("icalcomponent_get_uid", c_char_p, c_void_p),
        ("icalcomponent_get_sequence", c_int, c_void_p),
        ("icalcomponent_get_status", c_int, c_void_p),
        ("icalproperty_status_to_string", c_char_p, c_int),
        ("icalcomponent_get_dtstart", IcalTime, c_void_p),
        ("icalcomponent_get_dtend", IcalTime, c_void_p),
        ("icaltime_as_timet_with_zone", c_longlong, IcalTime, c_void_p),
        ("icalcomponent_free", None, c_void_p),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, list(arguments)
    return library


def read(library, body):
    calendar = library.icalparser_parse_string(body)
    assert calendar, "libical could not read it"
    assert library.icalcomponent_count_errors(calendar) == 0
    found, event = {}, library.icalcomponent_get_first_component(calendar, VEVENT)
    while event:
        status = library.icalproperty_status_to_string(library.icalcomponent_get_status(event))
        found[library.icalcomponent_get_uid(event).decode()] = Read(
            instant(library, library.icalcomponent_get_dtstart(event)),
            instant(library, library.icalcomponent_get_dtend(event)),
            status.decode(),
            library.icalcomponent_get_sequence(event),
        )
        event = library.icalcomponent_get_next_component(calendar, VEVENT)
    library.icalcomponent_free(calendar)
    return found


def instant(library, at):
    return datetime.fromtimestamp(library.icaltime_as_timet_with_zone(at, at.zone), UTC)


def test_libical_agrees_in_zones_of_every_kind(libical, torture):  # noqa: F811
    wrong = [
        zone_name
        for zone_name, (written, told) in zip(ZONES, torture, strict=True)
        if read(libical, written) != told
    ]

    assert wrong == []


def test_libical_sees_a_planted_error(libical, torture):  # noqa: F811
    written, told = torture[0]

    assert read(libical, written.replace(b"SEQUENCE:3\r\n", b"SEQUENCE:4\r\n")) != told
