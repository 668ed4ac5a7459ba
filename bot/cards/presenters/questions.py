"""Cards that ask a person: details, sign-in, consent, and a channel that was found."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlsplit

from adaptive_cards import Card, components as ui, elements as el, glyphs, notice
from adaptive_cards.locale import day_clock
from adaptive_cards.texts import render, text
from bot import links
from bot.cards.presenters import card_state as shared
from bot.services import Services
from jobs.channel.form import LIFETIMES
from jobs.channel.mailbox import DELEGATE, delegate_of
from jobs.checks.check import APP, FORWARDING
from jobs.clock import now
from jobs.engine.findings import lacks_role
from jobs.model import RunKind, Text, Turn
from jobs.next_action import is_blocked, waits_for_consent
from jobs.runs.run import AppCandidate, Run, Search
from jobs.steps.mailbox_and_smtp_auth import needs_delegate


@dataclass(frozen=True, slots=True)
class TypedInputs:
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Text] = field(default_factory=dict)


def intake_cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    asks = run.kind is RunKind.SETUP and not run.detailed and not run.ended
    shown = asks and shared.posted_card(services, run.id, shared.LIVING) is not None
    return [intake_card(run, services)] if shown else []


def intake_card(run: Run, services: Services) -> shared.DesiredCard:
    typed = shared.kept(services, run.id, TYPED, TypedInputs) or TypedInputs()
    wanted = shared.DesiredCard(shared.FIRST, intake(run, typed))
    news = shared.FIRST if not typed.errors else wanted.fingerprint
    return replace(wanted, urgency=news, prompt=news)


TYPED = f"{shared.FIRST}:typed"
"""Field of a run's cards with what was typed into the first card."""
_YES_NO = ("yes", "no")
_PROFILES = ("article", "least")
_SWITCHED = {"true": "yes", "false": "no"}
"""A toggle's values as the choice's own, to keep it when another field must be corrected."""


def intake(run: Run, typed: TypedInputs) -> Card:
    known = {"callback_url", "forwarding_address"} <= typed.values.keys()
    title, told = Text("intake.title"), Text("intake.turn_known" if known else "intake.turn")
    if count := len(typed.errors):
        values = {"count": str(count)}
        title, told = Text("intake.error", values), Text("intake.error_turn", values)
    profile = _choice(typed, "profile", _PROFILES, "article") | {"style": "expanded", "wrap": True}
    lifetime = _checked(typed, _choice(typed, "lifetime", LIFETIMES, "12"))
    keep_copy = _checked(typed, _choice(typed, "keep_copy", _YES_NO, "yes"))
    chosen = el.column("stretch", lifetime), el.column("stretch", keep_copy, spacing="Default")
    mailbox = [ui.section("intake.mailbox"), _checked(typed, _address("mailbox"))]
    body = [
        *([] if run.channel.mailbox else mailbox),
        ui.section("intake.from_connect"),
        el.own("intake.from_connect_where", **el.SMALL, spacing="None"),
        _checked(typed, _address("callback_url", style="url")),
        _checked(typed, _address("forwarding_address")),
        *_person(typed, "administrator"),
        # A shared mailbox's field is here if it was filled in before; else the run asks later.
        *(_person(typed, "delegate") if typed.values.get("delegate") else []),
        ui.section("intake.choices"),
        el.columns(*chosen, spacing="Small"),
        _checked(typed, profile),
        _checked(typed, _choice(typed, "check_login", _YES_NO, "yes")),
        el.own("intake.check_login_why", **el.SMALL, spacing="None"),
        ui.small_print(Text("intake.nothing_yet")),
    ]
    head = shared.header(run)
    band = ui.persons_turn(title, ui.run_turn(head, Turn.REQUESTER, told))
    go_on = el.submit(text("button.continue"), "intake", main=True, form=True, run=run.id)
    return ui.finished(ui.kicker(head), band, body, [go_on, el.cancel(run.id)])


