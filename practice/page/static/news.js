// What is new in the conversation: spoken by a screen reader, and counted on a button if it is out of sight.
import { $ } from "./dom.js";
import { BOT, title } from "./people.js";

const LONGEST = 300, NEAR = 80, STILL = 4;
const unseen = new Set();
let left = 0, following = true, settling = 0, begun = false;

// The view follows new messages until the person scrolls away. At the end it follows again.
const atEnd = (box) => box.scrollHeight - box.clientHeight - box.scrollTop < NEAR;
export const follows = () => following || atEnd($("messages"));

// Remember the view at which the page left the conversation.
export function stay() {
  left = $("messages").scrollTop;
  following = true;
}

// The person has written: the view goes to the answer.
export function follow() {
  following = true;
}

export function forget() {
  unseen.clear();
  following = true;
  $("heard").textContent = "";
  button();
}

// Everything that was there before the page has come.
export function ready() {
  begun = true;
}

// A card that was drawn again moves the view a little: that is no scrolling of the person.
function settle() {
  settling += 1;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    settling -= 1;
    if (following) left = $("messages").scrollTop;
  }));
}

function scrolled() {
  const box = $("messages");
  if (!settling && Math.abs(box.scrollTop - left) >= STILL) following = atEnd(box);
  look();
}

// Take the messages of this conversation that came or changed. `known` has the earlier ones by id.
// Those that were there before the page are no news. An edit is news only if its words changed.
export function tell(messages, known) {
  const news = messages.filter((message) => message.from === BOT && known.get(message.id)?.text !== message.text);
  if (begun && news.length) $("heard").textContent = news.map(words).join(" ");
  if (begun) for (const message of news) if (!visible(node(message.id))) unseen.add(message.id);
  settle();
  button();
}

const words = (message) => `${title(message.from)}: ${message.text.slice(0, LONGEST)}`;
const node = (id) => $("messages").querySelector(`[data-id="${id}"]`);

export function visible(shown) {
  const box = $("messages").getBoundingClientRect(), at = shown?.getBoundingClientRect();
  return Boolean(at?.height) && at.top < box.bottom - STILL && at.bottom > box.top + STILL;
}

function button() {
  $("fresh").hidden = !unseen.size;
  $("fresh").textContent = unseen.size === 1 ? "1 new message" : `${unseen.size} new messages`;
}

function look() {
  for (const id of unseen) if (!node(id) || visible(node(id))) unseen.delete(id);
  button();
}

// Go to the first message that was not seen, or else to the newest one.
export function go() {
  const all = [...$("messages").querySelectorAll(".msg")].filter((each) => each.offsetHeight);
  const target = all.find((each) => unseen.has(each.dataset.id)) || all.at(-1);
  if (!target) return void $("text").focus();
  target.scrollIntoView({ block: "start" });
  target.focus({ preventScroll: true });
  stay();
  look();
}

export function begin() {
  $("messages").addEventListener("scroll", scrolled, { passive: true });
  $("fresh").onclick = go;
  for (const link of document.querySelectorAll("[data-skip]")) {
    link.onclick = (event) => {
      event.preventDefault();
      document.dispatchEvent(new CustomEvent("part", { detail: "chat" }));
      if (link.dataset.skip === "newest") go();
      else $("text").focus();
    };
  }
}
