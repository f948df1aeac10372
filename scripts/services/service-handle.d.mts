/** A running service of its own process. */
export interface ServiceHandle {
  /** Where its data lies. */
  readonly folder: string;
  /** Undefined between an end and the next start. */
  readonly pid: number | undefined;
  /** How the process ends: a signal's name, or its exit code in words. */
  readonly ended: Promise<string>;
  /** Starts it again on the same data and port; resolves when it answers. */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: it holds its connections and answers nothing. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Ends it cleanly; a temporary folder goes with it. */
  stop(): Promise<void>;
}
