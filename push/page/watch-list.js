import { changeInBasisPoints, compareDecimals, grouped } from "./decimals.js";
import { byId, element, repaint, setText } from "./elements.js";

/** Rows by symbol: the aggregate's price, the change over 24 h (of a venue where the aggregate has none), and each venue's own last price. */
export class WatchList {
  #rows = new Map();
  #venues = [];
  #onSelect;
  #selected;
  #changed = new Set();

  constructor(onSelect) {
    this.#onSelect = onSelect;
  }

  /** Lays out the table; rows that are there stay. */
  show(symbols, venues) {
    if (venues.join() !== this.#venues.join()) this.#head(venues);
    const body = byId("watch").tBodies[0];
    for (const symbol of symbols) {
      if (this.#rows.has(symbol)) continue;
      const row = this.#makeRow(symbol);
      this.#rows.set(symbol, row);
      body.append(row.node);
    }
    byId("watch-empty").hidden = this.#rows.size > 0;
  }

  select(symbol) {
    this.#selected = symbol;
    for (const [name, row] of this.#rows) {
      row.node.classList.toggle("selected", name === symbol);
      row.button.setAttribute("aria-pressed", String(name === symbol));
    }
  }

  ticker({ symbol, exchange, last_price, weighted_price, open_24h }) {
    const row = this.#rows.get(symbol);
    const price = last_price ?? (exchange === "aggregate" ? weighted_price : null) ?? null;
    if (row === undefined || price === null) return;
    row.prices.set(exchange, price);
    if (open_24h) row.opens.set(exchange, open_24h);
    else row.opens.delete(exchange);
    this.#changed.add(`${symbol} ${exchange}`);
    repaint(this.#paint);
  }

  #head(venues) {
    this.#venues = venues;
    document.documentElement.style.setProperty("--venues", venues.length);
    const titles = ["Market", "Price", "24 h", ...venues];
    byId("watch").tHead.replaceChildren(
      element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title))),
    );
    for (const row of this.#rows.values()) this.#addVenueCells(row);
  }

  #makeRow(symbol) {
    const button = element("button", { type: "button", "aria-pressed": String(symbol === this.#selected) }, symbol);
    const price = element("td", { class: "price" }, "–");
    const change = element("td", { class: "change" }, "–");
    const node = element("tr", {}, element("th", { scope: "row" }, button), price, change);
    node.addEventListener("click", () => this.#onSelect(symbol));
    const row = { node, button, change, cells: new Map([["aggregate", price]]), prices: new Map(), opens: new Map() };
    this.#addVenueCells(row);
    return row;
  }

  #addVenueCells(row) {
    for (const venue of this.#venues) {
      if (row.cells.has(venue)) continue;
      const cell = element("td", { class: "venue-price" }, "–");
      row.cells.set(venue, cell);
    }
    row.node.append(...this.#venues.map((venue) => row.cells.get(venue)));
  }

  #paint = () => {
    for (const key of this.#changed) {
      const [symbol, exchange] = key.split(" ");
      const row = this.#rows.get(symbol);
      const cell = row?.cells.get(exchange);
      if (cell === undefined) continue;
      paintPrice(cell, row.prices.get(exchange));
      paintChange(
        row,
        ["aggregate", ...this.#venues].find((name) => row.opens.has(name)),
      );
    }
    this.#changed.clear();
  };
}

function paintPrice(cell, price) {
  const before = cell.dataset.price;
  if (before === price) return;
  cell.dataset.price = price;
  setText(cell, grouped(price));
  cell.title = price;
  if (before !== undefined) flash(cell, compareDecimals(price, before) > 0 ? "up" : "down");
}

function paintChange(row, exchange) {
  const points = exchange && changeInBasisPoints(row.opens.get(exchange), row.prices.get(exchange));
  row.change.title = exchange === undefined || exchange === "aggregate" ? "" : `of ${exchange}`;
  setText(row.change, points === undefined ? "–" : percent(points));
  row.change.dataset.direction = points === undefined || points === 0 ? "" : points > 0 ? "up" : "down";
}

export function percent(points) {
  const text = `${Math.floor(Math.abs(points) / 100)}.${String(Math.abs(points) % 100).padStart(2, "0")}%`;
  return points < 0 ? `−${text}` : `+${text}`;
}

/** Colours a cell for a moment after its value moved. */
export function flash(cell, direction) {
  cell.dataset.moved = direction;
  clearTimeout(cell.fading);
  cell.fading = setTimeout(() => delete cell.dataset.moved, 450);
}
