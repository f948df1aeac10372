import type { Metrics } from "../metrics.js";
import type { Consumer } from "./log.js";

type Lags = Awaited<ReturnType<Consumer["lag"]>>;

/** Shows a group's lag by partition, of those that are this process's: what is somebody else's now is theirs to tell. */
export class LagGauge {
  #shown: { topic: string; partition: string; consumer_group: string }[] = [];

  constructor(
    private readonly metrics: Pick<Metrics, "consumerLag">,
    private readonly group: string,
  ) {}

  show(lags: Lags): void {
    const { consumerLag } = this.metrics;
    const now = new Set(lags.map(({ topic, partition }) => `${topic}/${partition}`));
    for (const labels of this.#shown) if (!now.has(`${labels.topic}/${labels.partition}`)) consumerLag.remove(labels);
    this.#shown = lags.map(({ topic, partition, lag }) => {
      const labels = { topic, partition: String(partition), consumer_group: this.group };
      consumerLag.set(labels, lag);
      return labels;
    });
  }
}
