// The switchboard: faults by family, the weather of the clouds, and the bot's processes.
import { $, call, clock, el } from "./dom.js";
import { state } from "./people.js";

const STATIONS = { "": "Mail goes on.", sender: "Mail stops at the sender.", mailbox: "Mail stops at the mailbox.", forward: "Mail stops at forwarding.", connect: "Mail stops at Webex Connect.", agent: "Mail stops before the agent.", answer: "The answer stops." };
// Name, pattern of the faults in the family, and the portal that shows them.
const FAMILIES = [
  ["SMTP AUTH", /^smtp_/, "admin"], ["Forwarding", /^forwarding_/, "admin"], ["Policies and rules", /^(policy|remote|rule|sender_restricted|dehydrated)/, "defender"],
  ["Client secret", /^secret/, "entra"], ["Token", /^(session|token)/, "connect"], ["Consent", /^(grant|user_consent|consent_declined|exchange_service)/, "entra"],
  ["App registration", /^(app|principal|assignment|redirect|permission)/, "entra"], ["Access", /^(security|ca|account|password)/, "entra"], ["Mailbox", /^(licence|mailbox)/, "admin"],
  ["Webex Connect", /^(form|connect|sender_is|mail_too|consent_reviewed)/, "connect"], ["Services", /^(entra|graph|exchange)/, "entra"], ["Healthy variations", /^healthy/, "defender"],
];
// Return the portal that shows the fault of this name.
export const portal = (name) => FAMILIES.find(([, pattern]) => pattern.test(name))?.[2];
const opened = new Set();
let shown = { items: [], on: [] };

export function draw(faults) {
  shown = faults;
  list();
  const words = faults.items.length ? `${faults.on.length} of ${faults.items.length} on` : "none known yet";
  $("faultcount").textContent = words;
  document.querySelector("[data-go=faults]").lastChild.textContent = faults.on.length ? `Faults, ${faults.on.length} on` : "Faults";
}

const family = (fault) => FAMILIES.find(([, pattern]) => pattern.test(fault.name))?.[0] || "More";
// The sentence by which a verdict names the fault, in the page's language.
const cause = (fault) => state.causes[(fault.expects || [])[0]] || "";
const words = (fault) => `${fault.name} ${title(fault)} ${fault.source} ${(fault.expects || []).join(" ")} ${cause(fault)}`.toLowerCase();
const begun = (words) => words[0].toUpperCase() + words.slice(1);
const title = (fault) => begun(state.faults[fault.name] || fault.what);
// Return the English name of a fault, for the portals, which stay English.
export const named = (name) => { const fault = shown.items.find((each) => each.name === name); return fault ? begun(fault.what) : name; };

function list() {
  const wanted = $("find").value.trim().toLowerCase();
  const groups = new Map();
  for (const fault of shown.items) {
    if (wanted && !words(fault).includes(wanted)) continue;
    groups.set(family(fault), [...(groups.get(family(fault)) || []), fault]);
  }
  const { fault: focused, family: folded } = document.activeElement?.dataset || {};
  $("faults").replaceChildren(...[...groups].map(([name, faults]) => group(name, faults, wanted)));
  if (!groups.size) $("faults").append(el("p", { class: "sub" }, shown.items.length ? "No fault has these words." : "The faults are not known yet."));
  if (focused) $("faults").querySelector(`[data-fault="${focused}"]`)?.focus();
  if (folded) $("faults").querySelector(`[data-family="${folded}"]`)?.focus();
}

function group(name, faults, wanted) {
  const on = faults.filter((fault) => shown.on.includes(fault.name)).length;
  const node = el("details", { open: Boolean(wanted || on || opened.has(name)) }, el("summary", { "data-family": name }, `${name}, ${on ? `${on} of ` : ""}${faults.length}${on ? " on" : ""}`), ...faults.map(toggle));
  node.addEventListener("toggle", () => (node.open ? opened.add(name) : opened.delete(name)));
  return node;
}

function toggle(fault) {
  const on = shown.on.includes(fault.name);
  return el("button", { class: "sw", type: "button", role: "switch", "aria-checked": String(on), "data-fault": fault.name, onclick: () => turn(fault, !on) },
    el("span", {}, el("span", { class: "what" }, title(fault)), el("br"), el("span", { class: "small sub" }, ...(cause(fault) ? [el("span", { class: "what" }, cause(fault)), " "] : []), el("span", {}, STATIONS[fault.stops || ""] || fault.stops))), el("i", {}, on ? "On" : "Off"));
}

async function post(path) {
  const answer = await fetch(path, { method: "POST" });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || `HTTP ${answer.status}`);
  return value;
}

