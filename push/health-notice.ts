import { answers } from "./protocol.js";
import type { PlantState, Readiness } from "./rest/plant-routes.js";

const LOOK_MS = 500;

/**
 * Tells every client what keeps the plant from being ready, when that begins, changes and ends: what no channel says by
 * itself, as history that is away.
 */
export class HealthNotice {
  #key = "";
  #text: string | undefined;
  #asking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly readiness: PlantState["readiness"],
    private readonly toAll: (text: string) => void,
  ) {}

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** For who comes now; undefined while all is well. */
  get current(): string | undefined {
    return this.#text;
  }

  async look(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const readiness = await this.readiness();
      const key = keyOf(readiness);
      if (key === this.#key) return;
      this.#key = key;
      const text = answers.health(readiness.ready, readiness.reasons);
      this.#text = readiness.ready ? undefined : text;
      this.toAll(text);
    } finally {
      this.#asking = false;
    }
  }
}

/** What holds, without the times in its words: those change at each look. */
function keyOf({ ready, reasons, conditions = [] }: Readiness): string {
  if (ready) return "";
  const held = conditions
    .filter(({ severity }) => severity !== "note")
    .map(({ name, subject }) => `${name}|${subject}`);
  return held.length > 0 ? held.sort().join("\n") : reasons.join("\n").replace(/\d+/g, "");
}
