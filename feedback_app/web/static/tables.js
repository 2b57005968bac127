// Tiles and tables, drawn from the figures.
import { $, count, el, emptyState, plural, setText, time } from "./dom.js";

const STATE_KIND = { running: "good", unknown: "", paused: "warn", rate_limited: "warn", waiting: "warn", gap: "warn", budget_spent: "warn", failing: "bad", unauthorised: "bad", silent: "bad" };
const LABELS = ["negative", "neutral", "positive"];

/** Fill the tiles of the overview. */
export function tiles({ stats }, hour) {
  const sources = Object.values(stats.sources);
  const channels = Object.values(stats.alerts);
  const add = (items, name) => items.reduce((total, item) => total + item[name], 0);
  const read = add(sources, "ingested");
  setText($("t-total"), count(read));
  setText($("t-total-sub"), `${count(add(sources, "scored"))} of them scored`);
  const pending = add(channels, "pending");
  const recalled = add(channels, "retracted");
  setText($("t-alerts"), count(add(channels, "delivered")));
  setText($("t-alerts-sub"), `${pending ? count(pending) : "none"} waiting${recalled ? `, ${count(recalled)} recalled` : ""}`);
  const dead = stats.dead_letters;
  setText($("t-dead"), dead ? count(dead.open) : "–");
  $("t-dead").className = dead?.open ? "big warn" : "big";
  const resolved = dead?.total ? `none waiting, ${count(dead.total)} resolved` : "none so far";
  setText($("t-dead-sub"), dead?.open ? `of ${count(dead.total)}; feedback dead-letters` : resolved);
  setText($("t-balanced"), stats.balanced ? "Balanced" : "Unbalanced");
  $("t-balanced").className = stats.balanced ? "big good" : "big bad";
  setText($("t-balanced-sub"), stats.balanced ? "all records accounted for" : "a record is missing");
  if (hour) rate(hour);
}

/** Fill the two tiles that show the last hour. */
function rate(hour) {
  const at = (name) => hour.names.indexOf(name) + 1;
  const minutes = hour.rows.map((row) => row[at("ingested")]);
  const past = minutes.slice(-11, -1);
  setText($("t-rate"), count(minutes.at(-2) ?? 0));
  setText($("t-rate-sub"), `10 min average ${(past.reduce((a, b) => a + b, 0) / 10).toFixed(1)}`);
  const sums = LABELS.map((name) => hour.rows.reduce((total, row) => total + row[at(`label_${name}`)], 0));
  const total = sums[0] + sums[1] + sums[2];
  const box = $("t-share");
  if (box.children.length === 0) box.append(...LABELS.map((name) => el("i", { class: name })));
  LABELS.forEach((_, i) => {
    box.children[i].style.flexGrow = total ? sums[i] : 0;
    box.children[i].style.minWidth = sums[i] ? "" : "0";
  });
  const shares = LABELS.map((name, i) => `${total ? Math.round((sums[i] / total) * 100) : 0}%`);
  box.setAttribute("aria-label", total ? LABELS.map((name, i) => `${shares[i]} ${name}`).join(", ") : "No messages yet");
  $("t-share-sub").replaceChildren(...LABELS.map((name, i) => el("span", {}, el("span", { class: `mark-s ${name}` }), el("b", {}, shares[i]), ` ${name}`)));
}

/** Draw the table of sources. */
export function sources({ stats, details }, now) {
  const rows = Object.entries(stats.sources).map(([id, it]) => [
    [el("span", {}, id), details[id] ? el("div", { class: "sub" }, details[id]) : null],
    pill(it.state, STATE_KIND),
    time(it.last_message_at, now) ?? "–",
    number(it.ingested),
    number(it.filtered, "slim"),
    number(it.duplicate, "slim"),
    number(it.dead_lettered, "", true),
  ]);
  fill($("sources"), ["Source", "State", "Last message", "#Read", "#Filtered", "#Duplicate", "#Dead"], rows, [4, 5], () =>
    emptyState("No source is set up", "Set ", el("code", {}, "FEEDBACK_X_QUERY"), " or ", el("code", {}, "FEEDBACK_SLACK_CHANNELS"), ", then start the worker again. ", el("code", {}, "feedback doctor"), " shows what is missing."),
  );
}

/** Draw the table of alert channels. */
export function channels({ stats }) {
  const rows = Object.entries(stats.alerts).map(([name, it]) => [
    name,
    number(it.created, "slim"),
    number(it.delivered),
    number(it.pending),
    number(it.retracted, "slim"),
    number(it.dead_lettered, "", true),
    number(it.duplicates_repaired, "slim"),
  ]);
  fill($("channels"), ["Channel", "#Created", "#Delivered", "#Waiting", "#Recalled", "#Dead", "#Repaired"], rows, [1, 4, 6], () => emptyState("No alert channel", "The rules in the file of FEEDBACK_CONFIG name the channels."));
}

/** Draw the table of stages. */
export function stages({ stats }) {
  const rows = Object.entries(stats.stages).map(([name, it]) => [
    name,
    it.waiting_for ? [pill("waiting", { waiting: "warn" }), el("div", { class: "sub" }, it.waiting_for)] : pill(stats.workers.length ? "working" : "no worker", { working: "good", "no worker": "bad" }),
    number(it.lag),
    { text: it.per_second.toFixed(it.per_second < 10 ? 1 : 0), class: "n" },
    number(it.dead_lettered, "", true),
  ]);
  fill($("stages"), ["Stage", "State", "#Lag", "#Per second", "#Dead"], rows, [], () => emptyState("No stages"));
}

/** Draw the table of workers. */
export function workers({ stats }) {
  const rows = stats.workers.map((it) => [it.id, number(Object.values(it.partitions).reduce((n, list) => n + list.length, 0))]);
  fill($("workers"), ["Worker", "#Partitions"], rows, [], () => emptyState("No worker is alive", "Start one: ", el("code", {}, "feedback worker")));
}

/** Return one line about the dependencies that fail, or null. */
export function blockedBy({ faults }) {
  const failing = Object.entries(faults);
  if (!failing.length) return null;
  return `Waiting for ${plural(failing.length, "external service")}: ${failing.map(([name, text]) => `${name} (${text})`).join("; ")}`;
}

function pill(state, kinds) {
  return el("span", { class: `pill ${kinds[state] ?? "warn"}` }, String(state).replaceAll("_", " "));
}

function number(n, more = "", bad = false) {
  return { text: count(n), class: `n ${more} ${n === 0 ? "zero" : bad ? "bad" : ""}` };
}

/** Replace a table if it changed; a heading that begins with # marks a column of numbers. */
function fill(box, heads, rows, slim, empty) {
  const cell = (value) => {
    if (value !== null && typeof value === "object" && "text" in value && !(value instanceof Node)) return el("td", { class: value.class }, value.text);
    return el("td", {}, ...(Array.isArray(value) ? value : [value]));
  };
  const head = (name, i) => el("th", { scope: "col", class: `${name[0] === "#" ? "n" : ""} ${slim.includes(i) ? "slim" : ""}` }, name.replace("#", ""));
  const table = rows.length ? el("table", {}, el("thead", {}, el("tr", {}, ...heads.map(head))), el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map(cell))))) : empty();
  const old = box.firstElementChild;
  if (old === null || !old.isEqualNode(table)) box.replaceChildren(table);
}
