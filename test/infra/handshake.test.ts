import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { endSilentConnection, Handshakes } from "../../infra/log/kafka/handshake.js";
import type { KafkaConnection } from "../../infra/log/kafka/kafkajs-internals.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What is looked at of a connection that has no socket. */
function connection(): KafkaConnection {
  const queue = { destroy() {} };
  return { requestQueue: queue, rejectRequests() {} } as unknown as KafkaConnection;
}

/** After how many ms a handshake is given up that never comes to its end. */
async function givenUpAfter(handshakes: Handshakes, former: KafkaConnection): Promise<number> {
  const failed = handshakes
    .wait(new Promise(() => {}), [former], (afterMs) => new Error(String(afterMs)))
    .catch((error: Error) => Number(error.message));
  const begun = Date.now();
  await vi.advanceTimersToNextTimerAsync();
  expect(await failed).toBe(Date.now() - begun);
  return failed as Promise<number>;
}

test("a broker that left a request unanswered gets 1.5 s, then twice that, until it answers", async () => {
  const handshakes = new Handshakes();
  const [sound, silent] = [connection(), connection()];
  expect(await givenUpAfter(handshakes, sound)).toBe(6_000);
  endSilentConnection(silent, new Error("no answer"));
  expect(await givenUpAfter(handshakes, silent)).toBe(1_500);
  expect(await givenUpAfter(handshakes, sound)).toBe(3_000);
  expect(await givenUpAfter(handshakes, sound)).toBe(6_000);
  expect(await givenUpAfter(handshakes, sound)).toBe(6_000);
  endSilentConnection(silent, new Error("no answer"));
  expect(await givenUpAfter(handshakes, silent)).toBe(1_500);
  expect(await handshakes.wait(Promise.resolve("through"), [sound], () => new Error())).toBe("through");
  expect(await givenUpAfter(handshakes, sound)).toBe(6_000);
});
