"""A command as an objective: started for each trial, listened to, and ended with all that it has started."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tunesmith import _script
from tunesmith.errors import SettingError, TrialFailed
from tunesmith.execute import _tree
from tunesmith.kernel.attempt import attempt_of, files_of
from tunesmith.kernel.trial import TrialEnded, TrialHandle
from tunesmith.launch import place, template
from tunesmith.launch.channels import Channels
from tunesmith.launch.collect import Collector
from tunesmith.launch.metrics import STEPS, Reading
from tunesmith.launch.output import Kept
from tunesmith.launch.running import Running

_POLL = 0.05
_AFTERWARDS = 1.0  # seconds that what a program leaves behind has to end, when it has ended itself
_SHOWN = 20
_FIRST_QUESTION = 0.5  # seconds for a program that reports, but has not asked yet whether it should stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """An objective that runs a command, in words with `{name}` for parameters.

    Args:
        words: the command, a word each; no shell looks at them.
        goals: the metrics by name, each "minimize" or "maximize".
        study: the study's name, for the environment.
        names: of all parameters: what a word may name.
        cwd: where it runs.
        env: variables added to the environment; their values may name parameters, too.
        steps: words for the step on printed lines, besides `step` and `epoch`.
        regexes: regular expressions for printed lines, instead of `name=number`.
        final: the value that counts: the "last" one, or the "best".
        tensorboard: a folder, with `{…}` in it, where event files are looked for; None: nowhere.
        timeout: seconds that it may run; None: for ever.
        grace: seconds between SIGTERM and SIGKILL.

    It is for worker processes: `kernel.run` gives it one because it `ends_programs_in` some time.
    """

    words: tuple[str, ...]
    goals: Mapping[str, str]
    study: str = ""
    names: tuple[str, ...] = ()
    cwd: str = "."
    env: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    final: str = "last"
    tensorboard: str | None = None
    timeout: float | None = None
    grace: float = 5.0

    def __post_init__(self) -> None:
        if not self.words:
            raise SettingError("there is no command: write it after --, as in -- python train.py")
        if self.final not in ("last", "best"):
            raise SettingError(f"final must be 'last' or 'best', got {self.final!r}")
        if self.tensorboard is not None and not template.slots([self.tensorboard]):
            raise SettingError(
                f"the folder for TensorBoard must differ from trial to trial, got {self.tensorboard!r}: "
                "put {trial.number} into it, or let the program write to {trial.dir}"
            )
        self.reading()
        for name in self._slots():
            if name not in self.names and not template.stands(name):
                raise SettingError(
                    f"{{{name}}} stands for nothing: declare it, as in {{{name}: log(0.1, 1)}}; there are "
                    f"{', '.join([*self.names, *template.FACTS])}"
                )

    @property
    def ends_programs_in(self) -> float:
        """Seconds that a run must leave it to take its program down."""
        return self.grace

    @property
    def unused(self) -> tuple[str, ...]:
        """The parameters that neither a word nor a variable of the environment names."""
        asked = set(self._slots())
        return () if any(map(template.covers, asked)) else tuple(n for n in self.names if n not in asked)

    def _slots(self) -> list[str]:
        return template.slots([*self.words, *self.env.values(), self.tensorboard or ""])

    def reading(self) -> Reading:
        """What is looked for in its output."""
        return Reading(tuple(self.goals), (*STEPS, *self.steps), self.regexes)

    def __call__(self, trial: TrialHandle) -> dict[str, float]:
        """Run it for one trial; the final values. Raises TrialFailed with the reason."""
        with contextlib.ExitStack() as stack:
            base = files_of(trial)
            if base is None:
                base = stack.enter_context(tempfile.TemporaryDirectory(prefix="tunesmith-"))
            files = place.Files(Path(base), trial.number, attempt_of(trial))
            files.prepare()
            return _Attempt(self, trial, files).run()


class _Attempt:
    """One attempt at one trial."""

    def __init__(self, program: Program, trial: TrialHandle, files: place.Files) -> None:
        self._program = program
        self._trial = trial
        self._files = files
        self._listening = True
        facts = {
            "study": program.study,
            "trial.number": str(trial.number),
            "trial.attempt": str(files.attempt),
            "trial.dir": str(files.folder),
            "trial.budget": "" if trial.budget is None else str(trial.budget),
            "args.file": str(files.params),
        }
        params = dict(trial.params)
        names = frozenset((*program.names, *params))
        self._known = template.Known(params, names, facts, os.environ)
        self._collector = Collector(
            tuple(program.goals),
            {name: 1.0 if way == "minimize" else -1.0 for name, way in program.goals.items()},
            program.final,
            self._report,
        )
        watched = program.tensorboard
        where = None if watched is None else Path(program.cwd, self._value(watched))
        self._channels = Channels(program.reading(), self._collector, files.reports, where)

    def _value(self, text: str) -> str:
        return "".join(template.render([text], self._known))

    def _report(self, values: dict[str, float], step: int) -> None:
        self._trial.report({**values, **self._collector.others}, step)

    def run(self) -> dict[str, float]:
        """To its end, in whatever way that comes."""
        program = self._program
        self._files.params.write_text(json.dumps(template.nested(self._known.params)), encoding="utf-8")
        out, err = Kept(self._files.stdout), Kept(self._files.stderr)
        argv = template.render(program.words, self._known)

        def printed(data: bytes) -> None:
            out.write(data)
            if self._listening:
                self._channels.printed(data)

        running = None
        try:
            running = Running(argv, self._environment(), program.cwd, printed, err.write, adopt=_is_worker())
            self._watch(running)
            code = running.end(_AFTERWARDS)
            if code:
                raise TrialFailed(_ended_with(code, err.tail(1)), died=code < 0)
            self._channels.flush()
            result = self._collector.result()
        except TrialFailed as failure:
            self._listening = False
            raise TrialFailed(self._told(failure, out, err), died=failure.died) from None
        except TrialEnded:
            self._listening = False
            self._let_end(running)
            raise
        finally:
            self._listening = False
            if running is not None:
                running.end(program.grace)
            out.close()
            err.close()
        return {**self._collector.others, **result}

    def _watch(self, running: Running) -> None:
        """Until the program ends, or has run too long."""
        limit = self._program.timeout
        started = polled = time.monotonic()
        while not running.exited:
            running.pump(_POLL)
            now = time.monotonic()
            if now - polled >= _POLL:
                polled = now
                self._channels.poll()
            if limit is not None and now - started > limit:
                raise TrialFailed(f"ran longer than {limit:g} s", died=True)
        until = time.monotonic() + _AFTERWARDS
        while running.pump(0.0) and time.monotonic() < until:
            pass  # what lay in the pipe; who still prints was left behind

    def _let_end(self, running: Running | None) -> None:
        """The scheduler wants no more: a program that asks `should_stop` has the grace to end by itself."""
        if running is None or not self._channels.heard:
            return
        self._files.stop.touch()
        self._collector.report = _ignore
        now = time.monotonic()
        patience, until = now + _FIRST_QUESTION, now + self._program.grace
        while not running.exited and time.monotonic() < (
            until if self._channels.asks else min(patience, until)
        ):
            running.pump(_POLL)
            with contextlib.suppress(TrialFailed):
                self._channels.poll()

    def _environment(self) -> dict[str, str]:
        files = self._files
        params = self._known.params
        own = {f"TUNESMITH_PARAM_{_upper(name)}": template.text_of(value) for name, value in params.items()}
        extra = {name: self._value(value) for name, value in self._program.env.items()}
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("TUNESMITH_PARAM_")},
            "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", "1"),  # or measurements come at the end
            **own,
            _script.PARAMS: json.dumps(params),
            "TUNESMITH_PARAMS_FILE": str(files.params),
            _script.REPORT_FILE: str(files.reports),
            _script.STOP_FILE: str(files.stop),
            "TUNESMITH_STUDY": self._program.study,
            "TUNESMITH_TRIAL": str(files.number),
            "TUNESMITH_TRIAL_DIR": str(files.folder),
            "TUNESMITH_BUDGET": self._known.facts["trial.budget"],
            **extra,
        }

    def _told(self, failure: TrialFailed, out: Kept, err: Kept) -> str:
        """The failure with the last lines of what the program said; the reason comes last."""
        for name, kept in (("stderr", err), ("stdout", out)):
            lines = kept.tail(_SHOWN)
            if lines:
                return "\n".join(
                    [f"the last lines of its {name}:", *(f"    {x}" for x in lines), str(failure)]
                )
        return str(failure)


def _ignore(values: dict[str, float], step: int) -> None:
    """What is measured after the end is not told."""


def _upper(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name).upper()


def _is_worker() -> bool:
    """Whether this is a worker process, which has no children but those of its objective."""
    return _tree.MARK in os.environ


def _ended_with(code: int, last: list[str]) -> str:
    """How the program ended, with its last word."""
    told = _tree.words(code).removesuffix(" in the middle of the trial")
    if code > 128 and not last:
        with contextlib.suppress(ValueError):
            told += f", as a shell says when a program was killed (signal {code - 128})"
    return told if not last or code < 0 else f"{told}: {last[0].strip()[:300]}"
