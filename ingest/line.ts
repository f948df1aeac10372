import WebSocket from "ws";

/** One WebSocket and what is known of it. */
export interface Line {
  readonly number: number;
  readonly socket: WebSocket;
  readonly timers: Set<NodeJS.Timeout>;
  /** When it last came nearer to being subscribed: it was opened, sent a request, or had an answer. */
  progressAt: number;
  /** Subscriptions that are not answered yet. */
  readonly unanswered: Set<string>;
  /** How many of the first subscriptions were taken, and refused. */
  accepted: number;
  refused: number;
  /** When messages of the last hour were sent, where the venue limits them. */
  readonly sentAt: number[];
  /** What is being sent, in order; false once the socket is closed. */
  sending: Promise<boolean>;
  lastSentAt: number;
  pings: NodeJS.Timeout | undefined;
  subscribed: boolean;
  /** It has brought ticks. */
  delivered: boolean;
  lastFrameAt: number;
}

const hourMs = 3_600_000;

/** @param answers the subscriptions that it waits for */
export function newLine(number: number, socket: WebSocket, answers: readonly string[] = []): Line {
  const now = performance.now();
  return {
    number,
    socket,
    timers: new Set(),
    progressAt: now,
    unanswered: new Set(answers),
    accepted: 0,
    refused: 0,
    sentAt: [],
    sending: Promise.resolve(true),
    lastSentAt: Number.NEGATIVE_INFINITY,
    pings: undefined,
    subscribed: false,
    delivered: false,
    lastFrameAt: now,
  };
}

/** Sends frames with at least so much time between them. @returns false when the socket closed meanwhile */
export async function sendPaced(line: Line, frames: readonly string[], intervalMs: number): Promise<boolean> {
  for (const frame of frames) {
    const waitMs = line.lastSentAt + intervalMs - performance.now();
    if (waitMs > 0) await pause(line, waitMs);
    if (!sendNow(line, frame)) return false;
    line.lastSentAt = performance.now();
    line.progressAt = line.lastSentAt;
  }
  return true;
}

/** Counts messages that are about to be sent. @returns false, and counts nothing, beyond so many an hour */
export function reserve(line: Line, count: number, perHour: number | undefined): boolean {
  if (perHour === undefined) return true;
  const now = performance.now();
  while (line.sentAt.length > 0 && line.sentAt[0]! < now - hourMs) line.sentAt.shift();
  if (line.sentAt.length + count > perHour) return false;
  for (let i = 0; i < count; i++) line.sentAt.push(now);
  return true;
}

/** @returns false when the socket is not open */
export function sendNow({ socket }: Line, frame: string): boolean {
  if (socket.readyState !== WebSocket.OPEN) return false;
  socket.send(frame);
  return true;
}

/** A timer that ends with the line. */
export function after(line: Line, ms: number, then: () => void): void {
  const timer = setTimeout(() => {
    line.timers.delete(timer);
    then();
  }, ms);
  line.timers.add(timer);
}

function pause(line: Line, ms: number): Promise<void> {
  return new Promise((resolve) => after(line, ms, resolve));
}

export function clearTimers(line: Line): void {
  clearInterval(line.pings);
  for (const timer of line.timers) clearTimeout(timer);
  line.timers.clear();
}

export function closeLine(line: Line): void {
  clearTimers(line);
  if (line.socket.readyState === WebSocket.CONNECTING) line.socket.terminate();
  else line.socket.close(1000);
  // A peer that does not answer the close must not keep the process.
  setTimeout(() => line.socket.terminate(), 1_000).unref();
}
