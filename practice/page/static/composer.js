// The input box: `/` lists the commands, Enter sends, and in a space the message mentions the bot.
import { $, call, el } from "./dom.js";
import { answerIn } from "./chat.js";
import * as news from "./news.js";
import { SPACE, state } from "./people.js";

let commands = [], chosen = 0;

export function begin(known) {
  commands = known;
  $("text").oninput = offer;
  $("text").onkeydown = key;
  $("text").onblur = () => setTimeout(hide, 150);
  $("mention").onclick = () => $("mention").setAttribute("aria-pressed", String($("mention").getAttribute("aria-pressed") !== "true"));
  $("replying").querySelector("button").onclick = () => answerIn("");
  $("composer").onsubmit = (event) => { event.preventDefault(); send(); };
  document.addEventListener("room", room);
  room();
}

function room() {
  $("mention").hidden = state.room === "direct";
  $("text").setAttribute("aria-label", `Message as ${state.you.title.toLowerCase()}`);
}

const offered = () => {
  const typed = $("text").value;
  return typed.startsWith("/") && !typed.includes(" ") ? commands.filter((each) => `/${each.name}`.startsWith(typed)) : [];
};

function offer() {
  const found = offered();
  chosen = Math.min(chosen, Math.max(0, found.length - 1));
  $("commands").replaceChildren(...found.map((each, index) => el("li", {
    role: "option", id: `command-${each.name}`, "aria-selected": String(index === chosen),
    onmousedown: (event) => { event.preventDefault(); pick(each); },
  }, el("span", { class: "mono" }, `/${each.name}`), el("span", { class: "sub" }, each.words))));
  $("commands").hidden = !found.length;
  $("text").setAttribute("aria-expanded", String(Boolean(found.length)));
  if (found.length) $("text").setAttribute("aria-activedescendant", `command-${found[chosen].name}`);
  else $("text").removeAttribute("aria-activedescendant");
}

function hide() {
  $("commands").hidden = true;
  $("text").setAttribute("aria-expanded", "false");
}

function pick(command) {
  $("text").value = `/${command.name} `;
  hide();
  $("text").focus();
}

function key(event) {
  const found = offered();
  if ($("commands").hidden || !found.length) return;
  const exact = found.length === 1 && $("text").value === `/${found[0].name}`;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
    offer();
  } else if (event.key === "Tab" || (event.key === "Enter" && !exact)) pick(found[chosen]);
  else if (event.key === "Escape") hide();
  else return;
  event.preventDefault();
}

async function send() {
  const text = $("text").value.trim();
  if (!text) return;
  const room = state.room === "direct" ? "direct" : SPACE;
  $("text").value = "";
  hide();
  news.follow();
  try {
    await call("POST", "webex/say", {
      as: state.you.email, room, text, parent: state.parent, mention: room !== "direct" && $("mention").getAttribute("aria-pressed") === "true",
    });
  } catch (error) {
    $("text").value ||= text;
    $("replying").hidden = false;
    $("replying").firstElementChild.textContent = error.message;
  }
}
