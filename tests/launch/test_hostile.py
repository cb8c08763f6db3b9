"""Programs that misbehave: each costs its trial, says why, leaves nothing running, and the study goes on."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import psutil
import pytest

import tunesmith as ts
from tunesmith.errors import ObjectiveError
from tunesmith.launch import make, place
from tunesmith.launch.check import startable

ROOT = Path(__file__).parents[2]
PREFIX = """
import os, signal, subprocess, sys, time
trial = int(os.environ["TUNESMITH_TRIAL"])
if trial == 1:
    print("acc=0.5"); sys.exit()
nap = ["sleep", "NAP"]
def ready():
    open(os.path.join(os.environ["TUNESMITH_TRIAL_DIR"], "ready"), "w").close()
"""
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvpe("sleep", nap, ENVIRON)
    os._exit(0)
"""


@pytest.fixture
def nap():
    """How long sleepers sleep: a number that nobody else's do, so that they are known by it."""
    number = f"{100000 + uuid.uuid4().int % 800000}"
    yield number
    for process in sleepers(number):
        with contextlib.suppress(psutil.Error):
            process.kill()


def sleepers(nap):
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if nap in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def gone(nap, seconds=60):
    until = time.monotonic() + seconds
    while sleepers(nap):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def study_of(tmp_path, code, nap="1", environ="os.environ", **settings):
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "hostile.py").write_text(PREFIX.replace("NAP", nap) + code.replace("ENVIRON", environ))
    settings = {"grace": 0.5, **settings}
    retries = settings.pop("retries", 0)
    program, space = make.program(
        [sys.executable, "hostile.py", nap, "{x: float(0, 1)}"],
        settings.pop("goals", {"acc": "maximize"}),
        study="hostile",
        cwd=str(tmp_path),
        **settings,
    )
    return ts.tune(
        program,
        space,
        objectives=dict(program.goals),
        n_trials=2,
        searcher="random",
        name="hostile",
        storage=tmp_path / "hostile.db",
        quiet=True,
        retries=retries,
    )


def failed(study):
    """The last line of why trial 0 failed; trial 1 must be well."""
    first, second = study.trials
    assert (second.state, second.value) == (ts.TrialState.COMPLETE, 0.5)
    assert first.state is ts.TrialState.FAILED
    return first.error.splitlines()[-1]


def behaviours(tmp_path, codes, nap="1", **settings):
    """Trial k of one study does codes[k], and one more is well; the trials."""
    lines = [
        f"{'el' if k else ''}if how == {k}:\n{textwrap.indent(code, '    ')}" for k, code in enumerate(codes)
    ]
    head = PREFIX.replace("if trial == 1:", f"how = int(sys.argv[2])\nif how == {len(codes)}:").replace(
        "NAP", nap
    )
    (tmp_path / "hostile.py").write_text(head + "\n".join(lines))
    how = {"how": ts.Categorical([*range(len(codes) + 1)])}
    program, space = make.program(
        [sys.executable, "hostile.py", nap, "{how}"], {"acc": "maximize"}, study="hostile", cwd=str(tmp_path),
        space=how, grace=0.5, **settings,
    )  # fmt: skip
    study = ts.tune(
        program, space, objectives=dict(program.goals), searcher="grid", workers=3, name="hostile",
        storage=tmp_path / "hostile.db", quiet=True,
    )  # fmt: skip
    found = sorted(study.trials, key=lambda t: t.params["how"])
    assert len(found) == len(codes) + 1
    assert (found[-1].state, found[-1].value) == (ts.TrialState.COMPLETE, 0.5)
    return found[:-1]


SLEEP = "time.sleep(1000)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
MARKED, UNMARKED = DAEMON.replace("ENVIRON", "os.environ"), DAEMON.replace("ENVIRON", "{}")
ENDLESS = [
    SLEEP,
    f"{DEAF}{SLEEP}",
    f"os.close(1); os.close(2)\n{SLEEP}",
    f"os.kill(os.getpid(), signal.SIGSTOP)\n{SLEEP}",
    f"subprocess.Popen(nap)\n{SLEEP}",
    f"{MARKED}{SLEEP}",
    f"{DEAF}{UNMARKED}{SLEEP}",
    "while True: subprocess.Popen(nap); time.sleep(0.05)",
    "while True: print('acc')",
]


def test_what_runs_too_long_is_taken_down_with_all_it_started(tmp_path, nap):
    for trial in behaviours(tmp_path, ENDLESS, nap, trial_timeout=2):
        assert trial.state is ts.TrialState.FAILED
        assert trial.error.splitlines()[-1] == "ran longer than 2 s"
    assert sleepers(nap) == []


