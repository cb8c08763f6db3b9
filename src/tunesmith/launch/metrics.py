"""Measurements in what a program writes: `acc=0.98` and JSON lines on its output, lines of a file.

Lines are looked at only where the name of a metric occurs, so that a gigabyte of other output costs a search
for a few words and no more.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tunesmith.errors import SettingError, TrialFailed

STEPS = ("step", "epoch")
_LONGEST = 1 << 16  # bytes of a line: what is longer is cut
# possessive, so that of `12.5ms` no shorter number is left; what goes on as a word, a thousand (`1,000`), a
# time (`12:30`), a fraction or a range is no measurement. A percent sign stays beside its number.
# Of groups only digits are so: possessive groups are wrong in Python 3.11.2 (gh-106052), and _END refuses
# what they would have given back.
_NUMBER = r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?|[+-]?(?i:nan|inf(?:inity)?)"
_END = r"(?!\w|\.[\w.]|[,:/'’-]\d)"
_STEP = r"([+-]?\d++)(?:\.0++)?(?!\w|\.\w|[,:'’]\d)"  # `4/10` is a step
_SIGN = r"[\"']?\s*[=:]\s*"
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")  # colours, links (ECMA-48)
_DIGITS = 99  # of a step that are read: more are beyond all steps anyway


class Measurement(NamedTuple):
    """What one line says: objectives by name, other numbers beside them, and the step if it says one."""

    values: Mapping[str, float]
    others: Mapping[str, float]
    step: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What to look for: `names` are the objectives, `steps` words for the step, `regexes` replace `name=`."""

    names: tuple[str, ...]
    steps: tuple[str, ...] = STEPS
    regexes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in self.regexes:
            _check(text, self.names)


def _check(text: str, names: Sequence[str]) -> None:
    """Raises SettingError for a regular expression that finds no objective."""
    try:
        found = re.compile(text)
    except re.error as error:
        raise SettingError(f"the metric's regular expression {text!r} cannot be: {error}") from None
    groups = set(found.groupindex)
    unknown = groups - {group_of(n) for n in names} - {"step", "value"}
    single = len(names) == 1 and (found.groups == 1 or "value" in groups)
    if unknown or not (groups & {group_of(n) for n in names} or single):
        wanted = " or ".join(f"(?P<{group_of(name)}>…)" for name in names)
        raise SettingError(
            f"the metric's regular expression {text!r} must catch its number in a group {wanted}"
            f"{', or in its only group' if len(names) == 1 else ''}; (?P<step>…) may catch the step"
        )


def group_of(name: str) -> str:
    """A metric's name as the name of a group: `val/acc` is val_acc."""
    return re.sub(r"\W", "_", name)


