// The latest messages and alerts: keyed lists, so that items do not flicker or jump.
import { el, emptyState, link, time } from "./dom.js";

const STATES = { posted: "good", posting: "", withdrawn: "warn", failed: "bad" };

/** Keeps an <ol> in sync with a list of items by id, reusing the nodes of unchanged items. */
export class KeyedList {
  constructor(node, render, empty, fresh = null) {
    Object.assign(this, { node, render, empty, fresh, known: new Map(), items: [], filled: false });
    if (fresh === null) return;
    fresh.addEventListener("click", () => {
      node.scrollTop = 0;
      this.apply();
      node.focus();
    });
    node.addEventListener("scroll", () => node.scrollTop < 4 && !fresh.hidden && this.apply());
  }

  /** Show the items; while the reader has scrolled down, only offer new ones and drop deleted ones. */
  show(items, now, different = false) {
    this.items = items;
    this.now = now;
    if (different) Object.assign(this, { filled: false }).node.scrollTop = 0;
    if (this.fresh === null || this.node.scrollTop < 4) return this.apply();
    const ids = new Set(items.map((item) => item.id));
    for (const [id, { node }] of this.known) if (!ids.has(id)) this.forget(id, node);
    this.fresh.hidden = !items.some((item) => !this.known.has(item.id));
    return undefined;
  }

  forget(id, node) {
    node.remove();
    this.known.delete(id);
  }

  apply() {
    if (this.fresh !== null) this.fresh.hidden = true;
    const next = new Map();
    for (const item of this.items) {
      const content = JSON.stringify(item);
      const old = this.known.get(item.id);
      const node = old && old.content === content ? old.node : this.render(item, this.now);
      if (!old && this.filled) node.classList.add("new");
      next.set(item.id, { node, content });
    }
    this.known = next;
    this.filled = true;
    const nodes = this.items.length ? [...next.values()].map((entry) => entry.node) : [el("li", { class: "blank" }, this.empty())];
    const same = nodes.length === this.node.children.length && nodes.every((node, i) => node === this.node.children[i]);
    if (!same) this.node.replaceChildren(...nodes);
  }
}

/** Return the score with its position between negative and positive. */
function score(value, label) {
  if (value === null || value === undefined) return el("div", { class: "score none" }, "not scored");
  const mark = el("i");
  mark.style.left = `${Math.round(value * 100)}%`;
  return el("div", { class: `score ${label || ""}`, title: `Score ${value.toFixed(3)}: 0 is negative, 0.5 neutral, 1 positive` }, el("b", {}, value.toFixed(2)), el("span", { class: "scale", "aria-hidden": "true" }, mark));
}

/** Return a message as a list item. */
export function message(item, now) {
  const why = item.probabilities ? Object.entries(item.probabilities).map(([name, p]) => `${name} ${Math.round(p * 100)} %`).join(", ") : null;
  return el(
    "li",
    {},
    score(item.score, item.label),
    el("p", { class: "text", dir: "auto", title: why }, item.text),
    el("p", { class: "meta" }, el("span", { class: "pill" }, item.source), item.author ? el("span", { dir: "auto" }, item.author) : null, time(item.at, now), item.kind === "edit" ? el("span", {}, "edited") : null, link(item.url, "open ↗")),
  );
}

/** Return an alert as a list item. */
export function alert(item, now) {
  const note = item.gone ? "Recalled: the message was changed or deleted." : "The text is no longer available here; see Slack.";
  return el(
    "li",
    {},
    score(item.score, item.score === null ? "" : item.score < 0.5 ? "negative" : "positive"),
    el("p", { class: item.text === null ? "text gone" : "text", dir: "auto" }, item.text ?? note),
    el("p", { class: "meta" }, el("span", { class: `pill ${STATES[item.state] ?? "warn"}`, title: item.reason }, item.digest ? `${item.state} in a digest` : item.state), el("span", {}, item.channel), time(item.at, now), item.state === "failed" && item.reason ? el("span", {}, item.reason) : null, link(item.url, "open ↗")),
  );
}

/** Return the placeholder of an empty list of messages. */
export const noMessages = (label) =>
  label
    ? emptyState(`No ${label} messages among the latest`, "Choose All to see the others.")
    : emptyState("No messages yet", "Post one from a terminal: ", el("code", {}, "feedback say '#channel' 'I love the new export'"));

/** Return the placeholder of an empty list of alerts. */
export const noAlerts = ([low, high]) => emptyState("No alerts yet", `A score below ${low} or above ${high} is posted to Slack and shown here.`);
