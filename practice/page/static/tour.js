// Five stops for the first visit. Nothing of the page waits for it.
import { $, el } from "./dom.js";

const STOPS = [
  ["Ask for a channel.", "You are the requester. Type /setup-email support@contoso.com into the box and press Enter. A card answers in the thread.", "text"],
  ["Fill in the card.", "It asks for two addresses that Webex Connect generates: copy them from the panel Webex Connect, below. Then hand the sign-in to admin@contoso.com.", "clouds"],
  ["Be somebody else.", "Choose Administrator at the top: the link waits in the 1:1. Sign in, or decline, or try the wrong account. Then approve as the requester.", "people"],
  ["Watch the mail.", "When the form in Webex Connect is saved and registered, send a mail as a customer and follow it through the drawing.", "customer"],
  ["Break it.", "Turn on a fault, send another mail, and type /check support@contoso.com. The card, the drawing and the portal show the same place.", "find"],
];
let at = 0;

export function begin() {
  if (localStorage.getItem("practice-tour") !== "done") show();
}

function show() {
  const [head, words, target] = STOPS[at];
  const last = at === STOPS.length - 1;
  $("tour").hidden = false;
  $("tour").replaceChildren(el("span", { class: "dots", "aria-hidden": "true" }, "●".repeat(at + 1) + "○".repeat(STOPS.length - at - 1)),
    el("p", { role: "status" }, el("b", {}, `Tour, ${at + 1} of ${STOPS.length}. ${head} `), words),
    el("button", { class: "btn", type: "button", onclick: () => find(target) }, "Show me"),
    ...(last ? [] : [el("button", { class: "btn", type: "button", onclick: () => { at += 1; show(); } }, "Next")]),
    el("button", { class: "btn", type: "button", onclick: end }, last ? "Done" : "End tour"));
}

function find(target) {
  const narrow = { text: "chat", people: "chat", clouds: "clouds", customer: "mail", find: "faults" }[target];
  document.dispatchEvent(new CustomEvent("part", { detail: narrow }));
  const node = $(target);
  node.scrollIntoView({ block: "center" });
  (node.querySelector("input:checked, input, button") || node).focus({ preventScroll: true });
}

function end() {
  localStorage.setItem("practice-tour", "done");
  $("tour").hidden = true;
}
