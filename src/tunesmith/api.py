"""The functions most people need: `tune`, and studies made, loaded, listed, copied and deleted."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunesmith import combining, presets
from tunesmith.agreement import told
from tunesmith.errors import StudyError
from tunesmith.kernel.callback import AnyCallback, Callback
from tunesmith.kernel.finite import afterwards, beforehand
from tunesmith.kernel.run import check
from tunesmith.kernel.stop import Budget, StopRule
from tunesmith.kernel.study import Study
from tunesmith.kernel.view import why_none
from tunesmith.opening import Objective, Storage, find, load, open_study
from tunesmith.record.event import Claimed, Created, CreatedBatch, Event, Released, Resumed
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.trial import TrialState
from tunesmith.schedule._base import Scheduler
from tunesmith.search._base import Searcher
from tunesmith.space.parse import parse_space
from tunesmith.store._base import StudyInfo
from tunesmith.store.checkpoints import Checkpoints, shelf_of
from tunesmith.terminal.progress import Glance, Progress
from tunesmith.terminal.screen import is_terminal


def tune(
    objective: Objective,
    space: Any = None,
    *,
    direction: str | None = None,
    objectives: Mapping[str, str] | None = None,
    n_trials: int | None = None,
    timeout: float | str | None = None,
    budget: Mapping[str, float | str] | Budget | None = None,
    stop: StopRule | None = None,
    searcher: str | Searcher[Any] | None = None,
    replicates: int | str | None = None,
    scheduler: str | Scheduler[Any] | Sequence[str | Scheduler[Any]] | None = None,
    fidelity: Fidelity | Sequence[Fidelity] | None = None,
    constraints: Sequence[Any] = (),
    workers: int = 1,
    retries: int = 0,
    trial_timeout: float | str | None = None,
    vectorized: int | None = None,
    pause_memory: float | str | None = None,
    callbacks: Sequence[AnyCallback] = (),
    name: str | None = None,
    storage: Storage = None,
    seed: int | None = None,
    checkpoints: Checkpoints | str | os.PathLike[str] | None = None,
    quiet: bool = False,
    progress: bool | None = None,
) -> Study:
    """Find the parameters with which `objective` does best; the study, with all its trials.

    Args:
        objective: called with a trial. Returns a number (or one an objective, as a dict or tuple), may
            `trial.report` on its way, or be a generator that yields what it measures, step by step.
        space: parameters by name, a dataclass with annotated fields, or None when the objective asks for
            its parameters with `trial.suggest_…`.
        direction: "minimize" (the default) or "maximize"; `objectives` maps several names to directions.
        n_trials: how many trials the study shall hold in all; running the same call again resumes it.
        timeout: seconds, or text such as "2h", for this run: what would not finish is not started, and
            trials that run at its end are put back at their next report.
        budget: what the study's trials may use in all, such as {"epoch": 1300, "seconds": "8h", "kwh": 2};
            see `ts.Budget`.
        stop: a rule such as `ts.TargetValue(0.99) | ts.Plateau(50)`.
        searcher: "auto" (the default), "gp", "tpe", "random", …, or an object.
        replicates: for noisy objectives: "auto" tries promising configurations again where that tells more
            than a new one, a number until the best one was tried so often; see `study.recommend()`.
        scheduler: "none" (the default), "auto", "asha", …, an object, or a list of them: a trial goes on
            while all of them let it.
        fidelity: the budget axis, such as `ts.Fidelity("epoch", 1, 81)`; a list for several at once.
        constraints: between parameters, such as "min_leaf < min_split".
        workers: how many trials run at once; each worker is a process of its own when there are several.
        retries: how often a trial is run again whose worker was killed, or that ran too long.
        trial_timeout: a trial that runs longer fails.
        vectorized: so many trials at a time are handed to `objective` in one call: it gets a dict of NumPy
            arrays, a column for each parameter, and returns as many values (for several objectives a dict of
            columns). For objectives that are themselves array arithmetic, and millions of trials.
        pause_memory: bytes, or text such as "2GB", that paused generators may take, all workers together;
            by default half of the machine's.
        callbacks: functions `(study, trial)`, or `ts.Callback` objects.
        name: makes the study durable, and resumes the one of this name.
        storage: where; a path or "sqlite:///…" (default with a name: sqlite:///tunesmith.db).
        seed: of all random choices; None takes one, and records it.
        checkpoints: where they are kept, a folder or a URL, or `ts.Checkpoints(…)`, which also says how many;
            by default beside the store.
        quiet: do not say on the error stream that a study is being resumed; no view either.
        progress: show how the run goes, on the error stream: a live view on a terminal, elsewhere a line a
            trial, and a summary at the end. None: the view alone, and only on a terminal. False: nothing.

    Raises:
        SpaceError, SettingError, StudyError, ObjectiveError: before the first trial, in one sentence.
        StudyAborted: when the first ten trials all fail alike.
    """
    check(objective, n_trials, timeout, stop, workers, callbacks, retries, trial_timeout, vectorized, budget)
    study = open_study(
        space,
        direction=direction,
        objectives=objectives,
        searcher=combining.replicated(searcher, replicates),
        scheduler=scheduler,
        objective=objective,
        fidelity=fidelity,
        constraints=constraints,
        n_trials=n_trials,
        name=name,
        storage=storage,
        seed=seed,
        checkpoints=checkpoints,
        resume=True,
        arrays=vectorized is not None,
        endless=n_trials is None and timeout is None and stop is None and budget is None,
    )
    study.optimize(
        objective,
        n_trials,
        timeout=timeout,
        budget=budget,
        stop=stop,
        workers=workers,
        retries=retries,
        trial_timeout=trial_timeout,
        vectorized=vectorized,
        pause_memory=pause_memory,
        callbacks=[*_listening(progress, quiet, callbacks), *callbacks],
    )
    return study


def create_study(
    space: Any = None,
    *,
    direction: str | None = None,
    objectives: Mapping[str, str] | None = None,
    searcher: str | Searcher[Any] | None = None,
    replicates: int | str | None = None,
    scheduler: str | Scheduler[Any] | Sequence[str | Scheduler[Any]] | None = None,
    fidelity: Fidelity | Sequence[Fidelity] | None = None,
    constraints: Sequence[Any] = (),
    n_trials: int | None = None,
    name: str | None = None,
    storage: Storage = None,
    seed: int | None = None,
    checkpoints: Checkpoints | str | os.PathLike[str] | None = None,
    load_if_exists: bool = False,
) -> Study:
    """A new study, to ask and tell; the arguments are those of `tune`. `n_trials` is a hint here.

    `load_if_exists`: the study of this name when there is one, for a script that is run again. Raises
    StudyError when a study of this name exists, or with `load_if_exists` when it differs from what is asked.
    """
    return open_study(
        space,
        direction=direction,
        objectives=objectives,
        searcher=combining.replicated(searcher, replicates),
        scheduler=scheduler,
        objective=None,
        fidelity=fidelity,
        constraints=constraints,
        n_trials=n_trials,
        name=name,
        storage=storage,
        seed=seed,
        checkpoints=checkpoints,
        resume=load_if_exists,
    )


def load_study(name: str, *, storage: Storage = None, space: Any = None) -> Study:
    """The study of this name; any process may ask and tell it. Raises StudyError when there is none.

    A store keeps the labels of Python objects, not the objects: give `space` again to run an objective that
    takes objects from it. It must be the study's own.
    """
    store = presets.store(storage, new=False)
    info = find(store, name)
    if info is None:
        known = ", ".join(repr(i.spec.name) for i in store.list()) or "none"
        raise StudyError(f"there is no study named {name!r} in {store}: it holds {known}")
    if space is not None:
        mine = info.spec.problem
        again = parse_space(space, () if mine.space is None else mine.space.constraints)
        if again != mine.space:
            raise StudyError(
                f"study {name!r} in {store} has another space than the one given: {told(mine.space)}"
            )
        info = replace(info, spec=replace(info.spec, problem=replace(mine, space=again)))
    return load(store, info)


def list_studies(*, storage: Storage = None) -> list[StudyInfo]:
    """All studies of a store, oldest first."""
    return list(presets.store(storage, new=False).list())


def delete_study(name: str, *, storage: Storage = None) -> None:
    """Remove a study with all its trials. Raises StudyError when there is none of this name."""
    study = load_study(name, storage=storage)
    study.cursor.store.delete(study.cursor.id)
    shelf = study.cursor.context.checkpoints
    if shelf is not None:
        shelf.clear()


def copy_study(name: str, to: str, *, storage: Storage = None, to_storage: Storage = None) -> Study:
    """Copy a study with its whole log under another name, to the same store or another one.

    Trials that are running in the original wait in the copy. Raises StudyError when `to` is taken.
    """
    source = load_study(name, storage=storage)
    store = source.cursor.store if to_storage is None else presets.store(to_storage)
    events = _handed_over(source.cursor.store.read(source.cursor.id))
    kept = source.spec.checkpoints
    if kept:
        kept = Checkpoints.recorded(kept).record(to)
    spec = replace(source.spec, name=to, checkpoints=kept)
    study = store.create(spec)
    target = shelf_of(kept, store.checkpoint_folder(study))
    try:
        _copy_files(source, store.checkpoint_folder(study))
        source.cursor.files.copy(source.cursor.fold, target)
        if events:
            store.append(study, events)
    except BaseException:
        store.delete(study)
        if target is not None:
            target.clear()
        raise
    copied = load_study(to, storage=store)
    running = [
        Released(t.number, t.attempt, t.worker or "", "copied", at=time.time())
        for t in copied.trials
        if t.state is TrialState.RUNNING
    ]
    if running:
        copied.cursor.append(running)
    return copied


def _copy_files(source: Study, folder: str | None) -> None:
    """What its programs have left beside the store."""
    files = source.cursor.context.files
    if files is not None and folder is not None and os.path.isdir(files):
        ours = shutil.ignore_patterns("blobs", "coming", "loaded", "*.ckpt")

        def passed_over(at: str, names: list[str]) -> set[str]:
            return ours(at, names) if at == files else set()

        shutil.copytree(files, folder, dirs_exist_ok=True, ignore=passed_over)


def _handed_over(events: Sequence[Event]) -> list[Event]:
    """The events with every release written by the claim's own worker, so that no lease is asked after."""
    holders: dict[int, str] = {}
    copied: list[Event] = []
    for event in events:
        if isinstance(event, Released):
            event = event._replace(worker=holders.get(event.number, event.worker))
        elif isinstance(event, Created | Claimed | Resumed):
            holders[event.number] = event.worker or ""
        elif isinstance(event, CreatedBatch):
            holders |= dict.fromkeys(range(event.number, event.number + event.size), event.worker or "")
        copied.append(event)
    return copied


def _listening(progress: bool | None, quiet: bool, callbacks: Sequence[AnyCallback]) -> list[Callback]:
    """Who speaks on the error stream, beside the user's own callbacks."""
    found: list[Callback] = [] if quiet else [_Announce()]
    if progress:
        found.append(Progress(file=sys.stderr))
    elif progress is None and not quiet and is_terminal(sys.stderr):
        shown = any(isinstance(callback, Progress) for callback in callbacks)
        found += [] if shown else [Glance(file=sys.stderr)]
    return found


class _Announce(Callback):
    """Says on the error stream what a script's user must know: that a study is resumed, or cut short."""

    def started(self, study: Study, n_trials: int | None, workers: int, put_back: int) -> None:  # noqa: ARG002
        ledger = study.cursor.fold.ledger
        few = beforehand(ledger, n_trials, study.cursor.searcher.ends)
        if few is not None:
            sys.stderr.write(f"{study.name}: {few}\n")
        if not ledger.trials:
            return
        total = f" of {n_trials}" if n_trials is not None else ""
        interrupted = len(ledger.waiting)
        tail = f", {interrupted} interrupted, put back" if interrupted else ""
        sys.stderr.write(f"{study.name}: {ledger.finished}{total} done{tail}\n")

    def closed(self, study: Study, reason: str) -> None:
        ledger = study.cursor.fold.ledger
        if reason == "interrupted":
            put_back = f", {len(ledger.waiting)} put back" if ledger.waiting else ""
            more = "; the same call goes on" if study.cursor.store.shared else ""
            sys.stderr.write(f"{study.name}: interrupted, {ledger.finished} done{put_back}{more}\n")
        elif reason != "failed" and ledger.finished and ledger.finished == ledger.states[TrialState.FAILED]:
            sys.stderr.write(f"{why_none(study.name, ledger)}\n")
        spent = afterwards(ledger, repeated=True) if reason != "failed" else None
        if spent is not None:
            sys.stderr.write(f"{study.name}: {spent}\n")
