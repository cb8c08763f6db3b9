"""Names and defaults: the only home of both. A name stands for a published method and nothing else."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib.metadata import entry_points
from typing import Any, NamedTuple, TypeVar

from tunesmith.errors import SettingError, StudyError
from tunesmith.record.fidelity import Fidelity
from tunesmith.schedule._base import Scheduler
from tunesmith.search._base import Rule, Searcher
from tunesmith.store._base import Store
from tunesmith.store.memory import MemoryStore

SEARCHERS: Mapping[str, str] = {
    "manual": "tunesmith.search.manual:ManualSearcher",
    "grid": "tunesmith.search.grid:GridSearcher",
    "random": "tunesmith.search.random:RandomSearcher",
    "qmc": "tunesmith.search.qmc:QMCSearcher",
    "local": "tunesmith.search.local:LocalSearcher",
    "explore": "tunesmith.search.explore:ExploreSearcher",
    "tpe": "tunesmith.search.tpe:TPESearcher",
    "policy": "tunesmith.search.policy:PolicySearcher",
    "forest": "tunesmith.search.forest:ForestSearcher",
    "gp": "tunesmith.search.gp:GPSearcher",
    "gradient": "tunesmith.search.gradient:GradientSearcher",
    "cmaes": "tunesmith.search.cmaes:CMAESSearcher",
    "genetic": "tunesmith.search.genetic:GeneticSearcher",
    "nsga2": "tunesmith.search.nsga2:NSGA2Searcher",
    "nsga3": "tunesmith.search.nsga3:NSGA3Searcher",
    "de": "tunesmith.search.de:DESearcher",
    "pso": "tunesmith.search.pso:PSOSearcher",
    "auto": "tunesmith.search.auto:AutoSearcher",
    "bohb": "tunesmith.search.bohb:BOHBSearcher",
    "dehb": "tunesmith.search.dehb:DEHBSearcher",
    "smac": "tunesmith.search.smac:SMACSearcher",
    "pb2": "tunesmith.search.pb2:PB2Searcher",
}
SCHEDULERS: Mapping[str, str] = {
    "none": "tunesmith.schedule.none:NoScheduler",
    "median": "tunesmith.schedule.median:Median",
    "percentile": "tunesmith.schedule.percentile:Percentile",
    "patience": "tunesmith.schedule.patience:Patience",
    "threshold": "tunesmith.schedule.threshold:Threshold",
    "wilcoxon": "tunesmith.schedule.wilcoxon:Wilcoxon",
    "halving": "tunesmith.schedule.halving:Halving",
    "asha": "tunesmith.schedule.asha:ASHA",
    "hyperband": "tunesmith.schedule.hyperband:Hyperband",
    "freeze-thaw": "tunesmith.schedule.freeze_thaw:FreezeThaw",
    "pbt": "tunesmith.schedule.pbt:PBT",
    "curve": "tunesmith.schedule.curve:CurveStop",
}
COMBINED: Mapping[str, str] = {  # made of others: names for records, not to be asked for by name alone
    "chain": "tunesmith.search.combine:ChainSearcher",
    "fixed": "tunesmith.search.combine:FixedSearcher",
    "bandit": "tunesmith.search.bandit:BanditSearcher",
    "replicating": "tunesmith.search.replicate:ReplicatingSearcher",
    "following": "tunesmith.search.follow:FollowSearcher",
    "replay": "tunesmith.schedule.replay:PBTReplay",
    "combined": "tunesmith.schedule.combine:CombinedScheduler",
}
JOINED: Mapping[str, Mapping[str, Any]] = {  # presets of a searcher and Hyperband, with its settings
    "bohb": {},
    "dehb": {"promotion": True, "fresh": True},
    "smac": {},
}
PB2 = {"population": 8, "quantile": 0.25}  # a model needs fewer members than chance
PROMOTING = ("asha", "hyperband", "freeze-thaw")  # with a form that pauses, for objectives that can
AUTO_PARTS = ("gp", "tpe", "cmaes", "nsga2", "nsga3")
AUTO: tuple[Rule, ...] = (
    (
        4,
        (("objectives", 5, None), ("seen", 300, None)),
        "300 trials are a population, and of so many objectives directions tell more than crowding",
    ),
    (
        3,
        (("objectives", 2, None), ("seen", 300, None)),
        "300 trials are a population to breed from",
    ),
    (0, (("objectives", 2, None),), "models of the objectives need the fewest trials"),
    (
        2,
        (("numeric", 1, None), ("conditional", None, 0), ("seen", 300, None)),
        "from 300 trials of numbers alone on it goes on improving where a model no longer does",
    ),
    (
        1,
        (("seen", 1000, None),),
        "from 1,000 trials on it is the cheapest model of categories and conditions",
    ),
    (0, (), "for a few hundred trials a model of the objective needs the fewest"),
)
"""The rules of `auto`, the first that holds: an index of AUTO_PARTS, facts with limits, and why."""
DEFAULT_SEARCHER = "auto"
DEFAULT_SCHEDULER = "none"
AUTO_SCHEDULER = "freeze-thaw"  # of `auto` where there is a fidelity; without one nothing is to be scheduled
DEFAULT_STORAGE = "sqlite:///tunesmith.db"

T = TypeVar("T")


class _Room(NamedTuple):
    noun: str
    names: Mapping[str, str]
    group: str  # of entry points, for third parties
    base: type[Any]


_SEARCH = _Room("searcher", SEARCHERS, "tunesmith.searchers", Searcher)
_SCHEDULE = _Room("scheduler", SCHEDULERS, "tunesmith.schedulers", Scheduler)


def searcher(given: str | Searcher[Any] | None) -> Searcher[Any]:
    """The searcher of this name (or 'module:Class'), or the object itself. Raises SettingError."""
    name = DEFAULT_SEARCHER if given is None else given
    settings: dict[str, Any] = {}
    if name == "auto":
        settings = {"parts": tuple(searcher(part) for part in AUTO_PARTS), "rules": AUTO}
    found: Searcher[Any] = _resolve(_SEARCH, name, settings)
    return found


def scheduler(
    given: str | Scheduler[Any] | Sequence[str | Scheduler[Any]] | None,
    objective: Any = None,
    fidelity: Fidelity | None = None,
) -> Scheduler[Any]:
    """The scheduler of this name, or the object itself; of several of them the one they make together.

    'auto' is 'freeze-thaw' where there is a fidelity, and 'none' where there is not. That, 'asha' and
    'hyperband' promote where an objective pauses for nothing: it yields, or budgets are no numbers
    of steps, so that it is called with each of them. Any other would have to start again, and gets the
    stopping form. Raises SettingError.
    """
    if isinstance(given, Sequence) and not isinstance(given, str):
        return together(given, objective, fidelity)
    name = DEFAULT_SCHEDULER if given is None else given
    if name == "auto":
        name = "none" if fidelity is None else AUTO_SCHEDULER
    settings = {"promotion": _promotes(objective, fidelity)} if name in PROMOTING else {}
    found: Scheduler[Any] = _resolve(_SCHEDULE, name, settings)
    return found


def together(
    given: Sequence[str | Scheduler[Any]], objective: Any = None, fidelity: Fidelity | None = None
) -> Scheduler[Any]:
    """The scheduler that several make together; one alone is itself. Raises SettingError."""
    for part in given:
        if isinstance(part, str) and (part in JOINED or part == "pb2"):
            halves = (
                "'pb2', and 'pbt'" if part == "pb2" else f"ts.{part.upper()}Searcher(), and ts.Hyperband(…)"
            )
            raise SettingError(
                f"scheduler {part!r} brings a searcher of its own and cannot be one of several: give "
                f"searcher={halves} among the schedulers"
            )
    parts = tuple(scheduler(part, objective, fidelity) for part in given)
    if not parts:
        raise SettingError('the list of schedulers is empty: name them, such as ["asha", "patience"]')
    if len(parts) == 1:
        return parts[0]
    from tunesmith.schedule.combine import CombinedScheduler

    return CombinedScheduler(parts)


def partner(scheduler: Scheduler[Any]) -> Searcher[Any] | None:
    """The searcher that goes with a scheduler where none was asked for; None: the usual one."""
    if not scheduler.clones:
        return None
    if record(scheduler)["name"] == "replay":
        from tunesmith.search.follow import FollowSearcher

        return FollowSearcher(getattr(scheduler, "schedule", ""))
    settings = {"near": 0.0, "n_startup": getattr(scheduler, "population", 16)}
    found: Searcher[Any] = _resolve(_SEARCH, "explore", settings)
    return found


def halves(
    given: str | Searcher[Any] | None,
    scheduling: str | Scheduler[Any] | Sequence[str | Scheduler[Any]] | None,
    objective: Any = None,
    fidelity: Fidelity | None = None,
) -> tuple[str | Searcher[Any] | None, Any]:
    """What was asked for, with both halves of a preset such as "bohb" where one of them was named.

    Raises SettingError where the other half is another one, and without a fidelity.
    """
    words = [one for one in (given, scheduling) if isinstance(one, str)]
    if "pb2" in words:
        if given not in (None, "pb2"):
            raise SettingError(f"pb2 is pbt with its own searcher, and {given!r} was given: leave it out")
        return _banditry(scheduling)
    names = [one for one in words if one in JOINED]
    if not names:
        return given, scheduling
    name = names[0]
    if given not in (None, name) or scheduling not in (None, name, "hyperband"):
        other = f"searcher={given!r}" if given not in (None, name) else f"scheduler={scheduling!r}"
        raise SettingError(
            f"{name} is a searcher and hyperband joined, and {other} was given beside it: leave that out, or "
            "give both halves as objects"
        )
    if fidelity is None:
        raise SettingError(f"{name} needs budgets: give fidelity=, such as ts.Fidelity('epoch', 1, 81)")
    settings = {"promotion": _promotes(objective, fidelity), **JOINED[name]}
    return name, _resolve(_SCHEDULE, "hyperband", settings)


def _banditry(scheduling: Any) -> tuple[Any, Any]:
    """Both halves of pb2: the population, a small one where none is given, and the searcher."""
    found = _resolve(_SCHEDULE, "pbt", PB2) if scheduling in (None, "pb2", "pbt") else scheduling
    size, interval = getattr(found, "population", 8), getattr(found, "interval", None)
    return _resolve(_SEARCH, "pb2", {"n_startup": size, "interval": interval}), found


def _promotes(objective: Any, fidelity: Fidelity | None) -> bool:
    called = fidelity is not None and not fidelity.whole
    return called or inspect.isgeneratorfunction(objective)


def searcher_from(record: Mapping[str, Any]) -> Searcher[Any]:
    """The searcher of a study's record."""
    path = COMBINED.get(record["name"], record["name"])
    settings = {key: _revived(value, searcher_from) for key, value in record["settings"].items()}
    found: Searcher[Any] = _resolve(_SEARCH, path, settings)
    return found


