// Shows the sandbox's Slack channels and its X timeline, and updates them live.

import { blocks, element, mrkdwn } from "./blocks.js";

const X = "x";
const MAX_SHOWN = 500;
const $ = (id) => document.getElementById(id);
const state = { channels: new Map(), names: {}, people: [], here: null, marked: null, faults: [], happened: 0 };

async function act(action, body) {
  const answer = await fetch(`/sandbox/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) alert((await answer.json()).error);
  return answer.ok;
}

function colour(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 997;
  return `c${sum % 6}`;
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function line(item, name, seconds, content, extra) {
  const time = element("time", "", clock(seconds));
  time.dateTime = new Date(seconds * 1000).toISOString();
  const face = element("div", `face ${colour(name)}`, [...name][0].toUpperCase());
  face.setAttribute("aria-hidden", "true");
  const by = element(
    "div", "by",
    element("strong", "", name),
    extra.app ? element("span", "app", "APP") : null,
    extra.handle ? element("span", "handle", extra.handle) : null,
    time,
    extra.note ? element("span", "note", extra.note) : null,
  );
  const made = element("li", `message ${extra.classes || ""}`, face, element("div", "", by, ...content));
  made.dataset.key = item;
  return made;
}

function message(channel, item) {
  const press = async (action, button) => {
    button.disabled = true;
    await act("slack/press", { channel: channel.id, ts: item.ts, action_id: action, user: $("who").value || "mira.sato" });
    setTimeout(() => (button.disabled = false), 1500);
  };
  const content = item.blocks?.length ? blocks(item.blocks, state.names, press) : mrkdwn(item.text, state.names);
  const reply = item.thread_ts && item.thread_ts !== item.ts;
  const notes = [reply && "in a thread", item.edited && "(edited)", item.reply_count && `${item.reply_count} in the thread`];
  return line(item.ts, item.author || "?", Number(item.ts), [content], {
    app: item.app,
    note: notes.filter(Boolean).join(" · "),
    classes: [reply && "reply", item.subtype === "channel_join" && "system"].filter(Boolean).join(" "),
  });
}

function post(channel, item) {
  const text = element("div", "text");
  item.text.split(/(https?:\/\/\S+)/).forEach((part, number) => {
    if (number % 2) {
      const link = element("a", "", part);
      link.href = part;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      text.append(link);
    } else text.append(part);
  });
  return line(item.id, item.name, item.at, [text], {
    handle: `@${item.author}`,
    note: item.edited ? "edited" : "",
    classes: "round",
  });
}

function render(channel, item) {
  return channel.id === X ? post(channel, item) : message(channel, item);
}

function key(channel, item) {
  return channel.id === X ? item.id : item.ts;
}

function atEnd() {
  const list = $("messages");
  return list.scrollHeight - list.scrollTop - list.clientHeight < 80;
}

function toEnd() {
  $("messages").scrollTop = $("messages").scrollHeight;
}

function side() {
  const draw = (channel) => {
    const button = element(
      "button", "",
      element("span", "sign", channel.sign),
      element("span", "label", channel.name),
      channel.unread ? element("span", "count", channel.unread > 99 ? "99+" : String(channel.unread)) : null,
    );
    button.type = "button";
    if (channel === state.here) button.setAttribute("aria-current", "page");
    button.addEventListener("click", () => (location.hash = channel.id));
    const classes = [channel.unread && "unread", channel.archived && "archived"];
    return element("li", classes.filter(Boolean).join(" "), button);
  };
  const channels = [...state.channels.values()];
  $("channels").replaceChildren(...channels.filter((channel) => channel.id !== X).map(draw));
  $("timelines").replaceChildren(...channels.filter((channel) => channel.id === X).map(draw));
  $("faults").hidden = !state.faults.length;
  $("faults").textContent = `faults: ${state.faults.join(", ")} · ${state.happened} so far`;
}

function show(channel) {
  state.here = channel;
  channel.unread = 0;
  $("name").textContent = `${channel.sign} ${channel.name}`;
  const notes = channel.id === X
    ? ["posts about the product on X"]
    : [channel.archived && "archived", !channel.bot && "the app is not a member"];
  $("about").textContent = notes.filter(Boolean).join(" · ");
  $("text").placeholder = channel.id === X ? "Post on X as a customer" : `Say something in #${channel.name}`;
  $("say").hidden = Boolean(channel.archived);
  $("messages").replaceChildren(...[...channel.items.values()].map((item) => render(channel, item)));
  document.title = `${channel.sign} ${channel.name} · Sandbox`;
  people();
  side();
  empty();
  const marked = state.marked && find(state.marked);
  if (marked) {
    marked.classList.add("marked");
    marked.scrollIntoView({ block: "center" });
  } else toEnd();
}

function people() {
  const chosen = $("who").value;
  const options = state.people.map(([name, shown]) => {
    const option = element("option", "", shown);
    option.value = name;
    return option;
  });
  $("who").replaceChildren(...options);
  if (chosen) $("who").value = chosen;
}

function empty() {
  $("empty").hidden = state.here.items.size > 0;
}

function find(item) {
  return [...$("messages").children].find((child) => child.dataset.key === item);
}

function change(channel, kind, item) {
  const id = key(channel, item);
  const known = channel.items.has(id);
  if (kind === "delete") channel.items.delete(id);
  else channel.items.set(id, item);
  if (channel !== state.here) {
    if (kind === "create" && !known) channel.unread += 1;
    side();
    return;
  }
  const old = find(id);
  const stay = atEnd();
  if (kind === "delete") old?.remove();
  else if (old) old.replaceWith(render(channel, item));
  else {
    const made = render(channel, item);
    made.classList.add("new");
    $("messages").append(made);
  }
  while ($("messages").children.length > MAX_SHOWN) $("messages").firstChild.remove();
  if (stay) toEnd();
  empty();
}

function route() {
  const [id, marked] = decodeURIComponent(location.hash.slice(1)).split("/");
  state.marked = marked || null;
  const first = state.channels.values().next().value;
  show(state.channels.get(id) || first);
}

async function load() {
  const answer = await (await fetch("/sandbox/state")).json();
  const unread = new Map([...state.channels.values()].map((channel) => [channel.id, channel.unread]));
  state.channels.clear();
  state.names = { ...answer.people };
  state.people = answer.members;
  state.faults = answer.faults;
  state.happened = Object.values(answer.happened).reduce((sum, count) => sum + count, 0);
  for (const data of answer.channels) {
    state.names[data.id] = data.name;
    state.channels.set(data.id, {
      id: data.id,
      name: data.name,
      sign: data.private ? "◦" : "#",
      archived: data.archived,
      bot: data.has_bot,
      unread: unread.get(data.id) || 0,
      items: new Map(data.messages.map((item) => [item.ts, item])),
    });
  }
  state.channels.set(X, {
    id: X, name: "Timeline", sign: "𝕏", unread: unread.get(X) || 0,
    items: new Map(answer.posts.map((item) => [item.id, item])),
  });
  route();
}

function listen() {
  const feed = new EventSource("/sandbox/events");
  feed.addEventListener("open", async () => {
    await load();
    $("live").dataset.state = "live";
    $("live").setAttribute("aria-label", "connected");
    $("state").textContent = "live";
  });
  feed.addEventListener("error", () => {
    $("live").dataset.state = "lost";
    $("live").setAttribute("aria-label", "not connected");
    $("state").textContent = "the sandbox has stopped; waiting for it";
  });
  feed.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "fault") {
      state.happened += 1;
      side();
      return;
    }
    const channel = state.channels.get(event.type === "x" ? X : event.channel);
    if (channel) change(channel, event.kind, event.type === "x" ? event.post : event.message);
    else load();
  });
}

$("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  const who = $("who").value;
  const sent = state.here.id === X
    ? await act("x/post", { text, author: who.replaceAll(".", "_") })
    : await act("slack/say", { channel: state.here.id, text, user: who });
  if (sent) $("text").value = "";
});

addEventListener("hashchange", route);
listen();
