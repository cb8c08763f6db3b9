"""The handle that an objective gets: what it may ask of its trial, and tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from typing import Any, TypeVar, overload

from tunesmith._rng import uniform
from tunesmith.errors import ObjectiveError, SettingError
from tunesmith.execute._base import Send
from tunesmith.kernel.folds import from_fold, running_mean
from tunesmith.kernel.measure import measured
from tunesmith.kernel.saved import Saved
from tunesmith.record.assignment import CONTINUE, Assignment, Decision, Kind, Message
from tunesmith.record.codec import dumps, loads
from tunesmith.record.event import Checkpointed
from tunesmith.record.fidelity import Fidelity
from tunesmith.space.base import same_range
from tunesmith.space.domain import Categorical, Domain, Float, Int
from tunesmith.space.space import Space
from tunesmith.space.typed import config_of
from tunesmith.store.checkpoints import Shelf

T = TypeVar("T")
_MISSING = object()
_MOST_STEPS = 2**53
_NO_DOMAINS: dict[str, Domain] = {}
_NOTHING: dict[str, float] = {}


class TrialEnded(BaseException):
    """Ends an objective from inside `report`. Not an Exception, so that `except Exception` lets it pass."""


@dataclass(frozen=True, slots=True)
class Context:
    """What all trials of a study share: travels to workers with the objective."""

    names: tuple[str, ...]
    space: Space | None = None
    fidelity: Fidelity | None = None
    checkpoints: Shelf | None = None  # the place for them
    files: str | None = None  # the folder for programs' files
    raises: bool = True  # whether `report` ends a stopped trial by itself


@lru_cache(maxsize=4096)
def _float(low: float, high: float, step: float | None, log: bool) -> Float:
    return Float(low, high, step=step, log=log)


@lru_cache(maxsize=4096)
def _int(low: int, high: int, step: int | None, log: bool) -> Int:
    return Int(low, high, step=step, log=log)


@lru_cache(maxsize=4096)
def _categorical(choices: tuple[tuple[type, Any], ...]) -> Categorical:
    return Categorical([choice for _, choice in choices])


def _whole(step: float) -> float:
    """A step as it is recorded: whole numbers as such."""
    found = float(step)
    return int(step) if found.is_integer() else found


@lru_cache(maxsize=64)
def declared_domains(space: Space) -> dict[str, Domain]:
    """The domains of a declared space by name."""
    return {parameter.name: parameter.domain for parameter in space.parameters}


class TrialHandle:
    """A running trial, as its objective sees it.

    `params` holds the configuration (Python objects for labelled choices), `number` counts from 0, `budget`
    is how far the scheduler lets the trial run for now (None: to its end).
    """

    __slots__ = (
        "_asked",
        "_assignment",
        "_constraints",
        "_context",
        "_decision",
        "_domains",
        "_known",
        "_last",
        "_means",
        "_params",
        "_proposed",
        "_saved",
        "_send",
        "_step",
        "_user_attrs",
        "budget",
        "number",
    )  # fmt: skip

    def __init__(self, assignment: Assignment, context: Context, send: Send) -> None:
        trial = assignment.trial
        self.number = trial.number
        self.budget = trial.budget
        self._assignment = assignment
        self._context = context
        self._send = send
        self._known = assignment.domains
        self._proposed = trial.params
        self._params: dict[str, Any] | None = None
        self._asked: dict[str, Any] = {}
        self._domains: dict[str, Domain] = {}
        self._constraints: dict[str, float] = dict(trial.constraints) if trial.constraints else {}
        self._user_attrs: dict[str, Any] = dict(trial.user_attrs) if trial.user_attrs else {}
        self._decision = CONTINUE
        self._step: float = 0
        self._last: tuple[float, ...] | None = None
        self._saved: Saved | None = None
        self._means: dict[float, tuple[float, ...]] = {}  # over folds, by step

    @property
    def params(self) -> dict[str, Any]:
        """The configuration: the declared parameters that are active, and what was suggested so far."""
        space = self._context.space
        if space is None:
            return {name: self._known[name].object(value) for name, value in self._asked.items()}
        if self._params is None:
            self._params = space.objects(self._proposed)
        return self._params

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    @property
    def config(self) -> Any:
        """The configuration as an instance of the dataclass that declared the space."""
        space = self._context.space
        if space is None:
            raise SettingError("trial.config needs a space declared by a dataclass; this study has none")
        return config_of(space, self._proposed)

    @property
    def should_stop(self) -> bool:
        """Whether the scheduler wants the trial to end or pause; inside a run, `report` sees to it."""
        return self._decision is not CONTINUE

    @property
    def step(self) -> float:
        """How far this training has come: the last step measured, or that of the checkpoint it loaded.

        In a run an objective that is called again begins at 0, unless it loads a checkpoint. In a loop of
        one's own (ask and tell) a trial that was asked for again stands where it was paused.
        """
        if self._step or self._context.raises:
            return self._step
        return self._assignment.trial.step

    @property
    def fidelities(self) -> dict[str, float]:
        """How much of each fidelity the trial may use for now, such as {"epoch": 9, "image": 64}."""
        fidelity = self._context.fidelity
        return {} if fidelity is None else fidelity.at(self.budget)

    def folds(self, splits: Iterable[T]) -> Iterator[tuple[int, T]]:
        """Number and split of the folds that are left, such as `trial.folds(KFold(5).split(x))`.

        A trial that is resumed goes on where it was paused: `splits` must be the same ones then. Raises
        SettingError where the study's fidelity does not say `fold=`, the steps of one fold.
        """
        fidelity, reports = self._context.fidelity, self._assignment.trial.reports
        if fidelity is None or fidelity.fold is None:
            raise SettingError(
                "trial.folds needs a fidelity of folds: give fidelity=ts.Fidelity('fold', 1, 5, fold=1)"
            )
        done = int(reports[-1].step) // fidelity.fold if reports else 0
        self._step = max(self._step, done * fidelity.fold)
        return from_fold(splits, done)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number between `low` and `high`, both included; the same whenever it is asked for again.

        Raises SpaceError for a range that cannot be, ObjectiveError when `name` had another range before, in
        this trial or in the declared space.
        """
        domain = _float(low, high, step, log)
        value: float
        asked, proposed = self._asked, self._proposed
        if self._known.get(name) is domain and name in proposed and name not in asked:  # the hot path
            value = asked[name] = proposed[name]
        else:
            value = self._suggest(name, domain)
        return value

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number between `low` and `high`, both included. Raises as `suggest_float`."""
        value: int = self._suggest(name, _int(low, high, None if step == 1 else step, log))
        return value

    @overload
    def suggest_categorical(self, name: str, choices: Sequence[T]) -> T: ...
    @overload
    def suggest_categorical(self, name: str, choices: Mapping[str, T]) -> T: ...
    def suggest_categorical(self, name: str, choices: Sequence[T] | Mapping[str, T]) -> T:
        """One of `choices`; objects that JSON cannot hold are best given as {label: object}."""
        try:
            domain = _categorical(tuple((type(choice), choice) for choice in choices)) \
                if not isinstance(choices, Mapping) else Categorical(choices)  # fmt: skip
        except TypeError:  # not hashable: lists, arrays
            domain = Categorical(choices)
        value: T = self._object(name, domain, self._suggest(name, domain))
        return value

    def _object(self, name: str, domain: Domain, value: Any) -> Any:
        return domain.object(value) if self._context.space is None else self.params[name]

    def _suggest(self, name: str, domain: Domain) -> Any:
        asked = self._asked
        if name in asked:
            return self._asked_again(name, domain)
        if self._context.space is not None:
            return self._declared(self._context.space, name, domain)
        proposed = self._proposed.get(name, _MISSING)
        known = self._known.get(name)
        if proposed is not _MISSING and (known is domain or known == domain):
            value = proposed
        else:
            value = self._draw(name, domain, proposed)
            if known != domain:
                self._domains[name] = domain
                self._known = {**self._known, name: domain}
        asked[name] = value
        return value

    def _declared(self, space: Space, name: str, domain: Domain) -> Any:
        """A value of the declared space, which alone says what can be asked for."""
        if name not in self._proposed:
            raise ObjectiveError(
                f"parameter {name!r} is not among the active ones of the declared space "
                f"({', '.join(map(repr, self._proposed))}): declare it, or leave space= out to define it "
                "by running"
            )
        value, declared = self._proposed[name], declared_domains(space)[name]
        fixed = not declared.has_column and domain.contains(value)
        if not fixed and not same_range(declared, domain):
            raise ObjectiveError(
                f"parameter {name!r} is declared as {declared!r}, and the objective asks for {domain!r}: "
                f"make them the same, or write trial[{name!r}]"
            )
        return value

    def _draw(self, name: str, domain: Domain, proposed: Any) -> Any:
        """The value of a parameter that is new, or whose range has changed since it was proposed."""
        fixed = self._assignment.fixed
        if name in fixed:
            return domain.cast(fixed[name])
        if proposed is not _MISSING and domain.contains(proposed):
            return domain.cast(proposed)
        return domain.from_unit(domain.draw(uniform(self._assignment.seed, self.number, name)))

    def _asked_again(self, name: str, domain: Domain) -> Any:
        before = self._known.get(name)
        if before is not None and before != domain:
            raise ObjectiveError(
                f"parameter {name!r} was suggested as {before!r} and then as {domain!r} in one trial: "
                "give the second one another name"
            )
        return self._asked[name]

    def report(self, value: Any, step: float | None = None) -> None:
        """Tell what was measured on the way: a number, or {name: number}; `step` counts on from the last one.

        Inside a run the trial ends here when the scheduler says so. A step that was reported before, in an
        earlier attempt of this trial, is passed over. Raises ObjectiveError for what is not a number.
        """
        self._step = self._step + 1 if step is None else _whole(step)
        if not -_MOST_STEPS <= self._step <= _MOST_STEPS:
            raise ObjectiveError(
                f"a step must be a number that a store can hold (2**53 at most), got {step!r}"
            )
        values, metrics, _ = measured(value, self._context.names)
        reports = self._assignment.trial.reports
        fidelity = self._context.fidelity
        if fidelity is not None and fidelity.fold is not None:
            values = self._averaged(values, fidelity.fold)
        self._last = values
        if reports and self._step < reports[-1].step:
            return  # at the last known step the scheduler is asked again: its answer may not have been heard
        params, domains = asked(self)
        self._decision = self._send(
            Message(
                number=self.number,
                attempt=self._assignment.trial.attempt,
                kind=Kind.REPORT,
                step=self._step,
                values=values,
                metrics=metrics,
                params=params,
                domains=domains,
                constraints=dict(self._constraints) if self._constraints else _NOTHING,
            )
        )
        if self._decision is not CONTINUE and self._context.raises:
            raise TrialEnded

    def _averaged(self, values: tuple[float, ...], fold_steps: int) -> tuple[float, ...]:
        """The mean over the folds so far."""
        if not self._means:
            self._means = {report.step: report.values for report in self._assignment.trial.reports}
        found = self._means[self._step] = running_mean(values, self._step, fold_steps, self._means)
        return found

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep a JSON value with the trial's record. Raises SettingError for what JSON cannot hold."""
        self._user_attrs[key] = loads(dumps(value))  # as it will come back, and nobody else's to change

    def constraint(self, name: str, value: float) -> None:
        """Record an outcome constraint: the trial is feasible when `value` <= 0."""
        self._constraints[name] = measured(value, (name,)).values[0]

    def save_checkpoint(
        self, data: Any | str | PathLike[str], step: float | None = None, *, pickle: bool = False
    ) -> None:
        """Store a checkpoint: a resumed trial, and its children, start from it.

        `data`: bytes; the path of a file or folder; or dicts and lists of numbers, text, NumPy arrays and
        torch tensors, such as {"model": model.state_dict(), "epoch": 3}. Anything else needs `pickle=True`,
        here and in `load_checkpoint`. `step`: how far the training has come; None: as far as was reported.
        It is stored durably, whole, before this returns; what was stored before stands until then. Raises
        SettingError for what cannot be stored, StoreError when there is no room.
        """
        name = saved(self).save(data, pickle)
        at = self._step if step is None else _whole(step)
        attempt = self._assignment.trial.attempt
        answer = self._send(
            Message(number=self.number, attempt=attempt, kind=Kind.CHECKPOINT, step=at, file=name)
        )
        if answer is Decision.STOP:  # the claim is lost; otherwise what the last report decided stands
            self._decision = answer
        else:
            saved(self).add(Checkpointed(self.number, attempt, at, name))

    def load_checkpoint(self, *, pickle: bool = False) -> Any:
        """The newest checkpoint of this trial, or of its parent when it has none; None when there is none.

        It is what was saved; of a file or folder the path of a copy, which goes with the attempt. A damaged
        one is passed over for the one before. Raises SettingError for a pickle, unless `pickle=True` says
        that all who can write to the store are trusted, CheckpointLost when nothing is left of a parent's.
        """
        found = saved(self).load(pickle)
        if found is None:
            return None
        data, self._step = found
        return data


def saved(handle: TrialHandle) -> Saved:
    """The trial's checkpoints."""
    if handle._saved is None:
        handle._saved = Saved(handle._context.checkpoints, handle.number, handle._assignment.checkpoints)
    return handle._saved


def asked(handle: TrialHandle) -> tuple[dict[str, Any] | None, dict[str, Domain]]:
    """What a define-by-run objective has asked for, None when that is just what was proposed."""
    if handle._context.space is not None or (not handle._domains and handle._asked == handle._proposed):
        return None, _NO_DOMAINS
    return dict(handle._asked), dict(handle._domains)
