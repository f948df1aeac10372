import { decimalsOf, grouped, shifted } from "./decimals.js";
import { byId, repaint } from "./elements.js";

const mostBars = 2_000;
/** The library draws nothing of prices with more decimals than doubles count exactly from 1 on. */
const mostDecimals = 12;
const ownFormat = 9;
const up = "#35c28b";
const down = "#f0616d";

/** Candles and volume. Numbers here place pixels; the values themselves are shown elsewhere, as text. */
export class Chart {
  #chart;
  #candles;
  #volumes;
  #bars = new Map();
  #pending = new Map();
  #decimals = 0;
  /** Powers of ten by which the drawn prices are larger. */
  #shift = 0;

  constructor() {
    const { createChart, CandlestickSeries, HistogramSeries } = window.LightweightCharts;
    this.#chart = createChart(byId("chart"), options);
    this.#candles = this.#chart.addSeries(CandlestickSeries, {
      upColor: up,
      downColor: down,
      borderVisible: false,
      wickUpColor: up,
      wickDownColor: down,
    });
    this.#volumes = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.08, bottom: 0.24 } });
  }

  /** @param interval of the K-lines that follow */
  clear(interval) {
    this.#bars.clear();
    this.#pending.clear();
    this.#decimals = 0;
    this.#shift = 0;
    this.#chart.timeScale().applyOptions({ secondsVisible: /^\d+s$/.test(interval) });
    this.#draw();
  }

  /** History, oldest first; live candles that came meanwhile stay. */
  load(klines, keepView = false) {
    for (const kline of klines) {
      const before = this.#bars.get(kline.open_time);
      if (before === undefined || before.revision <= kline.revision) this.#keep(kline);
    }
    this.#draw();
    if (!keepView)
      this.#chart.timeScale().setVisibleLogicalRange({ from: this.#bars.size - 110, to: this.#bars.size + 4 });
  }

  update(kline) {
    this.#keep(kline);
    this.#pending.set(kline.open_time, kline);
    repaint(this.#paint);
  }

  get bars() {
    return this.#bars.size;
  }

  #keep(kline) {
    this.#bars.set(kline.open_time, kline);
    const decimals = Math.max(...[kline.open, kline.high, kline.low, kline.close].map(decimalsOf));
    if (decimals <= this.#decimals) return;
    this.#decimals = decimals;
    const shift = Math.max(0, decimals - mostDecimals);
    const moved = shift !== this.#shift;
    this.#shift = shift;
    this.#candles.applyOptions({ priceFormat: priceFormat(decimals, shift) });
    if (moved) this.#draw();
  }

  #paint = () => {
    const newest = Math.max(...this.#bars.keys());
    const late = [...this.#pending.keys()].some((time) => time < newest);
    if (late || this.#bars.size > mostBars + 100) this.#draw();
    else for (const kline of this.#pending.values()) this.#drawBar(kline);
    this.#pending.clear();
    byId("chart-empty").hidden = this.#bars.size > 0;
  };

  #drawBar(kline) {
    this.#candles.update(candle(kline, this.#shift));
    this.#volumes.update(volume(kline));
  }

  #draw() {
    const sorted = [...this.#bars.values()].sort((a, b) => a.open_time - b.open_time);
    for (const old of sorted.splice(0, sorted.length - mostBars)) this.#bars.delete(old.open_time);
    this.#candles.setData(sorted.map((kline) => candle(kline, this.#shift)));
    this.#volumes.setData(sorted.map(volume));
    byId("chart").dataset.bars = String(sorted.length);
    byId("chart-empty").hidden = sorted.length > 0;
  }
}

const seconds = (micros) => micros / 1_000_000;

function candle({ open_time, open, high, low, close }, shift) {
  const [o, h, l, c] = [open, high, low, close].map((price) => Number(shift === 0 ? price : shifted(price, shift)));
  return { time: seconds(open_time), open: o, high: h, low: l, close: c };
}

function priceFormat(decimals, shift) {
  const precision = decimals - shift;
  const minMove = Number(`1e-${precision}`);
  if (decimals < ownFormat) return { type: "price", precision, minMove };
  return { type: "custom", minMove, formatter: (price) => grouped(shifted(price.toFixed(precision), -shift)) };
}

function volume({ open_time, open, close, volume: traded }) {
  const color = Number(close) >= Number(open) ? `${up}55` : `${down}55`;
  return { time: seconds(open_time), value: Number(traded), color };
}

const options = {
  autoSize: true,
  layout: {
    background: { type: "solid", color: "transparent" },
    textColor: "#8d98a8",
    fontFamily: "inherit",
    fontSize: 11,
    panes: { separatorColor: "#1d2530" },
  },
  grid: { vertLines: { color: "#171e27" }, horzLines: { color: "#171e27" } },
  crosshair: { mode: 0, vertLine: { color: "#4a5768" }, horzLine: { color: "#4a5768" } },
  rightPriceScale: { borderColor: "#1d2530" },
  timeScale: { borderColor: "#1d2530", timeVisible: true, secondsVisible: false, rightOffset: 4 },
};
