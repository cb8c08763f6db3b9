"""study.toml and sweep files: what they mean, and what is said of mistakes."""

import math
import tomllib
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.errors import SettingError, SpaceError, TunesmithError
from tunesmith.launch import sweep, template, toml, tomlspace
from tunesmith.launch.sweepspace import parameters
from tunesmith.schedule.asha import ASHA

yaml = pytest.importorskip("yaml")

FULL = """
command = "python train.py --lr {lr} --drop '{drop: float(0, 0.5)}'"
name = "cnn"
maximize = "acc"
minimize = ["size", "val/ms"]
trials = 50
workers = 2
searcher = {name = "tpe"}
scheduler = "asha"
fidelity = {name = "epoch", low = 1, high = 81}
timeout = "2h"
budget = {epoch = 1300, seconds = "8h"}
trial_timeout = 60
retries = 1
seed = 7
grace = "10s"
env = {OMP_NUM_THREADS = 1, CUDA = "{trial.number}"}
constraints = ["depth <= width"]
[metrics]
final = "best"
tensorboard = true
steps = ["iteration"]
[space]
lr = {log = [1e-5, 1e-1], default = 1e-3}
width = {int = [16, 256], log = true, prior = {value = 64, confidence = "high"}}
depth = {int = [1, 8], prior = 3}
act = ["relu", "gelu"]
opt = {choice = ["adam", "sgd"], default = "sgd"}
momentum = {float = [0.0, 0.99], when = "opt == 'sgd'"}
nesterov = {choice = [true, false], when = {opt = "sgd", act = ["relu"]}}
batch = {ordered = [32, 16]}
wd = "log(1e-6, 1e-2)"
data = "mnist"
fixed = {constant = 3, when = {opt = "adam"}}
old = {type = "float", low = 0.0, high = 1.0}
[space.model.choice.svm]
C = "log(1e-3, 1e3)"
[space.model.choice.forest]
trees = {int = [10, 100]}
"""


def read(text, folder=Path("/w")):
    return toml.job_of(tomllib.loads(text), "study", folder)


def test_everything_that_a_study_toml_can_say():
    job = read(FULL)
    domains = dict(job.space.declared)
    assert domains["lr"] == ts.Float(1e-5, 1e-1, log=True, default=1e-3)
    assert domains["width"] == ts.Int(16, 256, log=True, prior=ts.Prior(64, "high"))
    assert domains["depth"] == ts.Int(1, 8, prior=ts.Prior(3))
    assert domains["act"] == ts.Categorical(["relu", "gelu"])
    assert domains["opt"] == ts.Categorical(["adam", "sgd"], default="sgd")
    assert domains["momentum"] == ts.Float(0, 0.99, when="opt == 'sgd'")
    assert domains["nesterov"] == ts.Categorical([True, False], when={"opt": "sgd", "act": ["relu"]})
    assert domains["batch"] == ts.Categorical([32, 16], ordered=True)
    assert domains["wd"] == ts.Float(1e-6, 1e-2, log=True)
    assert domains["data"] == ts.Constant("mnist")
    assert domains["fixed"] == ts.Constant(3, when={"opt": "adam"})
    assert domains["old"] == ts.Float(0, 1)
    assert domains["drop"] == ts.Float(0, 0.5)
    inner = {"svm": {"C": ts.Float(1e-3, 1e3, log=True)}, "forest": {"trees": ts.Int(10, 100)}}
    assert domains["model"] == ts.Choice(inner)
    assert [str(c) for c in job.space.constraints] == ["depth <= width"]
    assert (job.name, job.trials, job.workers, job.seed, job.retries) == ("cnn", 50, 2, 7, 1)
    assert dict(job.goals) == {"acc": "maximize", "size": "minimize", "val/ms": "minimize"}
    assert (job.fidelity, job.scheduler) == (ts.Fidelity("epoch", 1, 81), "asha")
    assert dict(job.budget) == {"epoch": 1300, "seconds": "8h"}
    program = job.program
    assert program.words == ("python", "train.py", "--lr", "{lr}", "--drop", "{drop}")
    assert (program.timeout, program.grace, program.final) == (60.0, 10.0, "best")
    assert (program.cwd, program.tensorboard, program.steps) == ("/w", "{trial.dir}", ("iteration", "epoch"))
    assert program.env == {"OMP_NUM_THREADS": "1", "CUDA": "{trial.number}"}


