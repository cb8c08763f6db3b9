"""The command line, in this process."""

import json
import sys

import pytest
from click.testing import CliRunner

import tunesmith as ts
from tunesmith.cli.main import _COMMANDS, cli

TOY = """
import dataclasses
import tunesmith as ts
wide = {"x": ts.Float(0, 10, default=5.0)}
def objective(trial):
    return (trial.suggest_float("x", 0, 10) - 1) ** 2
def declared(trial):
    return trial["x"]
def both(trial):
    x = trial.suggest_float("x", 0, 1)
    return {"loss": x, "gain": x}
def bad(trial):
    return float("nan")
class Kit:
    @staticmethod
    def inner(trial):
        return 1.0
"""

MISTAKES = {
    "broken": "1 / 0",
    "typo": "lr = = 3",
    "inside": "from fractions import Fraction\nnumber = Fraction(int('a'))",
    "lacks": "import torhc",
    "deep": "import json\nsettings = json.loads('')",
    "script": "import sys\nsys.exit(3)",
}


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "toy.py").write_text(TOY)
    before = set(sys.modules)
    yield lambda *args, **options: CliRunner().invoke(cli, [str(a) for a in args], **options)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def run(call, *more, trials=6):
    return call("run", "toy.py:objective", "--trials", trials, "--searcher", "random", "--seed", 1, *more)


def test_run_then_read(call):
    result = run(call)
    assert result.exit_code == 0, result.output
    assert "trial 0  complete" in result.stdout
    assert "more trials    tunesmith resume toy --trials 12" in result.stdout
    assert "study 'toy' is in tunesmith.db" in result.stdout
    assert "toy" in call("list").stdout
    assert "params = " in call("best").stdout
    assert "x: Float(0.0, 10.0)" in call("show", "toy").stdout
    assert len(call("trials", "toy").stdout.splitlines()) == 7
    assert len(call("trials", "toy", "--limit", 2, "--sort", "value").stdout.splitlines()) == 3
    assert call("trials", "--state", "failed").stdout == "no trial to show\n"


def test_json_of_every_read_command(call):
    run(call)
    call("run", "toy.py:bad", "--trials", 2, "--name", "bad", "--searcher", "random")
    assert [s["name"] for s in json.loads(call("list", "--json").stdout)] == ["toy", "bad"]
    best = json.loads(call("best", "toy", "--json").stdout)
    assert best["value"] == ts.load_study("toy").best_value
    assert json.loads(call("show", "toy", "--json").stdout)["trials"]["COMPLETE"] == 6
    found = json.loads(call("trials", "bad", "--json").stdout)
    assert [t["state"] for t in found] == ["FAILED", "FAILED"]
    assert found[0]["value"] is None


def test_running_again_resumes(call):
    run(call)
    again = run(call, trials=8)
    assert "toy: 6 of 8 done" in again.stderr
    assert len(ts.load_study("toy").trials) == 8
    done = run(call, trials=8)
    assert done.exit_code == 0
    assert "best" in done.stdout


def test_quiet_says_nothing(call):
    first = run(call, "--quiet")
    again = run(call, "-q", trials=8)
    assert (first.output, again.output) == ("", "")
    assert first.exit_code == again.exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("toy.py:objektive",), "toy.py has no function 'objektive': it defines objective"),
        (("toi.py:objective",), "there is no file toi.py"),
        (("toy.py",), "'toy.py' names no objective: write file.py:function"),
        (("nowhere_at_all:f",), "the module 'nowhere_at_all' cannot be imported"),
        (("toy.py:objective", "--searcher", "tpee"), "there is no searcher named 'tpee'"),
        (("toy.py:objective", "--space", "wade"), "has no attribute 'wade'"),
        (
            ("broken.py:f",),
            "broken.py cannot be imported: ZeroDivisionError: division by zero (broken.py:2: 1 / 0)",
        ),
        (("typo.py:f",), "typo.py cannot be imported: SyntaxError: invalid syntax (typo.py:2: lr = = 3)"),
        (("inside.py:f",), "int() with base 10: 'a' (inside.py:3: number = Fraction(int('a')))"),
        (("lacks.py:f",), "ModuleNotFoundError: No module named 'torhc' (lacks.py:2: import torhc)"),
        (("lacks:f",), "ModuleNotFoundError: No module named 'torhc' (lacks.py:2: import torhc)"),
        (
            ("deep.py:f",),
            "JSONDecodeError: Expecting value: line 1 column 1 (char 0) (deep.py:3: settings = json",
        ),
        (("script.py:f",), "it calls sys.exit(3), as scripts do: put that under if __name__"),
    ],
)
def test_mistakes_are_one_sentence(call, words, told):
    for name, text in MISTAKES.items():
        with open(f"{name}.py", "w") as file:
            file.write(f"# the user's\n{text}\n")
    result = call("run", *words, "--trials", 3)
    assert result.exit_code == 1
    assert told in result.stderr
    assert result.stderr.startswith("tunesmith: ")
    assert "Traceback" not in result.output
    assert result.stderr.count("\n") == 1


