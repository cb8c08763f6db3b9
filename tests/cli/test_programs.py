"""Programs tuned from the command line: run, looked at, stopped, resumed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import tunesmith as ts
from tunesmith.cli.main import cli
from tunesmith.launch.job import NOTE

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests/launch/data/events.out.tfevents.tb"
_MAIN = "from tunesmith.cli.main import main; main()"
TRAIN = """
import sys
lr, width = float(sys.argv[sys.argv.index("--lr") + 1]), int(sys.argv[sys.argv.index("--width") + 1])
print("noise on stderr", file=sys.stderr)
for epoch in range(1, 4):
    print(f"epoch {epoch}: acc={1 - (lr - 0.01) ** 2 - 1 / width / epoch}")
"""
SLOW = """
import os, sys, time
open("began-" + os.environ["TUNESMITH_TRIAL"], "w").close()
print("working", flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
time.sleep(0.1)
print("acc=" + sys.argv[1])
"""
WORDS = [
    "--",
    sys.executable,
    "train.py",
    "--lr",
    "{lr: log(1e-5, 1e-1)}",
    "--width",
    "{width: int(16, 256)}",
]


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    here = Path(sys.executable).parent  # the python of these tests is the one that programs find
    monkeypatch.setenv("PATH", f"{here}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "slow.py").write_text(SLOW)
    return lambda *args, **options: CliRunner().invoke(cli, [str(a) for a in args], **options)


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(*args):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, "-P", "-W", "error", "-c", _MAIN, *map(str, args)]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.02)


def run(call, *options, script, words=("{x: float(0, 1)}",), trials=2):
    Path("script.py").write_text(script)
    result = call(
        "run", "--maximize", "acc", "--trials", trials, "--searcher", "random", "--seed", 0, *options,
        "--", sys.executable, "script.py", *words,
    )  # fmt: skip
    return result, ts.load_study("script")


def test_a_program_is_tuned_read_and_resumed(call):
    result = call("run", "--maximize", "acc", "--trials", 4, "--workers", 2, "--seed", 0, *WORDS)
    assert result.exit_code == 0, result.output
    assert "tunesmith resume train --trials 8" in result.stdout
    study = ts.load_study("train")
    assert [t.state.value for t in study.trials] == ["COMPLETE"] * 4
    assert [r.step for r in study.trials[0].reports] == [1, 2, 3]
    lr, width = study.best_params["lr"], study.best_params["width"]
    assert study.best_value == 1 - (lr - 0.01) ** 2 - 1 / width / 3
    again = call("resume", "train", "--trials", 6)
    assert again.exit_code == 0, again.output
    assert "train.py --lr '{lr}' --width '{width}'" in again.stderr
    assert "train: 4 of 6 done" in again.stderr
    assert len(study.trials) == 6
    same = call("run", "--maximize", "acc", "--trials", 6, *WORDS)
    assert "train: 6 of 6 done" in same.stderr
    assert study.replay().identical


def test_what_a_trial_printed_can_be_seen(call):
    call("run", "--maximize", "acc", "--trials", 2, "--quiet", *WORDS)
    result = call("logs", "train", 0)
    assert result.stdout.startswith("epoch 1: acc=")
    assert result.stderr == "noise on stderr\n"
    assert call("logs", "train").stdout.count("epoch") == 3
    places = call("logs", "train", 1, "--path").stdout.split()
    assert [Path(p).name for p in places] == ["stdout.1.txt", "stderr.1.txt"]
    assert Path(places[0]).read_text() == call("logs", "train", 1).stdout
    assert "holds 2, from 0 on" in call("logs", "train", 7).stderr
    assert "trial 1 had no attempt 3; there are 1" in call("logs", "train", 1, "--attempt", 3).stderr
    call("delete", "train", "--yes")
    assert not Path(places[0]).exists()


def test_python_objectives_have_no_logs(call):
    Path("plain.py").write_text("def objective(trial): return trial.suggest_float('x', 0, 1)")
    assert call("run", "plain.py:objective", "--trials", 1, "--quiet").exit_code == 0
    result = call("logs", "plain", 0)
    assert result.exit_code == 1
    assert "not of Python objectives" in result.stderr
    again = call("resume", "plain", "--trials", 2)
    assert again.exit_code == 0, again.output
    assert len(ts.load_study("plain").trials) == 2


STOP = [
    "run",
    "--maximize",
    "acc",
    "--trials",
    40,
    "--workers",
    2,
    "--",
    sys.executable,
    "slow.py",
    "{x: float(0, 1)}",
]


def test_stop_lets_running_trials_finish_and_resume_goes_on(call, start, tmp_path):
    process = start(*STOP)
    wait_for(lambda: len(list(tmp_path.glob("began-*"))) == 2)
    assert call("stop", "slow").stdout == "slow: 2 running trials will finish, no more will be started\n"
    (tmp_path / "go").touch()
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "ended early, it was told to stop" in out
    study = ts.load_study("slow")
    assert 2 <= len(study.trials) < 40
    assert {t.state.value for t in study.trials} == {"COMPLETE"}
    assert call("resume", "--trials", len(study.trials) + 1).exit_code == 0
    assert "no trial is running" in call("stop", "slow").stdout


def test_stop_now_puts_running_trials_back(call, start, tmp_path):
    process = start(*STOP)
    wait_for(lambda: len(list(tmp_path.glob("began-*"))) == 2)
    assert "2 running trials will be put back" in call("stop", "slow", "--now").stdout
    process.communicate(timeout=120)
    study = ts.load_study("slow")
    assert [t.state.value for t in study.trials] == ["WAITING"] * 2
    (tmp_path / "go").touch()
    again = call("resume", "slow", "--trials", 3)
    assert "slow: 0 of 40 done, 2 interrupted, put back" in again.stderr or (
        "slow: 0 of 3 done, 2 interrupted, put back" in again.stderr
    )
    assert [t.attempt for t in study.trials][:2] == [2, 2]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_puts_its_program_back(call, start, tmp_path, number, code):
    process = start(*[w for w in STOP if w not in ("--workers", 2)])
    wait_for(lambda: list(tmp_path.glob("began-*")))
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == code
    assert [t.state.value for t in ts.load_study("slow").trials] == ["WAITING"]


def test_following_a_running_trial(call, start, tmp_path):
    start(*STOP)
    wait_for(lambda: len(list(tmp_path.glob("began-*"))) == 2)
    reader = start("logs", "slow", 0, "--follow")
    assert reader.stdout.readline() == "working\n"
    (tmp_path / "go").touch()
    rest, _ = reader.communicate(timeout=120)
    assert rest.startswith("acc=0.")
    call("stop", "slow", "--now")


def test_a_study_from_elsewhere_is_not_resumed_unseen(call):
    call("run", "--maximize", "acc", "--trials", 1, "--quiet", *WORDS)
    study = ts.load_study("train")
    note = study.cursor.fold.ledger.notes[NOTE]
    assert study.user_attrs == {}
    study.set_user_attr(NOTE, {**note, "by": "somebody"})
    result = call("resume", "train", "--trials", 2)
    assert result.exit_code == 1
    assert "another user or on another machine, and would run: " in result.stderr
    assert len(study.trials) == 1
    assert call("resume", "train", "--trials", 2, "--yes").exit_code == 0
    assert len(study.trials) == 2


def test_a_study_that_says_not_how_it_was_started(call):
    ts.tune(lambda t: t.suggest_float("x", 0, 1), n_trials=1, name="api", quiet=True)
    result = call("resume", "api")
    assert result.exit_code == 1
    assert "study 'api' does not say how it was started" in result.stderr


def test_a_scheduler_stops_hopeless_programs(call):
    script = """
import sys, time
x = float(sys.argv[1])
for epoch in range(1, 10):
    print(f"epoch={epoch} acc={x * epoch}")
    time.sleep(0.1)
"""
    result, study = run(call, "--scheduler", "asha", "--fidelity", "epoch:1:9", script=script, trials=6)
    assert result.exit_code == 0, result.output
    states = [t.state.value for t in study.trials]
    assert "STOPPED" in states
    assert "COMPLETE" in states
    for trial in study.trials:
        assert (trial.step == 9) is (trial.state.value == "COMPLETE")


def test_a_program_that_asks_is_given_time_to_end_itself(call):
    script = """
import os, sys, time
import tunesmith as ts
assert not ts.should_stop()
x = ts.trial_params()["x"]
for epoch in range(1, 40):
    ts.report(acc=x, step=epoch)
    time.sleep(0.01)
    if ts.should_stop():
        open(os.path.join(os.environ["TUNESMITH_TRIAL_DIR"], "saved"), "w").close()
        break
"""
    _, study = run(call, "--scheduler", "asha", "--fidelity", "epoch:1:81", script=script, trials=6)
    stopped = [t.number for t in study.trials if t.state.value == "STOPPED"]
    assert stopped
    for number in stopped:
        assert list(Path.cwd().glob(f"tunesmith.db.files/*/trials/{number}/saved"))


def test_parameters_come_by_environment_and_file_too(call):
    script = """
import json, os, sys
by_file = json.load(open(os.environ["TUNESMITH_PARAMS_FILE"]))
by_env = json.loads(os.environ["TUNESMITH_PARAMS"])
assert by_file == by_env == {"x": float(sys.argv[1]), "k": 2}, (by_file, by_env)
assert float(os.environ["TUNESMITH_PARAM_X"]) == by_env["x"]
assert os.environ["GREETING"] == "trial " + os.environ["TUNESMITH_TRIAL"] == "trial " + sys.argv[2]
assert os.environ["TUNESMITH_STUDY"] == "script"
assert json.loads(sys.argv[3]) == by_env and json.load(open(sys.argv[4])) == by_env
print(json.dumps({"acc": by_env["x"], "seconds": 3, "step": 1}))
"""
    words = ("{x: float(0, 1)}", "{trial.number}", "{args.json}", "{args.file}", "{k: 2}")
    result, study = run(call, "--env", "GREETING=trial {trial.number}", script=script, words=words)
    assert result.exit_code == 0, result.output + str(study.trials[0].error)
    assert study.best_value == max(t.params["x"] for t in study.trials)
    assert study.trials[0].user_attrs == {"seconds": 3.0}
    assert study.trials[0].reports[0].metrics == {"seconds": 3.0}


def test_several_metrics_regular_expressions_and_the_best_value(call):
    script = "import sys; x = float(sys.argv[1])\nfor k in (1, 3, 2): print(f'score {x * k} at {k}')"
    options = ("--final", "best", "--regex", r"score (?P<acc>\S+) at")
    _, study = run(call, *options, script=script)
    assert [t.value for t in study.trials] == [t.params["x"] * 3 for t in study.trials]
    script = "import sys; x = float(sys.argv[1])\nprint('acc=', x)\nprint('loss =', -x)"
    result, study = run(call, "--minimize", "loss", "--name", "two", script=script)
    study = ts.load_study("two")
    assert [t.values for t in study.trials] == [(t.params["x"], -t.params["x"]) for t in study.trials]
    assert "Pareto" in result.stdout


def test_tensorboard_files(call):
    script = f"""
import os, shutil, sys
os.makedirs(sys.argv[2])
shutil.copy({str(EVENTS)!r}, sys.argv[2])
"""
    Path("script.py").write_text(script)
    result = call(
        "run", "--maximize", "val/acc", "--trials", 2, "--tensorboard", "runs/{trial.number}", "--seed", 0,
        "--", sys.executable, "script.py", "{x: float(0, 1)}", "runs/{trial.number}",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    study = ts.load_study("script")
    assert [t.value for t in study.trials] == [0.75, 0.75]
    assert [r.value for r in study.trials[0].reports] == [0.25, 0.5, 0.75]


def test_a_study_toml_and_what_the_command_line_changes(call, tmp_path):
    folder = tmp_path / "sub"
    folder.mkdir()
    shutil.copy("train.py", folder)
    (folder / "mine.toml").write_text(
        f"""
command = ["{sys.executable}", "train.py", "--lr", "{{lr}}", "--width", "{{width}}"]
maximize = "acc"
trials = 3
searcher = "random"
[space]
lr = {{log = [1e-5, 1e-1], default = 1e-3}}
width = {{int = [16, 256], when = "lr < 1"}}
"""
    )
    result = call("run", "sub/mine.toml", "--trials", 2)
    assert result.exit_code == 0, result.output
    study = ts.load_study("mine")
    assert len(study.trials) == 2
    assert study.trials[0].params["lr"] == 1e-3
    assert call("resume", "mine", "--trials", 3, "--quiet").exit_code == 0
    assert len(study.trials) == 3


def test_another_command_for_the_same_study_is_told(call):
    first = call("run", "--maximize", "acc", "--trials", 1, *WORDS)
    same = call("run", "--maximize", "acc", "--trials", 2, "--workers", 2, *WORDS)
    assert "differs" not in first.stderr + same.stderr
    other = call("run", "--maximize", "acc", "--trials", 3, *WORDS, "--more")
    assert other.exit_code == 0, other.output
    before = "train.py --lr '{lr}' --width '{width}'; trials before ran that one\n"
    told = [line for line in other.stderr.splitlines(keepends=True) if "differs" in line]
    assert len(told) == 1
    assert told[0].startswith(f"train: the command differs from the recorded one: {sys.executable} ")
    assert told[0].endswith(before)
    assert "differs" not in call("resume", "train", "--trials", 4).stderr
    assert len(ts.load_study("train").trials) == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("{lr}", "depth, kind are not in the command: the program sees them only in TUNESMITH_PARAMS\n"),
        ("{lr} {depth}", "kind is not in the command: the program sees it only in TUNESMITH_PARAMS\n"),
        ("{lr} {args}", ""),
        ("{args.file}", ""),
        ("", ""),
    ],
)
def test_parameters_that_the_command_does_not_name_are_told(call, words, told):
    Path("fit.py").write_text("print('acc=1')")
    Path("fit.toml").write_text(
        f'command = "{sys.executable} fit.py {words}"\nmaximize = "acc"\ntrials = 1\n'
        '[space]\nlr = "float(0, 1)"\ndepth = "int(1, 3)"\nkind = ["a", "b"]\n'
    )
    result = call("run", "fit.toml")
    assert result.exit_code == 0, result.output
    assert ("not in the command" in result.stderr) is bool(told)
    assert told in result.stderr


def test_a_study_toml_that_names_an_objective(call):
    Path("obj.py").write_text("def objective(trial): return trial['x'] ** 2")
    Path("obj.toml").write_text(
        'objective = "obj.py:objective"\ntrials = 3\n[space]\nx = "float(-1, 1, default=0.5)"'
    )
    result = call("run", "obj.toml")
    assert result.exit_code == 0, result.output
    assert ts.load_study("obj").trials[0].value == 0.25
    assert "tunesmith resume obj --trials 6" in result.stdout
    assert call("resume", "obj", "--trials", 4).exit_code == 0


def test_a_sweep_file(call):
    pytest.importorskip("yaml")
    Path("fit.py").write_text(
        "import sys\nfound = dict(a.lstrip('-').split('=') for a in sys.argv[1:])\n"
        "print('loss:', float(found['x']) + (found['kind'] == 'b'))"
    )
    Path("sweep.yaml").write_text(
        "program: fit.py\nmethod: grid\nmetric: {name: loss}\n"
        "parameters: {x: {values: [3, 1, 2]}, kind: {values: [a, b]}}\n"
    )
    result = call("run", "sweep.yaml")
    assert result.exit_code == 0, result.output
    study = ts.load_study("sweep")
    assert len(study.trials) == 6
    assert study.best_params == {"x": 1, "kind": "a"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run"], "say what to tune"),
        (["run", "a.py:b", "--", "ls"], "not both"),
        (["run", "--"], "there is no command after --"),
        (["run", "--trials", "3", "--", "ls", "{x: int(1, 2)}"], "say which metric to optimise"),
        (["run", "--maximize", "--", "ls", "{x: int(1, 2)}"], "say which metric the command prints"),
        (["run", "--maximize", "acc", "--", "ls", "{x: int(1, 2)}"], "this search would never end"),
        (["run", "--maximize", "acc", "--space", "s", "--", "ls", "{x: int(1, 2)}"], "--space is for"),
        (["run", "--final", "best", "a.py:b"], "--final is for a command"),
        (
            ["run", "--env", "A", "--maximize", "acc", "--", "ls", "{x: int(1, 2)}"],
            "--env is written NAME=VALUE",
        ),
        (
            ["run", "--maximize", "acc", "--fidelity", "9", "--", "ls", "{x: int(1, 2)}"],
            "a fidelity is written",
        ),
        (
            ["run", "--maximize", "acc", "--trials", "2", "--", "python train.py --lr {lr: log(1e-5, 1)}"],
            "leave out the quotes around it",
        ),
        (["run", "--maximize", "acc", "python", "train.py", "--lr", "{lr: log(1e-5, 1)}"], "put -- before"),
        (["run", "--maximize", "acc", "python", "train.py", "5"], "put -- before it"),
        (["run", "--maximize", "acc", "python", "--trials", "{n: int(1, 9)}"], "put -- before it"),
        (["run", "no.toml"], "there is no file no.toml"),
        (["run", "no.toml", "--maximize", "acc"], "write it into the file"),
        (["run", "train.py"], "a program comes after --"),
        (["run", "--maximize", "acc", "--trials", "2", "--", "lz", "{x: int(1, 2)}"], "no program 'lz'"),
        (["resume"], "there is no store"),
        (["stop", "x"], "there is no store"),
        (["logs", "x"], "there is no store"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(call, words, told):
    result = call(*words)
    assert result.exit_code in (1, 2)
    assert told in result.stderr
    assert not Path("tunesmith.db").exists() or not ts.list_studies()


def test_json_of_a_study_of_programs(call):
    call("run", "--maximize", "acc", "--trials", 1, "--quiet", *WORDS)
    assert json.loads(call("show", "train", "--json").stdout)["trials"]["COMPLETE"] == 1


def test_the_example_of_a_program(call, tmp_path):
    pytest.importorskip("sklearn")
    for file in (ROOT / "examples/program").iterdir():
        shutil.copy(file, tmp_path)
    result = call("run", "study.toml", "--trials", 4, "--seed", 0, "--quiet")
    assert result.exit_code == 0, result.output
    study = ts.load_study("digits")
    assert {t.state.value for t in study.trials} <= {"COMPLETE", "STOPPED"}
    assert study.best_value > 0.8
