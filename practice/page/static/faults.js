// The switchboard: faults by family, the weather of the clouds, and the bot's processes.
import { $, call, clock, el } from "./dom.js";

const STATIONS = { "": "mail goes on", sender: "stops at the sender", mailbox: "stops at the mailbox", forward: "stops at forwarding", connect: "stops at Webex Connect", agent: "stops before the agent", answer: "stops the answer" };
const FAMILIES = [
  ["SMTP AUTH", /^smtp_/], ["Forwarding", /^forwarding_/], ["Policies and rules", /^(policy|remote|rule|sender_restricted|dehydrated)/], ["Client secret", /^secret/], ["Token", /^(session|token)/],
  ["Consent", /^(grant|user_consent|consent_declined|exchange_service)/], ["App registration", /^(app|principal|assignment|redirect|permission)/], ["Access", /^(security|ca|account|password)/],
  ["Mailbox", /^(licence|mailbox)/], ["Webex Connect", /^(form|connect|sender_is|mail_too|consent_reviewed)/], ["Services", /^(entra|graph|exchange)/], ["Healthy variations", /^healthy/],
];
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
const words = (fault) => `${fault.name} ${fault.what} ${fault.source} ${(fault.expects || []).join(" ")}`.toLowerCase();

function list() {
  const wanted = $("find").value.trim().toLowerCase();
  const groups = new Map();
  for (const fault of shown.items) {
    if (wanted && !words(fault).includes(wanted)) continue;
    groups.set(family(fault), [...(groups.get(family(fault)) || []), fault]);
  }
  const focused = document.activeElement?.dataset?.fault;
  $("faults").replaceChildren(...[...groups].map(([name, faults]) => group(name, faults, wanted)));
  if (!groups.size) $("faults").append(el("p", { class: "sub" }, shown.items.length ? "No fault has these words." : "The faults are not known yet."));
  if (focused) $("faults").querySelector(`[data-fault="${focused}"]`)?.focus();
}

function group(name, faults, wanted) {
  const on = faults.filter((fault) => shown.on.includes(fault.name)).length;
  const node = el("details", { open: Boolean(wanted || on || opened.has(name)) }, el("summary", {}, `${name}, ${on ? `${on} of ` : ""}${faults.length}${on ? " on" : ""}`), ...faults.map(toggle));
  node.addEventListener("toggle", () => (node.open ? opened.add(name) : opened.delete(name)));
  return node;
}

function toggle(fault) {
  const on = shown.on.includes(fault.name);
  return el("button", { class: "sw", type: "button", role: "switch", "aria-checked": String(on), "data-fault": fault.name, onclick: () => turn(fault, !on) },
    el("span", {}, fault.what, el("br"), el("span", { class: "mono sub" }, `${(fault.expects || [])[0] || "no fault"} · ${STATIONS[fault.stops || ""] || fault.stops}`)), el("i", {}, on ? "On" : "Off"));
}

async function post(path) {
  const answer = await fetch(path, { method: "POST" });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || `HTTP ${answer.status}`);
  return value;
}

async function turn(fault, on) {
  $("faultcount").textContent = `turning ${fault.name} ${on ? "on" : "off"} ...`;
  try { draw(await post(`/practice/switch/${encodeURIComponent(fault.name)}/${on ? "on" : "off"}`)); } catch (error) { $("faultcount").textContent = error.message; }
}

export function weather(values) {
  const slow = $("latency");
  if (slow && document.activeElement !== slow) { slow.value = values.latency_ms; $("latencyout").textContent = `${values.latency_ms} ms`; }
}

export function processes({ ready, items }) {
  $("processes").replaceChildren(el("span", {}, "Processes on this machine: "), ...items.map((item) => el("span", { class: "proc" }, el("span", { class: item.state === "running" ? "good" : "warn", "aria-hidden": "true" }, item.state === "running" ? "✓ " : "◇ "), `${item.name} ${item.pid || ""} ${item.state}`)));
  $("cover").hidden = ready;
  $("coverlist").replaceChildren(...items.map((item) => el("li", {}, `${item.pid ? "●" : "○"} ${item.name}: ${item.pid ? "started" : "not yet"}`)));
}

export function begin() {
  $("find").oninput = list;
  $("alloff").onclick = async () => { try { draw(await post("/practice/switch/off")); } catch (error) { $("faultcount").textContent = error.message; } };
  const slow = el("input", { id: "latency", type: "range", min: 0, max: 2000, step: 50, value: 0, oninput: (event) => { $("latencyout").textContent = `${event.target.value} ms`; }, onchange: (event) => call("PUT", "settings", { latency_ms: Number(event.target.value) }) });
  const status = el("p", { class: "small sub", role: "status" });
  const act = (name, work) => el("button", { class: "btn", type: "button", onclick: async () => { try { status.textContent = await work(); } catch (error) { status.textContent = error.message; } } }, name);
  $("weather").replaceChildren(el("div", {}, el("h3", {}, "Weather"), el("label", { class: "slide" }, el("span", {}, "Each cloud call takes"), el("output", { id: "latencyout" }, "0 ms"), slow)),
    el("div", {}, el("h3", {}, "Throttling and crashes"), el("div", { class: "acts" }, act("Throttle the next 5 Graph calls", throttle), act("Kill the worker", () => kill("worker")), act("Kill the web process", () => kill("web"))), status),
    el("div", {}, el("h3", {}, "Then"), el("p", { class: "small sub" }, "All off puts the clouds and the mail back as they were before the first fault. With a fault on, type ", el("span", { class: "mono" }, "/check support@contoso.com"), " and compare the verdict with the switch.")));
}

async function throttle() {
  await call("POST", "faults", { prefix: "/graph/", status: 429, times: 5, headers: { "Retry-After": "1" }, body: '{"error":{"code":"TooManyRequests","message":"Too many requests"}}' });
  return `The next 5 calls to Graph answer 429 (${clock(new Date().toISOString(), true)}).`;
}

async function kill(name) {
  await post(`/practice/kill/${name}`);
  return `The ${name} process was killed and started again at ${clock(new Date().toISOString(), true)}. What it was doing goes on.`;
}