def scheduler_from(record: Mapping[str, Any]) -> Scheduler[Any]:
    """The scheduler of a study's record."""
    path = COMBINED.get(record["name"], record["name"])
    settings = {key: _revived(value, scheduler_from) for key, value in record["settings"].items()}
    found: Scheduler[Any] = _resolve(_SCHEDULE, path, settings)
    return found


def store(given: str | os.PathLike[str] | Store | None, *, new: bool = True) -> Store:
    """The store at a path or 'sqlite:///…'; 'memory:' is a new one in memory; None the default one.

    Raises SettingError for an address of another kind; StudyError when there is none and `new` is False.
    """
    if isinstance(given, Store):
        return given
    if given is not None and not isinstance(given, (str, os.PathLike)):
        raise SettingError(f"storage must be a path, 'sqlite:///…' or a Store, got {given!r}")
    address = DEFAULT_STORAGE if given is None else os.fspath(given)
    if address == "memory:":
        return MemoryStore()
    scheme, separator, path = address.partition("://")
    if separator and scheme != "sqlite":
        raise SettingError(
            f"storage {address!r} is of a kind that this Tunesmith does not have: give a path, or 'sqlite:///path'"
        )
    from tunesmith.store.sqlite import SQLiteStore

    file = path.removeprefix("/") if separator else address
    if not new and not os.path.exists(file):
        raise StudyError(f"there is no store at {file}: give the storage= that the study was made with")
    return SQLiteStore(file)


