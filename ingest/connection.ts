import WebSocket from "ws";
import type { Logger } from "../infra/logging.js";
import { backoffMs } from "./backoff.js";
import { after, clearTimers, closeLine, type Line, newLine, reserve, sendNow, sendPaced } from "./line.js";
import type { ConnectionPlan, FrameNote, SubscriptionAnswer } from "./venue.js";

export interface ConnectionHandlers {
  /** One message, as text, and the number of the socket that brought it. @returns what it was, without ticks */
  frame(text: string, line: number): FrameNote | undefined;
  /** Open and subscribed. `after` says whether it was so before. */
  up(after: "start" | "loss"): void;
  /** One of two sockets is closed, after a planned reconnect or a failed one; the other goes on. */
  gone?(line: number): void;
  /** The last open socket is gone. One that was never up has brought ticks all the same. */
  down(reason: string, wasUp: boolean): void;
}

export interface ConnectionOptions {
  readonly logger: Logger;
  /** A socket that is not subscribed, and so long had nothing sent and nothing answered, is given up. */
  readonly openTimeoutMs?: number;
  /** How long the old socket goes on after the new one delivers, at a planned reconnect. */
  readonly overlapMs?: number;
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
}

const maxSilenceMs = 600_000;
/** A venue that answers, if only with a refusal, is asked again after so long at most. */
const mostRefusedMs = 5_000;

/**
 * Keeps one planned connection open: subscribes with paced frames, comes back after a loss with exponential backoff
 * and full jitter, and before the venue's own time limit or shutdown opens and subscribes a new socket before the old
 * one is closed. In between both deliver; what comes twice is told by its ids further down.
 *
 * Where the venue answers subscriptions, a line is up once all are answered and not all are refused. One that stays
 * without an answer is given up: not by a time for all of them, which a busy machine may need longer than.
 *
 * A line that brings nothing for the plan's silence is dead, whatever TCP says; where a fresh line is as silent, the
 * market may be quiet, and patience doubles. Pings of the venue are answered by the socket itself.
 */
export class Connection {
  private current: Line | undefined;
  private successor: Line | undefined;
  private attempt = 0;
  private everUp = false;
  private stopped = false;
  private silenceMs: number;
  private lines = 0;
  /** The successor goes by a former plan, and why there is another. */
  private replanned: string | undefined;
  private retry: NodeJS.Timeout | undefined;
  private age: NodeJS.Timeout | undefined;
  private watch: NodeJS.Timeout | undefined;

  constructor(
    public plan: ConnectionPlan,
    private readonly handlers: ConnectionHandlers,
    private readonly options: ConnectionOptions,
  ) {
    this.silenceMs = plan.silenceMs;
  }

  get connected(): boolean {
    return this.current?.subscribed === true;
  }

  start(): void {
    this.current = this.open();
    this.watch = setInterval(() => this.checkSilence(), Math.max(10, Math.min(1_000, this.plan.silenceMs / 4)));
  }

  /** A planned reconnect: the new socket takes over once it delivers. */
  renew(reason: string): void {
    if (this.stopped || this.successor !== undefined || !this.connected) return;
    this.options.logger.info({ connection: this.plan.name, reason }, "opening a new connection beside the old one");
    this.successor = this.open();
  }

  /** Another plan from the next socket on: by a planned reconnect where it is up, else with the attempt that follows. */
  replan(plan: ConnectionPlan, reason: string): void {
    this.plan = plan;
    // one that is on its way may have books already: it takes over first
    if (this.successor !== undefined) this.replanned = reason;
    else if (this.connected) this.renew(reason);
    else this.current?.socket.terminate();
  }

  /**
   * Sends more on the current socket, paced as `hello` is.
   *
   * @returns false when it is not open, or has no messages left this hour
   */
  send(frames: readonly string[]): boolean {
    const line = this.current;
    if (line?.subscribed !== true || line.socket.readyState !== WebSocket.OPEN) return false;
    if (!reserve(line, frames.length, this.plan.sendsPerHour)) return false;
    line.sending = line.sending.then(() => sendPaced(line, frames, this.plan.sendIntervalMs));
    return true;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    clearTimeout(this.age);
    clearInterval(this.watch);
    const { current, successor } = this;
    this.current = undefined;
    this.successor = undefined;
    for (const line of [current, successor]) if (line !== undefined) closeLine(line);
  }

  private open(): Line {
    this.replanned = undefined;
    const socket = new WebSocket(this.plan.url, {
      handshakeTimeout: this.options.openTimeoutMs ?? 10_000,
      maxPayload: 32 * 1024 * 1024,
      perMessageDeflate: false,
      skipUTF8Validation: true,
    });
    this.lines += 1;
    const line = newLine(this.lines, socket, this.plan.answers);
    socket.on("open", () => void this.subscribe(line));
    socket.on("message", (data: Buffer) => this.onMessage(line, data));
    socket.on("error", (error) => {
      this.options.logger.debug({ err: error, connection: this.plan.name }, "socket error");
    });
    socket.on("close", (code) => this.onClose(line, `closed with code ${code}`));
    return line;
  }

  private async subscribe(line: Line): Promise<void> {
    const { hello, ping, sendsPerHour, sendIntervalMs } = this.plan;
    reserve(line, hello.length, sendsPerHour);
    line.sending = sendPaced(line, hello, sendIntervalMs);
    if (!(await line.sending)) return;
    if (ping !== undefined) line.pings = setInterval(() => sendNow(line, ping.frame), ping.everyMs);
    line.lastFrameAt = performance.now();
    if (line.unanswered.size === 0 && !line.subscribed && !this.isRefused(line)) this.onSubscribed(line);
  }