def test_a_study_toml_may_name_an_objective():
    job = read('objective = "train.py:objective"\nmaximize = "acc"\ntrials = 3', Path.cwd())
    assert (job.objective, dict(job.goals), job.space) == ("train.py:objective", {"acc": "maximize"}, None)
    assert read('objective = "a.py:f"', Path("/w")).objective == "/w/a.py:f"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "either a command or an objective"),
        ('command = "a"\nobjective = "b:c"', "either a command or an objective"),
        ('command = "a {x}"\ntrails = 3', "there is no key 'trails': did you mean 'trials'?"),
        ('command = "a {x}"\ntrials = "many"', "trials must be a whole number, got 'many'"),
        ('command = "a {x}"\ntimeout = "soon"', "timeout must be seconds or text"),
        ('command = "a \'b"', "cannot be cut into words"),
        ('command = ""', "command is empty"),
        ("command = 3", "command must be text or a list of texts"),
        ('command = "a"\nminimize = "l"', "there is nothing to tune"),
        ('command = "a"\n[space]\nx = [1, 2]', "say which metric"),
        ('command = "a"\ndirection = "minimize"\n[space]\nx = [1, 2]', "direction does not name the metric"),
        ('command = "a"\nmaximize = "l"\nminimize = "l"', "both maximized and minimized"),
        ('command = "a"\nminimize = "l"\n[space]\nlr = {log = [1]}', "space.lr: log takes [lowest, highest]"),
        (
            'command = "a"\nminimize = "l"\n[space]\nlr = {log = [0, 1]}',
            "space.lr: Float: log=True needs low > 0",
        ),
        ('command = "a"\nminimize = "l"\n[space]\nlr = {flot = [0, 1]}', "space.lr: say by one of float"),
        (
            'command = "a"\nminimize = "l"\n[space]\nlr = {int = [0, 1], stop = 1}',
            "space.lr: int does not take 'stop'",
        ),
        ('command = "a"\nminimize = "l"\n[space]\nlr = "log(1)"', "space.lr: log takes a lowest"),
        (
            'command = "a"\nminimize = "l"\n[space.m.choice.b]\nx = {int = [2, 1]}',
            "space.m.choice.b.x: Int: low",
        ),
        (
            'command = "a {x: int(1, 2)}"\nminimize = "l"\n[space]\nx = [1]',
            "declared in the command and in the space",
        ),
        ('command = "a"\nminimize = "l"\nconstraints = ["x <"]\n[space]\nx = [1, 2]', "is not a formula"),
        ('command = "a {y}"\nminimize = "l"\n[space]\nx = [1, 2]', "{y} stands for nothing"),
        (
            'command = "a"\nminimize = "l"\n[metrics]\nregexp = "x"',
            "no key 'metrics.regexp': did you mean 'regex'",
        ),
        (
            'command = "a"\nminimize = "l"\n[metrics]\nregex = "x"\n[space]\nx = [1, 2]',
            "must catch its number",
        ),
        (
            'command = "a"\nminimize = "l"\n[metrics]\nfinal = "first"\n[space]\nx = [1, 2]',
            "'last' or 'best'",
        ),
        (
            'command = "a"\nminimize = "l"\n[metrics]\ntensorboard = "runs"\n[space]\nx = [1, 2]',
            "differ from trial",
        ),
        ('command = "a"\nsearcher = {name = "tpe", n = 3}', "searcher: tpe does not take these settings"),
        ('objective = "a:b"\nenv = {A = 1}', "env is for commands"),
        ('command = "a"\nfidelity = {name = "epoch"}', "fidelity.low is missing"),
    ],
)
def test_mistakes_in_a_study_toml(tmp_path, text, told):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises((SettingError, SpaceError)) as caught:
        toml.load(path)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_toml(tmp_path):
    (tmp_path / "study.toml").write_text("trials == 3")
    with pytest.raises(SettingError, match=r"cannot be read as TOML: .*line 1"):
        toml.load(tmp_path / "study.toml")
    with pytest.raises(SettingError, match="there is no file"):
        toml.load(tmp_path / "other.toml")


