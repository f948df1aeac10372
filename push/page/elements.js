export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; text always goes in as text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Writes text only where it changed, so that nothing is laid out for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const dirty = new Set();
let asked = false;

/** Runs the painters that were asked for, each at most once an animation frame. */
export function repaint(paint) {
  dirty.add(paint);
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const painters = [...dirty];
    dirty.clear();
    for (const run of painters) run();
  });
}

export function timeOfDay(micros) {
  return new Date(micros / 1000).toISOString().slice(11, 19);
}

/** What scrolls can be scrolled by keyboard, too: it takes the focus while something of it is hidden. */
export function focusWhatScrolls(regions) {
  for (const region of regions) {
    const look = () => {
      const scrolls = region.scrollWidth > region.clientWidth || region.scrollHeight > region.clientHeight;
      if (scrolls) region.tabIndex = 0;
      else region.removeAttribute("tabindex");
    };
    new ResizeObserver(look).observe(region);
    new MutationObserver(() => repaint(look)).observe(region, { childList: true, subtree: true });
  }
}
