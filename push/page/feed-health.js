import { byId, element, setText, timeOfDay } from "./elements.js";

/** One chip a venue: whether all its connections are up, and since when. */
export class FeedHealth {
  #chips = new Map();

  feed({ exchange, feeds, ill = [] }) {
    const chip = this.#chips.get(exchange) ?? this.#makeChip(exchange);
    const isIll = ({ feed }) => ill.some((one) => one.feed === feed && one.symbol === "");
    const up = feeds.filter((feed) => feed.connected && !isIll(feed)).length;
    const late = ill.filter(({ symbol }) => symbol !== "");
    const state = up === 0 ? "down" : up === feeds.length && late.length === 0 ? "up" : "partly";
    chip.node.dataset.state = state;
    setText(chip.count, `${up}/${feeds.length}${late.length > 0 ? `, ${late.length} late` : ""}`);
    chip.node.title = feeds
      .map(({ feed, connected, since }) => `${feed}: ${connected ? "connected" : "down"} since ${timeOfDay(since)} UTC`)
      .concat(ill.slice(0, 20).map(inWords))
      .join("\n");
    chip.node.setAttribute(
      "aria-label",
      `${exchange}: ${up} of ${feeds.length} feeds well, ${late.length} streams late`,
    );
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

function inWords({ feed, symbol, kind, how, since }) {
  const what = symbol === "" ? feed : `${kind} of ${symbol}`;
  return `${what}: ${how} since ${timeOfDay(since)} UTC`;
}
