import type { PlantConfig } from "../../infra/config/plant-config.js";
import { Deadline } from "../../infra/deadline.js";
import type { Readiness } from "../../push/rest/plant-routes.js";
import { type Check, type Finding, note, ok, wrong } from "./finding.js";

const TIMEOUT_MS = 3_000;

/** What to do about a condition, by its name; the reason says what it is. */
const todos: Readonly<Record<string, string>> = {
  feed_down: "look at the network and the venue's status",
  feed_silent: "look at the venue's status; the plant subscribes again and renews its connection by itself",
  stream_late: "look at the venue's status; the plant subscribes again by itself",
  subscription_refused: "are the symbols right, does the venue still have them?",
  book_stale: "when it lasts, look at the venue's REST limit and at the log",
  clock_off: "run NTP on this machine",
  no_lease: "look at Redis",
  no_feed: "start the ingest role, or look at its log",
  log_full: "free disk space, or lower retention",
  log_not_writable: "look at the log's brokers or its disk",
  log_not_readable: "look at the log's brokers or its disk",
  bus_not_writable: "look at Redis: is it up, and a primary?",
  bus_unreachable: "look at Redis",
  store_unreachable: "look at the store",
  store_not_writable: "look at the store",
};

/** What a plant that runs here says of itself; nothing where none answers. */
export function runningCheck({ roles, push, metricsHost, metricsPort }: PlantConfig): Check {
  const name = "running plant";
  const [host, port] = roles.includes("push") ? [push.host, push.restPort] : [metricsHost, metricsPort];
  return {
    name,
    todo: "",
    async run(signal) {
      if (port === 0) return [];
      const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
      const readiness = await asked(`http://${reachable}:${port}/readyz`, signal);
      if (readiness === undefined) return [];
      const { conditions = [], ready, reasons } = readiness;
      const findings = conditions.map(({ name: condition, reason, severity, since }): Finding => {
        const found = `${reason} (since ${new Date(since / 1000).toISOString()})`;
        if (severity === "note") return note(name, found);
        if (severity === "not_live") return wrong(name, found, "start it again");
        return wrong(name, found, todos[condition] ?? "look at its log");
      });
      if (findings.length > 0) return findings;
      return [ready ? ok(name, `${roles.join(", ")}: ready`) : wrong(name, reasons.join("; "), "look at its log")];
    },
  };
}

async function asked(url: string, outer: AbortSignal): Promise<Readiness | undefined> {
  const deadline = new Deadline(TIMEOUT_MS, outer);
  try {
    const answer = await fetch(url, { signal: deadline.signal });
    const body = (await answer.json()) as Partial<Readiness>;
    // something else may have the port
    return typeof body.ready === "boolean" && Array.isArray(body.reasons) ? (body as Readiness) : undefined;
  } catch {
    return undefined;
  } finally {
    deadline.end();
  }
}
