// Building blocks: elements, numbers and times. Untrusted text only ever becomes a text node.

/** Return an element; a child is a node, a text, or null, which is skipped. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Return the element with an id. */
export const $ = (id) => document.getElementById(id);

/** Set the text of an element only if it changes, so that a selection in it survives. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** Return a count: in full up to 99,999, then 123.4K. */
export const count = (n) => (n < 100000 ? whole : short).format(n);

/** Return "1 message", "2 messages". */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** Return how long ago a time was, for display. */
export function ago(at, now) {
  const s = Math.max(0, Math.round((now - Date.parse(at)) / 1000));
  if (s < 5) return "now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

/** Return a <time> that updateAges() keeps up to date. */
export function time(at, now) {
  if (!at || Number.isNaN(Date.parse(at))) return null;
  return el("time", { datetime: at, title: new Date(at).toLocaleString(), "data-ages": true }, ago(at, now));
}

/** Update every <time> on the page. */
export function updateAges(now) {
  for (const node of document.querySelectorAll("time[data-ages]")) setText(node, ago(node.dateTime, now));
}

/** Return a link, or null for any address other than http(s). */
export function link(url, text) {
  if (!/^https?:\/\//i.test(url || "")) return null;
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** Return the placeholder of an empty part: a headline and the next step. */
export const emptyState = (headline, ...next) => el("p", { class: "none" }, el("b", {}, headline), ...next);
