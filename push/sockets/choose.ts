import { createRequire } from "node:module";
import { PlantError } from "../../infra/errors.js";
import type { Logger } from "../../infra/logging.js";
import type { OpenSockets } from "./socket-server.js";
import type { UwsLibrary } from "./uws-server.js";

/** `auto` takes uWebSockets.js where one of its binaries runs, and `ws` elsewhere. */
export const socketChoices = ["auto", "uws", "ws"] as const;
export type SocketChoice = (typeof socketChoices)[number];

/** No binary of uWebSockets.js runs on this machine with this version of Node. */
export class SocketsUnavailable extends PlantError {
  constructor(why: string) {
    super(
      "TP_SOCKETS_UNAVAILABLE",
      `uWebSockets.js has no binary that runs here (${why}): set push.sockets to auto or ws`,
    );
  }
}

const require = createRequire(import.meta.url);

/** What brings binaries, the newest first; docs/deployment.md says which runs where. */
const packages: readonly (() => Promise<unknown>)[] = [
  // not by import: where its binary does not load, Node 20 rejects that twice, and nobody can catch the second
  async () => require("uWebSockets.js"),
  async () => {
    if (!["115", "127"].includes(process.versions.modules)) throw new Error("uws-pack is for Node 20 and 22");
    if (process.platform === "linux" && !isGlibc()) throw new Error("uws-pack is for Linux with glibc");
    return import("uws-pack");
  },
];

function isGlibc(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}

/**
 * The library behind the WebSockets; only that one is loaded.
 *
 * @throws SocketsUnavailable with `uws` where none of its binaries runs
 */
export async function chooseSockets(choice: SocketChoice, logger: Logger): Promise<OpenSockets> {
  if (choice === "ws") return wsLibrary();
  const library = await uwsLibrary();
  if (typeof library !== "string") {
    logger.info({ sockets: "uws" }, "WebSockets are served by uWebSockets.js");
    return (await import("./uws-server.js")).uwsSockets(library);
  }
  const why = library;
  if (choice === "uws") throw new SocketsUnavailable(why);
  logger.info({ sockets: "ws", why }, "WebSockets are served by ws, since no binary of uWebSockets.js runs here");
  return wsLibrary();
}

/** uWebSockets.js from the first package whose binary runs here; else in words why none does. */
export async function uwsLibrary(): Promise<UwsLibrary | string> {
  const faults: string[] = [];
  for (const load of packages) {
    try {
      return (await load()) as UwsLibrary;
    } catch (error) {
      faults.push(whyOf(error));
    }
  }
  return `Node ${process.versions.node}, ${process.platform} ${process.arch}: ${faults.join("; ")}`;
}

const wsLibrary = async (): Promise<OpenSockets> => (await import("./ws-server.js")).wsSockets;

/** The library's own message begins with what it supports; what went wrong stands at its end. */
function whyOf(error: unknown): string {
  const [first = "", ...more] = (error as Error).message
    .trim()
    .split("\n")
    .filter((line) => line.trim() !== "");
  return (more.find((line) => line.includes("Error:")) ?? first).slice(0, 300);
}
