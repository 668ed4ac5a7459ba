// The conversation: rooms, messages, threads, edits and cards.
import { $, call, clock, el } from "./dom.js";
import { BOT, NAME, PEOPLE, SPACE, mark, sees, state, title, unread } from "./people.js";
import { drawn } from "./cards.js";
import * as news from "./news.js";

const theme = () => document.documentElement.dataset.theme;
const LINK = /https?:\/\/[^\s<>"]+/g;

export function take(messages) {
  const known = new Map(state.messages);
  for (const message of messages) state.messages.set(message.id, message);
  keepingFocus(show);
  news.tell(messages.filter((message) => sees(state.you, state.room, message)), known);
}

// A changed card is drawn again. The focus goes to the same control, or to the card if the control is gone.
function keepingFocus(work) {
  const held = document.activeElement, id = held.closest("#messages .msg")?.dataset.id;
  const seen = id && held.matches(":focus-visible") && news.visible(held);
  work();
  if (!id) return;
  if (document.activeElement !== held) refocus(held, id);
  if (seen) keepFocusInSight($("messages")); // a card has become longer or shorter, or went on below
}

function refocus(held, id) {
  const fresh = $("messages").querySelector(`[data-id="${id}"]`), same = held.isConnected ? held : alike(fresh, held);
  if (same) same.focus({ preventScroll: true });
  else (fresh || $("text")).focus();
}

const named = (node) => node.getAttribute("aria-label") || node.name || node.textContent;
const alike = (message, held) => [...(message?.querySelectorAll("button, a, input, select, textarea, summary") || [])].find((node) => node.tagName === held.tagName && named(node) === named(held));

export function show() {
  rooms();
  people();
  conversation();
}

export function become(person) {
  state.you = person;
  document.cookie = `practice_you=${encodeURIComponent(person.email).replace("%40", "@")}; path=/; SameSite=Lax`;
  if (!person.space) state.room = "direct";
  answerIn("");
  restart();
}

export function restart() {
  news.forget();
  $("messages").replaceChildren();
  show();
  $("messages").scrollTop = $("messages").scrollHeight;
  news.stay();
  document.dispatchEvent(new CustomEvent("room"));
}

function people() {
  const mine = (person) => unread(person, "direct") + (person.space ? unread(person, "space") : 0);
  if (!$("people").children.length) {
    for (const person of PEOPLE) {
      const radio = el("input", { type: "radio", name: "you", value: person.id, onchange: () => become(person) });
      $("people").append(el("label", { "data-person": person.id }, radio, person.title, el("span", { class: "dot", hidden: true })));
      $("person").append(el("option", { value: person.id }));
    }
    $("person").onchange = () => become(PEOPLE.find((each) => each.id === $("person").value));
  }
  for (const person of PEOPLE) {
    const label = $("people").querySelector(`[data-person=${person.id}]`), count = person === state.you ? 0 : mine(person);
    label.querySelector("input").checked = person === state.you;
    const dot = label.querySelector(".dot");
    dot.hidden = !count;
    dot.textContent = count ? String(count) : "";
    dot.title = count ? `${count} new` : "";
    const option = $("person").querySelector(`[value=${person.id}]`);
    option.textContent = `You: ${person.title.toLowerCase()}${count ? ` (${count} new)` : ""}`;
  }
  $("person").value = state.you.id;
}

function rooms() {
  const known = [["space", SPACE], ["direct", `${NAME}, 1:1`]].filter(([room]) => room === "direct" || state.you.space);
  const focused = document.activeElement?.dataset?.room;
  $("rooms").replaceChildren(...known.map(([room, name]) => {
    const count = room === state.room ? 0 : unread(state.you, room);
    return el("button", {
      type: "button", role: "tab", id: `room-${room}`, "data-room": room, "aria-selected": String(room === state.room), "aria-controls": "messages",
      tabindex: room === state.room ? "0" : "-1", onclick: () => enter(room), onkeydown: (event) => arrow(event, room),
    }, name, count ? el("span", { class: "count" }, String(count), el("span", { class: "vh" }, " new")) : null);
  }));
  $("messages").setAttribute("aria-labelledby", `room-${state.room}`);
  if (focused) $(`room-${focused}`)?.focus();
}

function arrow(event, room) {
  if (!["ArrowLeft", "ArrowRight"].includes(event.key) || !state.you.space) return;
  enter(room === "space" ? "direct" : "space");
  $(`room-${state.room}`).focus();
}

// Switch the theme. Every card is drawn again and keeps the typed text.
export function repaint() {
  const fields = (node) => [...node.querySelectorAll(".cardbox input, .cardbox textarea, .cardbox select")];
  const typed = fields($("messages")).map(({ value, checked }) => ({ value, checked }));
  for (const message of $("messages").querySelectorAll(".msg")) message.dataset.change = "";
  keepingFocus(show);
  fields($("messages")).forEach((field, index) => Object.assign(field, typed[index]));
}

export function enter(room) {
  state.room = room;
  answerIn("");
  restart();
}

function conversation() {
  const shown = [...state.messages.values()].filter((message) => sees(state.you, state.room, message)).sort((a, b) => a.created.localeCompare(b.created));
  state.seen[`${state.you.id}/${state.room}`] = Math.max(0, ...shown.map((message) => message.change));
  const box = $("messages");
  if (!shown.length) return void box.replaceChildren(el("p", { class: "day empty" }, state.you.space || state.room === "direct" ? hint() : ""));
  box.querySelector(".empty")?.remove();
  const roots = shown.filter((message) => !message.parentId || !shown.some((other) => other.id === message.parentId));
  const follows = news.follows();
  let fresh = null;
  for (const message of shown) {
    const known = box.querySelector(`[data-id="${message.id}"]`);
    if (known && known.dataset.change === String(message.change)) continue;
    const node = roots.includes(message) ? root(message, known) : reply(message);
    if (known) { known.replaceWith(node); if (message === shown.at(-1)) fresh = node; }
    else { place(box, message, node, roots); fresh = node; }
  }
  for (const thread of box.querySelectorAll("details.thread")) count(thread);
  if (fresh && follows) reveal(box, fresh);
}

const hint = () => (state.room === "direct"
  ? "Only you and the bot are here. Type /help, or wait for what the bot sends you."
  : "Nothing is said here yet. Type /setup-email support@contoso.com to begin.");

function place(box, message, node, roots) {
  if (roots.includes(message)) {
    // What the bot begins by itself, such as its greeting, leaves open the thread that somebody works in.
    if (message.from !== BOT) for (const thread of box.querySelectorAll("details.thread")) thread.open = thread.open && thread.contains(document.activeElement);
    box.append(node);
    return;
  }
  const thread = box.querySelector(`[data-id="${message.parentId}"] details.thread`);
  thread.hidden = false;
  thread.open = true;
  thread.querySelector(".replies").append(node);
}

export function reveal(box, node) {
  const tall = node.offsetHeight > box.clientHeight;
  if (box.scrollHeight > box.clientHeight) node.scrollIntoView({ block: tall ? "start" : "nearest" });
  keepFocusInSight(box);
  news.stay();
}

const keepFocusInSight = (box) => box.querySelector(":focus-visible")?.scrollIntoView({ block: "nearest" });

function root(message, known) {
  const thread = known?.querySelector("details.thread") || el("details", { class: "thread", open: true, hidden: true },
    el("summary", { class: "sub small" }), el("div", { class: "replies" }),
    el("button", { class: "link small", type: "button", onclick: () => { answerIn(message.id); $("text").focus(); } }, "Reply in thread"));
  return el("article", { class: "msg", tabindex: "-1", "data-id": message.id, "data-change": message.change },
    el("div", { class: `av ${message.from === BOT ? "bot" : ""}`, "aria-hidden": "true" }, mark(message.from)),
    el("div", {}, head(message), ...body(message), thread));
}

function reply(message) {
  return el("article", { class: "msg", tabindex: "-1", "data-id": message.id, "data-change": message.change }, el("div", {},
    head(message, el("span", { class: `av ${message.from === BOT ? "bot" : ""}`, "aria-hidden": "true" }, mark(message.from))), ...body(message)));
}

function count(thread) {
  const replies = thread.querySelectorAll(".replies > .msg").length;
  thread.querySelector("summary").textContent = `${replies} ${replies === 1 ? "reply" : "replies"}`;
}

const head = (message, ...before) => el("p", { class: "who" }, ...before, el("b", {}, message.from === state.you.email ? `${title(message.from)} (you)` : title(message.from)),
  el("span", { class: "sub small" }, clock(message.created) + (message.edits ? `, edited ${message.edits === 1 ? "once" : `${message.edits} times`}` : "")));

function body(message) {
  if (!message.card) return [el("p", { class: "words" }, ...words(message)), ...message.files.map(attached)];
  const box = el("div", { class: "cardbox" });
  box.append(drawn(message.card, theme(), (press) => act(message, press, box)));
  return [box, el("p", { class: "refused small bad", role: "alert", hidden: true })];
}

const attached = (file, index) => el("p", {}, el("a", { href: `/practice/api/webex/contents/${file.split("/").pop()}`, download: "" }, `Download file ${index + 1}`));

function words(message) {
  if (message.from !== BOT) return [message.html ? el("span", { class: "ment" }, `@${NAME} `) : "", message.text.replace(/^Email\s+/, "")];
  const text = message.text, parts = [];
  let at = 0;
  for (const found of text.matchAll(LINK)) {
    parts.push(text.slice(at, found.index), el("a", { href: "#", onclick: (event) => { event.preventDefault(); open(found[0]); } }, found[0]));
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)];
}

// Links to the practice cloud go through this page, because no browser knows the cloud's HTTPS authority.
export const here = (url) => (state.cloud && url.startsWith(`${state.cloud}/`) ? `${location.origin}/cloud/${url.slice(state.cloud.length + 1)}` : url);
const open = (url) => window.open(here(url), "_blank", "noopener");

async function act(message, press, box) {
  if (press.url) return void open(press.url);
  const refused = box.nextElementSibling;
  box.classList.add("busy");
  try {
    const data = Object.keys(press.data).length ? { data: press.data } : { title: press.title };
    await call("POST", "webex/press", { as: state.you.email, message_id: message.id, inputs: press.inputs, ...data });
    refused.hidden = true;
  } catch (error) {
    refused.textContent = error.message;
    refused.hidden = false;
  } finally {
    setTimeout(() => box.classList.remove("busy"), 600);
  }
}

export function answerIn(parent) {
  state.parent = parent;
  $("replying").hidden = !parent;
  $("replying").firstElementChild.textContent = "Your words go into the thread.";
}
