import { PlantError } from "../../infra/errors.js";

/** A topic of `ingest.engines` is not at the engine's brokers, or none of its topics can be followed; it is tried again. */
export class EngineUnavailable extends PlantError {
  constructor(exchange: string, why: string, options?: { cause?: unknown }) {
    super(
      "TP_ENGINE_UNAVAILABLE",
      `the topics of ${exchange} can not be followed (${why}): it is tried again; see ingest.engines`,
      options,
    );
  }
}
