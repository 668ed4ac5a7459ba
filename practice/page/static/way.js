// The mail's path: an animated drawing, a list with the same words, and the actions of people outside Webex.
import { $, ask, call, clock, el, svg } from "./dom.js";
import { state } from "./people.js";

const NAMES = { customer: "Customer", mailbox: "Mailbox", forward: "Forwarding", connect: "Webex Connect", agent: "Agent", answer: "Answer" };
const GLYPHS = { ok: ["✓", "good"], wrong: ["✗", "bad"], idle: ["○", "sub"] };
const BOXES = {
  customer: [2, 18, 92, 160], mailbox: [132, 18, 112, 60], forward: [282, 18, 124, 60],
  connect: [446, 18, 136, 160], agent: [622, 18, 122, 160], answer: [206, 118, 184, 60],
};
// Positions of the envelope, station by station, and the lines between them.
const STOPS = { customer: [94, 48], mailbox: [188, 30], forward: [344, 30], connect: [514, 30], agent: [683, 30] };
const LINES = { mailbox: "M94 48H132", forward: "M244 48H282", connect: "M406 48H446", agent: "M582 48H622" };
const BACK = "M622 148H582M446 148H390M206 148H94";
// Positions of a stopped mail.
const STUCK = { mailbox: [113, 48], forward: [263, 48], connect: [426, 48], answer: [418, 148] };
let last = null;

export function draw(way) {
  const by = Object.fromEntries(way.stations.map((station) => [station.name, station]));
  $("waysvg").replaceChildren(...lines(by), ...way.stations.map(box), ...way.stations.filter((station) => station.state === "wrong" && STUCK[station.name]).map((station) => stuck(station.name, way.stopped)));
  $("waylist").replaceChildren(...way.stations.map(row));
  $("strip").replaceChildren(...way.stations.map(short));
  $("waylog").replaceChildren(...(way.lines.length ? way.lines.map(line) : [el("li", { class: "none sub" }, "No mail has been sent yet.")]));
  $("waysum").textContent = way.stopped ? `live · ${way.stopped} ${way.stopped === 1 ? "mail" : "mails"} stopped, none lost` : "live";
  if (last && way.mail !== last.mail) move(way.stations.filter((station) => station.name !== "answer"), Object.values(STOPS));
  if (last && way.answers > last.answers) move([by.answer, by.answer, by.answer], [[640, 148], [298, 130], [94, 148]]);
  last = way;
}

const note = (station) => [station.note, station.state === "idle" ? "" : clock(station.at)].filter(Boolean).join(" ");

function lines(by) {
  const forward = Object.entries(LINES).map(([name, path]) => svg("path", { class: by[name].state === "idle" ? "off" : "ln", d: path }));
  return [...forward, svg("path", { class: by.answer.state === "ok" ? "ln" : "off", d: BACK })];
}

function box(station) {
  const [x, y, width, height] = BOXES[station.name];
  const [glyph, tone] = GLYPHS[station.state];
  const name = station.name === "answer" ? "SMTP with OAuth 2.0" : NAMES[station.name];
  return svg("g", {}, svg("rect", { class: station.state === "wrong" ? "stop" : "box", x, y, width, height, rx: 8 }),
    svg("text", { x: x + 10, y: y + 21 }, svg("tspan", { class: tone }, glyph), ` ${name}`),
    svg("text", { class: "s", x: x + 10, y: y + 37 }, station.note || "waits"), svg("text", { class: "s", x: x + 10, y: y + 51 }, station.state === "idle" ? "" : clock(station.at, true)));
}

function stuck(name, stopped) {
  const [x, y] = STUCK[name], many = name === "forward" && stopped > 1;
  return svg("g", {}, envelope(`translate(${x - 9} ${y - 6})`), many ? svg("text", { class: "s", x, y: y + 20, "text-anchor": "middle" }, String(stopped)) : null);
}

const envelope = (transform) => svg("g", { class: "env", transform }, svg("rect", { width: 18, height: 12, rx: 2 }), svg("path", { d: "M0 2l9 6 9-6" }));

function row(station) {
  const [glyph, tone] = GLYPHS[station.state];
  return el("li", { class: station.state === "ok" ? "" : "dead" }, el("span", { class: tone, "aria-hidden": "true" }, glyph),
    el("span", {}, el("b", {}, NAMES[station.name]), el("br"), el("span", { class: "sub small" }, note(station) || "waits"), station.reply ? el("span", { class: "mono reply" }, station.reply) : null),
    el("span", { class: "sub" }, clock(station.at)));
}

function short(station) {
  const [glyph, tone] = GLYPHS[station.state];
  const name = { forward: "Forward", connect: "Connect" }[station.name] || NAMES[station.name];
  return el("li", {}, el("b", { class: tone, "aria-hidden": "true" }, glyph), name, el("span", { class: "vh" }, `: ${note(station) || "waits"}`));
}

const line = (each) => el("li", {}, el("span", { class: each.good ? "good" : "bad" }, each.good ? "✓" : "✗"), el("span", { class: "sub" }, clock(each.at, true)),
  el("span", {}, each.text, each.reply ? el("span", { class: "mono reply" }, each.reply) : null));

// Move an envelope as far as the mail got.
function move(stations, stops) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const far = stations.findIndex((station) => station.state !== "ok");
  const path = stops.slice(0, (far < 0 ? stations.length : far + 1));
  const mail = envelope();
  $("waysvg").append(mail);
  const frames = path.map(([x, y]) => ({ transform: `translate(${x - 9}px, ${y - 6}px)` }));
  mail.animate(frames.length > 1 ? frames : [...frames, ...frames], { duration: 600 * path.length, fill: "forwards", easing: "ease-in-out" }).finished.then(() => mail.remove());
}

// What a service answered is in a fixed-width font, as everywhere.
const tell = (text, bad = false, service = false) => { $("told").textContent = text; $("told").className = `told small ${bad ? "bad" : "sub"}${service ? " mono" : ""}`; };

async function customer() {
  const number = 4711 + (last?.lines.length || 0);
  const mail = await ask("A customer writes", "It goes by SMTP to the mailbox, as any mail from outside.", [
    { name: "from", label: "From", value: "jo@customer.example", type: "email" }, { name: "to", label: "To", value: "support@contoso.com", type: "email" },
    { name: "subject", label: "Subject", value: `Order ${number}` }, { name: "body", label: "Text", value: "Where is my order?", long: true, optional: true },
  ], ["Send"]);
  if (!mail) return;
  tell("The mail is on its way ...");
  try { await call("POST", "mail/customer", mail); tell("The mail server took the mail."); } catch (error) { tell(error.message, true); }
}

async function agent() {
  const tasks = (await call("GET", "agent/tasks")).items.filter((task) => task.status !== "completed");
  if (!tasks.length) return tell("The agent has no task to answer: no mail has come this far yet.", true);
  const names = tasks.map((task) => task.subject).reverse();
  const answer = await ask("The agent answers", "Webex Connect sends it by SMTP with OAuth 2.0, from the mailbox.", [
    { name: "subject", label: "Task", options: names }, { name: "body", label: "Answer", value: "It leaves the warehouse today.", long: true },
  ], ["Answer"]);
  if (!answer) return;
  tell("The answer is on its way ...");
  try {
    const receipt = await call("POST", "agent/answer", { subject: answer.subject, body: answer.body, as: state.you.email });
    tell(`${receipt.code} ${receipt.description}`, receipt.code !== "7501", true);
  } catch (error) { tell(error.message, true); }
}

export function begin() {
  $("customer").onclick = customer;
  $("agent").onclick = agent;
}
