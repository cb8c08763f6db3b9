"""Runs in processes of their own: interrupted, terminated, killed and resumed; the demo; the examples."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from threadpoolctl import threadpool_limits

import tunesmith as ts
from tunesmith.cli import digits
from tunesmith.cli.main import cli

ROOT = Path(__file__).parents[2]
_MAIN = "from tunesmith.cli.main import main; main()"  # as the installed script does it
SLOW = """
import time
def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    with open("started.txt", "a") as file:
        file.write(f"{trial.number}\\n")
    for step in range(1, 4):
        time.sleep(0.1)
        trial.report(x, step)
    print("printed by", trial.number, flush=True)
    return x
"""


@pytest.fixture
def start(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    started = []

    def begin(*args, **options):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **options.pop("env", {})}
        before = options.pop("before", [])
        command = [*before, sys.executable, "-P", "-W", "error", "-c", _MAIN, *map(str, args)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, **options)
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def run(start, **options):
    return start(
        "run", "slow.py:objective", "--trials", 12, "--workers", 2, "--searcher", "random", **options
    )


def under_way(folder, trials):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if (folder / "started.txt").exists() and len((folder / "started.txt").read_text().split()) >= trials:
            return
        time.sleep(0.02)
    raise TimeoutError


def states(folder):
    return [str(t.state) for t in ts.load_study("slow", storage=folder / "tunesmith.db").trials]


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGKILL", -9)])
def test_a_run_that_is_ended_and_resumed_keeps_its_budget(start, tmp_path, number, code):
    process = run(start)
    under_way(tmp_path, 4)
    process.send_signal(getattr(signal, number))
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    found = states(tmp_path)
    assert len(found) < 12
    if number == "SIGINT":
        assert set(found) == {"COMPLETE"}
        assert "Ctrl-C again" in out
    if number == "SIGTERM":
        assert "WAITING" in found
    if code > 0:
        assert "slow: interrupted" in err
        assert "go on          tunesmith resume slow\n" in out
    out, err = run(start).communicate(timeout=120)
    assert f"slow: {found.count('COMPLETE')} of 12 done" in err
    waited = sum(state in ("WAITING", "RUNNING") for state in found)
    assert f"{waited} interrupted, put back" in err or not waited
    assert states(tmp_path) == ["COMPLETE"] * 12


def test_a_run_in_the_background_ends_by_sigterm_and_not_by_ctrl_c(start, tmp_path):
    """As a shell without job control starts it: with SIGINT ignored."""
    shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    process = run(start, before=shell)
    under_way(tmp_path, 2)
    process.send_signal(signal.SIGINT)
    under_way(tmp_path, 4)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    found = states(tmp_path)
    assert "WAITING" in found
    assert "RUNNING" not in found


def test_python_m_tunesmith():
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "tunesmith", "--version"], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout) == (0, f"tunesmith {ts.__version__}\n")


def test_the_second_ctrl_c_puts_trials_back(start, tmp_path):
    process = run(start)
    under_way(tmp_path, 2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert "RUNNING" not in states(tmp_path)


def test_a_file_named_like_an_installed_module(start, tmp_path):
    for stem in ("random", "numpy", "my-train"):
        (tmp_path / f"{stem}.py").write_text("def f(trial):\n    return trial.suggest_float('x', 0, 1)\n")
        process = start(
            "run", f"{stem}.py:f", "--trials", 4, "--workers", 2, "--searcher", "random", "--seed", 0
        )
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    (tmp_path / "random.py").unlink()
    (tmp_path / "numpy.py").unlink()
    assert len(ts.load_study("numpy", storage=tmp_path / "tunesmith.db").trials) == 4


def test_the_live_view_on_a_terminal(start, tmp_path):
    leader, follower = pty.openpty()
    environment = {"TERM": "xterm", "CI": "", "COLUMNS": "80", "LINES": "24"}
    process = run(start, stdout=follower, stderr=follower, stdin=follower, env=environment)
    os.close(follower)
    text = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(leader)
    assert process.wait(30) == 0
    shown = text.decode()
    assert "ETA" in shown
    assert "curve" in shown
    assert all(f"printed by {n}" in shown for n in range(12))
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert "12 trials: 12 complete" in shown


def test_the_demo_small(tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digits, "FOLDS", 2)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    request.addfinalizer(digits._folds.cache_clear)
    digits._folds.cache_clear()
    with threadpool_limits(1):  # scikit-learn may be loaded already; idle threads spin on a busy machine
        _demo()


def _demo():
    result = CliRunner().invoke(cli, ["demo", "--trials", "3", "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert "svm, default" in result.stdout
    assert "tunesmith demo --workers 1 --trials 6" in result.stdout
    again = CliRunner().invoke(cli, ["demo", "--trials", "3", "--workers", "1"])
    assert "demo: 3 of 3 done" in again.stderr
    assert "trial 0  complete" not in again.stdout
    assert "params = {" in again.stdout


def test_the_default_of_the_demo_is_the_one_of_scikit_learn():
    from sklearn.svm import SVC

    pixels, truth, _, _ = digits.data()
    ours = digits.pipeline(digits.DEFAULTS[0], pixels).fit(pixels, truth)
    assert (ours.decision_function(pixels) == SVC().fit(pixels, truth).decision_function(pixels)).all()


@pytest.mark.parametrize("name", ["quickstart", "declared_space", "typed_space", "ask_tell"])
def test_examples(name, tmp_path):
    file = ROOT / "examples" / f"{name}.py"
    assert len(file.read_text().splitlines()) < 40
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(file)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "best" in done.stdout


def test_best_as_json_in_a_pipe(start, tmp_path):
    run(start).communicate(timeout=120)
    out, _ = start("best", "slow", "--json").communicate(timeout=120)
    assert json.loads(out)["state"] == "COMPLETE"


def test_watching_ends_when_the_run_was_killed(start, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW.replace("sleep(0.1)", "sleep(60)"))
    process = run(start)
    under_way(tmp_path, 2)
    assert "is alive" not in start("watch", "slow", "--once").communicate(timeout=120)[0]
    watching = start("watch", "slow")
    assert "0 of 12 done" in watching.stdout.readline()
    process.kill()
    process.communicate(timeout=120)
    out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0, err
    told = "no run of slow is alive: 2 trials were interrupted; tunesmith resume slow\n"
    assert told in out
    assert told in start("watch", "slow", "--once").communicate(timeout=120)[0]
