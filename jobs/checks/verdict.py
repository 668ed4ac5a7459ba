"""Root cause of a check, the wrong findings that no other one explains, and who can fix it.

Before that, each finding is weighed against the others: it may be history, harmless, or more
serious than it seems. The step's :class:`jobs.engine.step.Diagnosis` names the other steps that may
disprove it, and the finding's :class:`jobs.model.Signals` says since when. docs/glossary.md has the
terms. Who can fix a cause depends on the cause, regardless of the finding that reported it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from jobs.causes.cause import NEW_TOKEN, Cause, known
from jobs.engine.findings import UNSEEN, needs_sign_in
from jobs.engine.step import Diagnosis, Step, reachable
from jobs.model import Channel, Finding, Signals, State, Station, Turn
from jobs.runs.run import Run

Steps = Mapping[str, Step]
Found = Mapping[str, Finding]
MAIL_PATH = tuple(Station)
PROOFS = ("copies", "answers")
UNSPECIFIC = {
    "",
    Cause.MAIL_NOT_DELIVERED,
    Cause.SIGN_IN_FAILED,
    Cause.CONNECT_LOGIN_FAILED,
    Cause.CONNECT_SMTP_FAILED,
}
UNREAD = dict.fromkeys(UNSPECIFIC, Cause.WHAT_STOPS_MAIL_NOT_READ)
UNREAD[Cause.SMTP_TOKEN_REFUSED] = Cause.SMTP_LOGIN_UNEXPLAINED
"""Causes that are one of several, with their names until the settings are read (535 5.7.3)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of a check, as names of findings; the cause that stops mail earliest comes first.

    Those that pass by themselves come last. ``symptoms`` maps each symptom to the cause that
    explains it. ``since`` is when the first cause, or one of its symptoms, began.
    """

    causes: tuple[str, ...]
    symptoms: dict[str, str]
    possible: tuple[str, ...]
    warnings: tuple[str, ...]
    skipped: tuple[str, ...]
    stops: Station | None
    since: datetime | None
    weighed: dict[str, Finding] = field(default_factory=dict)

    @property
    def turn(self) -> Turn:
        """Return who must act on the first cause: the approver if a plan fixes it."""
        if not self.causes:
            return Turn.NOBODY
        first = self.causes[0]
        return Turn.APPROVER if self.fixing_step(first) else known(self.weighed[first].cause).acts

    def fixing_step(self, name: str) -> str:
        """Return the step, wrong or not read yet, whose plan changes this finding, or ''."""
        entry = known(self.weighed[name].cause)
        unseen = () if entry.fixed_if_wrong else (State.SKIPPED, State.UNKNOWN)
        wrong = in_state(entry.fixed_by, self.weighed, State.WRONG)
        return next(iter([*wrong, *in_state(entry.fixed_by, self.weighed, *unseen)]), "")

    def fix_button(self, run: Run, *, whole: bool) -> tuple[str, dict[str, str]] | None:
        """Return the text key and data of the button that leads to a fix, or None for no button.

        It opens a plan that would change something for any of the causes, or else the page on which
        a person fixes the first. The page waits until the check is ``whole``: a refused token may
        have a cause that only a sign-in shows.
        """
        if not self.causes:
            return None
        if step := next(filter(None, map(self.fixing_step, self.causes)), ""):
            return f"fix.{step}", {"do": "fix", "channel": run.channel.mailbox, "check": run.id}
        page, cause = page_of(run.channel), self.weighed[self.causes[0]].cause
        helps = whole and page and cause in NEW_TOKEN
        return ("fix.generate_token", {"url": page}) if helps else None


def judge(steps: Steps, findings: Found, *, done: bool = True) -> Verdict:
    """Return the verdict from the findings, and from the steps, which know their own symptoms.

    Before the check is ``done``, a failure is not yet a cause if a finding is missing that could
    explain it or show that it is over.
    """
    read = Case(steps, findings)
    case = read.weighed().promoted()
    above = case.explained(case.wrong())
    roots = _root_causes(above)
    if not done:
        roots = tuple(each for each in roots if read.pending(each) <= findings.keys())
    first = dict[str, str]()
    for name in roots:
        first.setdefault(case.findings[name].cause or name, name)
    weighed = {**case.findings, **case.named_otherwise(first.values(), findings)}
    causes = sorted(first.values(), key=lambda each: known(weighed[each].cause).acts is Turn.TIME)
    possible = case.explained(case.by(State.POSSIBLE))
    every = above | possible
    symptoms = {name: _root(name, every) for name, parent in every.items() if parent}
    return Verdict(
        causes=tuple(causes),
        symptoms=symptoms,
        possible=_root_causes(possible),
        warnings=case.by(State.WARNING),
        skipped=case.by(State.SKIPPED, State.UNKNOWN),
        stops=min(map(case.station, causes), key=MAIL_PATH.index, default=None),
        since=_since(causes[:1], symptoms, weighed),
        weighed=weighed,
    )


def mail_flows(findings: Found) -> bool:
    overdue = any(map(has_overdue_mail, findings.values()))
    return not overdue and all(name in findings and proves(findings[name]) for name in PROOFS)


def proves(finding: Finding) -> bool:
    """Return whether the finding shows that mail passed and that no mail is overdue."""
    return finding.state is State.OK and not has_overdue_mail(finding)


def has_overdue_mail(finding: Finding) -> bool:
    return finding.signals.unanswered is not None or finding.signals.unproven is not None


@dataclass(frozen=True, slots=True)
class Case:
    steps: Steps
    findings: Found

    def diagnosis(self, name: str) -> Diagnosis:
        return self.steps[name].diagnosis

    def station(self, name: str) -> Station:
        """Return where mail stops; a finding may know better: a blocked sign-in stops answers."""
        return self.findings[name].signals.station or self.diagnosis(name).station

    def order(self, name: str) -> tuple[int, int]:
        return MAIL_PATH.index(self.station(name)), list(self.steps).index(name)

    def by(self, *states: State) -> tuple[str, ...]:
        # in the order of the steps, because that of their times differs from check to check
        return tuple(in_state(self.steps, self.findings, *states))

    def wrong(self) -> list[str]:
        """Return the findings that are wrong, which all stop mail, in the order of its path."""
        return sorted(self.by(State.WRONG), key=self.order)

    def ancestors(self, name: str) -> frozenset[str]:
        """Return every step that explains this one, directly or indirectly.

        A step that is only a precondition for reading another one explains nothing.
        """
        return reachable(name, tuple((n, s.diagnosis.caused_by) for n, s in self.steps.items()))

    # Weighing

    def weighed(self) -> "Case":
        """Return the findings that count, without those that are history.

        An uncertain failure becomes only possible. A possible finding is changed if another finding
        disproves it.
        """
        names = (name for name in self.findings if not self._superseded(name))
        return Case(self.steps, {name: self._reconsidered(name) for name in names})

    def pending(self, name: str) -> set[str]:
        """Return the steps that explain this one, or could show that it is history or harmless."""
        healers = (*self.diagnosis(name).superseded_by, *self._disproof(name))
        return {*self.ancestors(name), *(each for each in healers if each in self.steps)}

    def _reconsidered(self, name: str) -> Finding:
        told = self.diagnosis(name)
        finding = told.among(self.findings[name], self.findings)
        if finding.state is State.WRONG and told.is_uncertain(finding, self.findings):
            finding = replace(finding, state=State.POSSIBLE)
        certain = finding.state is State.WRONG and finding.signals.disproved_by is None
        if certain or finding.state not in {State.WRONG, State.POSSIBLE}:
            return finding
        wrong = in_state(told.caused_by, self.findings, State.WRONG)
        same = (n for n in wrong if self.findings[n].cause == self.findings[name].cause)
        right = in_state(self._disproof(name), self.findings, State.OK)
        healed = self._any_succeeded_since(right, name)
        return told.disproved(finding) if healed or any(map(self._superseded, same)) else finding

    def _disproof(self, name: str) -> tuple[str, ...]:
        named = self.findings[name].signals.disproved_by
        return self.diagnosis(name).disproved_by if named is None else named

    def _superseded(self, name: str) -> bool:
        signals = self.findings[name].signals
        failed = signals.harmless_after or signals.since
        # what began at a known time is over, even if what succeeded later has failed since then
        states = (State.OK,) if signals.harmless_after else (State.OK, State.WRONG)
        healers = in_state(self.diagnosis(name).superseded_by, self.findings, *states)
        return bool(failed) and self._any_succeeded_since(healers, name)

    def _any_succeeded_since(self, healers: Iterable[str], name: str) -> bool:
        """Return whether one of ``healers`` succeeded late enough after the failure.

        A finding without a time was tested in this very check, so it is newer than any other. An
        answer may still leave with a token that has expired since, so the step's ``grace`` is added.
        If the token lives, the success proves it at once, unless a mail waits for an answer.
        """
        failed = self.findings[name].signals
        begun = failed.harmless_after or failed.since
        if failed.as_of:
            begun = self.findings.get(failed.as_of, UNSEEN).signals.elsewhere_since
        for healer in healers:
            good = self.findings[healer].signals
            well: datetime | None = getattr(good, failed.shown_by)
            if good.at is None and self.findings[healer].state is State.OK:
                return True
            if begun is None or well is None or (failed.token_lives and good.unanswered):
                continue
            grace = timedelta(0) if failed.token_lives else self.diagnosis(healer).grace
            if well > begun + grace:
                return True
        return False

    # Possible causes

    def promoted(self) -> "Case":
        """Return the findings, with possible causes made certain if they explain a wrong finding.

        A possible cause becomes certain if something is wrong that it explicitly explains, for
        example an incident of the provider. A possible cause that also appears elsewhere under its
        own name is proven only by that name, for example a shared mailbox's blocked account by a
        sign-in that reports it. Mail then stops at the first finding that it explains. With the
        fact ``proven`` it takes the cause of that finding. A failure without a specific code proves
        no possible cause by name. It is attributed to the only finding that may explain it.
        """
        wrong, found = self.wrong(), dict(self.findings)
        for name in self.by(State.POSSIBLE):
            if able := self._proving(name, wrong):
                proof = able[0] if self.findings[name].signals.proven else name
                found[name] = self._blamed(name, able, self.findings[proof].cause)
        after = Case(self.steps, found)
        alone = dict[str, Finding]()
        for name in _root_causes(after.explained(wrong)):
            able = after._may_explain(name)
            possible = in_state(able, found, State.POSSIBLE)
            # none of the findings that may explain the failure is unread or still missing
            if len(possible) == 1 and found.keys() >= {*able} and not after._has_unread(able):
                only = possible[0]
                alone[only] = after._blamed(only, [name], found[only].cause)
        return Case(self.steps, found | alone)

    def _proving(self, name: str, wrong: Iterable[str]) -> list[str]:
        explains = self.diagnosis(name).explains
        proofs = (explains & {self.findings[name].cause} or explains) - UNSPECIFIC
        shown = (each for each in wrong if self.findings[each].cause in proofs)
        return [each for each in shown if name in self.ancestors(each)]

    def _blamed(self, name: str, able: Iterable[str], cause: str) -> Finding:
        stops = min(map(self.station, able), key=MAIL_PATH.index)
        finding = self.findings[name]
        signals = finding.signals | Signals(station=stops)
        return replace(finding, state=State.WRONG, cause=cause, signals=signals)

    def _may_explain(self, name: str) -> list[str]:
        code = {self.findings[name].cause} & UNREAD.keys()
        return [each for each in self.ancestors(name) if code & self.diagnosis(each).explains]

    def _has_unread(self, names: Iterable[str]) -> bool:
        read = [self.findings[each] for each in names if each in self.findings]
        return any(each.state is State.UNKNOWN or needs_sign_in(each) for each in read)

    # Explanations

    def explained(self, names: Iterable[str]) -> dict[str, str]:
        wrong = self.wrong()
        return {name: self._nearest(name, wrong) for name in names}

    def _nearest(self, name: str, wrong: Collection[str]) -> str:
        """Return the wrong finding that explains this one, or an empty string if none does.

        If several do, the result is the earliest on the mail's path. A finding explains only three
        kinds of causes: its own cause seen from elsewhere, one of its ``explains``, and a failure
        without a specific code. A possible or disprovable finding is not a second cause if the same
        cause is certain elsewhere.
        """
        finding = self.findings[name]
        same = {each for each in wrong if self.findings[each].cause == finding.cause}
        able = set[str]()
        for each in self.ancestors(name).intersection(wrong):
            elsewhere = self.diagnosis(each).causes_elsewhere(self.findings[each].cause)
            if each in same or finding.cause in UNSPECIFIC | elsewhere:
                able.add(each)
        if finding.state is State.POSSIBLE or finding.signals.disproved_by is not None:
            able |= {each for each in same - {name} if name not in self.ancestors(each)}
        return min(able, key=self.order, default="")

    def named_otherwise(self, causes: Iterable[str], read: Found) -> dict[str, Finding]:
        """Return the causes that get another cause because of what explains them.

        The explanation of some has been fixed: such a failure is older than the fix, or the change
        is not everywhere yet. Others have no specific code, and what may explain them was not read.
        """
        renamed = dict[str, Finding]()
        for name in causes:
            cause = ""
            for each in in_state(self.ancestors(name), read, State.OK):
                told = self.diagnosis(each)
                late = told.settled if "settled" in read[each].facts else told.settling
                cause = cause or late.get(self.findings[name].cause, "")
            if self._has_unread(self._may_explain(name)):
                cause = UNREAD[self.findings[name].cause]
            if cause:
                renamed[name] = replace(self.findings[name], cause=cause)
        return renamed


def _root_causes(above: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name, parent in above.items() if not parent)


def _root(name: str, above: Mapping[str, str]) -> str:
    while above[name]:
        name = above[name]
    return name


def in_state(names: Iterable[str], findings: Found, *states: State) -> list[str]:
    return [name for name in names if name in findings and findings[name].state in states]


def _since(causes: Collection[str], symptoms: Mapping[str, str], found: Found) -> datetime | None:
    own_symptoms = (name for name, root in symptoms.items() if root in causes)
    theirs = (*causes, *in_state(own_symptoms, found, State.WRONG))
    return min(filter(None, (found[name].signals.since for name in theirs)), default=None)


def page_of(channel: Channel) -> str:
    """Return the address of Webex Connect, as the Call Back URL shows it, or ''."""
    page = urlsplit(channel.callback_url)
    return f"https://{page.netloc}" if page.scheme == "https" and page.netloc else ""
