// Turns Slack's text and blocks into elements. Everything goes in as text, never as HTML.

const EMOJI = {
  tada: "🎉", heart: "❤️", fire: "🔥", tea: "🍵", sparkles: "✨", joy: "😂", clap: "👏",
  warning: "⚠️", rotating_light: "🚨", white_check_mark: "✅", x: "❌", eyes: "👀",
  thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎", bell: "🔔", no_bell: "🔕",
  mag: "🔍", bar_chart: "📊", chart_with_upwards_trend: "📈", hourglass: "⌛", star: "⭐",
  star2: "🌟", red_circle: "🔴", large_green_circle: "🟢", large_yellow_circle: "🟡",
  link: "🔗", speech_balloon: "💬", bust_in_silhouette: "👤", smile: "😄", slightly_smiling_face: "🙂",
  disappointed: "😞", rage: "😡", cry: "😢", arrow_up: "⬆️", arrow_down: "⬇️", package: "📦",
  information_source: "ℹ️", zzz: "💤", wave: "👋", raised_hands: "🙌", pray: "🙏", point_right: "👉",
};

const MARKS = [
  { pattern: /^```([\s\S]+?)```/, tag: "pre", plain: true },
  { pattern: /^`([^`\n]+)`/, tag: "code", plain: true },
  { pattern: /^\*(\S(?:[^*\n]*\S)?)\*(?![\w])/, tag: "strong" },
  { pattern: /^_(\S(?:[^_\n]*\S)?)_(?![\w])/, tag: "em" },
  { pattern: /^~(\S(?:[^~\n]*\S)?)~(?![\w])/, tag: "s" },
];

export function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content.filter((part) => part !== null && part !== undefined));
  return made;
}

function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function reference(inside, names) {
  const [target, label] = inside.split(/\|(.*)/s);
  if (/^https?:/.test(target) || /^mailto:/.test(target)) {
    const link = element("a", "", unescape(label || target));
    link.href = unescape(target);
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    return link;
  }
  const sign = target[0];
  if (sign === "@") return element("span", "mention", `@${label || names[target.slice(1)] || target.slice(1)}`);
  if (sign === "#") return element("span", "mention", `#${label || names[target.slice(1)] || target.slice(1)}`);
  if (sign === "!") return element("span", "mention", `@${label || target.slice(1)}`);
  return unescape(`<${inside}>`);
}

function inline(parent, text, names) {
  let plain = "";
  const flush = () => {
    if (plain) parent.append(unescape(plain));
    plain = "";
  };
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const marked = /^<([^<>\n]+)>/.exec(rest);
    if (marked) {
      flush();
      parent.append(reference(marked[1], names));
      at += marked[0].length;
      continue;
    }
    const before = at ? text[at - 1] : " ";
    const mark = /[\w&;]/.test(before) ? undefined : MARKS.find(({ pattern }) => pattern.test(rest));
    if (mark) {
      flush();
      const [whole, inside] = mark.pattern.exec(rest);
      const part = element(mark.tag);
      if (mark.plain) part.append(unescape(inside.replace(/<([^<>|]+)(?:\|[^<>]*)?>/g, "$1")));
      else inline(part, inside, names);
      parent.append(part);
      at += whole.length;
      continue;
    }
    const emoji = /^:([a-z0-9_+-]+):/.exec(rest);
    if (emoji && EMOJI[emoji[1]]) {
      plain += EMOJI[emoji[1]];
      at += emoji[0].length;
      continue;
    }
    if (rest[0] === "\n") {
      flush();
      parent.append(document.createElement("br"));
    } else {
      plain += rest[0];
    }
    at += 1;
  }
  flush();
}

export function mrkdwn(text, names) {
  const whole = element("div", "text");
  const lines = text.includes("```") ? [text] : text.split("\n");
  let quote = null;
  lines.forEach((line, number) => {
    const quoted = /^(?:&gt;|>) ?(.*)$/s.exec(line);
    if (quoted) {
      if (quote) quote.append(document.createElement("br"));
      else whole.append((quote = element("blockquote")));
      inline(quote, quoted[1], names);
      return;
    }
    if (number && !quote) whole.append(document.createElement("br"));
    quote = null;
    inline(whole, line, names);
  });
  return whole;
}

function textObject(object, names) {
  if (object.type === "mrkdwn") return mrkdwn(object.text, names);
  const whole = element("div", "text");
  object.text.split("\n").forEach((line, number) => {
    if (number) whole.append(document.createElement("br"));
    whole.append(line.replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI[name] || all));
  });
  return whole;
}

function control(item, press) {
  const label = item.text?.text || item.placeholder?.text || item.type;
  const button = element("button", item.style || "", label);
  button.type = "button";
  if (item.type === "button" && item.url) button.addEventListener("click", () => open(item.url, "_blank", "noopener"));
  else if (item.type === "button") button.addEventListener("click", () => press(item.action_id, button));
  else button.disabled = true;
  return button;
}

const RENDER = {
  header: (block) => element("h3", "", block.text.text.replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI[name] || all)),
  divider: () => element("hr"),
  section: (block, names, press) => element(
    "div", "section",
    element(
      "div", "text",
      block.text ? textObject(block.text, names) : null,
      block.fields ? element("div", "fields", ...block.fields.map((field) => textObject(field, names))) : null,
    ),
    block.accessory ? control(block.accessory, press) : null,
  ),
  context: (block, names) => element(
    "div", "context",
    ...block.elements.map((item) => (item.text ? textObject(item, names) : element("span", "", item.alt_text || ""))),
  ),
  actions: (block, names, press) => element("div", "actions", ...block.elements.map((item) => control(item, press))),
  image: (block) => element("div", "unknown", `image: ${block.alt_text || ""}`),
  markdown: (block) => element("div", "text", block.text),
};

export function blocks(list, names, press) {
  return element("div", "blocks", ...list.map((block) => {
    const render = RENDER[block.type];
    return render ? render(block, names, press) : element("div", "unknown", `[${block.type}]`);
  }));
}
