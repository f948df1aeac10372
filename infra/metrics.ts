import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { diskPlaces, watchedDrops } from "./watched-series.js";

const latencySeconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** The plant's metrics under the names of the field. One object a thread; push gathers those of all threads. */
export class Metrics {
  readonly registry = new Registry();
  readonly producerMessages = this.counter("mq_producer_messages_total", "Messages sent to the log", [
    "topic",
    "status",
  ]);
  readonly producerLatency = this.histogram("mq_producer_latency_seconds", "From publish to acknowledged", ["topic"]);
  readonly consumerMessages = this.counter("mq_consumer_messages_total", "Messages handled", [
    "topic",
    "consumer_group",
  ]);
  /** A member measures its own partitions, a process of a cluster those of all groups: nothing is to be added up. */
  readonly consumerLag = this.gauge(
    "mq_consumer_lag",
    "Records between the group's position and the end",
    ["topic", "partition", "consumer_group"],
    "max",
  );
  readonly consumerProcessing = this.histogram("mq_consumer_processing_seconds", "Handling of one fetched batch", [
    "topic",
    "consumer_group",
  ]);
  readonly endToEndLatency = this.histogram("mq_end_to_end_latency_seconds", "From receive time to the channel", [
    "topic",
  ]);
  readonly deadLetters = this.counter("mq_dead_letter_messages_total", "Refused, by reason", ["topic", "reason"]);
  readonly marked = this.counter("tickplant_marked_total", "Taken in with a mark of what is odd with it, by reason", [
    "topic",
    "reason",
  ]);
  /** Everything that is dropped, refused or conflated outside the log, by place and reason: nothing goes silently. */
  readonly dropped = this.counter("tickplant_dropped_total", "Dropped, refused or conflated, by place and reason", [
    "place",
    "reason",
  ]);
  readonly diskWaits = this.counter(
    "tickplant_disk_waits_total",
    "Writes that found no room on the disk and are repeated, by place",
    ["place"],
  );
  readonly storeRows = this.counter(
    "tickplant_store_rows_total",
    "Rows that were sent to the store, by topic: ok, error (sent again), refused (a dead letter)",
    ["topic", "status"],
  );
  readonly storeInserts = this.histogram("tickplant_store_insert_seconds", "An insert of rows that went well", [
    "topic",
  ]);
  readonly feedConnected = this.gauge(
    "tickplant_feed_connected",
    "1 while the feed's connection is up",
    ["exchange", "feed"],
    "min",
  );
  readonly feedStaleness = this.gauge(
    "tickplant_feed_staleness_seconds",
    "Since the feed's last frame",
    ["exchange", "feed"],
    "max",
  );
  readonly feedClockOffset = this.gauge(
    "tickplant_feed_clock_offset_seconds",
    "How far the venue's clock is ahead of this machine's, below zero where it is behind",
    ["exchange"],
    "max",
  );
  readonly serviceClockOffset = this.gauge(
    "tickplant_service_clock_offset_seconds",
    "How far the clock of a service that all share is ahead of this machine's, below zero where it is behind",
    ["service"],
    "max",
  );
  /** Ingest and the processors both have a view of a book: it is right when both say so. */
  readonly bookLive = this.gauge(
    "tickplant_book_live",
    "1 while the book is right, 0 while stale",
    ["exchange", "symbol"],
    "min",
  );

  readonly chainBlock = this.gauge("tickplant_chain_block", "Newest block that was taken in", ["chain"], "max");
  readonly chainAnswersRefused = this.counter(
    "tickplant_chain_answers_refused_total",
    "Answers of nodes that were not believed, or that said to ask later",
    ["chain", "reason"],
  );
  readonly chainReorgs = this.counter(
    "tickplant_chain_dropped_blocks_total",
    "Blocks taken back since a reorganisation dropped them",
    ["chain"],
  );

  readonly oracleAge = this.gauge(
    "tickplant_oracle_age_seconds",
    "Since the time of an oracle's last price",
    ["exchange", "symbol"],
    "max",
  );
  readonly oracleStale = this.gauge(
    "tickplant_oracle_stale",
    "1 while an oracle's last price is older than heartbeat and grace",
    ["exchange", "symbol"],
    "max",
  );

  readonly streamLate = this.gauge(
    "tickplant_stream_late",
    "1 while the stream is late for what its market does: silent, stalled, or rarer than it was",
    ["exchange", "symbol", "kind"],
    "max",
  );
  readonly condition = this.gauge(
    "tickplant_condition",
    "How many conditions of the name hold: what keeps a role from being ready, or live",
    ["role", "condition", "severity"],
    "max",
  );

  /** Set by the process as a whole, never by its threads. */
  readonly ready = this.gauge("tickplant_ready", "1 while /readyz says 200", ["role"], "min");

  readonly buildInfo = this.gauge(
    "tickplant_build_info",
    "1; the versions of plant and Node, and the roles that run in this process",
    ["version", "node", "roles"],
    "max",
  );

  constructor() {
    for (const [place, reasons] of Object.entries(watchedDrops))
      for (const reason of reasons) this.dropped.inc({ place, reason }, 0);
    for (const place of diskPlaces) this.diskWaits.inc({ place }, 0);
  }

  counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** @param aggregator what the plant's value is where several threads have one */
  gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    aggregator: "sum" | "min" | "max" = "sum",
  ): Gauge<Label> {
    return new Gauge({ name, help, labelNames, aggregator, registers: [this.registry] });
  }

  histogram<Label extends string>(name: string, help: string, labelNames: Label[]): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets: latencySeconds, registers: [this.registry] });
  }
}
