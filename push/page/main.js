import { Chart } from "./chart.js";
import { compareDecimals, grouped, shortened } from "./decimals.js";
import { byId, element, focusWhatScrolls, repaint, setText } from "./elements.js";
import { FeedHealth } from "./feed-health.js";
import { IndexPanel } from "./index-panel.js";
import { Ladder } from "./ladder.js";
import { forgetChannelStatus, showChannelStatus, showHealth, showLinkState } from "./link-state.js";
import { Stream } from "./stream.js";
import { Tape } from "./tape.js";
import { flash, WatchList } from "./watch-list.js";

const usualIntervals = ["1m", "5m", "15m", "1h", "4h", "1d"];
const listingMs = 5_000;
const watchRateMs = 200;
const fewBars = 15;

const get = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
};

/** Symbol, venue and interval that the desk shows; kept in the address, so that a view can be shared. */
const shown = { symbol: undefined, venue: "aggregate", interval: undefined, ...fromAddress() };
const venuesOf = new Map();
const listed = new Set();
const tickers = new Map();

const watch = new WatchList((symbol) => select({ symbol }));
const chart = new Chart();
const ladder = new Ladder();
const tape = new Tape();
const indices = new IndexPanel();
const feeds = new FeedHealth();
let stream;
let current = [];
let loading = 0;
let intervals = usualIntervals;

focusWhatScrolls(document.querySelectorAll(".scroll, #feeds"));
void start();

