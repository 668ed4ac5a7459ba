// Webex Connect's form, in its own order and with its own names. The secret can be entered and never read.
import { $, ask, call, clock, el } from "./dom.js";
import { PEOPLE, state } from "./people.js";

const FIELDS = [
  ["email_id", "Email ID"], ["authentication_type", "Authentication Type"], ["smtp_server", "SMTP Server"], ["username", "Username"], ["port", "Port"], ["security", "Security"],
  ["client_id", "Client ID"], ["client_secret", "Client Secret"], ["authorization_url", "Authorization URL"], ["scope", "Scope"], ["access_token_url", "Access Token URL"], ["refresh_token_url", "Refresh Token URL"],
];
const inputs = {};
let app = {};

export function connectPanel() {
  const generated = el("dl", { id: "generated" });
  const form = el("form", { class: "cform", autocomplete: "off", onsubmit: (event) => event.preventDefault() });
  for (const [name, label] of FIELDS) {
    inputs[name] = el("input", { name, type: name === "client_secret" ? "password" : "text", autocomplete: "off", oninput: (event) => { event.target.dataset.typed = "1"; } });
    form.append(el("label", {}, el("span", {}, label), inputs[name]));
  }
  const buttons = [["Copy from the bot's card", copy], ["Generate Token", generate], ["Save", save], ["Register To Webex Engage", register]];
  const acts = el("div", { class: "acts" }, ...buttons.map(([name, act], index) => el("button", { class: index === 1 ? "btn main" : "btn", type: "button", onclick: () => tried(act) }, name)));
  return el("div", { class: "portal" }, generated, form, acts, el("dl", { id: "tokens" }), el("p", { class: "small", id: "formtold", role: "status" }));
}

export function fillForm(fresh) {
  app = fresh;
  generated();
  for (const [name] of FIELDS) {
    const input = inputs[name];
    if (input.dataset.typed || document.activeElement === input) continue;
    if (name === "client_secret") input.placeholder = app.fields[name] ? "set, not shown" : "only the one-time page shows it";
    else input.value = app.fields[name] || "";
  }
  const until = app.validity ? `${new Date(app.validity).toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock(app.validity)}` : "–";
  $("tokens").replaceChildren(...row("Access Token", app.access_token ? "there" : "none"), ...row("Refresh Token", app.refresh_token ? "there" : "none"),
    ...row("Validity", until), ...row("Saved", app.saved ? "yes" : "no"), ...row("Webex Engage", app.registered ? `registered, ${app.service}` : "not registered"));
}

// Draw only after a change, because the buttons may have the focus.
function generated() {
  const shown = `${app.callback_url} ${app.forwarding_address}`;
  if ($("generated").dataset.shown === shown) return;
  $("generated").dataset.shown = shown;
  $("generated").replaceChildren(...copied("Call Back URL", app.callback_url), ...copied("Forwarding Address", app.forwarding_address));
}

const row = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
const copied = (name, value) => [el("dt", {}, name), el("dd", {}, el("span", { class: "mono" }, value), " ",
  el("button", { class: "link small", type: "button", "aria-label": `Copy ${name}`, onclick: () => navigator.clipboard?.writeText(value).then(() => told(`${name} copied.`)) }, "Copy"))];

function told(words, bad = false) {
  $("formtold").textContent = words;
  $("formtold").className = `small ${bad ? "bad" : "sub"}`;
}

async function tried(act) {
  try { await act(); } catch (error) { told(error.message, true); }
}

// Send the typed values to the form before a button acts, as a page with fields and buttons does.
async function typed() {
  const fields = Object.fromEntries(FIELDS.map(([name]) => [name, inputs[name].value]).filter(([name, value]) => inputs[name].dataset.typed && (value || name !== "client_secret")));
  if (!Object.keys(fields).length) return;
  await call("POST", "connect/app", { as: state.you.email, fields });
  for (const [name] of FIELDS) delete inputs[name].dataset.typed;
  inputs.client_secret.value = "";
}

async function copy() {
  const found = await (await fetch("/practice/form")).json();
  if (!Object.keys(found).length) return told("The bot has sent no card for this form yet. It comes 1:1 to the requester.", true);
  for (const [name, value] of Object.entries(found)) if (inputs[name]) { inputs[name].value = value; inputs[name].dataset.typed = "1"; }
  told("Copied from the card. The Client Secret is on the one-time page that the card links to.");
}

async function generate() {
  await typed();
  const choice = await ask("Sign in to your account", "Microsoft's page, as Webex Connect opens it. Sign in as the mailbox user.", [{ name: "as", label: "Account", options: PEOPLE.map((each) => each.email), value: "support@contoso.com" }], ["Accept", "Decline"]);
  if (!choice) return;
  told("Webex Connect asks Microsoft for tokens ...");
  await call("POST", "connect/generate_token", { as: choice.as, action: choice.pressed.toLowerCase() });
  told("Access Token and Refresh Token are there. Press Save.");
}

async function save() {
  await typed();
  await call("POST", "connect/save", { as: state.you.email });
  told("Saved.");
}

async function register() {
  const choice = await ask("Register To Webex Engage", "The service cannot be changed afterwards.", [{ name: "service", label: "Service", options: ["Email service", "Another service"] }], ["Register"]);
  if (!choice) return;
  await call("POST", "connect/register", { as: state.you.email, service: choice.service });
  told("Registered. The bot reads it in the audit log.");
}