def test_usage_errors_are_two(call):
    assert call("run").exit_code == 2
    assert call("run", "toy.py:objective", "--trials", 0).exit_code == 2
    assert call("run", "--maximize", "toy.py:objective", "--trials", 3).exit_code == 2
    assert (
        call("run", "toy.py:objective", "--direction", "minimize", "--maximize", "--trials", 3).exit_code == 2
    )
    assert call("bezt").exit_code == 2


def test_an_endless_run_is_refused(call):
    result = call("run", "toy.py:objective")
    assert result.exit_code == 1
    assert "--trials 50" in result.stderr
    assert "holds no study yet" in call("list").stdout


def test_reading_makes_no_store(call, tmp_path):
    for command in ("list", "show", "best", "trials", "export"):
        result = call(command)
        assert result.exit_code == 1, command
        assert "there is no store at tunesmith.db" in result.stderr
    assert not list(tmp_path.glob("*.db*"))


def test_near_names_are_suggested(call):
    run(call)
    result = call("best", "tyo")
    assert result.exit_code == 1
    assert result.stderr == "tunesmith: there is no study named 'tyo' in tunesmith.db: did you mean toy?\n"
    run(call, "--name", "other")
    assert "which study? tunesmith.db holds toy, other" in call("best").stderr


def test_directions_and_metrics(call):
    call("run", "toy.py:objective", "--trials", 4, "--searcher", "random", "--maximize", "--name", "up")
    study = ts.load_study("up")
    assert study.best_value == max(t.value for t in study.trials)
    call(
        "run",
        "toy.py:both",
        "--trials",
        4,
        "--searcher",
        "random",
        "--minimize",
        "loss",
        "--maximize",
        "gain",
    )
    assert [o.name for o in ts.load_study("toy").spec.problem.objectives] == ["gain", "loss"]
    assert "# trial" in call("best", "toy").stdout
    assert len(json.loads(call("best", "toy", "--json").stdout)) == 4


def test_a_declared_space_and_its_default(call):
    result = call("run", "toy.py:declared", "--trials", 5, "--space", "wide", "--searcher", "random")
    assert "default 5.0 (trial #0)" in result.stdout
    assert (
        call("run", "toy.py:Kit.inner", "--trials", 1, "--name", "kit", "--searcher", "random").exit_code == 0
    )


def test_a_space_found_in_the_file(call, tmp_path):
    (tmp_path / "typed.py").write_text(
        "import dataclasses\nfrom typing import Annotated\nimport tunesmith as ts\n"
        "@dataclasses.dataclass\nclass Config:\n    x: Annotated[float, ts.Float(0, 1)] = 0.5\n"
        "def f(trial):\n    return trial.config.x\n"
    )
    assert call("run", "typed.py:f", "--trials", 3, "--searcher", "random").exit_code == 0
    assert ts.load_study("typed").trials[0].params == {"x": 0.5}
    assert call("run", "typed:f", "--trials", 4, "--name", "typed").exit_code == 0


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_export(call, tmp_path, kind):
    run(call)
    assert call("export", "toy", "-o", f"out.{kind}").exit_code == 0
    data = call("export", "--format", kind).stdout_bytes
    assert data == (tmp_path / f"out.{kind}").read_bytes()
    if kind == "csv":
        assert data.decode().splitlines()[0].startswith("number,state,value,params.x")
        assert len(data.splitlines()) == 7
    elif kind == "json":
        assert len(json.loads(data)) == 6
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        assert parquet.read_table(tmp_path / "out.parquet").num_rows == 6


def test_export_where_it_cannot_be_written(call):
    run(call)
    result = call("export", "-o", "no/such/folder.csv")
    assert (result.exit_code, result.stderr) == (
        1,
        "tunesmith: no/such/folder.csv cannot be written: No such file or directory\n",
    )


def test_an_unknown_ending_is_refused(call, tmp_path):
    run(call)
    result = call("export", "-o", "t.xyz")
    assert result.exit_code == 2
    assert "write one of .csv, .json, .parquet" in result.stderr
    assert not (tmp_path / "t.xyz").exists()
    assert call("export", "-o", "t.xyz", "--format", "json").exit_code == 0
    assert call("export", "-o", "plain").exit_code == 0
    assert (tmp_path / "plain").read_text().startswith("number,state,value")


