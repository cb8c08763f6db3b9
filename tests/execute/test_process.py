"""Worker processes, and what other people's objectives do to them."""

from __future__ import annotations

import functools
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tunesmith.errors import ObjectiveError, SettingError
from tunesmith.execute._tree import bearers
from tunesmith.execute.process import ProcessExecutor
from tunesmith.record.assignment import Decision, Kind, Message
from tunesmith.record.trial import TrialState
from tunesmith.testing.executor_laws import Script, assignment, collect, run_all


def left_of(executor: ProcessExecutor) -> list[psutil.Process]:
    """The executor's processes, and all that they started."""
    return bearers([executor._crew._mark])


def until(true: Callable[[], Any], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def pause(message: Message) -> Decision:
    return Decision.PAUSE if message.kind is Kind.REPORT else Decision.CONTINUE


def pid_of(message: Message) -> int:
    assert message.values is not None
    return int(message.values[1])


def run_one(executor: ProcessExecutor, **params: Any) -> Message:
    executor.submit(assignment(0, **params))
    return collect(executor, 1)[-1]


@pytest.fixture
def make():
    """Makes executors, and closes them."""
    made: list[ProcessExecutor] = []

    def make(slots: int = 1, factory: Any = Script, **options: Any) -> ProcessExecutor:
        made.append(ProcessExecutor(factory, slots, **{"grace": 1.0, **options}))
        return made[-1]

    yield make
    for executor in made:
        executor.close()
        assert not left_of(executor)


def test_fifty_trials_on_four_workers(make):
    executor = make(4)
    ends = run_all(executor, [assignment(n, steps=3) for n in range(50)])
    assert sorted(m.number for m in ends) == list(range(50))
    assert len({pid_of(m) for m in ends}) <= 4


def test_workers_are_reused(make):
    executor = make()
    assert pid_of(run_one(executor)) == pid_of(run_one(executor))


def test_kill_in_the_middle(make):
    executor = make(2)
    executor.submit(assignment(0, steps=100, pause=0.05))
    executor.submit(assignment(1, steps=10, pause=0.05))
    killed = []

    def kill(message: Message) -> Decision:
        if message.number == 0 and message.step == 2:
            os.kill(pid_of(message), signal.SIGKILL)
            killed.append(message)
        return Decision.CONTINUE

    ends = {m.number: m for m in collect(executor, 2, kill) if m.kind is Kind.END}
    assert (ends[0].state, ends[0].died) == (TrialState.FAILED, True)
    assert ends[0].error == "the worker process was killed by SIGKILL (out of memory?)"
    assert ends[1].state is TrialState.COMPLETE
    assert len(killed) == 1


def test_kill_of_a_parked_one_is_forgotten(make):
    executor = make()
    executor.submit(assignment(0, steps=2))
    parked = collect(executor, 1, pause)[-1]
    assert parked.state is TrialState.PAUSED
    os.kill(pid_of(parked), signal.SIGKILL)
    executor.wait(0.5, pause)
    executor.submit(assignment(0, attempt=1, steps=2))
    seen = collect(executor, 1)
    assert [m.step for m in seen if m.kind is Kind.REPORT] == [1, 2]  # from its beginning
    assert seen[-1].state is TrialState.COMPLETE


def test_kill_of_an_idle_one_costs_nothing(make):
    executor = make()
    os.kill(pid_of(run_one(executor)), signal.SIGKILL)
    time.sleep(0.1)
    assert run_one(executor).state is TrialState.COMPLETE


def test_one_process_keeps_many(make):
    executor = make(1)
    pids = set()
    for number in range(4):
        executor.submit(assignment(number, steps=2))
        pids.add(pid_of(collect(executor, 1, pause)[-1]))
    assert len(pids) == 1
    for number in [2, 0, 3, 1]:
        executor.submit(assignment(number, attempt=1, steps=2))
        assert collect(executor, 1)[0].step == 2
    assert len(left_of(executor)) == 1


def test_a_trial_that_went_on_elsewhere_is_dropped(make):
    """Its keeper was at work: it ran again in another process, which keeps it from then on."""
    executor = make(2)
    executor.submit(assignment(0, steps=3))
    first = pid_of(collect(executor, 1, pause)[-1])
    executor.submit(assignment(1, steps=1, pause=1.0))
    assert 0 in executor.away
    executor.submit(assignment(0, attempt=1, steps=3))
    seen = collect(executor, 1, pause)
    assert [(m.number, m.step) for m in seen if m.kind is Kind.REPORT] == [(0, 1)]
    second = pid_of(seen[-1])
    assert second != first
    assert 0 not in executor.away
    assert len(collect(executor, 1)) == 2
    executor.submit(assignment(2, steps=1))
    assert collect(executor, 1)[-1].number == 2
    executor.submit(assignment(0, attempt=2, steps=3))
    seen = collect(executor, 1)
    assert [m.step for m in seen if m.kind is Kind.REPORT] == [2, 3]
    assert pid_of(seen[0]) == second


def stubborn_family():
    """A child that ignores SIGTERM, and one that has left the group, too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
    subprocess.Popen([sys.executable, "-c", code])
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    time.sleep(1000)


def test_timeout_takes_the_whole_tree(make):
    executor = make(1, trial_timeout=1.0)
    start = time.monotonic()
    end = run_one(executor, last=stubborn_family)
    assert (end.state, end.died, end.error) == (TrialState.FAILED, True, "ran longer than 1 s")
    assert time.monotonic() - start < 6
    assert not left_of(executor)
    assert run_one(executor).state is TrialState.COMPLETE


def tidy(path: str):
    try:
        time.sleep(1000)
    finally:
        time.sleep(0.3)
        Path(path).write_text("tidied")


def slow_child(path: str):
    code = f"""if True:
        import signal, sys, time
        def tidy(*_):
            time.sleep(0.5); open({path!r}, "w").write("tidied"); sys.exit()
        signal.signal(signal.SIGTERM, tidy)
        time.sleep(1000)"""
    subprocess.Popen([sys.executable, "-c", code])
    time.sleep(1000)


@pytest.mark.parametrize("objective", [tidy, slow_child])
def test_a_timeout_leaves_time_to_tidy_up(make, tmp_path, objective):
    executor = make(1, trial_timeout=1.0, grace=10.0)
    run_one(executor, last=functools.partial(objective, str(tmp_path / "note")))
    assert (tmp_path / "note").read_text() == "tidied"


def test_a_report_waiting_for_the_driver_is_not_late(make):
    executor = make(1, trial_timeout=0.5)

    def slow(message: Message) -> Decision:
        time.sleep(0.8 if message.kind is Kind.REPORT else 0)
        return Decision.CONTINUE

    executor.submit(assignment(0, steps=1))
    assert collect(executor, 1, slow)[-1].state is TrialState.COMPLETE


def test_finished_and_then_dead_is_finished(make):
    executor = make()

    def die_soon():
        threading.Timer(0.1, os._exit, [9]).start()
        return {}

    executor.submit(assignment(0, last=die_soon))
    executor.wait(0.0, pause)
    time.sleep(1.0)  # both have happened before we look
    end = collect(executor, 1)[-1]
    assert (end.state, end.died) == (TrialState.COMPLETE, False)
    assert run_one(executor).state is TrialState.COMPLETE


def raise_in_run(error: BaseException):
    raise error


def unrecordable():
    return {"object": object()}


def test_an_error_that_run_lets_through(make):
    executor = make()
    end = run_one(executor, last=functools.partial(raise_in_run, ValueError("x" * 1_000_000)))
    assert end.state is TrialState.FAILED
    assert not end.died
    assert len(end.error or "") > 1_000_000
    assert "cannot be recorded" in (run_one(executor, last=unrecordable).error or "")
    assert run_one(executor).state is TrialState.COMPLETE


def print_a_lot():
    for _ in range(2000):
        print("x" * 100)
    os.write(1, bytes(range(256)) * 100)
    return {}


def close_descriptors():
    os.closerange(3, 1024)
    return {}


def close_really_all():
    os.closerange(3, 65536)
    time.sleep(1000)


def change_directory():
    os.chdir(tempfile.gettempdir())
    return {}


def fork_and_come_back():
    return {"child": os.fork()}


def leave_session():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    os.wait()
    return {}


def swallow_output():
    sys.stdout.close()
    return {}


@pytest.mark.parametrize(
    "mischief",
    [print_a_lot, close_descriptors, change_directory, fork_and_come_back, leave_session, swallow_output],
)
def test_mischief_stays_in_its_trial(make, mischief):
    executor = make()
    first = run_one(executor, last=mischief)
    assert (first.state, first.error) == (TrialState.COMPLETE, None)
    second = run_one(executor, last=lambda: {"cwd": os.getcwd()})
    assert second.state is TrialState.COMPLETE
    assert second.user_attrs == {"cwd": os.getcwd()}
    assert pid_of(first) == pid_of(second)


def test_an_objective_that_closes_everything(make):
    end = run_one(make(), last=close_really_all)
    assert (end.state, end.died) == (TrialState.FAILED, True)
    assert "lost its connection" in (end.error or "")


def test_closures_and_lambdas_travel(make):
    answer = 42
    executor = make(1, lambda: lambda given, send: Script()(given, send)._replace(error=str(answer)))
    assert run_one(executor).error == "42"


def test_what_cannot_be_pickled_is_named():
    lock = threading.Lock()
    with pytest.raises(
        ObjectiveError, match=r"because lock .*\(reached as lock\).*define it at module level"
    ):
        ProcessExecutor(lambda: lock, 1)  # type: ignore[arg-type, return-value]
    partial = functools.partial(Script, lambda: lock)
    with pytest.raises(ObjectiveError, match="reached as argument 0 / lock"):
        ProcessExecutor(partial, 1)


def test_what_no_worker_can_load_is_said_once(make, monkeypatch):
    def factory():
        import a_module_that_is_not_there  # noqa: F401

    executor = make(2, factory)
    executor.submit(assignment(0))
    executor.submit(assignment(1))
    for _ in range(2):
        with pytest.raises(ObjectiveError, match=r"ModuleNotFoundError.*a_module_that_is_not_there.*line \d"):
            collect(executor, 1)


def test_workers_that_die_before_they_can_load(make):
    executor = make(1, lambda: os._exit(7))
    executor.submit(assignment(0))
    with pytest.raises(ObjectiveError, match=r"3 worker processes in a row died .* exited with code 7$"):
        collect(executor, 1)


def test_one_bad_start_is_forgiven(make, tmp_path):
    def factory():
        if not (tmp_path / "been").exists():
            (tmp_path / "been").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Script()

    assert run_one(make(1, factory)).state is TrialState.COMPLETE


def test_blas_threads(make, monkeypatch):
    monkeypatch.setenv("MKL_NUM_THREADS", "77")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    executor = make(1000)
    end = run_one(executor, last=lambda: {k: os.environ[k] for k in ("MKL_NUM_THREADS", "OMP_NUM_THREADS")})
    assert end.user_attrs == {"MKL_NUM_THREADS": "77", "OMP_NUM_THREADS": "1"}


def test_a_frozen_worker_blocks_nobody(make):
    executor = make(2)
    executor.submit(assignment(0, steps=2))

    def freeze(message: Message) -> Decision:
        if message.number == 0:
            os.kill(pid_of(message), signal.SIGSTOP)
        return Decision.CONTINUE

    until(lambda: executor.wait(0.1, freeze) or any(p.status() == "stopped" for p in left_of(executor)))
    executor.submit(assignment(1, big="x" * 5_000_000))
    assert collect(executor, 1)[-1].number == 1
    executor.stop(0)
    end = collect(executor, 1)[-1]
    assert (end.number, end.state) == (0, TrialState.WAITING)


def test_ctrl_c_inside_wait(make):
    executor = make()
    executor.submit(assignment(0, steps=40, pause=0.02))
    seen: list[Message] = []

    def answer(message: Message) -> Decision:
        seen.append(message)
        if message.kind is Kind.REPORT and message.step % 4 == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return Decision.CONTINUE

    interrupts = 0
    while not seen or seen[-1].kind is not Kind.END:
        try:
            executor.wait(5.0, answer)
        except KeyboardInterrupt:
            interrupts += 1
    assert interrupts == 10
    assert [m.step for m in seen[:-1]] == list(range(1, 41))


@pytest.fixture
def ctrl_c():
    """`ctrl_c.run(f)` lets at most one KeyboardInterrupt into `f`, and none anywhere else in this process."""
    gate = Gate()
    before = signal.signal(signal.SIGINT, gate.interrupt)
    yield gate
    signal.signal(signal.SIGINT, before)


class Gate:
    def __init__(self) -> None:
        self.open, self.caught = False, 0

    def interrupt(self, *_: object) -> None:
        if self.open:
            self.open = False
            raise KeyboardInterrupt

    def run(self, function: Callable[[], object]) -> None:
        try:
            self.open = True
            function()
            self.open = False
        except KeyboardInterrupt:
            self.caught += 1


def test_ctrl_c_at_any_moment(make, ctrl_c):
    executor = make(2)
    for number in range(2):
        executor.submit(assignment(number, steps=300))
    seen: list[Message] = []
    stop = threading.Event()

    def interrupt():
        while not stop.wait(0.003):
            os.kill(os.getpid(), signal.SIGINT)

    def answer(message: Message) -> Decision:
        if not seen or message != seen[-1]:
            seen.append(message)
        return Decision.CONTINUE

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        while sum(m.kind is Kind.END for m in seen) < 2 and ctrl_c.caught < 5000:
            ctrl_c.run(lambda: executor.wait(1.0, answer))
    finally:
        stop.set()
        thread.join()
    assert ctrl_c.caught > 0
    for number in range(2):
        steps = [m.step for m in seen if m.number == number and m.kind is Kind.REPORT]
        assert steps == list(range(1, 301))


@pytest.mark.parametrize("when", [1, 2])
def test_ctrl_c_while_it_begins_to_listen(make, monkeypatch, when):
    executor = make()
    executor.submit(assignment(0, steps=3))
    register, calls = selectors.DefaultSelector.register, []

    def interrupted(*given):
        key = register(*given)
        calls.append(key)
        if len(calls) == when:
            raise KeyboardInterrupt
        return key

    monkeypatch.setattr(selectors.DefaultSelector, "register", interrupted)
    with pytest.raises(KeyboardInterrupt):
        executor.wait(5.0, lambda _: Decision.CONTINUE)
    assert collect(executor, 1)[-1].state is TrialState.COMPLETE


def test_from_a_thread_that_ends(make):
    executor = make()
    thread = threading.Thread(target=executor.submit, args=[assignment(0, steps=3, pause=0.1)])
    thread.start()
    thread.join()
    assert collect(executor, 1)[-1].state is TrialState.COMPLETE


def test_submit_after_close(make):
    executor = make()
    executor.close()
    with pytest.raises(SettingError, match="closed"):
        executor.submit(assignment(0))


def test_garbage_collection_closes():
    executor = ProcessExecutor(Script, 1, grace=1.0)
    executor.submit(assignment(0, steps=1, pause=100))
    pid = executor._crew.children[0].process.pid
    del executor
    assert not psutil.pid_exists(pid)
