// The clouds: the content of the real portals under their real names, and the author of each change.
import { $, clock, el } from "./dom.js";
import { title } from "./people.js";
import { named, portal } from "./faults.js";
import { connectPanel, fillForm } from "./form.js";

const MAILBOX = "support@contoso.com";
let panels = null;

export function draw({ app, tenant, journal }) {
  panels ??= build();
  const box = tenant.users[MAILBOX]?.mailbox;
  const registration = tenant.applications.filter((each) => each.displayName).slice(-1)[0];
  panels.entra.replaceChildren(...entra(tenant, registration), ...changes("entra", journal, ["graph", "entra"]));
  panels.defender.replaceChildren(...defender(tenant, box), ...changes("defender", journal, ["exchange"], /Outbound|Customization/));
  panels.admin.replaceChildren(...(box ? admin(box, tenant, app.registered) : [el("p", { class: "hit" }, `${MAILBOX} has no mailbox.`)]), ...changes("admin", journal, ["exchange"], /Mailbox|CAS/i));
  fillForm(app);
  panels.connected.replaceChildren(...changes("connect", journal, ["connect"], /fill_in|generate|save|register/));
}

function build() {
  const made = {};
  const panel = (name, heading, crumb, content) => el("section", { class: "panel", "aria-labelledby": `p-${name}` }, el("div", { class: "ph" }, el("h2", { id: `p-${name}` }, heading)), el("p", { class: "crumb" }, crumb), content);
  for (const name of ["entra", "defender", "admin"]) made[name] = el("div", { class: "portal" });
  made.connected = el("div", { class: "portal" });
  $("clouds").replaceChildren(
    panel("entra", "Microsoft Entra admin center", "Contoso › App registrations", made.entra),
    panel("defender", "Microsoft Defender", "Policies › Anti-spam policies › Outbound", made.defender),
    panel("admin", "Microsoft 365 admin center", `Active users › ${MAILBOX} › Mail`, made.admin),
    panel("connect", "Webex Connect", "Assets › Apps › Email", el("div", {}, connectPanel(), made.connected)),
  );
  return made;
}

function entra(tenant, app) {
  if (!app) return [el("p", { class: "sub" }, "No app registration yet. The bot makes one after Approve.")];
  const principal = tenant.service_principals.find((each) => each.appId === app.appId);
  return [
    el("dl", {}, ...pair("Display name", app.displayName), ...pair("Client ID", app.appId, "mono"), ...pair("Redirect URIs", (app.web?.redirectUris || []).join(" "), "mono"),
      ...(principal && !principal.accountEnabled ? pair("Sign-in", "✗ disabled", "bad") : [])),
    table("Client secrets", ["Client secret", "Expires", "Value"], app.passwordCredentials.map((secret) => [secret.displayName || "(no name)", expiry(secret.endDateTime), mono(`${secret.hint || ""}…`)])),
    table("API permissions", ["Permission", "Type", "Status"], permissions(tenant, app, principal)),
  ];
}

function permissions(tenant, app, principal) {
  const resources = Object.fromEntries(tenant.service_principals.map((each) => [each.appId, each]));
  return app.requiredResourceAccess.flatMap((wanted) => wanted.resourceAccess.map((access) => {
    const resource = resources[wanted.resourceAppId] || { appRoles: [], oauth2PermissionScopes: [] };
    const role = access.type === "Role";
    const found = (role ? resource.appRoles : resource.oauth2PermissionScopes).find((each) => each.id === access.id);
    return [found?.value || access.id, role ? "Application" : "Delegated", granted(role ? assigned(tenant, principal, access.id) : consented(tenant, principal, resource, found?.value))];
  }));
}

const assigned = (tenant, principal, role) => (tenant.role_assignments.some((each) => each.principalId === principal?.id && each.appRoleId === role) ? "Granted" : "");

function consented(tenant, principal, resource, scope) {
  const mine = tenant.grants.filter((each) => each.clientId === principal?.id && each.resourceId === resource.id && each.scope.split(" ").includes(scope));
  if (!mine.length) return "";
  return mine.some((each) => each.consentType === "AllPrincipals") ? "Granted for all" : `${mine.length} ${mine.length === 1 ? "user" : "users"}`;
}

const granted = (words) => el("span", {}, el("span", { class: words ? "good" : "warn", "aria-hidden": "true" }, words ? "✓ " : "▲ "), words || "Not granted");

// The row that stops the mail is marked. The card and the drawing mark the same place.
function defender(tenant, box) {
  const decides = box && (box.forwarding_address || box.forwarding_smtp_address) ? box.outbound_policy : "";
  const hit = (policy) => Boolean(policy && policy.Name === decides && policy.AutoForwardingMode !== "On");
  const rules = tenant.outbound_rules.map((rule) => ({ ...rule, policy: tenant.outbound_policies.find((each) => each.Name === rule.HostedOutboundSpamFilterPolicy) })).sort((a, b) => a.Priority - b.Priority);
  const rows = rules.map((rule) => [String(rule.Priority), rule.Name, mode(rule.policy?.AutoForwardingMode, rule.State, hit(rule.policy)), address([...(rule.From || []), ...(rule.SenderDomainIs || [])].join(", ") || "by group")]);
  const standard = tenant.outbound_policies.find((each) => each.IsDefault);
  const remote = tenant.remote_domains.filter((each) => each.AutoForwardEnabled === false).map((each) => each.DomainName);
  return [
    table("Outbound policies by priority", ["#", "Name", "Forwarding", "For"], [...rows, ["–", standard.Name, mode(standard.AutoForwardingMode, "Enabled", hit(standard)), "all others"]],
      [...rules.map((rule) => hit(rule.policy)), hit(standard)].indexOf(true)),
    el("p", { class: "small" }, rows.length ? "The lowest number that matches a sender decides." : "Automatic means Off: no mailbox may forward outside."),
    ...(remote.length ? [el("p", { class: "small bad" }, `Remote domains without automatic forwarding: ${remote.join(", ")}`)] : []),
    ...(tenant.transport_rules.length ? [el("p", { class: "small" }, `Transport rules: ${tenant.transport_rules.map((rule) => rule.Name).join(", ")}`)] : []),
  ];
}

