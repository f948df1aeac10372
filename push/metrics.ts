import type { Metrics } from "../infra/metrics.js";

/** What push counts. Make one for each Metrics object. */
export class PushMetrics {
  readonly connections;
  readonly subscriptions;
  readonly messagesOut;
  readonly restRequests;

  constructor(private readonly metrics: Metrics) {
    this.connections = metrics.gauge("tickplant_push_connections", "WebSocket connections open now", []);
    this.subscriptions = metrics.gauge("tickplant_push_subscriptions", "Channel subscriptions of all connections", []);
    this.messagesOut = metrics.counter("tickplant_push_messages_total", "Messages handed to WebSocket clients", []);
    this.restRequests = metrics.counter("tickplant_rest_requests_total", "REST answers", ["route", "status"]);
  }

  dropped(reason: string, count: number): void {
    this.metrics.dropped.inc({ place: "push", reason }, count);
  }
}
