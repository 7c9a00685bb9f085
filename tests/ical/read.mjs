// Reads calendars with ical.js: a JSON list of texts on stdin, a list of [uid, start, end, status, sequence] for each on
// stdout, times as Unix seconds. Any error of the parser ends it.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { default: ICAL } = await import(pathToFileURL(process.argv[2]));

function read(text) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents("vtimezone")) {
    ICAL.TimezoneService.register(zone);
  }
  return calendar.getAllSubcomponents("vevent").map((component) => {
    const event = new ICAL.Event(component);
    return [
      event.uid,
      event.startDate.toUnixTime(),
      event.endDate.toUnixTime(),
      component.getFirstPropertyValue("status"),
      event.sequence,
    ];
  });
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(read)));