def test_a_space_must_be_a_table():
    with pytest.raises(SpaceError, match="space must be a table"):
        tomlspace.read(3)


SWEEP = """
program: train.py
name: sweep demo
project: ours
method: bayes
metric: {name: val_loss, goal: minimize, target: 0.01}
run_cap: 20
early_terminate: {type: hyperband, min_iter: 3, eta: 2}
parameters:
  lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
  epochs: {value: 5}
  batch: {values: [16, 32, 64]}
  drop: {min: 0.0, max: 0.5}
  layers: {min: 1, max: 4}
  optimizer:
    parameters:
      name: {values: [adam, sgd]}
      beta: {min: 0.5, max: 1.0}
command:
  - ${env}
  - WANDB_MODE=${envvar:MODE}
  - ${interpreter}
  - ${program}
  - '{"raw": 1}'
  - ${args}
"""


def test_a_sweep_file_as_it_is():
    job = sweep.job_of(yaml.safe_load(SWEEP), "sweep", Path("/w"))
    assert job.name == "sweep demo"
    assert dict(job.goals) == {"val_loss": "minimize"}
    assert (job.target, job.trials, job.searcher) == (0.01, 20, None)
    assert job.scheduler == ASHA(low=3, eta=2)
    domains = dict(job.space.declared)
    assert domains["lr"] == ts.Float(1e-5, 1e-1, log=True)
    assert domains["epochs"] == ts.Constant(5)
    assert domains["batch"] == ts.Categorical([16, 32, 64], ordered=True)
    assert domains["drop"] == ts.Float(0, 0.5)
    assert domains["layers"] == ts.Int(1, 4)
    assert {"optimizer.name", "optimizer.beta"} < domains.keys()
    words = job.program.words
    assert words[:4] == ("/usr/bin/env", "WANDB_MODE={env.MODE}", "python", "train.py")
    assert words[4:] == ('{{"raw": 1}}', "{args}")
    known = template.Known({"lr": 1e-5}, frozenset(job.program.names), {}, {"MODE": "off"})
    assert template.render(words, known)[1:] == [
        "WANDB_MODE=off",
        "python",
        "train.py",
        '{"raw": 1}',
        "--lr=1e-05",
    ]


def test_several_schedulers_are_a_list():
    body = {"objective": "train.py:f", "scheduler": ["asha", {"name": "threshold", "high": 9.0}]}
    assert toml.job_of(body, "a", Path()).scheduler == ["asha", ts.Threshold(high=9.0)]
    body["scheduler"] = {"name": "hyperband", "promotion": True}
    assert toml.job_of(body, "a", Path()).scheduler == ts.Hyperband(promotion=True)
    body["scheduler"] = [{"name": "median", "patience": 3}]
    with pytest.raises(SettingError, match="median does not take these settings"):
        toml.job_of(body, "a", Path())


def test_hyperband_by_its_largest_budget():
    found = sweep._scheduler({"type": "hyperband", "max_iter": 27, "s": 2})
    assert found == ASHA(low=3, high=27, eta=3)


Q = {"q": 0.1}


