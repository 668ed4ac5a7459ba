// The page's own words in German: for a browser that asks for German, or with ?lang=de.
// What people and the bot write stays as it is, and so do the names of Webex Connect, which has no German page. The names of the faults come translated.
const KEPT = ".cardbox, .words, #faults .what, #ask input, #ask textarea, #ask select, #coverlist";
const ATTRIBUTES = ["aria-label", "data-head", "placeholder", "title"];
const GERMAN = {
  "Practice space": "Übungsraum",
  "Practice space: try the bot without an account": "Übungsraum: den Bot ohne Konto ausprobieren",
  "Nothing here reaches a real tenant.": "Nichts hier erreicht einen echten Mandanten.",
  "You are": "Sie sind", "Dark": "Dunkel", "Light": "Hell",
  "Requester": "Anforderer", "Mailbox user": "Postfachbenutzer", "Outsider": "Außenstehender",
  "You: requester": "Sie: Anforderer", "You: administrator": "Sie: Administrator", "You: mailbox user": "Sie: Postfachbenutzer",
  "You: agent": "Sie: Agent", "You: outsider": "Sie: Außenstehender",
  "The mail's way": "Der Weg der E-Mail", "The mail's way, short": "Der Weg der E-Mail, kurz",
  "The last things that happened to mails": "Was zuletzt mit E-Mails geschah",
  "What is behind the bot": "Was hinter dem Bot liegt", "Parts of the page": "Teile der Seite",
  "Spaces": "Bereiche", "Conversation": "Unterhaltung", "Commands": "Befehle", "Message": "Nachricht", "Processes": "Prozesse",
  "Contact center": "Contact Center", "Skip": "Springen", "Go to the message box": "Zum Nachrichtenfeld", "Go to the newest message": "Zur neuesten Nachricht", "1 new message": "1 neue Nachricht", " new": " neu",
  "Leave the thread": "Thread verlassen", "Reply in thread": "Im Thread antworten", "Your words go into the thread.": "Ihre Nachricht geht in den Thread.",
  "In a space the bot hears only what mentions it": "In einem Bereich hört der Bot nur, was ihn erwähnt",
  "Type / for the commands": "/ eingeben für die Befehle", "Send": "Senden",
  "Only you and the bot are here. Type /help, or wait for what the bot sends you.": "Hier sind nur Sie und der Bot. Geben Sie /hilfe ein, oder warten Sie auf Nachrichten des Bots.",
  "Nothing is said here yet. Type /setup-email support@contoso.com to begin.": "Hier wurde noch nichts geschrieben. Geben Sie /einrichten support@contoso.com ein, um zu beginnen.",
  "Customer": "Kunde", "Mailbox": "Postfach", "Forwarding": "Weiterleitung", "Forward": "Weiterl.", "Answer": "Antwort", "waits": "wartet", ": waits": ": wartet",
  " Customer": " Kunde", " Mailbox": " Postfach", " Forwarding": " Weiterleitung",
  "SMTP with OAuth 2.0": "SMTP mit OAuth 2.0", " SMTP with OAuth 2.0": " SMTP mit OAuth 2.0",
  "not yet": "noch nicht", "wrote": "schrieb", "no answer yet": "noch keine Antwort", "stops here": "stoppt hier", "no such mailbox": "kein solches Postfach", "keeps a copy": "behält eine Kopie", "keeps no copy": "behält keine Kopie",
  "passed on": "weitergeleitet", "another address": "andere Adresse", "not set": "nicht gesetzt", "starts no flow": "startet keinen Flow", "task created": "Aufgabe erstellt", "answered": "beantwortet", "has the task": "hat die Aufgabe", "left by SMTP": "per SMTP gesendet",
  "The mailbox forwards to no address outside.": "Das Postfach leitet an keine externe Adresse weiter.",
  "No mail has been sent yet.": "Noch wurde keine E-Mail gesendet.",
  "Send a mail as a customer": "Als Kunde eine E-Mail senden", "Answer as the agent": "Als Agent antworten", "Sign in to your account": "Bei Ihrem Konto anmelden", "Microsoft's page, as Webex Connect opens it. Sign in as the mailbox user.": "Die Seite von Microsoft, wie Webex Connect sie öffnet. Melden Sie sich als Postfachbenutzer an.", "Account": "Konto", "Accept": "Akzeptieren", "Decline": "Ablehnen",
  "A customer writes": "Ein Kunde schreibt", "It goes by SMTP to the mailbox, as any mail from outside.": "Sie geht per SMTP an das Postfach, wie jede E-Mail von außen.",
  "From": "Von", "To": "An", "Subject": "Betreff", "Text": "Text", "Task": "Aufgabe", "Cancel": "Abbrechen",
  "The mail is on its way ...": "Die E-Mail ist unterwegs ...", "The mail server took the mail.": "Der Mailserver hat die E-Mail angenommen.",
  "The agent has no task to answer: no mail has come this far yet.": "Der Agent hat keine Aufgabe: So weit ist noch keine E-Mail gekommen.",
  "The agent answers": "Der Agent antwortet", "Webex Connect sends it by SMTP with OAuth 2.0, from the mailbox.": "Webex Connect sendet sie per SMTP mit OAuth 2.0 aus dem Postfach.",
  "The answer is on its way ...": "Die Antwort ist unterwegs ...",
  "Faults": "Fehler", "Find a fault": "Fehler suchen", "All off": "Alle aus", "On": "Ein", "Off": "Aus", "none known yet": "noch keine bekannt",
  "turning it on ...": "wird eingeschaltet ...", "turning it off ...": "wird ausgeschaltet ...",
  "Mail goes on.": "E-Mails laufen weiter.", "Mail stops at the sender.": "E-Mails stoppen beim Absender.", "Mail stops at the mailbox.": "E-Mails stoppen am Postfach.", "Mail stops at forwarding.": "E-Mails stoppen bei der Weiterleitung.", "Mail stops at Webex Connect.": "E-Mails stoppen bei Webex Connect.", "Mail stops before the agent.": "E-Mails stoppen vor dem Agenten.", "The answer stops.": "Die Antwort stoppt.",
  "No fault has these words.": "Kein Fehler enthält diese Wörter.", "The faults are not known yet.": "Die Fehler sind noch nicht bekannt.",
  "Weather": "Netz und Last", "Slow clouds": "Langsame Clouds", "How slow": "Wie langsam", "Throttled, 429": "Gedrosselt, 429", "How often": "Wie oft",
  "Crashes": "Abstürze", "Kill the worker": "Worker beenden", "Kill the web process": "Webprozess beenden", "Then": "Danach",
  "Watch": "Überwachung", "Type ": "Geben Sie ", "Let 15 minutes pass": "15 Minuten vergehen lassen", "The watch looks ...": "Die Überwachung prüft ...",
  ". The watch looks every 15 minutes, and once more a minute after a bad look. Here that time is skipped.": " ein. Die Überwachung prüft alle 15 Minuten, und nach einem schlechten Ergebnis eine Minute später noch einmal. Hier wird diese Zeit übersprungen.",
  "No channel is watched, or the watch is paused.": "Kein Kanal wird überwacht, oder die Überwachung ist angehalten.",
  "With a fault on, send a mail, type ": "Senden Sie bei eingeschaltetem Fehler eine E-Mail, geben Sie ",
  " and compare the verdict with the switch. All off puts the clouds and the mail back as they were before the first fault, and the weather too.": " ein und vergleichen Sie das Ergebnis mit dem Schalter. „Alle aus“ setzt Clouds, E-Mails, Netz und Last auf den Stand vor dem ersten Fehler zurück.",
  "Chat": "Chat", "Mail": "E-Mail", "Starting up. This takes some seconds.": "Der Start dauert einige Sekunden.", "Processes on this machine: ": "Prozesse auf diesem Rechner: ",
  "The practice space does not answer. It is stopped, or starting again.": "Der Übungsraum antwortet nicht. Er ist angehalten oder startet neu.",
  "Tour": "Tour", "Show me": "Zeigen", "Next": "Weiter", "Done": "Fertig", "End tour": "Tour beenden",
  "You are the requester. Type /setup-email support@contoso.com into the box and press Enter. A card answers in the thread.": "Sie sind der Anforderer. Geben Sie /einrichten support@contoso.com in das Feld ein und drücken Sie die Eingabetaste. Die Antwort erscheint als Karte im Thread. Deutsche Karten: /sprache de.",
  "It asks for two addresses that Webex Connect generates: copy them from the panel Webex Connect. Name admin@contoso.com as the person who signs in.": "Sie fragt nach zwei Adressen, die Webex Connect erzeugt: Kopieren Sie beide aus dem Bereich Webex Connect. Nennen Sie admin@contoso.com als die Person, die sich anmeldet.",
  "Choose Administrator at the top: the link waits in the 1:1. Sign in, or decline, or try the wrong account. Then approve as the requester.": "Wählen Sie oben Administrator: Der Link wartet im 1:1. Melden Sie sich an, lehnen Sie ab oder versuchen Sie das falsche Konto. Genehmigen Sie dann als Anforderer.",
  "The cards say whose turn it is: the administrator consents, the requester finds the form and its secret 1:1, and the mailbox user signs in once. Then the test mail runs through the drawing.": "Die Karten sagen, wer am Zug ist: Der Administrator willigt ein, der Anforderer findet im 1:1 das Formular und den geheimen Clientschlüssel, und der Postfachbenutzer meldet sich einmal an. Die Test-E-Mail ist dann in der Zeichnung zu verfolgen.",
  "Turn on a fault, send another mail, and type /check support@contoso.com. The card, the drawing and the portal show the same place.": "Schalten Sie einen Fehler ein, senden Sie noch eine E-Mail und geben Sie /prüfen support@contoso.com ein. Karte, Zeichnung und Portal zeigen dieselbe Stelle.",
  // The portals, with the names of their German pages.
  "Microsoft Entra admin center": "Microsoft Entra Admin Center", "Contoso › App registrations": "Contoso › App-Registrierungen", "Policies › Anti-spam policies › Outbound": "Richtlinien › Antispamrichtlinien › Ausgehend",
  "Microsoft 365 admin center": "Microsoft 365 Admin Center", "No app registration yet. The bot makes one after Approve.": "Noch keine App-Registrierung. Der Bot erstellt sie nach der Genehmigung.",
  "Display name": "Anzeigename", "Redirect URIs": "Umleitungs-URIs", "Sign-in": "Anmeldung", "✗ disabled": "✗ deaktiviert", "Client secrets": "Geheime Clientschlüssel",
  "Client secret": "Geheimer Clientschlüssel", "Expires": "Gültig bis", "Value": "Wert", "(no name)": "(kein Name)", "API permissions": "API-Berechtigungen",
  "Permission": "Berechtigung", "Type": "Typ", "Application": "Anwendung", "Delegated": "Delegiert", "Granted": "Erteilt", "Granted for all": "Für alle erteilt",
  "Not granted": "Nicht erteilt", "Outbound policies by priority": "Ausgehende Richtlinien nach Priorität", "For": "Für", "by group": "nach Gruppe", "all others": "alle anderen",
  "Automatic": "Automatisch", "The lowest number that matches a sender decides.": "Es gilt die niedrigste Nummer, die zum Absender passt.", "Automatic means Off: no mailbox may forward outside.": "„Automatisch“ wirkt wie „Aus“: Kein Postfach darf nach außen weiterleiten.",
  "Authenticated SMTP": "Authentifiziertes SMTP", "Forward all email sent to this mailbox": "Alle an dieses Postfach gesendeten E-Mails weiterleiten",
  "Keep a copy of forwarded email in this mailbox": "Kopie der weitergeleiteten E-Mails in diesem Postfach behalten", ", ticked": ", aktiviert", ", not ticked": ", nicht aktiviert",
  "none": "nicht vorhanden", "there": "vorhanden", "yes": "ja", "no": "nein", "not registered": "nicht registriert", "set, not shown": "gesetzt, wird nicht angezeigt",
  "only the one-time page shows it": "steht nur auf der Einmalseite", "Copy from the bot's card": "Aus der Karte des Bots kopieren", "Copy": "Kopieren",
  "The bot has sent no card for this form yet. It comes 1:1 to the requester.": "Der Bot hat für dieses Formular noch keine Karte gesendet. Sie kommt im 1:1 an den Anforderer.",
  "Copied from the card. The Client Secret is on the one-time page that the card links to.": "Aus der Karte kopiert. Client Secret steht auf der Einmalseite, auf die die Karte verweist.",
  "Webex Connect asks Microsoft for tokens ...": "Webex Connect fordert bei Microsoft Token an ...", "Access Token and Refresh Token are there. Press Save.": "Access Token und Refresh Token sind da. Klicken Sie auf Save.",
  "Saved.": "Gespeichert.", "The service cannot be changed afterwards.": "Der Service kann später nicht geändert werden.", "Registered. The bot reads it in the audit log.": "Registriert. Der Bot liest es im Überwachungsprotokoll.",
  "the switchboard": "die Schalttafel",
};
const HEADS = { "Ask for a channel.": "Einen Kanal anfordern.", "Fill in the card.": "Die Karte ausfüllen.", "Be somebody else.": "Jemand anderes sein.", "Connect it.": "Verbinden.", "Break it.": "Stören." };
const FAMILIES = {
  "SMTP AUTH": "SMTP AUTH", "Forwarding": "Weiterleitung", "Policies and rules": "Richtlinien und Regeln", "Client secret": "Geheimer Clientschlüssel", "Token": "Token", "Consent": "Einwilligung",
  "App registration": "App-Registrierung", "Access": "Zugriff", "Mailbox": "Postfach", "Webex Connect": "Webex Connect", "Services": "Dienste", "Healthy variations": "Fehlerfreie Varianten", "More": "Weitere",
};
// Sentences with a value in them.
const STATES = { running: "läuft", starting: "startet", stopped: "angehalten", "not yet": "noch nicht gestartet" };
const who = (name) => GERMAN[name[0].toUpperCase() + name.slice(1)] || name;
const PATTERNS = [
  [/^Active users › (\S+) › Mail$/, "Aktive Benutzer › $1 › E-Mail"], [/^(\S+@\S+) has no mailbox\.$/, "$1 hat kein Postfach."], [/^expired (.+)$/, "abgelaufen $1"], [/^(\d+) users?$/, "$1 Benutzer"],
  [/^Authenticated SMTP \(as the organization\)$/, "Authentifiziertes SMTP (wie in der Organisation)"], [/^(\w+), rule off$/, (_, mode) => `${GERMAN[mode] || mode}, Regel aus`],
  [/^Remote domains without automatic forwarding: (.+)$/, "Remotedomänen ohne automatische Weiterleitung: $1"], [/^Transport rules: (.+)$/, "Nachrichtenflussregeln: $1"],
  [/^Save the app first$/, "Speichern Sie die App zuerst mit Save."], [/^registered, (.+)$/, "registriert, $1"], [/^Copy (Call Back URL|Forwarding Address)$/, "$1 kopieren"], [/^(Call Back URL|Forwarding Address) copied\.$/, "$1 kopiert."],
  [/^(.*) (\d\d:\d\d) by $/, (_, what, at) => `${what === "everything put back as it was" ? "alles wie zuvor" : what.replace(/^fault: /, "Fehler: ")} ${at} durch `],
  [/^the bot, for itself$/, "den Bot, für sich selbst"], [/^the bot, for the (.+)$/, (_, name) => `den Bot, für ${who(name)}`], [/^the (requester|administrator|mailbox user|agent|outsider|customer)$/, (_, name) => who(name)],
  [/^(\w+) (\d*) (running|starting|stopped|not yet)$/, (_, name, pid, state) => `${name} ${pid} ${STATES[state]}`],
  [/^Tour, (\d) of (\d)\. (.*?) $/, (_, at, all, head) => `Tour, ${at} von ${all}. ${HEADS[head] || head} `],
  [/^(\d+) of (\d+) on$/, "$1 von $2 ein"], [/^Faults, (\d+) on$/, "Fehler, $1 ein"],
  [/^([\w ]+), (?:(\d+) of )?(\d+)( on)?$/, (all, name, on, many, some) => (Object.hasOwn(FAMILIES, name) ? `${FAMILIES[name]}, ${on ? `${on} von ` : ""}${many}${some ? " ein" : ""}` : all)],
  [/^(: )?([\w ]+) (\d\d:\d\d)$/, (all, colon = "", note, at) => (Object.hasOwn(GERMAN, note) ? `${colon}${GERMAN[note]} ${at}` : all)],
  [/^live · (\d+) mails? stopped, none lost$/, "live · aufgehalten: $1, verloren: 0"],
  [/^(.+): delivered to (\S+), a copy stays$/, "$1: an $2 zugestellt, eine Kopie bleibt"], [/^(.+): passed on to Webex Connect$/, "$1: an Webex Connect weitergeleitet"],
  [/^(.+): left for (\S+)$/, "$1: gesendet an $2"], [/^(.+): stopped at forwarding$/, "$1: bei der Weiterleitung aufgehalten"], [/^(.+): not delivered$/, "$1: nicht zugestellt"],
  [/^(.+): Webex Connect sends the answer$/, "$1: Webex Connect sendet die Antwort"], [/^(.+): Webex Connect takes it$/, "$1: Webex Connect nimmt sie an"],
  [/^1 reply$/, "1 Antwort"], [/^(\d+) replies$/, "$1 Antworten"], [/^(\d+) new$/, "$1 neu"], [/^(\d+) new messages$/, "$1 neue Nachrichten"],
  [/^(\S+), edited once$/, "$1, einmal bearbeitet"], [/^(\S+), edited (\d+) times$/, "$1, $2-mal bearbeitet"],
  [/^(.+) \(you\)$/, (_, who) => `${GERMAN[who] || who} (Sie)`], [/^(You: .+) \((\d+) new\)$/, (_, you, count) => `${GERMAN[you] || you} (${count} neu)`],
  [/^Message as (.+)$/, (_, who) => `Nachricht als ${(GERMAN[`You: ${who}`] || who).replace("Sie: ", "")}`], [/^Download file (\d+)$/, "Datei $1 herunterladen"],
  [/^each cloud call takes (\d+) ms$/, "jeder Aufruf einer Cloud dauert $1 ms"], [/^1 of (\d+) API calls is told to come back in a second$/, "von je $1 API-Aufrufen wird einer um eine Sekunde vertröstet"],
  [/^Channels that the watch has looked at: (\d+)\. If something changed, the space of the channel has a card\.$/, "Von der Überwachung geprüfte Kanäle: $1. Hat sich etwas geändert, ist eine Karte im Bereich des Kanals."],
  [/^The (\w+) process was killed and started again at (\S+)\. What it was doing goes on\.$/, "Der Prozess $1 wurde beendet und um $2 neu gestartet. Seine Arbeit geht weiter."],
];

function german(text) {
  if (Object.hasOwn(GERMAN, text)) return GERMAN[text];
  const found = PATTERNS.find(([pattern]) => pattern.test(text));
  return found ? text.replace(...found) : text;
}

function say(node) {
  const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
  if (!element || element.closest(KEPT)) return;
  if (node.nodeType === Node.TEXT_NODE) {
    const told = german(node.data);
    if (told !== node.data) node.data = told;
    return;
  }
  for (const name of ATTRIBUTES) {
    const told = element.getAttribute?.(name), meant = told && german(told);
    if (told !== meant) element.setAttribute(name, meant);
  }
  for (const child of node.childNodes) say(child);
}

export const chosen = () => new URLSearchParams(location.search).get("lang") || navigator.languages.map((each) => each.slice(0, 2)).find((each) => ["de", "en"].includes(each)) || "en";

// Translate what is there, and from now on what each part of the page adds.
export function begin() {
  if (chosen() !== "de") return;
  document.documentElement.lang = "de";
  document.title = german(document.title);
  say(document.body);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.type === "childList" ? change.addedNodes : [change.target]) if (node.isConnected) say(node);
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributeFilter: ATTRIBUTES });
}
