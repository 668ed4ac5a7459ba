// Small helpers: elements, times, calls. Text is always set as text, never as HTML.
export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  fill(node, attributes, children);
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(node, attributes, children);
  return node;
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

export const clock = (iso, seconds = false) =>
  iso ? new Date(iso).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) }) : "";

export async function call(method, path, body) {
  const answer = await fetch(`/practice/api/${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  let value = {};
  try { value = JSON.parse(text); } catch { value = { error: text.slice(0, 200) }; }
  if (!answer.ok) throw new Error(value.error || value.message || `HTTP ${answer.status}`);
  return value;
}

// Ask one question in a dialog. Fields are [{name, label, value, options}].
// Resolve to the values and the pressed button, or to null.
export function ask(title, words, fields, buttons) {
  const dialog = $("ask");
  const form = el("form", { method: "dialog" }, el("h2", { id: "asktitle" }, title), ...(words ? [el("p", {}, words)] : []));
  for (const field of fields) form.append(el("label", { class: "field" }, el("span", {}, field.label), control(field)));
  form.append(el("div", { class: "acts" }, ...buttons.map((name, index) => el("button", { class: index ? "btn" : "btn main", value: name }, name)),
    el("button", { class: "btn", value: "", formnovalidate: true }, "Cancel")));
  dialog.replaceChildren(form);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    resolve(dialog.returnValue ? { ...Object.fromEntries(new FormData(form)), pressed: dialog.returnValue } : null);
  }, { once: true }));
}

function control(field) {
  if (!field.options) {
    const tag = field.long ? "textarea" : "input";
    const box = el(tag, { name: field.name, required: field.optional ? false : true, ...(field.type ? { type: field.type } : {}), autocomplete: "off" });
    box.value = field.value || "";
    return box;
  }
  const select = el("select", { name: field.name }, ...field.options.map((option) => el("option", { value: option }, option)));
  if (field.value) select.value = field.value;
  return select;
}
