import { type Logger, pino } from "pino";

export type { Logger } from "pino";

/** JSON lines on stderr, or readable ones where a person watches. stdout stays free for what a command prints. */
export function createLogger(options: { level: string; pretty?: boolean; role?: string }): Logger {
  const base = options.role === undefined ? {} : { role: options.role };
  if (options.pretty) {
    return pino({
      level: options.level,
      base,
      transport: {
        target: "pino-pretty",
        options: { destination: 2, ignore: "pid,hostname", singleLine: true, sync: true },
      },
    });
  }
  return pino({ level: options.level, base }, pino.destination({ dest: 2, sync: true }));
}
