import { randomUUID } from "node:crypto";
import type { PlantConfig } from "../infra/config/plant-config.js";
import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import { wallClock } from "../ingest/clock.js";
import { Intake, type IntakeAnswer } from "../ingest/endpoint/intake.js";
import { Keys } from "../ingest/endpoint/keys.js";
import { serveEndpoint } from "../ingest/endpoint/server.js";
import type { Codecs } from "../schemas/codec.js";
import { deadLettersOf, publisherOf } from "./tick-intake.js";

/** `POST /v1/ingest` of this process: a path of REST where the process has the push role, else a port of its own. */
export interface Endpoint {
  /** The lines of a request that came in by push. @param writer name of its key @throws IntakeRefused */
  take(writer: string, body: string): Promise<IntakeAnswer>;
  /** Opens the port of its own. @returns what closes it @throws CannotListen */
  serve(): Promise<() => Promise<void>>;
  /** Drains what was taken in. */
  close(): Promise<void>;
}

interface EndpointNeeds {
  readonly log: Log;
  readonly codecs: Codecs;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * The endpoint of the configuration; undefined where it has no keys. It has a publisher of its own: leases say which
 * process takes in a venue's feeds, and have nothing to say about ticks that are brought.
 */
export function openEndpoint(config: PlantConfig, needs: EndpointNeeds): Endpoint | undefined {
  const { endpoint } = config.ingest;
  if (endpoint.keys.length === 0) return undefined;
  const { metrics, logger } = needs;
  const clock = wallClock();
  const epoch = clock();
  const whole = { config, ...needs };
  const publisher = publisherOf(whole, `endpoint-${epoch.toString(36)}-${randomUUID().slice(0, 8)}`);
  const deadLetters = deadLettersOf(whole, epoch);
  const intake = new Intake({
    publisher,
    deadLetters,
    metrics,
    clock,
    bounds: endpoint,
    times: { ...config.process, backfillMs: endpoint.maxBackfillHours * 3_600_000 },
  });
  const parts = { config: endpoint, access: config, intake, metrics, logger };
  const keys = new Keys(endpoint);
  return {
    take: (writer, body) => intake.take(keys.named(writer), body),
    async serve() {
      const server = await serveEndpoint(parts);
      logger.info({ url: `${server.url}/v1/ingest` }, "the ingest endpoint listens");
      return () => server.stop();
    },
    async close() {
      await Promise.all([publisher.close(3_000), deadLetters.close(1_000)]);
    },
  };
}
