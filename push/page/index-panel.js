import { compareDecimals, grouped, shortened } from "./decimals.js";
import { byId, element, repaint, setText } from "./elements.js";
import { flash } from "./watch-list.js";

/** Each index with its value, its state, and what it is made of. */
export class IndexPanel {
  #cards = new Map();

  index(message) {
    const card = this.#cards.get(message.name) ?? this.#makeCard(message.name);
    card.message = message;
    repaint(this.#paint);
  }

  #makeCard(name) {
    const value = element("output", { class: "index-value" }, "–");
    const state = element("span", { class: "badge" });
    const head = element("header", {}, element("h3", {}, name), state, value);
    const titles = ["Constituent", "Price", "Weight", "State"].map((title) => element("th", { scope: "col" }, title));
    const body = element("tbody");
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...titles)), body);
    const node = element("article", { class: "index", "data-index": name }, head, table);
    const card = { node, value, state, body, message: undefined, painted: undefined };
    this.#cards.set(name, card);
    byId("indices").append(node);
    return card;
  }

  #paint = () => {
    for (const card of this.#cards.values()) {
      if (card.painted === card.message) continue;
      paintCard(card, card.message, card.painted);
      card.painted = card.message;
    }
  };
}

function paintCard({ value, state, body }, message, before) {
  setText(value, message.value === null ? "–" : grouped(message.value));
  if (before?.value && message.value && before.value !== message.value) {
    flash(value, compareDecimals(message.value, before.value) > 0 ? "up" : "down");
  }
  state.hidden = message.status === "live";
  state.dataset.state = message.status;
  setText(state, message.status);
  const { constituents } = message;
  while (body.children.length < constituents.length) body.append(makeRow());
  while (body.children.length > constituents.length) body.lastChild.remove();
  for (const [at, constituent] of constituents.entries()) paintConstituent(body.children[at], constituent);
}

const makeRow = () => element("tr", {}, ...[0, 1, 2, 3].map(() => element("td")));

function paintConstituent(row, { exchange, symbol, price, weight, included, reason }) {
  row.classList.toggle("excluded", !included);
  const [name, value, share, why] = row.children;
  setText(name, `${exchange} ${symbol}`);
  setText(value, price === null ? "–" : grouped(price));
  setText(share, percentOf(weight));
  share.style.setProperty("--share", Number(weight).toFixed(3));
  setText(why, reason.replaceAll("_", " "));
}

/** "0.33333" → "33.33%": the point moves two places, the digits stay. */
function percentOf(weight) {
  const [whole, fraction = ""] = weight.split(".");
  const digits = whole + fraction.padEnd(2, "0").slice(0, 2);
  const rest = fraction.slice(2);
  return `${shortened(`${BigInt(digits)}${rest === "" ? "" : `.${rest}`}`, 2).replace("…", "")}%`;
}
