"""A schedule of parameters: which of them a training went through, from which step to which."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tunesmith.errors import SettingError


class Segment(NamedTuple):
    """Trained from step `start` to `end` with `params`, as trial `trial` of the study that found it.

    `reported`: the first step that was reported once the checkpoint at `end` was there.
    """

    start: float
    end: float
    params: Mapping[str, Any]
    trial: int
    reported: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """The parameters of one training, step by step: what population based training finds beside the model.

    `study.schedule()` gives the best member's; `ts.tune(objective, space, scheduler=ts.PBTReplay(schedule))`
    trains once more by it, from the beginning to the end. `at(step)` is the parameters there.
    """

    segments: tuple[Segment, ...]

    def at(self, step: float) -> dict[str, Any]:
        """The parameters with which the training comes to this step."""
        found = next((s for s in self.segments if step <= s.end), self.segments[-1])
        return dict(found.params)

    @property
    def end(self) -> float:
        """Where the training ends."""
        return self.segments[-1].end

    def as_json(self) -> list[dict[str, Any]]:
        """One object a segment; `from_json` is the reverse."""
        return [{**segment._asdict(), "params": dict(segment.params)} for segment in self.segments]

    @classmethod
    def from_json(cls, given: str | Sequence[Mapping[str, Any]]) -> Schedule:
        """The schedule of such objects, or of their text. Raises SettingError for anything else."""
        try:
            rows = json.loads(given) if isinstance(given, str) else given
            found = cls(tuple(Segment(**row) for row in rows))
        except (TypeError, ValueError) as error:
            raise SettingError(
                f"a schedule is a list of segments, as schedule.as_json() makes it: {error}"
            ) from None
        if not found.segments:
            raise SettingError("a schedule has one segment at least, got none")
        return found

    def __str__(self) -> str:
        return "\n".join(
            f"{s.start:g} to {s.end:g} (trial {s.trial}): "
            + ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v!r}" for k, v in s.params.items())
            for s in self.segments
        )
