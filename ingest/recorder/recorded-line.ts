import type { Micros, VenueId } from "../../schemas/words.js";
import type { Frame, SocketOrigin } from "../venue.js";

/** A frame as a line of the format `tickplant`, whose reader stands in ingest/replay/formats/tickplant.ts. */
export function frameLine(venue: VenueId, frame: Frame): string {
  const { text, receiveTime, origin } = frame;
  const quoted = text.includes("\n") || text.includes("\r");
  const what = "socket" in origin ? "ws" : "rest";
  const from = word("socket" in origin ? `${origin.socket}${lineOf(origin)}` : origin.url);
  return quoted
    ? `${receiveTime} ${venue} ${what}-quoted ${from} ${JSON.stringify(text)}\n`
    : `${receiveTime} ${venue} ${what} ${from} ${text}\n`;
}

/** What happened to a connection, as a line of the format `tickplant`. */
export function connectionLine(venue: VenueId, feed: string, connected: boolean, time: Micros): string {
  return `${time} ${venue} ${connected ? "up" : "down"} ${word(feed)}\n`;
}

function lineOf({ line }: SocketOrigin): string {
  return line === undefined ? "" : `#${line}`;
}

/** Columns are divided by spaces. */
function word(text: string): string {
  return text === "" ? "-" : text.replaceAll(/\s/g, (space) => encodeURIComponent(space));
}
