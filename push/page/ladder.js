import { compareDecimals, decimalsOf, grouped, subtract } from "./decimals.js";
import { byId, element, repaint, setText } from "./elements.js";

const rowHeight = 20;
const mostRows = 40;

/** The book of one channel, kept from its snapshot by its increments, and its best levels on screen. */
export class Ladder {
  #bids = new Side((a, b) => compareDecimals(b, a));
  #asks = new Side(compareDecimals);
  #status = "waiting";
  #reason = null;
  #rows = 10;

  constructor() {
    new ResizeObserver(([entry]) => {
      this.#rows = Math.max(5, Math.min(mostRows, Math.floor(entry.contentRect.height / rowHeight)));
      repaint(this.#paint);
    }).observe(byId("bids"));
  }

  clear() {
    this.#bids.clear();
    this.#asks.clear();
    this.#status = "waiting";
    this.#reason = null;
    repaint(this.#paint);
  }

  depth({ bids, asks, is_snapshot, status, reason }) {
    if (is_snapshot) {
      this.#bids.clear();
      this.#asks.clear();
    }
    this.#bids.change(bids);
    this.#asks.change(asks);
    this.#status = status;
    this.#reason = reason;
    repaint(this.#paint);
  }

  #paint = () => {
    const bids = this.#bids.best(this.#rows);
    const asks = this.#asks.best(this.#rows);
    const shown = [...bids, ...asks];
    const decimals = {
      price: Math.max(0, ...shown.map(([price]) => decimalsOf(price))),
      qty: Math.max(0, ...shown.map(([, qty]) => decimalsOf(qty))),
    };
    const most = Math.max(total(bids), total(asks));
    paintSide(byId("bids"), bids, this.#rows, decimals, most);
    paintSide(byId("asks"), asks, this.#rows, decimals, most);
    this.#paintSpread(bids[0], asks[0], decimals.price);
    this.#paintState(bids[0], asks[0]);
  };

  #paintSpread(bid, ask, decimals) {
    const known = bid !== undefined && ask !== undefined;
    const text = known ? `Spread ${grouped(subtract(ask[0], bid[0]), decimals)}` : "–";
    setText(byId("spread"), text);
  }

  #paintState(bid, ask) {
    const crossed = bid !== undefined && ask !== undefined && compareDecimals(bid[0], ask[0]) >= 0;
    const word = this.#status === "live" ? (crossed ? "crossed" : "") : this.#status;
    const badge = byId("book-state");
    badge.hidden = word === "";
    badge.dataset.state = word;
    const isSaid = word === "" || this.#reason === null || this.#reason === word;
    setText(badge, isSaid ? word : `${word}: ${this.#reason.replaceAll("_", " ")}`);
  }
}

/** Levels sorted best first. */
class Side {
  #levels = [];
  #compare;

  constructor(compare) {
    this.#compare = compare;
  }

  clear() {
    this.#levels = [];
  }

  change(levels) {
    for (const level of levels) this.#put(level);
  }

  best(count) {
    return this.#levels.slice(0, count);
  }

  #put([price, qty]) {
    let from = 0;
    let to = this.#levels.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#compare(this.#levels[middle][0], price) < 0) from = middle + 1;
      else to = middle;
    }
    const found = this.#levels[from]?.[0] === price;
    if (qty === "0") {
      if (found) this.#levels.splice(from, 1);
    } else this.#levels.splice(from, found ? 1 : 0, [price, qty]);
  }
}

/** Widths of bars are pixels, so a float will do. */
const total = (levels) => levels.reduce((sum, [, qty]) => sum + Number(qty), 0);

function paintSide(list, levels, rows, decimals, most) {
  while (list.children.length > rows) list.lastChild.remove();
  while (list.children.length < rows) list.append(makeLevel());
  let sum = 0;
  for (let at = 0; at < rows; at++) {
    const node = list.children[at];
    const level = levels[at];
    node.classList.toggle("vacant", level === undefined);
    if (level === undefined) continue;
    sum += Number(level[1]);
    const [price, qty, all] = node.children;
    setText(price, grouped(level[0], decimals.price));
    price.title = level[0];
    setText(qty, grouped(level[1], decimals.qty));
    setText(all, compact(sum));
    node.style.setProperty("--share", most === 0 ? 0 : (sum / most).toFixed(3));
  }
}

const makeLevel = () =>
  element("li", { class: "vacant" }, element("span"), element("span"), element("span", { class: "total" }));

const compactForm = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, notation: "compact" });
const compact = (value) => compactForm.format(value);
