// What is new in the conversation: spoken by a screen reader, and counted on a button if it is out of sight.
import { $ } from "./dom.js";
import { BOT, state, title } from "./people.js";

const LONGEST = 300, NEAR = 80, STILL = 4;
const unseen = new Set();
let left = null, begun = false;

// Return whether the view follows new messages: it is at the end, or nobody has scrolled since the page did.
export function follows() {
  const box = $("messages");
  return left === null || Math.abs(box.scrollTop - left) < STILL || box.scrollHeight - box.clientHeight - box.scrollTop < NEAR;
}

// Remember the view at which the page left the conversation.
export function stay() {
  left = $("messages").scrollTop;
}

// The person has written: the view goes to the answer.
export function follow() {
  left = null;
}

export function forget() {
  unseen.clear();
  left = null;
  $("heard").textContent = "";
  button();
}

// Take the messages of this conversation that came or changed. `known` has the earlier ones by id.
// The first ones are no news. An edit is news only if its words changed.
export function tell(messages, known) {
  const news = messages.filter((message) => message.from === BOT && known.get(message.id)?.text !== message.text);
  if (begun && news.length) $("heard").textContent = news.map(words).join(" ");
  if (begun) for (const message of news) if (!visible(node(message.id))) unseen.add(message.id);
  begun ||= state.messages.size > 0;
  button();
}

const words = (message) => `${title(message.from)}: ${message.text.slice(0, LONGEST)}`;
const node = (id) => $("messages").querySelector(`[data-id="${id}"]`);

function visible(shown) {
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
  $("messages").addEventListener("scroll", look, { passive: true });
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
