"""Steps whose change ``/undo`` can put back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text, verbatim
from jobs.runs.run import RecordedChange


class Undoable(Step):
    """Step whose change can be undone.

    Its ``inspect`` writes the values that ``apply`` changes into the finding. The recorded values
    show whether a value is still as the runs left it, and the value before the change.
    """

    irreversible: bool = False
    """True if the object can be made again, but never exactly as it was."""
    undo_note: bool = False
    """True if the line of the plan carries the text ``note.undo_NAME``."""

    @abstractmethod
    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Return whether the changes of the channel's runs are undone.

        The state is OK if the value is as it was, and wrong if :meth:`undo` would restore it. It is
        a warning if somebody else has changed it since, and skipped if it cannot or must not be
        restored: in both cases it stays as it is.

        Raises:
            CloudError: as for :meth:`inspect`.
        """

    @abstractmethod
    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the PowerShell or Graph command that :meth:`undo` runs, for the plan."""

    @abstractmethod
    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Restore the value from before the change, or remove the created object.

        The method is idempotent, like :meth:`apply`.

        Raises:
            CloudError: as for :meth:`inspect`.
        """

    def compare_with_recorded(
        self, past: RecordedChange, values: dict[str, str], seen: str, made: dict[str, str]
    ) -> Finding:
        """Compare the current values with the recorded ones, for :meth:`inspect_undo`.

        ``values`` are the current values, and ``seen`` is their text. ``made`` are the values that
        :meth:`apply` sets; they are used if no run read back the values that it had left. A mix of
        values from before and after the runs is an interrupted undo, not another person's change.
        """
        left = past.values_after or made
        if values == past.values_before:
            return self.ok(Text("seen.undo_back", {"seen": seen}))
        if not _all_recorded(values, left, past.values_before):
            return self.left_alone(Text("seen.undo_changed_since", {"seen": seen}))
        return self.wrong(past.change.after if past.values_after else verbatim(seen))


def _all_recorded(
    values: Mapping[str, str], after: Mapping[str, str], before: Mapping[str, str]
) -> bool:
    """Return whether each of the values is as the runs left it, or as it was before them."""
    return all(value in {after.get(name), before.get(name)} for name, value in values.items())