async function start() {
  setInterval(() => setText(byId("clock"), `${new Date().toISOString().slice(11, 19)} UTC`), 1000);
  let info;
  while (info === undefined) {
    info = await get("v1/info").catch(() => undefined);
    if (info === undefined) {
      showLinkState({ state: "disconnected", retryInMs: 1000 });
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  stream = new Stream(
    `${scheme}://${location.hostname}:${info.web_socket.port}${info.web_socket.path}`,
    linkState,
    showChannelStatus,
    showHealth,
  );
  await list();
  setInterval(() => list(), listingMs);
}

/** What there is to see: markets, indices and feeds. New ones appear by themselves. */
async function list() {
  try {
    const [info, found, made, health] = await Promise.all(["v1/info", "v1/tickers", "v1/indices", "v1/feeds"].map(get));
    if (info.intervals.length > 0) intervals = info.intervals;
    for (const ticker of found) listTicker(ticker);
    for (const { name } of made) once(`index:${name}`, (message) => indices.index(message));
    for (const feed of health) once(`feed:${feed.exchange}`, (message) => feeds.feed(message));
    const venues = [...new Set([...venuesOf.values()].flatMap((names) => [...names]))].sort();
    watch.show([...venuesOf.keys()].sort(), venues);
    for (const ticker of found) watch.ticker(ticker);
    if (current.length === 0 && venuesOf.size > 0) {
      const symbol = venuesOf.has(shown.symbol) ? shown.symbol : firstSymbol(made);
      select({ symbol, interval: shown.interval ?? (await firstInterval(symbol)) });
    }
    switches();
  } catch (error) {
    console.warn("tickplant:", error.message);
  }
}

/** The market to begin with: that of the first index, else the first by name. */
function firstSymbol(made) {
  const inIndices = made.flatMap(({ constituents }) => constituents.map(({ symbol }) => symbol));
  return inIndices.find((symbol) => venuesOf.has(symbol)) ?? [...venuesOf.keys()].sort()[0];
}

/** Minutes, unless the plant is so young that they would make no picture and it has seconds. */
async function firstInterval(symbol) {
  if (!intervals.includes("1s")) return usualIntervals[0];
  const query = new URLSearchParams({ symbol, interval: usualIntervals[0], limit: String(fewBars) });
  const minutes = await get(`v1/klines?${query}`).catch(() => []);
  return minutes.length < fewBars ? "1s" : usualIntervals[0];
}

function listTicker({ symbol, exchange }) {
  if (!venuesOf.has(symbol)) venuesOf.set(symbol, new Set());
  if (exchange !== "aggregate") venuesOf.get(symbol).add(exchange);
  once(`ticker:${place(symbol, exchange)}`, takeTicker, watchRateMs);
}

function takeTicker(ticker) {
  watch.ticker(ticker);
  tickers.set(place(ticker.symbol, ticker.exchange), ticker);
  repaint(headline);
}

function once(channel, take, rateMs) {
  if (listed.has(channel)) return;
  listed.add(channel);
  stream.subscribe(channel, (envelope) => envelope && take(envelope.data), rateMs);
}

const place = (symbol, venue) => (venue === "aggregate" ? symbol : `${symbol}@${venue}`);

/** Turns the desk to another market, venue or interval. */
function select(change) {
  Object.assign(shown, change);
  shown.interval ??= usualIntervals[0];
  const { symbol } = shown;
  if (symbol === undefined) return;
  if (shown.venue !== "aggregate" && !venuesOf.get(symbol)?.has(shown.venue)) shown.venue = "aggregate";
  history.replaceState(null, "", `#${new URLSearchParams(shown)}`);
  for (const channel of current) stream.unsubscribe(channel);
  watch.select(symbol);
  switches();
  turnTo(place(symbol, shown.venue));
  repaint(headline);
}

function turnTo(stand) {
  const { interval } = shown;
  const wanted = [
    [`depth:${stand}`, ladder, (depth) => ladder.depth(depth)],
    [`trade:${stand}`, tape, (trade) => tape.trade(trade)],
    [`kline:${stand}:${interval}`, undefined, (kline) => chart.update(kline)],
  ];
  current = wanted.map(([channel]) => channel);
  for (const panel of [ladder, tape]) panel.clear();
  chart.clear(interval);
  for (const [channel, panel, take] of wanted) {
    stream.subscribe(channel, (envelope) => (envelope ? take(envelope.data) : panel?.clear()));
  }
  void loadCandles();
}

let wasDown = false;

/** Candles that closed while the link was down come from history. */
function linkState(link) {
  showLinkState(link);
  if (link.state === "disconnected") {
    wasDown = true;
    forgetChannelStatus();
  }
  if (link.state !== "live" || !wasDown) return;
  wasDown = false;
  void loadCandles(true);
}

async function loadCandles(keepView = false) {
  const asked = ++loading;
  const { symbol, venue: exchange, interval } = shown;
  const query = new URLSearchParams({ symbol, exchange, interval, limit: "500" });
  const klines = await get(`v1/klines?${query}`).catch(() => []);
  if (asked === loading) chart.load(klines, keepView);
}

function switches() {
  const venues = ["aggregate", ...(venuesOf.get(shown.symbol) ?? [])];
  fill(byId("venues"), venues, shown.venue, (venue) => select({ venue }));
  fill(byId("intervals"), intervals, shown.interval, (interval) => select({ interval }));
}

function fill(group, names, chosen, choose) {
  if (group.dataset.names !== names.join()) {
    group.dataset.names = names.join();
    group.replaceChildren(
      ...names.map((name) => {
        const button = element("button", { type: "button", value: name }, name === "aggregate" ? "All venues" : name);
        button.addEventListener("click", () => choose(name));
        return button;
      }),
    );
  }
  for (const button of group.children) button.setAttribute("aria-pressed", String(button.value === chosen));
}

function headline() {
  const ticker = tickers.get(place(shown.symbol, shown.venue));
  setText(byId("chart-title"), shown.symbol ?? "–");
  const price = byId("headline-price");
  const last = ticker?.last_price ?? ticker?.weighted_price ?? null;
  if (last !== null && price.dataset.price !== last) {
    if (price.dataset.of === current[0] && price.dataset.price) {
      flash(price, compareDecimals(last, price.dataset.price) > 0 ? "up" : "down");
    }
    price.dataset.price = last;
    price.dataset.of = current[0];
  }
  setText(price, last === null ? "–" : grouped(last));
  price.title = last ?? "";
  document.title = last === null ? "tickplant" : `${grouped(last)} ${shown.symbol} · tickplant`;
  facts(ticker);
}

function facts(ticker) {
  const pairs = [
    ["Bid", ticker?.bid_price],
    ["Ask", ticker?.ask_price],
    ["24 h high", ticker?.high_24h],
    ["24 h low", ticker?.low_24h],
    ["24 h volume", ticker?.volume_24h],
    ["Weighted", ticker?.weighted_price],
    ["Median", ticker?.median_price],
  ].filter(([, value]) => value);
  const list = byId("facts");
  const key = pairs.map(([name]) => name).join();
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...pairs.map(([name]) => element("div", {}, element("dt", {}, name), element("dd"))));
  }
  for (const [at, [name, value]] of pairs.entries()) {
    const fact = list.children[at].lastChild;
    setText(fact, exact.has(name) ? grouped(value) : shortened(value, 8));
    fact.title = value;
  }
}

/** What a trader quotes stands there whole; averages may be cut. */
const exact = new Set(["Bid", "Ask", "24 h high", "24 h low"]);

function fromAddress() {
  const { symbol, venue, interval } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return Object.fromEntries(Object.entries({ symbol, venue, interval }).filter(([, value]) => value));
}
