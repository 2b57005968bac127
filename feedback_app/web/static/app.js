// The page: receives the parts of the event stream and passes each to its drawing function.
import { Chart } from "./chart.js";
import { $, setText, updateAges } from "./dom.js";
import { KeyedList, alert, message, noAlerts, noMessages } from "./lists.js";
import { follow } from "./stream.js";
import { blockedBy, channels, sources, stages, tiles, workers } from "./tables.js";

const parts = { messages: [], alerts: [] };
let label = "";
let range = "hour";
// Ages are computed with the worker's clock, because this machine's may be wrong.
let clockOffset = 0;

const now = () => Date.now() + clockOffset;
const chart = new Chart($("plot"));
const messages = new KeyedList($("messages"), message, () => noMessages(label), $("fresh"));
const alerts = new KeyedList($("alerts"), alert, () => noAlerts(parts.figures?.thresholds ?? [0.3, 0.9]));

const draw = {
  figures(figures) {
    clockOffset = Date.parse(figures.stats.as_of) - Date.now();
    sources(figures, now());
    channels(figures);
    stages(figures);
    workers(figures);
    tiles(figures, parts.hour);
    setText($("model"), figures.model ? `model ${figures.model}` : "");
    setText($("as-of"), `As of ${new Date(figures.stats.as_of).toLocaleTimeString([], { hour12: false })}`);
    $("logout").hidden = !figures.guarded;
    banner(blockedBy(figures), "outside");
  },
  hour: () => {
    if (parts.figures) tiles(parts.figures, parts.hour);
    if (range === "hour") chart.show(parts.hour);
  },
  day: () => range === "day" && chart.show(parts.day),
  messages: () => messages.show(parts.messages.filter((item) => !label || item.label === label), now()),
  alerts: () => alerts.show(parts.alerts, now()),
};

function banner(text, kind) {
  const node = $("banner");
  node.hidden = text === null;
  node.className = `banner ${kind}`;
  if (text !== null) setText(node, text);
}

function connection(state, seconds) {
  $("live").dataset.state = state;
  document.body.classList.toggle("stale", state === "lost");
  setText($("live-text"), state === "live" ? "Live" : "Connection lost");
  if (state === "lost") banner(`Connection lost. What you see may be old; next attempt in ${seconds} s.`, "");
}

function choose(button) {
  for (const other of button.parentNode.children) other.setAttribute("aria-pressed", String(other === button));
}

for (const name of ["hour", "day"]) {
  $(`r-${name}`).addEventListener("click", (event) => {
    range = name;
    choose(event.currentTarget);
    if (parts[name]) chart.show(parts[name]);
  });
}
for (const button of document.querySelectorAll("[data-label]")) {
  button.addEventListener("click", () => {
    label = button.dataset.label;
    choose(button);
    messages.show(parts.messages.filter((item) => !label || item.label === label), now(), true);
  });
}
setInterval(() => updateAges(now()), 5000);

follow(
  "/events",
  Object.keys(draw),
  (name, value) => {
    parts[name] = value;
    document.body.classList.remove("loading");
    draw[name](value);
  },
  connection,
);
