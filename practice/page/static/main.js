// The page: each Server-Sent Event goes to the part of the page that shows it.
import { $ } from "./dom.js";
import { state } from "./people.js";
import * as chat from "./chat.js";
import * as composer from "./composer.js";
import * as way from "./way.js";
import * as clouds from "./clouds.js";
import * as faults from "./faults.js";
import * as tour from "./tour.js";
import * as news from "./news.js";
import * as language from "./language.js";

function paint(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "light" ? "Dark" : "Light";
  localStorage.setItem("practice-theme", theme);
}

function part(name) {
  document.body.dataset.show = name;
  for (const button of document.querySelectorAll("[data-go]")) {
    if (button.dataset.go === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
}

async function config() {
  const found = await (await fetch(`/practice/config?lang=${language.chosen()}`)).json();
  state.cloud = found.cloud;
  state.causes = found.causes;
  state.faults = found.faults;
  return found;
}

// The first faults come after the first messages, so every message from then on is new.
const events = { messages: chat.take, way: way.draw, clouds: clouds.draw, faults: (value) => { faults.draw(value); news.ready(); }, weather: faults.weather };
// The parts of an event that the tour waits for.
const facts = { way: ({ mail }) => ({ mail }), clouds: ({ app, tenant }) => ({ app, tenant }) };

function listen() {
  const source = new EventSource("/practice/events");
  source.addEventListener("processes", async (event) => {
    const value = JSON.parse(event.data);
    if (value.ready && !state.cloud) await config();
    faults.processes(value);
  });
  for (const [name, take] of Object.entries(events)) source.addEventListener(name, (event) => { const value = JSON.parse(event.data); take(value); tour.notice(facts[name]?.(value)); });
  source.onerror = () => { $("processes").textContent = "The practice space does not answer. It is stopped, or starting again."; };
}

language.begin();
paint(new URLSearchParams(location.search).get("theme") || localStorage.getItem("practice-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
$("theme").onclick = () => { paint(document.documentElement.dataset.theme === "light" ? "dark" : "light"); chat.repaint(); };
for (const button of document.querySelectorAll("[data-go]")) button.onclick = () => { part(button.dataset.go); scrollTo(0, 0); };
document.addEventListener("part", (event) => part(event.detail));
composer.begin((await config()).commands);
way.begin();
faults.begin();
tour.begin();
news.begin();
chat.become(state.you);
listen();