  private onSubscribed(line: Line): void {
    line.subscribed = true;
    line.lastFrameAt = performance.now();
    if (line === this.current) this.onCurrentUp();
  }

  private onCurrentUp(): void {
    clearTimeout(this.age);
    this.age = setTimeout(() => this.renew("the venue limits a connection's age"), this.plan.maxAgeMs);
    this.handlers.up(this.everUp ? "loss" : "start");
    this.everUp = true;
  }

  private onMessage(line: Line, data: Buffer): void {
    // A line that was replaced still delivers what was on its way: the new one may have begun just after it.
    if (this.stopped) return;
    line.lastFrameAt = performance.now();
    const note = this.handlers.frame(data.toString("utf8"), line.number);
    // what carries ticks has no note
    if (note === undefined) line.delivered = true;
    if (note === "shutdown") this.renew("the venue's server is about to shut down");
    else if (typeof note === "object") this.onAnswer(line, note);
    if (line.subscribed) {
      this.attempt = 0;
      this.silenceMs = this.plan.silenceMs;
      if (line === this.successor && line.timers.size === 0) {
        after(line, this.options.overlapMs ?? 2_000, () => this.takeOver());
      }
    }
  }

  private onAnswer(line: Line, { subscription, refusal }: SubscriptionAnswer): void {
    if (!line.unanswered.delete(subscription) || line.subscribed) return;
    line.progressAt = performance.now();
    if (refusal === undefined) line.accepted += 1;
    else if (!this.askSingly(line, subscription)) line.refused += 1;
    if (line.unanswered.size > 0) return;
    // A line of which everything is refused brings nothing: it is no connection, and all is asked for again.
    if (this.isRefused(line)) line.socket.close(1000);
    else this.onSubscribed(line);
  }

  private isRefused({ refused, accepted }: Line): boolean {
    return refused > 0 && accepted === 0;
  }

  /** Of streams that were refused together one may be the reason. @returns false where it was asked for alone */
  private askSingly(line: Line, group: string): boolean {
    const streams = this.plan.streams?.filter((stream) => stream.group === group) ?? [];
    if (streams.length === 0) return false;
    const frames = streams.map(({ again }) => again.at(-1)!);
    for (const { key } of streams) line.unanswered.add(key);
    reserve(line, frames.length, this.plan.sendsPerHour);
    line.sending = line.sending.then(() => sendPaced(line, frames, this.plan.sendIntervalMs));
    return true;
  }

  /** The successor delivers: from now on it is the connection. */
  private takeOver(): void {
    const { current, successor } = this;
    if (successor === undefined) return;
    this.current = successor;
    this.successor = undefined;
    clearTimeout(this.age);
    this.age = setTimeout(() => this.renew("the venue limits a connection's age"), this.plan.maxAgeMs);
    if (current === undefined) return;
    closeLine(current);
    this.handlers.gone?.(current.number);
    if (this.replanned !== undefined) this.renew(this.replanned);
  }

  private onClose(line: Line, reason: string): void {
    clearTimers(line);
    if (this.stopped) return;
    if (line === this.successor) {
      this.successor = undefined;
      // The old line still stands; another attempt after a while, before its time is up.
      clearTimeout(this.age);
      this.age = setTimeout(() => this.renew("the last attempt failed"), this.nextPause());
      this.handlers.gone?.(line.number);
      return;
    }
    if (line !== this.current) return;
    const { successor } = this;
    if (successor?.subscribed === true && successor.timers.size > 0) {
      this.takeOver();
      return;
    }
    // what comes next does not follow on frames of a line that was not fully subscribed either
    if (line.subscribed || line.delivered) this.handlers.down(reason, line.subscribed);
    if (successor !== undefined) {
      this.current = successor;
      this.successor = undefined;
      if (successor.subscribed) this.onCurrentUp();
      if (this.replanned !== undefined) this.replan(this.plan, this.replanned);
      return;
    }
    const pauseMs = line.refused > 0 ? Math.min(this.nextPause(), mostRefusedMs) : this.nextPause();
    this.options.logger.warn({ connection: this.plan.name, reason, pauseMs }, "connection lost; coming back");
    this.retry = setTimeout(() => {
      this.current = this.open();
    }, pauseMs);
  }

  private nextPause(): number {
    const pauseMs = backoffMs(this.attempt, this.options.backoff ?? { baseMs: 250, capMs: 30_000 });
    this.attempt += 1;
    return pauseMs;
  }

  private checkSilence(): void {
    const { current, successor } = this;
    if (current?.subscribed === true && performance.now() - current.lastFrameAt > this.silenceMs) {
      this.silenceMs = Math.min(this.silenceMs * 2, maxSilenceMs);
      this.options.logger.warn({ connection: this.plan.name }, "no frame for long; the connection is given up");
      current.socket.terminate();
    }
    for (const line of [current, successor]) {
      if (line === undefined || line.subscribed) continue;
      if (performance.now() - line.progressAt <= (this.options.openTimeoutMs ?? 10_000)) continue;
      if (line.unanswered.size > 0 && line.socket.readyState === WebSocket.OPEN) {
        const unanswered = [...line.unanswered].slice(0, 10);
        this.options.logger.warn({ connection: this.plan.name, unanswered }, "subscriptions without an answer");
      }
      line.socket.terminate();
    }
  }
}
