/** Expressions that are evaluated in the browser; as text, for the compiler here knows no browser. */

export const historyIsDrawn = `Number(document.querySelector("#chart").dataset.bars) >= 120`;

/** How many pixels of the chart's canvases differ from nothing: a drawn chart has many. */
export const paintedPixels = `(() => {
  let painted = 0;
  for (const canvas of document.querySelectorAll("#chart canvas")) {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    for (let at = 3; at < pixels.length; at += 4) if (pixels[at] > 0) painted++;
  }
  return painted;
})()`;

/** Contrast of each kind of text with its panel, by the formula of WCAG 2. */
export const contrasts = `(() => {
  const styleOf = (selector) => getComputedStyle(document.querySelector(selector));
  const luminance = (color) => {
    const [r, g, b] = color.match(/\\d+/g).map((part) => {
      const value = Number(part) / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const panel = luminance(styleOf(".panel").backgroundColor);
  const texts = [".panel h2", "thead th", ".bids span", ".asks span", "#watch td"];
  return texts.map((each) => (luminance(styleOf(each).color) + 0.05) / (panel + 0.05));
})()`;

/** Counts animation frames and the times that the tape changed, in the global counts. */
export const countPaints = `(() => {
  window.counts = { mutations: 0, frames: 0 };
  const observed = { childList: true, subtree: true, characterData: true };
  new MutationObserver(() => counts.mutations++).observe(document.querySelector("#tape"), observed);
  const frame = () => {
    counts.frames++;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})()`;

/** Whether at least three different prices stand on the chart's axis; needs `recordDrawnTexts`. */
export const axisIsDrawn = `new Set(drawnTexts.filter((text) => /\\d/.test(text) && !text.includes(":"))).size >= 3`;

/** Texts of table cells and levels that have less room than they need. */
export const cutOff = `[...document.querySelectorAll("#watch td, #watch th, #tape td, .levels li:not(.vacant) span")]
  .filter((cell) => cell.scrollWidth > cell.clientWidth + 1 || cell.getBoundingClientRect().right > cell.closest(".panel").getBoundingClientRect().right + 1)
  .map((cell) => cell.textContent)`;

/** Keeps the texts that are drawn on canvases in the global `drawnTexts`. Runs before the page does. */
export const recordDrawnTexts = `(() => {
  window.drawnTexts = [];
  const draw = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
    drawnTexts.push(text);
    return draw.call(this, text, ...place);
  };
})()`;
