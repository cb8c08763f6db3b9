"""Templates and the text of domains."""

import pytest

import tunesmith as ts
from tunesmith.errors import SettingError, SpaceError
from tunesmith.launch import make, template
from tunesmith.launch.grammar import domain_of


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("log(1e-5, 1e-1)", ts.Float(1e-5, 1e-1, log=True)),
        ("log(1e-5, 1e-1, default=1e-3)", ts.Float(1e-5, 1e-1, log=True, default=1e-3)),
        ("float(0, 1)", ts.Float(0, 1)),
        ("float(-1, 1, step=0.25)", ts.Float(-1, 1, step=0.25)),
        ("float(1, 9, log)", ts.Float(1, 9, log=True)),
        ("int(16, 256)", ts.Int(16, 256)),
        ("int(16, 256, log)", ts.Int(16, 256, log=True)),
        ("int(16, 256, step=16)", ts.Int(16, 256, step=16)),
        ("choice(adam, 'sgd', None)", ts.Categorical(["adam", "sgd", None])),
        ("choice([adam, sgd], default=sgd)", ts.Categorical(["adam", "sgd"], default="sgd")),
        ("[adam, sgd]", ts.Categorical(["adam", "sgd"])),
        ("[16, 32, 64]", ts.Categorical([16, 32, 64], ordered=True)),
        ("ordered(64, 32)", ts.Categorical([64, 32], ordered=True)),
        ("3", ts.Constant(3)),
        ("constant('a b')", ts.Constant("a b")),
        ("float(0, 1, when=\"opt == 'sgd'\")", ts.Float(0, 1, when="opt == 'sgd'")),
        ("float(0, 1, when=opt == 'sgd')", ts.Float(0, 1, when="opt == 'sgd'")),
        ("float(0, 1, when={'opt': ['sgd', 'rms']})", ts.Float(0, 1, when={"opt": ["sgd", "rms"]})),
        ("log(1, 9, prior=3, confidence=high)", ts.Float(1, 9, log=True, prior=ts.Prior(3, "high"))),
    ],
)
def test_texts_of_domains(text, domain):
    assert domain_of(text) == domain


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("logg(1, 2)", "'logg' is not known"),
        ("log(1)", "log takes a lowest and a highest value"),
        ("int(1, 2, 3)", "int takes a lowest and a highest value"),
        ("float(2, 1)", "low must not exceed high"),
        ("log(1, 2, stop=3)", "log does not take stop: it takes default, prior, confidence, when"),
        ("__import__('os').system('true')", "is no parameter"),
        ("choice(open('x'))", "is no plain value"),
        ("choice(a.b)", "'a.b' is no plain value"),
        ("[x for x in y]", "is no plain value"),
        ("(lambda: 1)()", "is no parameter"),
        ("int(1, 10**9)", "'10 ** 9' is no plain value"),
        ("float(0, 1", "is no parameter"),
        ("float(0, 1, confidence=high)", "give prior="),
        ("(" * 500 + ")" * 500, "is no parameter"),
        ("1" * 5000, "4000 characters"),
    ],
)
def test_what_is_no_domain_is_said(text, told):
    with pytest.raises(SpaceError) as caught:
        domain_of(text)
    assert told in str(caught.value)


def known(params, names=()):
    facts = {"trial.number": "7", "study": "s"}
    return template.Known(params, frozenset((*params, *names)), facts, {"HOME": "/h"})


def test_words_declare_parameters_and_keep_references():
    words, domains = template.declared(["--lr={lr: log(1e-5, 1e-1)}", "{{json}}", "{lr}", "{w: int(1, 4)}"])
    assert words == ("--lr={lr}", "{{json}}", "{lr}", "{w}")
    assert list(domains) == ["lr", "w"]
    assert template.render(words, known({"lr": 1e-5, "w": 2})) == ["--lr=1e-05", "{json}", "1e-05", "2"]


