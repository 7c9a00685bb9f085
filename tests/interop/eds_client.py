"""A client of evolution-data-server, run by Debian's Python inside a D-Bus session of its own.

It reads a command a line as JSON, and answers with the events of the calendar that the command is about: `own`, which
takes in invitations, or `feed`, which is subscribed.
"""

import json
import sys
import time

import gi

gi.require_version("ECal", "2.0")
gi.require_version("EDataServer", "1.2")
from gi.repository import ECal, EDataServer, GLib, ICalGLib  # noqa: E402  (the versions come first)

WAIT = 20  # seconds
EVENTS = ECal.ClientSourceType.EVENTS


def main():
    registry = EDataServer.SourceRegistry.new_sync(None)
    clients = {"own": ECal.Client.connect_sync(registry.ref_builtin_calendar(), EVENTS, WAIT, None)}
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "receive":
            component = ICalGLib.Component.new_from_string(command["calendar"])
            clients["own"].receive_objects_sync(component, ECal.OperationFlags.NONE, None)
        elif command["do"] == "subscribe":
            clients["feed"] = subscribed(registry, command["port"], command["path"])
        elif command["do"] == "refresh":
            clients["feed"].refresh_sync(None)
        name = "own" if command["do"] in ("receive", "own") else "feed"
        print(json.dumps(events(clients[name])), flush=True)


def subscribed(registry, port, path):
    source = EDataServer.Source.new_with_uid("seriate-feed", None)
    source.set_parent("webcal-stub")
    source.set_display_name("feed")
    source.get_extension("Calendar").set_backend_name("webcal")
    access = source.get_extension("Authentication")
    access.set_host("127.0.0.1")
    access.set_port(port)
    access.set_method("none")
    source.get_extension("Security").set_method("none")
    source.get_extension("WebDAV Backend").set_resource_path(path)
    registry.commit_source_sync(source, None)
    end = time.monotonic() + WAIT
    while True:  # until the process that reads calendars knows of it
        try:
            return ECal.Client.connect_sync(registry.ref_source("seriate-feed") or source, EVENTS, WAIT, None)
        except GLib.Error:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)


def events(client):
    """Return (uid, start in UTC, status, SEQUENCE) of each event."""
    found = []
    for one in client.get_object_list_sync("#t", None)[1]:
        start = one.get_first_property(ICalGLib.PropertyKind.DTSTART_PROPERTY)
        zone = start.get_first_parameter(ICalGLib.ParameterKind.TZID_PARAMETER)
        known = client.get_timezone_sync(zone.get_tzid(), None)[1] if zone else None
        at = one.get_dtstart().as_timet_with_zone(known or ICalGLib.Timezone.get_utc_timezone())
        found.append([one.get_uid(), at, one.get_status().value_nick.upper(), one.get_sequence()])
    return found


main()