function mode(value, on, hit) {
  const [glyph, tone] = hit ? ["✗", "bad"] : value === "On" && on === "Enabled" ? ["✓", "good"] : ["○", "sub"];
  return el("span", { class: "whole" }, el("span", { class: tone, "aria-hidden": "true" }, `${glyph} `), on === "Enabled" ? value || "?" : `${value}, rule off`);
}

// After the registration in Webex Connect, an unticked box stops the mail.
function admin(box, tenant, live) {
  const inherited = box.smtp_auth_disabled === null;
  const auth = inherited ? !tenant.smtp_auth_disabled : !box.smtp_auth_disabled;
  const target = box.forwarding_address || (box.forwarding_smtp_address || "").replace(/^smtp:/i, "");
  return [
    tick(auth, "Authenticated SMTP", inherited ? " (as the organization)" : "", live && !auth), tick(Boolean(target), "Forward all email sent to this mailbox", "", live && !target),
    ...(target ? [el("dl", {}, ...pair("To", target, "mono")), tick(box.deliver_and_forward, "Keep a copy of forwarded email in this mailbox")] : []),
  ];
}

const tick = (on, words, more = "", hit = false) => el("p", { class: hit ? "tick hit" : "tick" }, el("span", { class: "box1", "aria-hidden": "true" }, on ? "✓" : ""), el("span", {}, words + more, el("span", { class: "vh" }, on ? ", ticked" : ", not ticked")));
// An address may break after its @. A state never breaks.
const address = (text) => el("span", {}, ...text.split("@").flatMap((part, index) => (index ? ["@", el("wbr"), part] : [part])));
const pair = (name, value, tone = "") => [el("dt", {}, name), el("dd", { class: tone }, value || "–")];
const mono = (text) => el("span", { class: "mono" }, text);

function expiry(iso) {
  const days = (new Date(iso) - Date.now()) / 86400000;
  const words = new Date(iso).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  return el("span", {}, days < 30 ? el("span", { class: days < 0 ? "bad" : "warn", "aria-hidden": "true" }, days < 0 ? "✗ " : "▲ ") : "", days < 0 ? el("span", { class: "bad" }, `expired ${words}`) : words);
}

// On a phone each cell is a line of its own after its head. The roles keep it a table for screen readers.
const table = (caption, heads, rows, hit = -1) => el("table", { role: "table" }, el("caption", { class: "vh" }, caption),
  el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...heads.map((head) => el("th", { scope: "col", role: "columnheader" }, head)))),
  el("tbody", { role: "rowgroup" }, ...(rows.length ? rows : [heads.map((_, index) => (index ? "" : "none"))]).map((row, index) => el("tr", { role: "row", class: index === hit ? "hit" : null },
    ...row.map((cell, column) => el("td", { role: "cell", "data-head": heads[column] }, cell))))));

// The last changes of a portal, made by its own service or by the switchboard.
function changes(panel, journal, services, pattern = /./) {
  const broken = (entry) => entry.service === "control" && entry.action === "fault" && portal(entry.object) === panel;
  const faults = journal.some(broken);
  const mine = journal.filter((entry) => broken(entry) || (faults && entry.service === "control" && entry.action === "restore") || (services.includes(entry.service) && pattern.test(`${entry.action} ${entry.object}`)));
  const lines = mine.map((entry) => ({ text: `${said(entry)} ${clock(entry.at)}`, by: maker(entry), tone: entry.service === "control" ? "warn" : null }));
  return lines.filter((line, index) => line.text !== lines[index + 1]?.text || line.by !== lines[index + 1].by).slice(-4).reverse().map(({ text, by, tone }) => el("p", { class: "chg" },
    el("span", { "aria-hidden": "true" }, "→"), el("span", {}, `${text} by `, el("b", { class: tone }, by))));
}

function said(entry) {
  if (entry.service !== "control") return `${entry.action.replaceAll("_", " ")}, ${entry.object}`;
  return entry.action === "restore" ? "everything put back as it was" : `fault: ${named(entry.object)}`;
}

// The bot's calls carry the token of the signed-in person. The tenant's audit log shows the same name.
function maker(entry) {
  if (entry.service === "control") return "the switchboard";
  if (["graph", "exchange"].includes(entry.service)) return `the bot, for ${entry.who === "-" ? "itself" : `the ${title(entry.who).toLowerCase()}`}`;
  return `the ${title(entry.who).toLowerCase()}`;
}
