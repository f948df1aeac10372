/**
 * Series of counters that an alert watches, which begin at 0: of one that appears with a value Prometheus sees no growth.
 * Places and reasons of `tickplant_dropped_total` where something is lost.
 */
export const watchedDrops: Readonly<Record<string, readonly string[]>> = {
  publisher: [
    "closed",
    ...["buffer_full", "closed", "hole", "unwritable"].flatMap((reason) =>
      ["depth", "trade", "quote", "ticker", "oracle", "instrument"].map((kind) => `${reason}_${kind}`),
    ),
  ],
  log: ["damaged_frame"],
  log_read: ["damaged_frame"],
  sink: ["retention", "dead_letter_refused"],
  dead_letters: ["buffer_full", "closed"],
  recorder: ["buffer_full", "closed", "disk"],
  chain_topics: ["closed"],
  engine: ["lost_to_retention"],
};

/** Places of `tickplant_disk_waits_total`. */
export const diskPlaces: readonly string[] = ["log", "store", "recordings"];
