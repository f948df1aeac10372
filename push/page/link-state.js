import { byId, setText } from "./elements.js";

const words = { connecting: "Connecting", live: "Live", stale: "Stale", disconnected: "Disconnected" };
let returnsAt;
let linkText = "";
const stale = new Map();
let troubles = [];
const mostNamed = 3;

/** Says in the bar, and in a banner where it matters, whether what one sees is live. */
export function showLinkState({ state, retryInMs, silentMs, reason }) {
  byId("link-state").dataset.state = state;
  document.body.dataset.link = state;
  setText(byId("link-text"), words[state]);
  returnsAt = retryInMs === undefined ? undefined : performance.now() + retryInMs;
  const why = reason ? ` (${reason})` : "";
  if (state === "disconnected") banner(`Disconnected${why}. Prices below are not live.${returning()}`);
  else if (state === "stale") banner(`Nothing heard for ${Math.round(silentMs / 1000)} s. Prices may be stale.`);
  else if (state === "live") banner("");
}

/** What the plant says of a channel that is on the page. @param reason undefined once it is live again */
export function showChannelStatus(channel, reason) {
  if (reason === undefined) stale.delete(channel);
  else stale.set(channel, reason);
  banner(linkText);
}

/** With the next connection the plant says it anew. */
export function forgetChannelStatus() {
  for (const channel of [...stale.keys()]) showChannelStatus(channel, undefined);
}

/** What keeps the plant from being ready, beside what its channels say. */
export function showHealth(reasons) {
  troubles = reasons;
  banner(linkText);
}

function banner(text) {
  linkText = text;
  const node = byId("banner");
  const said = text || [staleText(), troubleText()].filter(Boolean).join(" ");
  node.hidden = said === "";
  setText(node, said);
}

/** The market on view first: it is the one that somebody looks at. */
function staleText() {
  const onView = [...stale].filter(([channel]) => /^(trade|depth|kline):/.test(channel));
  if (onView.length === 0) return stale.size === 0 ? "" : `Stale: ${stale.values().next().value}.`;
  const kinds = [...new Set(onView.map(([channel]) => channel.slice(0, channel.indexOf(":"))))].sort().join(", ");
  return `Stale (${kinds}): ${onView[0][1]}. What is shown may not hold any more.`;
}

/** Beside what is stale by it. */
function troubleText() {
  const others = troubles.filter((reason) => ![...stale.values()].includes(reason));
  if (others.length === 0) return "";
  const more = others.length > mostNamed ? ` (and ${others.length - mostNamed} more)` : "";
  return `The plant is not well: ${others.slice(0, mostNamed).join("; ")}${more}.`;
}

function returning() {
  return returnsAt === undefined ? " Reload the page to try again." : " Reconnecting…";
}