def _address(name: str, style: str = "email") -> el.Element:
    return el.text_input(name, f"field.{name}", style=style, error=f"field.{name}_error")


def _person(typed: TypedInputs, who: str) -> list[el.Element]:
    field = el.text_input(who, f"field.{who}")
    why = el.own(f"intake.{who}_why", **el.SMALL, spacing="None")
    return [ui.section(f"intake.{who}"), why, _checked(typed, field)]


def _choice(typed: TypedInputs, name: str, values: tuple[str, ...], usual: str) -> el.Element:
    given = typed.values.get(name, usual)
    given = _SWITCHED.get(given, given)
    titles = [(value, text(f"choice.{name}.{value}")) for value in values]
    chosen = given if given in values else usual
    return el.choice(name, text(f"field.{name}"), titles, value=chosen)


def _checked(typed: TypedInputs, field: el.Element) -> el.Element:
    name = field["id"]
    value = typed.values.get(name, "")
    if value and field["type"] == "Input.Text":
        field = field | {"value": el.plain(value, el.ADDRESS_MOST)}
    wrong = typed.errors.get(name)
    return ui.in_error(field, el.rich(el.run(render(wrong)))) if wrong else field


DELEGATE_SLOT = "delegate"


def delegate_cards(run: Run, _: Services) -> list[shared.DesiredCard]:
    if run.ended or run.account is None or not needs_delegate(run):
        return []
    news = f"{shared.urgency(run, DELEGATE)}{delegate_of(run)}"
    return [shared.DesiredCard(DELEGATE_SLOT, delegate(run), urgency=news, prompt=news)]


def delegate(run: Run) -> Card:
    # The answer may be no address, or an address that nobody in the tenant has.
    named, seen = delegate_of(run), run.findings[DELEGATE_SLOT].seen
    wrong = shared.unreachable_recipient(run, DELEGATE)
    wrong = wrong or (ui.Asked(named, seen) if named and seen else None)
    field = _address("delegate")
    send = el.submit(text("button.continue"), "delegate", main=True, form=True, run=run.id)
    body = [
        el.own("delegate.why", spacing="Small"),
        ui.correction(field, wrong) if wrong else field,
        el.buttons(send, spacing="Small"),
    ]
    head, title = shared.header(run), Text("delegate.title", {"mailbox": run.channel.mailbox})
    band = ui.persons_turn(title, ui.run_turn(head, Turn.REQUESTER, Text("delegate.turn")))
    return ui.finished(ui.kicker(head), band, body, [el.cancel(run.id)])


SLOT = "signin"


def sign_in_cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    # After the sign-in there is one card, which names the account until there is a plan.
    if not run.detailed or run.ended or (run.plan and run.account):
        return []
    if run.account is None:
        link = links.link(services, "signin", run.id)
        runs = reversed(services.store.runs_of_mailbox(run.channel.mailbox))
        here = (each for each in runs if each.origin.room == run.origin.room)
        asked = () if run.answer("administrator") else (e.answer("administrator") for e in here)
        last = next(filter(None, asked), "")
        drawn = {
            to: sign_in(run, shared.header(run, services, to=to, link=link), link, to, last=last)
            for to in shared.thread_and_person(run.answer("administrator"))
        }
        return shared.desired_cards(SLOT, drawn, shared.urgency(run, "sign_in", "administrator"))
    kicker, words = Text("notice.signed_in_kicker"), Text("notice.signed_in_words")
    title = Text("notice.signed_in_title", {"account": run.account.upn})
    card = notice(kicker, title, words, ui.WELL)
    return [shared.DesiredCard(SLOT, card, urgency="signed in", prompt="")]


def waits_for_administrator(run: Run) -> bool:
    return run.detailed and not run.ended and run.account is None


def another_may(run: Run) -> bool:
    # An account is stuck if the plan is blocked, or if a step needs another role.
    if run.account is None or run.ended:
        return False
    return lacks_role(run) if run.has_begun else is_blocked(run)