def test_quotes_and_braces_within_a_slot():
    words, domains = template.declared(["{m: float(0, 1, when={'o': 'a}b'})}{n: choice('}', '{')}"])
    assert words == ("{m}{n}",)
    assert domains["m"].when == ts.Float(0, 1, when={"o": "a}b"}).when
    assert domains["n"].choices == ("}", "{")


def test_an_inactive_parameter_takes_its_option_along():
    words = ("--opt", "{opt}", "--momentum", "{m}", "--beta={b}", "-v", "x{m}y", "{opt}")
    assert template.render(words, known({"opt": "adam"}, ["m", "b"])) == ["--opt", "adam", "-v", "adam"]


def test_what_else_can_be_named():
    params = {"lr": 0.1, "flag": True, "off": False, "net.depth": 3}
    render = lambda *words: template.render(words, known(params))  # noqa: E731
    assert render("{args}") == ["--lr=0.1", "--flag=True", "--off=False", "--net.depth=3"]
    assert render("{args.plain}") == ["lr=0.1", "flag=True", "off=False", "net.depth=3"]
    assert render("{args.flags}") == ["--lr=0.1", "--flag", "--net.depth=3"]
    assert render("{args.json}") == ['{"lr": 0.1, "flag": true, "off": false, "net": {"depth": 3}}']
    assert render("run-{trial.number}", "{env.HOME}/x", "{env.NONE}") == ["run-7", "/h/x", ""]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{lr: log(1e-5, 1e-1)"], "a brace that is not closed"),
        (["lr}"], "a closing brace without an opening one"),
        (['{"a": 1}'], "is no parameter"),
        (["{lr: float(0, 1)}", "{lr: float(0, 1)}"], "'lr' is declared twice"),
        (["{trial.lr: float(0, 1)}"], "that name is taken"),
        (["{lr: float(0, 1)}", "{width}"], "{width} stands for nothing"),
        (["{lr: float(0, 1)}", "{trial.numbr}"], "{trial.numbr} stands for nothing"),
        (["ls"], "there is nothing to tune"),
        (["{lr: flat(0, 1)}"], "parameter 'lr': 'flat(0, 1)' is no parameter"),
    ],
)
def test_mistakes_in_words(words, told):
    with pytest.raises((SettingError, SpaceError)) as caught:
        make.program(words, {"acc": "maximize"}, study="s")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_command_that_names_no_parameter_gets_them_all():
    program, space = make.program(
        ["prog", "-v"], {"a": "minimize"}, study="s", space={"lr": ts.Float(0, 1), "k": ts.Int(1, 3)}
    )
    assert program.words == ("prog", "-v", "{args}")
    assert [p.name for p in space.parameters] == ["lr", "k"]
    assert template.render(program.words, known({"lr": -0.5, "k": 2})) == ["prog", "-v", "--lr=-0.5", "--k=2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("python a.py --lr {lr}", ["python", "a.py", "--lr", "{lr}"]),
        ("a --lr={lr: log(1, 2)} 'b c'", ["a", "--lr={lr: log(1, 2)}", "b c"]),
        ("a '{o: choice(\"x y\", z)}'", ["a", '{o: choice("x y", z)}']),
        ("a {m: float(0, 1, when=\"o == 'x'\")} {n}", ["a", "{m: float(0, 1, when=\"o == 'x'\")}", "{n}"]),
        ("a '{{b c}}'", ["a", "{{b c}}"]),
    ],
)
def test_a_text_is_cut_into_words(text, words):
    assert list(template.split(text)) == words


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["python", "train.py", "--lr", "{lr}"], "train"),
        (["/usr/bin/env", "python3.11", "-m", "pkg.train"], "pkg"),
        (["./fit.sh"], "fit"),
        (["julia", "--project", "a/fit.jl"], "fit"),
        (["python"], "python"),
    ],
)
def test_names_of_studies(words, name):
    assert make.name_of(words) == name