@pytest.mark.parametrize(
    ("body", "domain"),
    [
        ({"distribution": "uniform", "min": 0, "max": 1}, ts.Float(0, 1)),
        ({"distribution": "int_uniform", "min": 0, "max": 9}, ts.Int(0, 9)),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.1}, ts.Float(0, 1, step=0.1)),
        ({"distribution": "q_uniform", "min": 0, "max": 99, "q": 5}, ts.Int(0, 100, step=5)),
        ({"distribution": "log_uniform", "min": 0, "max": 1}, ts.Float(1, math.e, log=True)),
        ({"distribution": "inv_log_uniform_values", "min": 1, "max": 9}, ts.Float(1, 9, log=True)),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 256, "q": 1}, ts.Int(1, 256, log=True)),
        ({"distribution": "categorical", "values": ["a", "b"]}, ts.Categorical(["a", "b"])),
        ({"value": None}, ts.Constant(None)),
        ({"min": "1e-5", "max": 1}, ts.Float(1e-5, 1)),
    ],
)
def test_distributions_of_sweeps(body, domain):
    assert parameters({"p": body}) == {"p": domain}


def test_distributions_that_have_no_end():
    found = parameters(
        {
            "n": {"distribution": "normal", "mu": 2, "sigma": 3},
            "q": {"distribution": "q_normal", "mu": 2, "sigma": 3, "q": 0.5},
            "l": {"distribution": "log_normal"},
            "ql": {"distribution": "q_log_normal", "mu": 3, "q": 8},
            "qu": {"distribution": "q_log_uniform_values", "min": 8, "max": 4096, "q": 8},
        }
    )
    assert found["n"].prior.value == pytest.approx(2)
    assert found["n"].low == pytest.approx(2 - 3 * 3.09, abs=0.01)
    assert (found["q"].step, found["q"].prior.value) == (0.5, 2.0)
    assert found["l"].log
    assert found["l"].prior.value == pytest.approx(1)
    assert all(value % 8 == 0 for value in found["ql"].choices)
    assert found["qu"].choices[:3] == (8, 16, 24)
    assert found["qu"].choices[-1] == 4096
    assert len(found["qu"].choices) <= 64


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"method": "custom"}, "method must be grid, random or bayes, got 'custom'"),
        ({"metric": None}, "metric is missing"),
        ({"metric": {"name": "a", "goal": "up"}}, "direction must be"),
        ({"metric": {"name": "a", "impute": "best"}}, "there is no key 'metric.impute'"),
        ({"program": None, "command": ["${program}"]}, "program is missing"),
        ({"command": ["${arg}"]}, "${arg} is not known"),
        ({"command": "python"}, "command must be a list of words"),
        ({"controller": {"type": "local"}}, "there is no key 'controller'"),
        ({"early_terminate": {"type": "median"}}, "early_terminate.type must be hyperband"),
        ({"early_terminate": {"type": "hyperband"}}, "takes min_iter, or max_iter"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3, "strict": True}}, "strict is not there"),
        ({"run_cap": 0}, "run_cap must be at least 1"),
        ({"parameters": {}}, "parameters must map names"),
        (
            {"parameters": {"a": {"distribution": "beta", "alpha": 1}}},
            "parameters.a: the distribution 'beta'",
        ),
        ({"parameters": {"a": {"values": [1], "probabilities": [1]}}}, "does not take 'probabilities'"),
        ({"parameters": {"a": {"min": 1}}}, "parameters.a: say value, values, or min and max"),
        ({"parameters": {"a": {"distribution": "uniform", "min": 1}}}, "parameters.a: uniform needs 'max'"),
        ({"parameters": {"a": 3}}, "parameters.a: must be a mapping"),
    ],
)
def test_mistakes_in_a_sweep_file(tmp_path, change, told):
    body = {k: v for k, v in (yaml.safe_load(SWEEP) | change).items() if v is not None}
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(body))
    with pytest.raises(TunesmithError) as caught:
        sweep.load(path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_yaml(tmp_path):
    (tmp_path / "s.yaml").write_text("a: [1\nb: !!python/object:os.system x")
    with pytest.raises(SettingError, match="cannot be read as YAML") as caught:
        sweep.load(tmp_path / "s.yaml")
    assert "\n" not in str(caught.value)