def sign_in(
    run: Run, head: ui.Header, link: links.Link, to: str = shared.THREAD, *, last: str = ""
) -> Card:
    """Return the request to sign in; ``last`` is the administrator asked in an earlier run.

    If a person was asked 1:1, the sign-in button is not the card's green one, and another button
    sends that person's card again.
    """
    direct = to != shared.THREAD or run.origin.direct
    waits = shared.waits_for_person(run, to, "administrator")
    about = {"domain": run.channel.domain}
    rows = {
        "signin.account": text("signin.account_which", **about),
        "signin.roles": text("signin.roles_which"),
        "signin.allows": text("signin.allows_what"),
        "signin.ends": text("signin.ends_when"),
        "signin.link": text("signin.link_until", until=day_clock(link.until)),
    }
    title = text("button.ask_other" if direct or waits else "button.ask_administrator")
    typed = shared.unreachable_recipient(run, "administrator", to)
    hint = "signin.ask_hint"
    field, opens = ui.ask_someone(title, "ask_administrator", run.id, typed, hint=hint, last=last)
    body = [
        ui.known(rows),
        *ui.problem_box(shared.trouble(run.problems.get("sign_in"))),
        el.buttons(el.open_url(text("button.sign_in"), link.url, main=waits is None)),
        *field,
    ]
    again = el.submit(text("button.consent_again"), "consent_again", run=run.id)
    told = waits or Text("signin.turn_direct" if direct else "signin.turn")
    band = _administrators(head, Text("signin.title", about), told, direct=direct)
    actions = [*opens, *([again] if waits else []), el.cancel(run.id)]
    return ui.finished(ui.kicker(head), band, body, actions)


def _administrators(head: ui.Header, title: Text, told: Text, *, direct: bool) -> ui.Band:
    turn = ui.run_turn(head, Turn.ADMINISTRATOR, told, direct=direct)
    return ui.persons_turn(title, turn, asked=head.asked)


MAIL_SEND = "Mail.Send"
PERMISSIONS = (
    (glyphs.WARNING, MAIL_SEND, "permission.application", "permission.mail_send"),
    (glyphs.OK, "SMTP.Send", "permission.delegated", "permission.smtp_send"),
)


def consent_cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    if not waits_for_consent(run):
        return []
    # If nobody was asked, it is the administrator who was asked to sign in.
    asked = run.answer("consent_administrator") or run.answer("administrator")
    link = links.link(services, "consent", run.id)
    drawn = {
        to: consent(run, shared.header(run, services, to=to, link=link), link, to)
        for to in shared.thread_and_person(asked)
    }
    pressed = ("look_again",) if _not_granted(run) else ()
    news = shared.urgency(run, "consent", "consent_administrator", *pressed)
    return shared.desired_cards("consent", drawn, news)


def _not_granted(run: Run) -> ui.Trouble | None:
    # The result is None before the press, for a press on the plan, and if a newer problem is known.
    # The time is that of the press, because the bot reads again and again.
    pressed, read = run.answers.get("look_again"), run.found_at["admin_consent"]
    problem = run.problems.get("consent")
    asked = max((given.at for given in run.approvals.values()), default=run.opened)
    if pressed is None or not asked <= pressed.at <= read or (problem and problem.at > pressed.at):
        return None
    return ui.Trouble(Text("consent.not_granted", {"name": MAIL_SEND}), at=pressed.at)


