import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below the range from which systems take the ports of outgoing connections, so that none of those is in the way. */
const lowest = 20_000;
const highest = 32_000;

/** A port on 127.0.0.1 that nobody listens on. */
export async function freePort() {
  for (;;) {
    const port = randomInt(lowest, highest);
    if (await isFree(port)) return port;
  }
}

/** @throws Error when something listens on the port of 127.0.0.1 */
export async function mustBeFree(port, what) {
  if (!(await isFree(port)))
    throw new Error(`port ${port} for ${what} is in use: end what listens there, or choose another`);
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
