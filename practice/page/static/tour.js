// Five stops for the first visit. No other part of the page waits for them.
import { $, el } from "./dom.js";
import { state } from "./people.js";

const STOPS = [
  ["Ask for a channel.", "You are the requester. Type /setup-email support@contoso.com into the box and press Enter. A card answers in the thread.", "text"],
  ["Fill in the card.", "It asks for two addresses that Webex Connect generates: copy them from the panel Webex Connect. Name admin@contoso.com as the person who signs in.", "clouds"],
  ["Be somebody else.", "Choose Administrator at the top: the link waits in the 1:1. Sign in, or decline, or try the wrong account. Then approve as the requester.", "people"],
  ["Connect it.", "The cards say whose turn it is: the administrator consents, the requester finds the form and its secret 1:1, and the mailbox user signs in once. Then the test mail runs through the drawing.", "customer"],
  ["Break it.", "Turn on a fault, send another mail, and type /check support@contoso.com. The card, the drawing and the portal show the same place.", "find"],
];
// The condition that ends each stop. The next stop then appears without a click.
const SEEN = [
  () => [...state.messages.values()].some((each) => each.parentId && JSON.stringify(each.card || "").includes("callback_url")),
  () => [...state.messages.values()].some((each) => each.card && each.members.includes("admin@contoso.com") && each.roomType === "direct"),
  () => Boolean(seen.tenant?.applications.some((each) => each.displayName)),
  () => Boolean(seen.app?.registered && seen.mail),
];
const seen = {};
let at = 0, before = [];

export function begin() {
  if (localStorage.getItem("practice-tour") !== "done") show();
}

// Take new facts. Only an event during a stop ends it, so a page opened late begins at the first stop.
export function notice(facts) {
  Object.assign(seen, facts);
  const now = SEEN.map((done) => done());
  if (!$("tour").hidden && at < STOPS.length - 1 && now[at] && before[at] === false) step();
  before = now;
}

// Folded, the tour is one line. A narrow page begins with it folded, because the chat needs the room.
function isFolded() {
  const chosen = localStorage.getItem("practice-tour-folded");
  return chosen ? chosen === "yes" : matchMedia("(max-width: 720px)").matches;
}

function step() {
  const held = $("tour").contains(document.activeElement);
  at += 1;
  show();
  if (held) $("tour").querySelector("[data-on]").focus();
}

function show() {
  const [head, words, target] = STOPS[at];
  const last = at === STOPS.length - 1;
  const folded = el("details", { open: !isFolded() },
    el("summary", {}, el("span", { class: "dots", "aria-hidden": "true" }, "●".repeat(at + 1) + "○".repeat(STOPS.length - at - 1)), el("b", {}, `Tour, ${at + 1} of ${STOPS.length}. ${head} `)),
    el("div", { class: "stop" }, el("p", { role: "status" }, words),
      el("button", { class: "btn", type: "button", onclick: () => find(target) }, "Show me"),
      ...(last ? [] : [el("button", { class: "btn", type: "button", "data-on": "", onclick: step }, "Next")]),
      el("button", { class: "btn", type: "button", "data-on": last ? "" : null, onclick: end }, last ? "Done" : "End tour")));
  folded.addEventListener("toggle", () => localStorage.setItem("practice-tour-folded", folded.open ? "no" : "yes"));
  $("tour").hidden = false;
  $("tour").replaceChildren(folded);
}

function find(target) {
  const narrow = { text: "chat", people: "chat", clouds: "clouds", customer: "mail", find: "faults" }[target];
  document.dispatchEvent(new CustomEvent("part", { detail: narrow }));
  const node = target === "people" && !$("people").offsetParent ? $("person") : $(target); // a narrow page has a list instead
  node.scrollIntoView({ block: "center" });
  (node.querySelector("input:checked, input, button") || node).focus({ preventScroll: true });
}

function end() {
  localStorage.setItem("practice-tour", "done");
  $("tour").hidden = true;
  $("text").focus();
}
