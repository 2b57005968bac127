// Shows the sandbox's Slack channels and its X timeline, and follows what happens in them.

import { blocks, element, mrkdwn } from "./blocks.js";

const X = "x";
const MOST = 500;
const $ = (id) => document.getElementById(id);
const state = { rooms: new Map(), names: {}, people: [], here: null, marked: null, faults: [], happened: 0 };

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

function message(room, item) {
  const press = async (action, button) => {
    button.disabled = true;
    await act("slack/press", { channel: room.id, ts: item.ts, action_id: action, user: $("who").value || "mira.sato" });
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

function post(room, item) {
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

function render(room, item) {
  return room.id === X ? post(room, item) : message(room, item);
}

function key(room, item) {
  return room.id === X ? item.id : item.ts;
}

function atEnd() {
  const list = $("messages");
  return list.scrollHeight - list.scrollTop - list.clientHeight < 80;
}

function toEnd() {
  $("messages").scrollTop = $("messages").scrollHeight;
}

function side() {
  const draw = (room) => {
    const button = element(
      "button", "",
      element("span", "sign", room.sign),
      element("span", "label", room.name),
      room.unread ? element("span", "count", room.unread > 99 ? "99+" : String(room.unread)) : null,
    );
    button.type = "button";
    if (room === state.here) button.setAttribute("aria-current", "page");
    button.addEventListener("click", () => (location.hash = room.id));
    const classes = [room.unread && "unread", room.archived && "archived"];
    return element("li", classes.filter(Boolean).join(" "), button);
  };
  const rooms = [...state.rooms.values()];
  $("channels").replaceChildren(...rooms.filter((room) => room.id !== X).map(draw));
  $("timelines").replaceChildren(...rooms.filter((room) => room.id === X).map(draw));
  $("faults").hidden = !state.faults.length;
  $("faults").textContent = `faults: ${state.faults.join(", ")} · ${state.happened} so far`;
}

function show(room) {
  state.here = room;
  room.unread = 0;
  $("name").textContent = `${room.sign} ${room.name}`;
  const notes = room.id === X
    ? ["posts about the product, as X has them"]
    : [room.archived && "archived", !room.bot && "the app is not a member"];
  $("about").textContent = notes.filter(Boolean).join(" · ");
  $("text").placeholder = room.id === X ? "Post on X as a customer" : `Say something in #${room.name}`;
  $("say").hidden = Boolean(room.archived);
  $("messages").replaceChildren(...[...room.items.values()].map((item) => render(room, item)));
  document.title = `${room.sign} ${room.name} · Sandbox`;
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

function change(room, kind, item) {
  const id = key(room, item);
  const known = room.items.has(id);
  if (kind === "delete") room.items.delete(id);
  else room.items.set(id, item);
  if (room !== state.here) {
    if (kind === "create" && !known) room.unread += 1;
    side();
    return;
  }
  const old = find(id);
  const stay = atEnd();
  if (kind === "delete") old?.remove();
  else if (old) old.replaceWith(render(room, item));
  else {
    const made = render(room, item);
    made.classList.add("new");
    $("messages").append(made);
  }
  while ($("messages").children.length > MOST) $("messages").firstChild.remove();
  if (stay) toEnd();
  empty();
}

function route() {
  const [id, marked] = decodeURIComponent(location.hash.slice(1)).split("/");
  state.marked = marked || null;
  const first = state.rooms.values().next().value;
  show(state.rooms.get(id) || first);
}

async function load() {
  const answer = await (await fetch("/sandbox/state")).json();
  const unread = new Map([...state.rooms.values()].map((room) => [room.id, room.unread]));
  state.rooms.clear();
  state.names = { ...answer.people };
  state.people = answer.members;
  state.faults = answer.faults;
  state.happened = Object.values(answer.happened).reduce((sum, count) => sum + count, 0);
  for (const channel of answer.channels) {
    state.names[channel.id] = channel.name;
    state.rooms.set(channel.id, {
      id: channel.id,
      name: channel.name,
      sign: channel.private ? "◦" : "#",
      archived: channel.archived,
      bot: channel.has_bot,
      unread: unread.get(channel.id) || 0,
      items: new Map(channel.messages.map((item) => [item.ts, item])),
    });
  }
  state.rooms.set(X, {
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
    const room = state.rooms.get(event.type === "x" ? X : event.channel);
    if (room) change(room, event.kind, event.type === "x" ? event.post : event.message);
    else load();
  });
}

$("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  const who = $("who").value;
  const said = state.here.id === X
    ? await act("x/post", { text, author: who.replaceAll(".", "_") })
    : await act("slack/say", { channel: state.here.id, text, user: who });
  if (said) $("text").value = "";
});

addEventListener("hashchange", route);
listen();
