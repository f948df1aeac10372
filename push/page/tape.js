import { decimalsOf, grouped } from "./decimals.js";
import { byId, element, repaint, setText, timeOfDay } from "./elements.js";

const kept = 60;

/** The newest trades, newest first. */
export class Tape {
  #trades = [];

  clear() {
    this.#trades = [];
    repaint(this.#paint);
  }

  trade(trade) {
    this.#trades.unshift(trade);
    if (this.#trades.length > kept) this.#trades.length = kept;
    repaint(this.#paint);
  }

  #paint = () => {
    const body = byId("tape");
    while (body.children.length < this.#trades.length) body.append(makeRow());
    while (body.children.length > this.#trades.length) body.lastChild.remove();
    const priceDecimals = Math.max(0, ...this.#trades.map((trade) => decimalsOf(trade.price)));
    const qtyDecimals = Math.max(0, ...this.#trades.map((trade) => decimalsOf(trade.qty)));
    this.#trades.forEach((trade, at) => {
      const row = body.children[at];
      row.dataset.side = trade.side;
      const [time, price, qty, venue] = row.children;
      setText(time, timeOfDay(trade.timestamp));
      setText(price, grouped(trade.price, priceDecimals));
      price.title = trade.price;
      setText(qty, grouped(trade.qty, qtyDecimals));
      setText(venue, trade.exchange);
      venue.title = trade.exchange;
    });
  };
}

const makeRow = () => element("tr", {}, ...[0, 1, 2, 3].map(() => element("td")));
