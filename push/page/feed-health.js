import { byId, element, setText, timeOfDay } from "./elements.js";

/** One chip a venue: whether all its connections are up, and since when. */
export class FeedHealth {
  #chips = new Map();

  feed({ exchange, feeds }) {
    const chip = this.#chips.get(exchange) ?? this.#makeChip(exchange);
    const up = feeds.filter((feed) => feed.connected).length;
    const state = up === feeds.length && up > 0 ? "up" : up === 0 ? "down" : "partly";
    chip.node.dataset.state = state;
    setText(chip.count, `${up}/${feeds.length}`);
    chip.node.title = feeds
      .map(({ feed, connected, since }) => `${feed}: ${connected ? "connected" : "down"} since ${timeOfDay(since)} UTC`)
      .join("\n");
    chip.node.setAttribute("aria-label", `${exchange}: ${up} of ${feeds.length} feeds connected`);
  }

  #makeChip(exchange) {
    const count = element("span", { class: "feed-count" });
    const node = element("li", { "data-venue": exchange }, element("span", { class: "dot" }), exchange, " ", count);
    byId("feeds").append(node);
    const chip = { node, count };
    this.#chips.set(exchange, chip);
    return chip;
  }
}