class Lines:
    """Bytes as they come, cut into lines; `\\r` ends one, as progress bars have it."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """All whole lines that are there now, as one block."""
        data = self._rest + data
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        self._rest = data[end:][:_LONGEST]
        return data[:end]

    def flush(self) -> bytes:
        """The last line, which nothing ended."""
        rest, self._rest = self._rest, b""
        return rest


class Scanner:
    """Finds measurements in a stream of bytes."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._lines = Lines()
        words = "|".join(re.escape(name) for name in sorted(reading.names, key=len, reverse=True))
        self._mention = re.compile(words.encode())
        self._regexes = [re.compile(text) for text in reading.regexes]
        edge = r"(?<![\w./-])"
        self._named = re.compile(rf"{edge}({words}){_SIGN}({_NUMBER}){_END}")
        steps = "|".join(re.escape(step) for step in reading.steps)
        self._step = re.compile(rf"{edge}(?:{steps})(?:{_SIGN}|\s+){_STEP}", re.IGNORECASE)

    def feed(self, data: bytes) -> Iterator[Measurement]:
        """What the lines say that these bytes have completed."""
        return self._block(self._lines.feed(data))

    def flush(self) -> Iterator[Measurement]:
        """What the last line says."""
        return self._block(self._lines.flush())

    def _block(self, block: bytes) -> Iterator[Measurement]:
        if self._regexes:
            for raw in block.replace(b"\r", b"\n").split(b"\n"):
                yield from self._line(raw)
            return
        end = 0
        for match in self._mention.finditer(block):
            if match.start() < end:
                continue
            start = max(block.rfind(b"\n", end, match.start()), block.rfind(b"\r", end, match.start())) + 1
            start = max(start, end)
            stops = [at for at in (block.find(b"\n", match.end()), block.find(b"\r", match.end())) if at >= 0]
            end = min(stops, default=len(block))
            yield from self._line(block[start:end])

    def _line(self, raw: bytes) -> Iterator[Measurement]:
        line = raw[:_LONGEST].decode("utf-8", "replace")
        line = (_ESCAPE.sub("", line) if "\x1b" in line else line).strip()
        if line.startswith("{"):
            found = of_json(line, self._reading)
            if found is not None:
                yield found
                return
        values = self._caught(line) if self._regexes else self._written(line)
        if values:
            step = self._step.search(line) if not self._regexes else None
            caught = values.pop("", None)
            number = int(step[1][:_DIGITS]) if step else None if caught is None else int(caught)
            yield Measurement(values, {}, number)

    def _written(self, line: str) -> dict[str, float]:
        """`name=number`, of all objectives on the line."""
        found: dict[str, float] = {}
        for match in self._named.finditer(line):
            name, value = match[1], float(match[2])
            if name in found and not alike(found[name], value):
                raise TrialFailed(
                    f"a line gives two values of {name}, and says not which counts: {line[:200]!r}; "
                    "print one, or say which by a regular expression"
                )
            found[name] = value
        return found

    def _caught(self, line: str) -> dict[str, float]:
        """What the regular expressions catch; the step under the name ''."""
        found: dict[str, float] = {}
        names = self._reading.names
        groups = {group_of(name): name for name in names} | ({"value": names[0]} if len(names) == 1 else {})
        for regex in self._regexes:
            match = regex.search(line)
            if match is None:
                continue
            caught = match.groupdict() if regex.groupindex else {"value": match[1]}
            for group, text in caught.items():
                if text is None:
                    continue
                what = "step" if group == "step" else "number"
                try:
                    value = float(text)
                    fine = what == "number" or math.isfinite(value)
                except ValueError:
                    fine = False
                if not fine:
                    raise TrialFailed(
                        f"the regular expression {regex.pattern!r} caught {text[:40]!r}, which is no {what}"
                    )
                found["" if group == "step" else groups[group]] = value
        return found if found.keys() - {""} else {}


def of_json(line: str, reading: Reading) -> Measurement | None:
    """What a JSON line says; None when it is no JSON object, or names no objective."""
    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return None if not isinstance(body, dict) else of_mapping(body, reading)


def of_mapping(body: Mapping[str, Any], reading: Reading) -> Measurement | None:
    """What a mapping says; None when it names no objective. Raises TrialFailed for a number beyond all."""
    if not any(type(body.get(name)) in (int, float) for name in reading.names):
        return None
    numbers = {}
    for key, value in body.items():
        if type(value) in (int, float):
            try:
                numbers[key] = float(value)
            except OverflowError:
                if key in reading.names or key in reading.steps:
                    raise TrialFailed(f"{key} is too large for a number: {str(value)[:40]}…") from None
    values = {name: numbers[name] for name in reading.names if name in numbers}
    steps = [numbers[key] for key in reading.steps if key in numbers]
    step = int(steps[0]) if steps and math.isfinite(steps[0]) else None
    others = {k: v for k, v in numbers.items() if k not in values and k not in reading.steps}
    return Measurement(values, others, step)


def alike(one: float, other: float) -> bool:
    """Whether two numbers are the same; NaN is like NaN."""
    return one == other or (one != one and other != other)