def record(method: Any) -> dict[str, Any]:
    """A searcher or scheduler as JSON: its name and its settings, the fields of its dataclass."""
    tables = (_SEARCH.names, _SCHEDULE.names, COMBINED)
    names = {path: name for table in tables for name, path in table.items()}
    kind = type(method)
    path = f"{kind.__module__}:{kind.__qualname__}"
    if not is_dataclass(method):
        raise SettingError(f"{kind.__name__} must be a frozen dataclass, so that its settings can be stored")
    settings = {f.name: _plain(getattr(method, f.name)) for f in fields(method) if f.init}
    return {"name": names.get(path, path), "settings": settings}


def _plain(value: Any) -> Any:
    """A setting as JSON; a method inside another as its own record, tuples as lists."""
    if isinstance(value, (Searcher, Scheduler)):
        return record(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _revived(value: Any, method: Callable[[Mapping[str, Any]], Any]) -> Any:
    """What `_plain` was given, but for enumerations."""
    if isinstance(value, list):
        return tuple(_revived(item, method) for item in value)
    if isinstance(value, Mapping) and value.keys() == {"name", "settings"}:
        return method(value)
    return value


def _resolve(room: _Room, given: Any, settings: Mapping[str, Any]) -> Any:
    if isinstance(given, room.base):
        return given
    if not isinstance(given, str):
        raise SettingError(f"{room.noun} must be a name or a {room.base.__name__}, got {given!r}")
    path = room.names.get(given) or (given if ":" in given else None)
    if path is None and given in COMBINED:
        raise SettingError(f"{room.noun} {given!r} is made of others: make it with ts.combine(…)")
    if path is None:
        third = {point.name: point.value for point in entry_points(group=room.group)}
        path = third.get(given)
        if path is None:
            more = ("auto", *JOINED, "pb2") if room is _SCHEDULE else ()
            known = ", ".join([*room.names, *more, *third])
            raise SettingError(f"there is no {room.noun} named {given!r}: choose one of {known}")
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingError(f"the {room.noun} {given!r} ({path}) cannot be imported: {error}") from None
    if not (isinstance(found, type) and issubclass(found, room.base)):
        raise SettingError(f"{path} is not a {room.base.__name__}")
    return found(**settings)