def consent(run: Run, head: ui.Header, link: links.Link, to: str = shared.THREAD) -> Card:
    """Return the request for admin consent; for a person asked 1:1 as in :func:`sign_in`."""
    waits = shared.waits_for_person(run, to, "consent_administrator", "administrator")
    rows = {
        "consent.app": run.fact("app_name"),
        "consent.publisher": text("consent.publisher_which", domain=run.channel.domain),
        "label.client_id": run.fact("client_id"),
        "consent.for": text("consent.for_which"),
        "consent.who": text("consent.who_which"),
    }
    typed = shared.unreachable_recipient(run, "consent_administrator", to)
    field, opens = ui.ask_someone(text("button.ask_other"), "ask_consent", run.id, typed)
    grant = el.open_url(text("button.grant"), link.url, main=waits is None)
    asked = [
        (mark, el.rich(el.run(name, **el.BOLD), el.run(f", {text(kind)}")), ui.note(Text(why)))
        for mark, name, kind, why in PERMISSIONS
    ]
    body = [
        ui.section("consent.asks_for"),
        *(glyphs.marked(mark, *told) for mark, *told in asked),
        ui.known(rows),
        *ui.problem_box(_not_granted(run) or shared.trouble(run.problems.get("consent"))),
        el.buttons(grant, el.cancel(run.id, of_run=True)),
        *field,
    ]
    told, direct = waits or Text("consent.turn"), to != shared.THREAD or run.origin.direct
    band = _administrators(head, Text("consent.title"), told, direct=direct)
    granted = el.submit(text("button.already_granted"), "look_again", run=run.id)
    return ui.finished(ui.kicker(head), band, body, [*opens, granted])


_CHOICES_MOST, _TITLE_MOST = 10, 80


def discovery_cards(run: Run, questions: tuple[str, ...]) -> list[shared.DesiredCard]:
    asked, card = ",".join(questions), discovery(run, questions, now())
    timeless = shared.marked((card.content["body"][1:], card.content["actions"]))
    return [shared.DesiredCard("verdict", card, timeless, urgency=asked, prompt=asked)]


def discovery(run: Run, questions: tuple[str, ...], at: datetime) -> Card:
    search = run.search or Search()
    found = {"found.forwarding": search.forwarding_address, "found.user": search.upn}
    if search.certain:  # otherwise several apps may be the channel's
        app = search.apps[0]
        found = {"found.app": app.name, "found.callback": app.callback_url} | found
    title = "discovery.nothing" if FORWARDING in questions else "discovery.no_app"
    if search.apps:
        title = "discovery.which_app"
    if APP not in questions:
        title = "discovery.no_forwarding"
    values = ui.found_values((key, value) for key, value in found.items() if value)
    body = [
        *ui.titled("verdict.found", values),
        *([_app(search.apps[:_CHOICES_MOST])] if APP in questions else []),
        *([_address("forwarding_address")] if FORWARDING in questions else []),
        ui.small_print(Text("discovery.reads_only")),
    ]
    actions = [
        el.submit(text("button.go_on"), "discovered", main=True, form=True, run=run.id),
        el.submit(text("button.go_on_without"), "discovered_without", run=run.id),
    ]
    kicker = ui.kicker_at("verdict.kicker", at, mailbox=run.channel.mailbox)
    turn = ui.turn_line(Turn.REQUESTER, Text("discovery.turn"))
    return ui.finished(kicker, ui.persons_turn(Text(title), turn), body, actions)


def _app(apps: tuple[AppCandidate, ...]) -> el.Element:
    if not apps:
        label, wrong = "field.discovered_client_id", "field.client_id_error"
        return el.text_input("client_id", label, style="text", error=wrong)
    error = {"isRequired": True, "errorMessage": text("field.discovered_app_error")}
    titles = [(app.client_id, _named(app)) for app in apps]
    label = text("field.discovered_app")
    return el.choice("client_id", label, titles, style="expanded", wrap=True, **error)


def _named(app: AppCandidate) -> str:
    """Return the app's name with the host of its redirect, and its ID because a name may repeat."""
    where = urlsplit(app.callback_url).netloc or text("discovery.no_host")
    name = el.shorten(el.plain(app.name), _TITLE_MOST)
    return text("discovery.app", name=name, host=el.plain(where), client_id=app.client_id[:8])
