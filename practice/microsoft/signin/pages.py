"""Sign-in pages: plain HTML for any browser, with every value escaped.

Like Microsoft's own pages, they are in the browser's language, but only English and German exist.
The descriptions of errors are Microsoft's, in English.
"""

from collections.abc import Iterable
from html import escape

from flask import request

from practice.microsoft.world import Tenant

STYLE = (
    ":root{color-scheme:light dark;"
    "--page:#f2f2f2;--box:#fff;--text:#1b1b1b;--blue:#0067b8;--line:#8a8a8a}"
    "@media(prefers-color-scheme:dark){"
    ":root{--page:#111;--box:#1f1f1f;--text:#f2f2f2;--blue:#0067b8;--line:#767676}"
    "a{color:#6cb8f6}}"
    "*{box-sizing:border-box}"
    "body{font:15px/1.4 system-ui,sans-serif;background:var(--page);color:var(--text);"
    "max-width:32rem;margin:2rem auto;padding:0 1rem}"
    "main{background:var(--box);padding:1.5rem 2rem 2rem;"
    "box-shadow:0 2px 6px #0003;overflow-wrap:anywhere}"
    "h1{font-size:1.4rem;font-weight:600;margin:0 0 1rem}"
    "ul{padding-left:1.2rem}"
    "label{display:flex;gap:.7rem;align-items:center;padding:.5rem 0;"
    "min-height:2.6rem;border-bottom:1px solid #8883}"
    "button{font:inherit;padding:.4rem 1.6rem;margin:1.2rem .6rem 0 0;"
    "min-height:2.1rem;border:1px solid var(--line);"
    "background:transparent;color:var(--text);cursor:pointer}"
    "button[value=accept]{background:var(--blue);border-color:var(--blue);color:#fff}"
    ":focus-visible{outline:2px solid var(--text);outline-offset:2px}"
    "input[type=radio]{flex:none;width:1.1rem;height:1.1rem;margin:0}"
)


LANGUAGES = ("en", "de")
GERMAN = {
    "Sign in": "Anmelden",
    "Permissions requested: review for your organization": (
        "Angeforderte Berechtigungen: Überprüfung für Ihre Organisation"
    ),
    "{app} asks for:": "{app} fordert an:",
    "Accept": "Akzeptieren",
    "Decline": "Ablehnen",
    "Permissions granted": "Berechtigungen erteilt",
    "You may close this window.": "Sie können dieses Fenster schließen.",
    "Sorry, but we're having trouble signing you in.": (
        "Leider gibt es ein Problem bei Ihrer Anmeldung."
    ),
    "Return to the application without granting consent": (
        "Zur Anwendung zurückkehren, ohne die Einwilligung zu erteilen"
    ),
    "Working": "In Bearbeitung",
    "Continue": "Weiter",
}


def _language() -> str:
    """Return the language of these pages that the browser prefers."""
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _say(text: str, **values: str) -> str:
    """Return the text in the browser's language, with its values filled in and escaped."""
    told = GERMAN[text] if _language() == "de" else text
    return escape(told.format(**values))


def page(title: str, body: str) -> str:
    """Return a whole page as HTML.

    The title is one of the texts in :data:`GERMAN`.
    """
    said = _say(title)
    head = (
        '<meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{said}</title><style>{STYLE}</style>'
    )
    return (
        f'<!doctype html><html lang="{_language()}"><head>{head}</head>'
        f"<body><main><h1>{said}</h1>{body}</main></body></html>"
    )


def granted() -> str:
    """Return the page after a consent without a redirect URI."""
    return page("Permissions granted", f"<p>{_say('You may close this window.')}</p>")


def accounts(tenants: Iterable[Tenant], hint: str) -> str:
    """Return the accounts to choose from; the hinted account is selected."""
    users = [user for tenant in tenants for user in tenant.users.values()]
    return "".join(
        f'<label><input type="radio" name="account" value="{escape(user.upn)}" required'
        f"{' checked' if user.known_as(hint) else ''}><span>{escape(user.name)} "
        f"({escape(user.upn)})</span></label>"
        for user in users
    )


def chooser(
    title: str, app: str, wanted: Iterable[str], choice: str, values: Iterable[tuple[str, str]]
) -> str:
    """Return the form for the account and the consent; it posts to its own URL."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in values
    )
    scopes = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in wanted)
    buttons = (
        f'<button name="action" value="accept">{_say("Accept")}</button>'
        f'<button name="action" value="decline">{_say("Decline")}</button>'
    )
    return page(
        title,
        (
            f"<p>{_say('{app} asks for:', app=app)}</p><ul>{scopes}</ul><form "
            f'method="post">{hidden}{choice}{buttons}</form>'
        ),
    )


def error_page(text: str, back: str = "") -> str:
    """Return the error page with Microsoft's code.

    ``back`` is the link to the app, if Microsoft offers one.
    """
    link = (
        f'<p><a href="{escape(back)}">'
        f"{_say('Return to the application without granting consent')}</a></p>"
        if back
        else ""
    )
    return page("Sorry, but we're having trouble signing you in.", f"<p>{escape(text)}</p>{link}")


def form_post(uri: str, values: Iterable[tuple[str, str]]) -> str:
    """Return a form that submits itself, for response_mode=form_post."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in values
    )
    form = f'<form method="post" action="{escape(uri)}">{fields}<button>{_say("Continue")}</button></form>'
    return page("Working", f"{form}<script>document.forms[0].submit()</script>")