def test_what_a_program_leaves_behind_is_taken_down(tmp_path, nap):
    ends = "subprocess.Popen(nap)\nprint('acc=0.25')"
    trials = behaviours(tmp_path, [f"{MARKED}{ends}", f"{DEAF}{UNMARKED}{ends}"], nap)
    assert [t.value for t in trials] == [0.25, 0.25]
    assert sleepers(nap) == []


FAILURES = [
    ("sys.exit(3)", "exited with code 3"),
    ("raise ValueError('bad lr')", "exited with code 1: ValueError: bad lr"),
    ("print('acc=0.9'); sys.exit(1)", "exited with code 1"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL (out of memory?)"),
    ("print('acc=nan')", "the last value of acc is nan"),
    ("print('acc=0.1 acc=0.2')", "a line gives two values of acc"),
    ("print('step=1 acc=0.1'); print('step=1 acc=0.2')", "step 1 has two values of acc, 0.1 and 0.2"),
    ("print('hello')", "measured no acc"),
    ("pass", "measured no acc"),
    ("sys.stdout.buffer.write(bytes(range(256)) * 9)", "measured no acc"),
    ("open(os.environ['TUNESMITH_REPORT_FILE'], 'w').write('no json\\n')", "takes a JSON object a line"),
    ("print('out'); print('one\\ntwo', file=sys.stderr); sys.exit(9)", "exited with code 9: two"),
]


def test_ends_that_are_failures(tmp_path):
    trials = behaviours(tmp_path, [code for code, _ in FAILURES])
    for trial, (code, reason) in zip(trials, FAILURES, strict=True):
        assert trial.state is ts.TrialState.FAILED, code
        assert reason in trial.error.splitlines()[-1], code
    assert trials[-1].error.splitlines()[:-1] == ["the last lines of its stderr:", "    one", "    two"]


def test_a_step_beyond_all_fails_its_trial_alone(tmp_path):
    for code in (
        "import tunesmith; tunesmith.report(acc=0.5, step=2**70)",
        "print('step=9' + '9' * 30, 'acc=0.5')",
    ):
        study = study_of(tmp_path / str(len(code)), code)
        assert "cannot be kept: steps are whole numbers from 0 to 2**53" in failed(study)


def test_the_files_of_a_study_that_was_removed_are_not_read(tmp_path):
    first = study_of(tmp_path, "import tunesmith; tunesmith.report(acc=0.25)")
    assert first.trials[0].value == 0.25
    base = next((tmp_path / "hostile.db.files").iterdir()) / "trials"
    (base / "0" / "stop.1").touch()
    (base / "0" / "model.bin").write_text("of the first")
    for file in tmp_path.glob("hostile.db*"):
        if file.is_file():
            file.unlink()
    again = study_of(
        tmp_path, "assert not os.path.exists(os.environ['TUNESMITH_STOP_FILE']); print('nothing')"
    )
    assert failed(again).startswith("measured no acc")
    assert not (base / "0" / "model.bin").exists()
    assert (base / "0.earlier" / "model.bin").read_text() == "of the first"


def test_a_later_attempt_finds_the_folder_of_the_trial(tmp_path):
    first, second = (place.Files(tmp_path, 3, attempt) for attempt in (1, 2))
    first.prepare()
    (first.folder / "model.bin").touch()
    for file in (first.reports, second.reports, second.stop):
        file.touch()
    second.prepare()
    assert sorted(path.name for path in first.folder.iterdir()) == ["model.bin", "reports.1.jsonl"]
    for _ in range(2):
        first.prepare()
        (first.folder / "x").touch()
    assert sorted(p.name for p in first.folder.parent.iterdir()) == ["3", "3.earlier", "3.earlier1"]


def test_two_metrics_of_which_one_is_missing(tmp_path):
    study = study_of(tmp_path, "print('acc=1')", goals={"acc": "maximize", "loss": "minimize"})
    assert [t.error.splitlines()[-1][:16] for t in study.trials] == ["measured no loss"] * 2


def test_text_that_is_no_utf8(tmp_path):
    study = study_of(tmp_path, "sys.stdout.buffer.write(b'\\xff\\xfeacc=9\\n\\xe9 acc=0.25 \\xff\\n')")
    assert study.trials[0].value == 0.25


@pytest.mark.parametrize("end", [r"\n", "x"], ids=["lines", "one line"])
def test_a_flood_of_output_is_bounded_in_memory_and_on_disk(tmp_path, end):
    code = f"""
block = (b"x" * 99 + b"{end}") * 10_000
for _ in range(100):
    sys.stdout.buffer.write(block)
print("\\nacc=0.25")
"""
    began = psutil.Process().memory_info().rss
    study = study_of(tmp_path, code)
    assert [t.value for t in study.trials] == [0.25, 0.5]
    assert sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file()) < 20e6
    assert psutil.Process().memory_info().rss - began < 100e6


