"""From measurements to reports and final values: steps counted, channels ranked, contradictions found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tunesmith.errors import TrialFailed
from tunesmith.launch.metrics import Measurement, alike

_ALL = 1000  # steps of a trial that are all reported
_EVERY = 250  # so many reports later, only every second of the steps is, then every fourth, …
_LAST = 2**53  # where floats stop to hold every whole number; a store's numbers end later
Report = Callable[[dict[str, float], int], None]


@dataclass(slots=True)
class Collector:
    """What one run of a program has measured.

    A line with a step belongs to that step; one without begins the next, as soon as it names a metric that
    the step has already. A step is reported when all objectives of it are there. The same step with two
    values of one metric is a contradiction, and fails the trial. What comes on a channel of higher rank (the
    report file before TensorBoard before printed text) makes the metric's values on lower ones count for
    nothing. A curve of more than a thousand steps is thinned; final values are of all steps.
    """

    names: tuple[str, ...]
    signs: Mapping[str, float]  # +1: less is better
    final: str  # "last" or "best"
    report: Report
    last: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    others: dict[str, float] = field(default_factory=dict)
    reports: int = 0
    _ranks: dict[str, int] = field(default_factory=dict)
    _step: int = 0
    _explicit: bool = False
    _skipped: int = 0
    _open: dict[str, float] = field(default_factory=dict)

    def take(self, found: Measurement, rank: int) -> None:
        """Take a measurement in, and report the step when it is whole. Raises TrialFailed."""
        values = {n: v for n, v in found.values.items() if rank >= self._ranks.get(n, 0)}
        if not values:
            return
        for name in values:
            if rank > self._ranks.get(name, -1):
                self._ranks[name] = rank
                for kept in (self.last, self.best, self._open):
                    kept.pop(name, None)
        self.others.update(found.others)
        for name, value in values.items():
            self.last[name] = value
            before = self.best.get(name)
            sign = self.signs[name]
            if before is None or before != before or value * sign < before * sign:
                self.best[name] = value
        self._place(values, found.step)

    def _place(self, values: Mapping[str, float], step: int | None) -> None:
        if step is not None:
            if not 0 <= step <= _LAST:
                raise TrialFailed(f"step {step:.6g} cannot be kept: steps are whole numbers from 0 to 2**53")
            if step < self._step:
                return  # an old step again: the curve goes on where it was
            if step > self._step:
                self._open = {}
            self._contradiction(values, step)
            self._step, self._explicit = step, True
        elif not self._open or any(name in self._open for name in values):
            self._step, self._explicit, self._open = self._step + 1, False, {}
        whole = len(self._open) == len(self.names)
        self._open.update(values)
        if not whole and len(self._open) == len(self.names):
            self._whole()

    def _whole(self) -> None:
        """Report the step; of a very long curve, one of several: each report costs every reader something."""
        self._skipped += 1
        if self._skipped >= 1 << max(0, (self.reports - _ALL + _EVERY) // _EVERY):
            self._skipped = 0
            self.reports += 1
            self.report(dict(self._open), self._step)

    def _contradiction(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            before = self._open.get(name)
            if before is not None and step == self._step and self._explicit and not alike(before, value):
                raise TrialFailed(
                    f"step {step} has two values of {name}, {before!r} and {value!r}: print one a step"
                )

    def result(self) -> dict[str, float]:
        """The final values. Raises TrialFailed when one is missing, or not a number."""
        chosen = self.best if self.final == "best" else self.last
        missing = [name for name in self.names if name not in chosen]
        if missing:
            raise TrialFailed(
                f"measured no {missing[0]}: print a line such as {missing[0]}=0.5, or call "
                f"ts.report({_keyword(missing[0])})"
            )
        for name in self.names:
            if chosen[name] != chosen[name]:
                raise TrialFailed(f"the {self.final} value of {name} is nan")
        return {name: chosen[name] for name in self.names}


def _keyword(name: str) -> str:
    return f"{name}=0.5" if name.isidentifier() else f"{{{name!r}: 0.5}}"
