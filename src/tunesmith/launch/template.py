"""Words of a command with parameters in braces: `--lr={lr}`, `{width: int(16, 256)}`; `{{` is a brace."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import SettingError, SpaceError
from tunesmith.launch.grammar import domain_of
from tunesmith.space import Domain

_NAME = re.compile(r"[A-Za-z_][\w.\-/]*")
_HOLDER = "\ue000"  # of private use: in no command
_HELD = re.compile(f"{_HOLDER}(\\d+){_HOLDER}")
_PAIRS = {"(": ")", "[": "]", "{": "}"}
EVERY = "args"
FACTS = ("study", "trial.number", "trial.attempt", "trial.dir", "trial.budget", "args.file", "args.json")
"""`{args}`: all parameters as `--name=value`, a word each."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a word where a value goes."""

    name: str
    declared: str | None = None  # the domain's text, where it stands here


Word = tuple[str | Slot, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What slots may ask for besides parameters: facts of the trial, and files."""

    params: Mapping[str, Any]  # active ones
    names: frozenset[str]  # of all parameters
    facts: Mapping[str, str]  # "trial.number", "trial.dir", …
    env: Mapping[str, str]


def parse(word: str) -> Word:
    """The pieces of a word. Raises SettingError for braces that do not close, or hold no name."""
    pieces: list[str | Slot] = []
    text, place = "", 0
    while place < len(word):
        char = word[place]
        if word[place : place + 2] in ("{{", "}}"):
            text, place = text + char, place + 2
        elif char == "{":
            end = _closing(word, place)
            pieces += [text] if text else []
            pieces.append(_slot(word[place + 1 : end], word))
            text, place = "", end + 1
        elif char == "}":
            raise SettingError(f"{word!r} has a closing brace without an opening one: write }}}} for a brace")
        else:
            text, place = text + char, place + 1
    return (*pieces, text) if text or not pieces else tuple(pieces)


def split(text: str) -> tuple[str, ...]:
    """A command's words, cut as a shell would cut them, but for what stands in braces. Raises ValueError."""
    kept: list[str] = []
    flat, place = "", 0
    while place < len(text):
        if text[place] == "{" and text[place + 1 : place + 2] != "{":
            end = _closing(text, place) + 1
            flat += f"{_HOLDER}{len(kept)}{_HOLDER}"
            kept.append(text[place:end])
            place = end
        else:
            step = 2 if text[place : place + 2] == "{{" else 1
            flat, place = flat + text[place : place + step], place + step
    return tuple(_HELD.sub(lambda found: kept[int(found[1])], word) for word in shlex.split(flat))


def _closing(word: str, start: int) -> int:
    """Where the brace that opens at `start` is closed; quotes and inner brackets are passed over."""
    waiting: list[str] = []
    quote = ""
    for place in range(start, len(word)):
        char = word[place]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _PAIRS:
            waiting.append(_PAIRS[char])
        elif waiting and char == waiting[-1]:
            waiting.pop()
            if not waiting:
                return place
    raise SettingError(f"{word!r} has a brace that is not closed: write {{{{ for a brace")


def _slot(inside: str, word: str) -> Slot:
    name, colon, domain = inside.partition(":")
    if not _NAME.fullmatch(name.strip()):
        raise SettingError(
            f"{{{inside}}} in {word!r} is no parameter: write {{name: log(1e-5, 1e-1)}}, {{name}} for one "
            "that is declared elsewhere, or {{ and }} for braces"
        )
    return Slot(name.strip(), domain.strip() if colon else None)


def declared(words: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Domain]]:
    """The words with bare slots only, and the parameters that they declare. Raises SpaceError."""
    found: dict[str, Domain] = {}
    plain = []
    for word in words:
        pieces = parse(word)
        for slot in pieces:
            if isinstance(slot, str) or slot.declared is None:
                continue
            if slot.name in found:
                raise SpaceError(f"the parameter {slot.name!r} is declared twice: write {{{slot.name}}}")
            if reserved(slot.name):
                raise SpaceError(f"a parameter cannot be called {slot.name!r}: that name is taken")
            try:
                found[slot.name] = domain_of(slot.declared)
            except SpaceError as error:
                raise SpaceError(f"parameter {slot.name!r}: {error}") from None
        plain.append("".join(_text(piece) for piece in pieces))
    return tuple(plain), found


