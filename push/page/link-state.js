import { byId, setText } from "./elements.js";

const words = { connecting: "Connecting", live: "Live", stale: "Stale", disconnected: "Disconnected" };
let returnsAt;

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

function banner(text) {
  const node = byId("banner");
  node.hidden = text === "";
  setText(node, text);
}

function returning() {
  return returnsAt === undefined ? " Reload the page to try again." : " Reconnecting…";
}