def test_a_flood_of_measurements_is_bounded_too(tmp_path):
    study = study_of(tmp_path, "for k in range(50_000): print('acc=0.1')\nprint('acc=0.25')")
    assert study.trials[0].value == 0.25
    steps = [report.step for report in study.trials[0].reports]
    assert steps[:1000] == list(range(1, 1001))
    assert 1000 < len(steps) < 4000
    assert steps[-1] > 40_000


def test_a_killed_program_may_be_run_again(tmp_path):
    code = (
        "if not os.path.exists('again'):\n    open('again', 'w')\n    os.kill(os.getpid(), 9)\nprint('acc=1')"
    )
    study = study_of(tmp_path, code, retries=1)
    assert [(t.value, t.attempt) for t in study.trials] == [(1.0, 2), (0.5, 1)]
    kept = sorted(p.name for p in tmp_path.rglob("stdout.*.txt"))
    assert kept == ["stdout.1.txt", "stdout.1.txt", "stdout.2.txt"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no-such-program", "{x}"], "there is no program 'no-such-program' on the PATH"),
        (["./skript", "{x}"], "'./skript' is not executable"),
        (["skript", "{x}"], "but a file here: write './skript'"),
        (["./skrip", "{x}"], "there is no program './skrip': did you mean 'skript'?"),
        (["./deep/er", "{x}"], "the folder"),
        (["python3", "trian.py", "{x}"], "there is no script 'trian.py'"),
    ],
)
def test_what_cannot_be_started_is_said_before_the_first_trial(tmp_path, words, told):
    (tmp_path / "skript").write_text("#!/bin/sh\n")
    program, _ = make.program(
        words, {"acc": "maximize"}, study="s", cwd=str(tmp_path), space={"x": ts.Float(0, 1)}
    )
    with pytest.raises(ObjectiveError) as caught:
        startable(program)
    assert told in str(caught.value)
    with pytest.raises(ObjectiveError, match="there is no folder"):
        startable(make.program(words, {"a": "minimize"}, study="s", cwd="/no/where", space={"x": [1, 2]})[0])


def test_a_program_that_goes_away_meanwhile(tmp_path):
    program, space = make.program(
        ["{exe: choice('./gone')}", "{x: float(0, 1)}"], {"acc": "maximize"}, study="s", cwd=str(tmp_path)
    )
    study = ts.tune(program, space, objectives=dict(program.goals), n_trials=1, searcher="random", quiet=True)
    assert "'./gone' cannot be started: " in study.trials[0].error


DRIVER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_hostile import study_of, DAEMON
if __name__ == "__main__":
    study_of(Path.cwd(), DAEMON + "subprocess.Popen(nap); ready(); time.sleep(1000)", {nap!r})
"""


@pytest.mark.parametrize("whom", ["driver", "worker", "both", "interrupt", "terminate"])
def test_whoever_is_killed_nothing_stays_behind(tmp_path, nap, whom):
    (tmp_path / "driver.py").write_text(DRIVER.format(tests=str(Path(__file__).parent), nap=nap))
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen([sys.executable, "driver.py"], cwd=tmp_path, env=env, stderr=-1) as driver:
        until = time.monotonic() + 60
        while not list(tmp_path.glob("hostile.db.files/*/trials/*/ready")) or len(sleepers(nap)) < 3:
            assert time.monotonic() < until
            time.sleep(0.02)
        workers = [p for p in psutil.Process(driver.pid).children() if "_boot.py" in " ".join(p.cmdline())]
        if whom in ("worker", "both"):
            workers[0].kill()
        if whom in ("driver", "both"):
            driver.kill()
        if whom == "interrupt":
            driver.send_signal(signal.SIGINT)
        if whom == "terminate":
            driver.send_signal(signal.SIGTERM)
        assert gone(nap)
        if whom == "worker":
            driver.wait(60)
            study = ts.load_study("hostile", storage=tmp_path / "hostile.db")
            assert "was killed by SIGKILL" in failed(study)
        driver.kill()
        driver.stderr.close()