def _text(piece: str | Slot) -> str:
    return escape(piece) if isinstance(piece, str) else f"{{{piece.name}}}"


def escape(text: str) -> str:
    """The word that stands for this very text."""
    return text.replace("{", "{{").replace("}", "}}")


def reserved(name: str) -> bool:
    """Whether a name stands for something else than a parameter."""
    return name == EVERY or name.startswith(("args.", "trial.", "env.")) or name == "study"


def stands(name: str) -> bool:
    """Whether a name stands for something without being a parameter."""
    return name in FACTS or name in _SEVERAL or name.startswith("env.")


def covers(name: str) -> bool:
    """Whether a name stands for all parameters at once."""
    return name == EVERY or name.startswith("args.")


def slots(words: Sequence[str]) -> list[str]:
    """The names that the words ask for."""
    return [piece.name for word in words for piece in parse(word) if not isinstance(piece, str)]


def render(words: Sequence[str], known: Known) -> list[str]:
    """The words of one trial.

    A word that names an inactive parameter is left out; so is the option right before it (`--momentum`) when
    the word is nothing but that parameter.
    """
    done: list[str] = []
    option = False  # whether the last word is a plain `--option`
    for word in words:
        pieces = parse(word)
        several = _SEVERAL.get(pieces[0].name) if len(pieces) == 1 and isinstance(pieces[0], Slot) else None
        if several is not None:
            done += several(known)
            option = False
            continue
        if any(_inactive(piece, known) for piece in pieces):
            if len(pieces) == 1 and option:
                done.pop()
            option = False
            continue
        done.append(
            "".join(piece if isinstance(piece, str) else value_of(piece.name, known) for piece in pieces)
        )
        option = len(pieces) == 1 and isinstance(pieces[0], str) and word.startswith("-") and "=" not in word
    return done


def text_of(value: Any) -> str:
    """A value as programs get it: numbers with every digit, True, None, lists as JSON."""
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def value_of(name: str, known: Known) -> str:
    """What a slot stands for. Raises SettingError for a name that means nothing."""
    if name in known.params:
        return text_of(known.params[name])
    if name in known.facts:
        return known.facts[name]
    if name.startswith("env."):
        return known.env.get(name.removeprefix("env."), "")
    if name == "args.json":
        return json.dumps(nested(known.params))
    raise SettingError(
        f"{{{name}}} stands for nothing: there are the parameters {', '.join(sorted(known.names))} and "
        f"{', '.join(sorted(known.facts))}"
    )


def nested(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with dots in their names as mappings within mappings."""
    tree: dict[str, Any] = {}
    for name, value in params.items():
        at = tree
        *path, last = name.split(".")
        for part in path:
            inner = at.setdefault(part, {})
            at = inner if isinstance(inner, dict) else at
        at[last] = value
    return tree


def _inactive(piece: str | Slot, known: Known) -> bool:
    return not isinstance(piece, str) and piece.name in known.names and piece.name not in known.params


def _options(known: Known) -> list[str]:
    return [f"--{name}={text_of(value)}" for name, value in known.params.items()]


def _plain(known: Known) -> list[str]:
    return [f"{name}={text_of(value)}" for name, value in known.params.items()]


def _flags(known: Known) -> list[str]:
    """Booleans as flags: there when true."""
    found = []
    for name, value in known.params.items():
        if type(value) is not bool:
            found.append(f"--{name}={text_of(value)}")
        elif value:
            found.append(f"--{name}")
    return found


_SEVERAL: Mapping[str, Callable[[Known], list[str]]] = {
    EVERY: _options,
    "args.plain": _plain,
    "args.flags": _flags,
}
