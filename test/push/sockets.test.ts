import { expect, test } from "vitest";
import { createLogger } from "../../infra/logging.js";
import { chooseSockets } from "../../push/sockets/choose.js";
import { socketContract } from "../conformance/socket-contract.js";

const logger = createLogger({ level: "silent" });

socketContract("uWebSockets.js", () => chooseSockets("uws", logger));
socketContract("ws", () => chooseSockets("ws", logger));

test("by itself the faster library is taken where it runs", async () => {
  const [chosen, uws] = [await chooseSockets("auto", logger), await chooseSockets("uws", logger)];
  expect(String(chosen)).toBe(String(uws));
});
