"""Weighing of a finding in a check, as :mod:`jobs.checks` reads it."""

from __future__ import annotations

from collections.abc import Mapping, Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import timedelta

from jobs.causes.cause import Cause
from jobs.model import Access, Finding, State, Station


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Place of one step in the search for a root cause.

    Most steps set only ``station``, ``caused_by`` and ``explains``. A step whose answers
    depend on the finding itself uses a subclass that overrides one of the methods.
    """

    checked: bool = True
    """True if ``/check`` looks at the step."""
    access: Access = Access.ADMIN
    """Kind of access that a look at the step needs."""
    station: Station = Station.ANSWER
    """Station on the mail's way at which mail stops if the fact does not hold."""
    stops_mail: bool = True
    """True if mail stops when the fact does not hold. If false, every failure is only a warning."""
    warnings: frozenset[str] = frozenset()
    """Causes that are only warnings; the empty code is a failure without a code."""
    caused_by: tuple[str, ...] = ()
    """Steps whose failure may explain a failure of this one."""
    explains: AbstractSet[Cause] = frozenset()
    """Causes of other steps that a failure of this one brings about."""
    alike: AbstractSet[Cause] = frozenset()
    """Causes of this step for which it explains only these causes."""
    superseded_by: tuple[str, ...] = ()
    """Steps whose later success shows that a failure of this step is over."""
    disproved_by: tuple[str, ...] = ()
    """Steps whose success shows that a merely possible cause is not the cause."""
    state_if_disproved: State = State.OK
    """State of a merely possible cause after a step in ``disproved_by`` has succeeded."""
    grace: timedelta = timedelta(0)
    """Time for which an access token from before the refresh token's end may be valid."""
    settling: Mapping[str, Cause] = field(default_factory=dict)
    """Causes of failures of other steps, with their names while this step's change spreads."""
    settled: Mapping[str, Cause] = field(default_factory=dict)
    """The same, with their names once the change must have spread (fact ``settled``)."""

    def as_check_result(self, finding: Finding) -> Finding:
        """Return the finding as a check counts it: what does not stop mail is a warning."""
        flows = not self.stops_mail or finding.cause in self.warnings
        if flows and finding.state is State.WRONG:
            return replace(finding, state=State.WARNING)
        return finding

    def causes_elsewhere(self, cause: str) -> AbstractSet[Cause]:
        """Return the causes of other steps that this one explains if it is wrong for ``cause``."""
        return self.alike if cause in self.alike else self.explains

    def is_uncertain(self, finding: Finding, findings: Mapping[str, Finding]) -> bool:
        """Return whether a failure counts as possible only, unless another finding confirms it."""
        return False

    def among(self, finding: Finding, findings: Mapping[str, Finding]) -> Finding:
        """Return the finding as it counts among the other findings, on which it may depend."""
        return finding

    def disproved(self, finding: Finding) -> Finding:
        return replace(finding, state=self.state_if_disproved)


NOT_CHECKED = Diagnosis(checked=False)