async function turn(fault, on) {
  $("faultcount").textContent = on ? "turning it on ..." : "turning it off ...";
  try { draw(await post(`/practice/switch/${encodeURIComponent(fault.name)}/${on ? "on" : "off"}`)); } catch (error) { $("faultcount").textContent = error.message.replace(fault.name, `“${title(fault)}”`); }
}

// The weather belongs to the cloud: every browser sees the same, and a reload changes nothing.
const WEATHER = [
  { key: "latency_ms", name: "Slow clouds", says: (value) => `each cloud call takes ${value} ms`, label: "How slow", first: 300, min: 50, max: 2000, step: 50 },
  { key: "throttle_every", name: "Throttled, 429", says: (value) => `1 of ${value} API calls is told to come back in a second`, label: "How often", first: 5, min: 3, max: 20, step: 1 },
];

export function weather(values) {
  for (const { key, says } of WEATHER) {
    const [slide, words, button] = [$(key), $(`${key}-words`), $(`${key}-switch`)], value = Number(values[key]);
    if (value && document.activeElement !== slide) slide.value = value;
    words.textContent = says(value || slide.value);
    button.setAttribute("aria-checked", String(Boolean(value)));
    button.querySelector("i").textContent = value ? "On" : "Off";
  }
}

function storm({ key, name, says, label, first, min, max, step }) {
  const set = async (value) => { try { weather(await call("PUT", "settings", { [key]: value })); } catch (error) { $("weathertold").textContent = error.message; } };
  const slide = el("input", { id: key, type: "range", "aria-label": label, min, max, step, oninput: (event) => { $(`${key}-words`).textContent = says(event.target.value); }, onchange: (event) => set(Number(event.target.value)) });
  slide.value = first;
  return [el("button", { class: "sw", type: "button", role: "switch", id: `${key}-switch`, "aria-checked": "false", onclick: (event) => set(event.currentTarget.getAttribute("aria-checked") === "true" ? 0 : Number(slide.value)) },
    el("span", {}, name, el("br"), el("span", { class: "small sub", id: `${key}-words` }, says(first))), el("i", {}, "Off")), el("div", { class: "slide" }, slide)];
}

export function processes({ ready, items }) {
  $("processes").replaceChildren(el("span", {}, "Processes on this machine: "), ...items.map((item) => el("span", { class: "proc" }, el("span", { class: item.state === "running" ? "good" : "warn", "aria-hidden": "true" }, item.state === "running" ? "✓ " : "◇ "), `${item.name} ${item.pid || ""} ${item.state}`)));
  $("cover").hidden = ready;
  $("coverlist").replaceChildren(...items.map((item) => el("li", {}, `${item.pid ? "●" : "○"} ${item.name}: ${item.pid ? "started" : "not yet"}`)));
}

export function begin() {
  $("find").oninput = list;
  $("alloff").onclick = async () => { try { draw(await post("/practice/switch/off")); } catch (error) { $("faultcount").textContent = error.message; } };
  const status = el("p", { class: "small sub", role: "status", id: "weathertold" });
  const act = (name, work) => el("button", { class: "btn", type: "button", onclick: async () => { try { status.textContent = await work(); } catch (error) { status.textContent = error.message; } } }, name);
  $("weather").replaceChildren(el("div", {}, el("h3", {}, "Weather"), ...WEATHER.flatMap(storm)),
    el("div", {}, el("h3", {}, "Crashes"), el("div", { class: "acts" }, act("Kill the worker", () => kill("worker")), act("Kill the web process", () => kill("web"))), status),
    el("div", {}, el("h3", {}, "Watch"), el("p", { class: "small sub" }, "Type ", el("span", { class: "mono" }, "/watch support@contoso.com"), ". The watch looks every 15 minutes, and once more a minute after a bad look. Here that time is skipped."),
      el("div", { class: "acts" }, el("button", { class: "btn", type: "button", id: "look", onclick: look }, "Let 15 minutes pass")), el("p", { class: "small sub", role: "status", id: "looked" })),
    el("div", {}, el("h3", {}, "Then"), el("p", { class: "small sub" }, "With a fault on, send a mail, type ", el("span", { class: "mono" }, "/check support@contoso.com"), " and compare the verdict with the switch. All off puts the clouds and the mail back as they were before the first fault, and the weather too.")));
}

// The worker makes the looks; only the time until they are due is skipped.
async function look() {
  const [button, told] = [$("look"), $("looked")];
  button.disabled = true;
  told.textContent = "The watch looks ...";
  try { const { lines } = await post("/practice/look"); told.textContent = lines.length ? `Channels that the watch has looked at: ${lines.length}. If something changed, the space of the channel has a card.` : "No channel is watched, or the watch is paused."; } catch (error) { told.textContent = error.message; }
  button.disabled = false;
}

async function kill(name) {
  await post(`/practice/kill/${name}`);
  return `The ${name} process was killed and started again at ${clock(new Date().toISOString(), true)}. What it was doing goes on.`;
}