def test_what_is_printed_as_next_works_when_pasted(call, tmp_path):
    import shlex

    told = run(call, "--constraint", "x < 9", "--space", "wide", "--storage", "my studies.db").stdout
    steps = [line.split("   ", 1)[1].strip() for line in told.split("\nnext\n")[1].splitlines()]
    assert len(steps) == 2
    for step in steps:
        result = call(*shlex.split(step)[1:])
        assert result.exit_code == 0, (step, result.output)
    study = ts.load_study("toy", storage="my studies.db")
    assert len(study.trials) == 12
    assert all(trial.params["x"] < 9 for trial in study.trials)


def test_failures_are_told_with_type_and_message(call, tmp_path):
    (tmp_path / "flaky.py").write_text(
        "def f(trial):\n    x = trial.suggest_float('x', 0, 1)\n"
        "    if trial.number in (1, 3):\n        raise ValueError(f'too wide: {trial.number}')\n"
        "    return x\n"
    )
    assert call("run", "flaky.py:f", "--trials", 5, "--searcher", "random").exit_code == 0
    assert "ValueError: too wide: 3" in call("trials", "--state", "failed").stdout
    shown = call("show").stdout
    assert "2 trials failed:\n  #3  ValueError: too wide: 3\n  #1  ValueError: too wide: 1\n" in shown


def test_a_budget_too_small_for_asha_says_what_to_do(call, tmp_path):
    (tmp_path / "long.py").write_text(
        "import tunesmith as ts\nfidelity = ts.Fidelity('epoch', 1, 81)\n"
        "def f(trial):\n    x = trial.suggest_float('x', 0, 1)\n    for _ in range(81):\n        yield x\n"
    )
    result = call("run", "long.py:f", "--trials", 3, "--scheduler", "asha", "--searcher", "random")
    assert result.exit_code == 1
    told = call("best").stderr
    for text in (result.stdout, told):
        assert "3 before the end, the best of those that got furthest with 0." in text
        assert (
            "more trials let the best reach epoch 81, or give the fidelity a smaller end than epoch 81"
            in text
        )
    assert told.count("\n") == 1


def test_a_front_without_trials_is_exit_code_1_and_without_feasible_ones_says_so(call, tmp_path):
    (tmp_path / "two.py").write_text(
        "def fails(trial):\n    return {'a': float('nan'), 'b': 1.0}\n"
        "def breaks(trial):\n    trial.constraint('memory', 1.0)\n    return {'a': 1.0, 'b': 1.0}\n"
    )
    options = ("--minimize", "a", "--minimize", "b", "--trials", 2, "--searcher", "random")
    assert call("run", "two.py:fails", "--name", "fails", *options).exit_code == 1
    result = call("best", "fails")
    assert result.exit_code == 1
    assert "2 of 2 failed" in result.stderr
    assert call("run", "two.py:breaks", "--name", "breaks", *options).exit_code == 0
    assert "no complete trial is feasible" in call("best", "breaks").stdout


@pytest.mark.parametrize("command", ["", *_COMMANDS])
def test_help_fits_80_columns_and_cuts_nothing(call, command):
    text = call(*filter(None, [command]), "--help", env={"COLUMNS": "80"}).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in text.replace("[ARGS]...", "")


def test_delete_asks(call):
    run(call)
    refused = call("delete", "toy", input="n\n")
    assert refused.exit_code == 1
    assert refused.stdout.endswith("toy: kept\n")
    assert "nterrupted" not in refused.output
    assert "toy" in call("list").stdout
    assert call("delete", "toy", "--yes").exit_code == 0
    assert "holds no study yet" in call("list").stdout


def test_storage_from_the_environment(call, tmp_path):
    run(call, "--storage", "sqlite:///else.db")
    assert (tmp_path / "else.db").exists()
    assert "toy" in call("list", env={"TUNESMITH_STORAGE": "else.db"}).stdout


def test_all_failed_is_exit_code_1(call):
    result = call("run", "toy.py:bad", "--trials", 2, "--searcher", "random")
    assert result.exit_code == 1
    assert "no trial is complete: 2 failed" in result.stdout


def test_help_loads_nothing_heavy():
    import subprocess

    code = "import sys, tunesmith.cli.main as m; m.cli.main(['--help'], standalone_mode=False); "
    code += "print([n for n in ('numpy', 'scipy', 'rich', 'sklearn', 'sqlite3') if n in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
    assert "run" in out
