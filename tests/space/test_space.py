"""Spaces: activity, conditions, constraints, draws, JSON."""

import json
import math
import pickle
import re
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith.space as ts
from tunesmith._rng import Rng
from tunesmith.errors import SpaceError
from tunesmith.space.grid import grid_size
from tunesmith.space.typed import config_of

quick = settings(deadline=None, max_examples=60)


def positive_momentum(params):
    """A constraint at the top of a module."""
    return params.get("momentum", 1.0) > 0.1


def wide():
    return ts.Space.of(
        {
            "optimizer": ts.Categorical(["adam", "sgd", "lbfgs"]),
            "lr": ts.Float(1e-5, 1e-1, log=True, prior=ts.Prior(1e-3)),
            "layers": ts.Int(1, 8),
            "momentum": ts.Float(0, 0.99, when={"optimizer": "sgd"}),
            "width": ts.Int(16, 256, log=True, when="layers > 2 and optimizer != 'lbfgs'"),
            "both": ts.Float(0, 1, step=0.1, when={"optimizer": ["sgd", "adam"], "layers": range(3, 6)}),
            "seed": 3,
            "model": ts.Choice(
                {
                    "forest": {"n": ts.Int(50, 500, log=True), "C": ts.Float(0, 1, step=0.1)},
                    "svm": {
                        "C": ts.Float(1e-3, 1e3, log=True),
                        "kernel": ts.Choice(
                            {
                                "rbf": {"gamma": ts.Float(1e-3, 1, log=True)},
                                "poly": {
                                    "degree": [2, 3, 4],
                                    "coef": ts.Choice({"zero": {}, "free": {"c0": ts.Float(-1, 1)}}),
                                },
                            }
                        ),
                    },
                    "none": {},
                }
            ),
        },
        ["lr * layers < 0.5", "momentum < 0.95", "C < 500"],
    )


SPACE = wide()


def units_of(space):
    return st.lists(st.floats(0, 1), min_size=len(space.dims), max_size=len(space.dims))


@quick
@given(units_of(SPACE))
def test_the_activity_law(row):
    params = SPACE.decode(row)
    encoded = SPACE.encode(params)
    active = {parameter.key for parameter in SPACE.parameters if parameter.active(params)}
    for parameter in SPACE.dims:
        assert math.isnan(encoded[parameter.column]) == (parameter.key not in active)
    assert [p.name for p in SPACE.parameters if p.key in active] == list(params)
    assert SPACE.decode(encoded) == params
    assert SPACE.check(params) == params
    noisy = [0.77 if math.isnan(u) else u for u in encoded]
    assert SPACE.decode(noisy) == params


@quick
@given(units_of(SPACE))
def test_conditions_hold_exactly(row):
    params = SPACE.decode(row)
    optimizer, layers, model = params["optimizer"], params["layers"], params["model"]
    assert ("momentum" in params) == (optimizer == "sgd")
    assert ("width" in params) == (layers > 2 and optimizer != "lbfgs")
    assert ("both" in params) == (optimizer in ("sgd", "adam") and 3 <= layers <= 5)
    assert ("n" in params) == (model == "forest")
    assert ("C" in params) == (model in ("forest", "svm"))
    assert ("kernel" in params) == (model == "svm")
    assert ("gamma" in params) == (params.get("kernel") == "rbf")
    assert ("c0" in params) == (params.get("coef") == "free")
    assert params["seed"] == 3


@quick
@given(st.integers(0, 2**63), st.integers(0, 10**9))
def test_draws_are_inside_feasible_and_pure(seed, number):
    row = SPACE.draw(Rng(seed, number))
    assert row == wide().draw(Rng(seed, number))
    assert all(type(u) is float and 0.0 <= u <= 1.0 for u in row)
    assert SPACE.feasible(SPACE.decode(row))


def test_without_constraints_a_draw_is_the_named_uniforms():
    space = ts.Space.of({"a": ts.Float(0, 1), "b": ts.Float(0, 1, prior=ts.Prior(0.3)), "c": 1})
    rng = Rng(7, 11)
    assert space.draw(rng) == [rng.uniform("a"), space.dims[1].domain.draw(rng.uniform("b"))]


def test_draws_are_uniform():
    """Kolmogorov-Smirnov: a gap beyond 2.69 / sqrt(n) has probability 1e-6; the seed is fixed."""
    space = ts.Space.of({"a": ts.Float(0, 1), "b": ts.Float(0, 1, prior=ts.Prior(0.3, "high"))})
    rows = [space.draw(Rng(5, number)) for number in range(2000)]
    domain = space.dims[1].domain
    grid = [domain.draw(k / 2000) for k in range(2001)]
    for column, quantiles in ((0, [k / 2000 for k in range(2001)]), (1, grid)):
        values = sorted(row[column] for row in rows)
        gap = max(abs(sum(v <= q for v in values) - k) / 2000 for k, q in list(enumerate(quantiles))[::20])
        assert gap < 2.69 / math.sqrt(2000)


def test_names_are_flat_and_keys_unique():
    keys = [parameter.key for parameter in SPACE.parameters]
    assert len(set(keys)) == len(keys)
    assert {"model.forest.C", "model.svm.C", "n", "gamma", "c0"} <= set(keys)
    assert [parameter.key for parameter in SPACE.dims].index("lr") == 1
    assert [parameter.column for parameter in SPACE.dims] == list(range(len(SPACE.dims)))
    params = SPACE.check(
        {"optimizer": "adam", "lr": 0.01, "layers": 1, "model": "svm", "C": 2, "kernel": "rbf", "gamma": 0.1}
    )
    assert params == {
        "optimizer": "adam",
        "lr": 0.01,
        "layers": 1,
        "seed": 3,
        "model": "svm",
        "C": 2.0,
        "kernel": "rbf",
        "gamma": 0.1,
    }
    assert type(params["C"]) is float


def test_parents_come_first_whatever_the_order():
    space = ts.Space.of(
        {"b": ts.Float(0, 1, when={"a": 1}), "c": ts.Float(0, 1, when="b > 0.5"), "a": [0, 1]}
    )
    assert [p.name for p in space.parameters] == ["a", "b", "c"]
    assert space.parameters[2].parents == ("b",)
    assert space.decode([0.9, 0.9, 0.1]) == {"a": 1, "b": 0.9, "c": 0.1}
    assert space.decode([0.1, 0.9, 0.1]) == {"a": 0}


def test_a_condition_may_name_a_parameter_in_branches():
    space = ts.Space.of(
        {
            "m": ts.Choice({"a": {"k": [1, 2]}, "b": {"k": [2, 3]}, "c": {}}),
            "x": ts.Float(0, 1, when={"k": 2}),
        }
    )
    assert "x" in space.decode([0.1, 0.9, 0.1, 0.5])
    assert "x" not in space.decode([0.1, 0.1, 0.1, 0.5])
    assert "x" in space.decode([0.5, 0.1, 0.1, 0.5])
    assert "x" not in space.decode([0.9, 0.1, 0.1, 0.5])


def test_one_name_twice_is_fine_when_conditions_exclude_each_other():
    space = ts.Space.of(
        {
            "m": ts.Choice({"a": {"k": ts.Float(0, 1)}, "b": {}}),
            "k": ts.Int(1, 3, when={"m": "b"}),
        }
    )
    assert space.decode([0.1, 0.5, 0.9]) == {"m": "a", "k": 0.5}
    assert space.decode([0.9, 0.5, 0.9]) == {"m": "b", "k": 3}
    assert space.encode({"m": "b", "k": 3})[1:] == pytest.approx([math.nan, 2.5 / 3], nan_ok=True)


def test_complete_takes_what_is_given_and_brings_its_branch():
    base = SPACE.center
    assert SPACE.complete({}, base)["optimizer"] == "adam"
    assert SPACE.complete({"lr": 1e-2}, base)["lr"] == 1e-2
    params = SPACE.complete({"c0": 0.5}, base)
    assert (params["model"], params["kernel"], params["coef"]) == ("svm", "poly", "free")
    assert SPACE.complete({"momentum": 0.5}, base)["optimizer"] == "sgd"
    with pytest.raises(SpaceError, match="'momentum' is inactive with"):
        SPACE.complete({"momentum": 0.5, "optimizer": "adam"}, base)
    with pytest.raises(SpaceError, match="'moment' is no parameter of this space; there are 'optimizer'"):
        SPACE.complete({"moment": 0.5}, base)
    with pytest.raises(SpaceError, match="parameter 'lr': 7 is outside"):
        SPACE.complete({"lr": 7}, base)


def test_the_default_is_exact_and_complete():
    assert SPACE.default is None
    space = ts.Space.of(
        {
            "lr": ts.Float(1e-5, 1, log=True, default=1e-3),
            "p": ts.Float(1e-5, 1, log=True, prior=ts.Prior(1e-2)),
            "n": ts.Int(1, 9),
            "act": ts.Categorical(["relu", "gelu"]),
            "m": ts.Choice({"a": {}, "b": {"x": ts.Float(0, 1)}}, default="b"),
            "k": "fixed",
        }
    )
    assert space.default == {
        "lr": 1e-3, "p": 1e-2, "n": 5, "act": "relu", "m": "b", "x": 0.5, "k": "fixed",
    }  # fmt: skip
    again = space.decode(space.center)
    assert {**again, "lr": 1e-3, "p": 1e-2} == space.default


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({}, 1),
        ({"a": [1, 2, 3], "b": ts.Int(1, 4), "c": 7}, 12),
        ({"a": ts.Float(0, 1)}, None),
        ({"a": ts.Float(0, 1, step=0.1), "b": ts.Float(2, 2)}, 11),
        ({"a": ["x", "y"], "b": ts.Int(1, 5, when={"a": "y"})}, 6),
        ({"a": ts.Int(1, 100, log=True), "b": ts.Int(1, 2, when="a > 90")}, 110),
        (
            {"m": ts.Choice({"a": {"k": [1, 2]}, "b": {"k": [1, 2, 3], "j": [1, 2]}, "c": {}}), "z": [1, 2]},
            18,
        ),
        ({"a": ts.Int(1, 2**40), "b": ts.Int(1, 2, when="a > 90")}, None),
    ],
)
def test_grid_size(parameters, size):
    space = ts.Space.of(parameters)
    assert grid_size(space) == size
    if size is not None:
        rows = [space.draw(Rng(0, number)) for number in range(40 * size if parameters else 1)]
        assert len({tuple(space.decode(row).items()) for row in rows}) <= size


def test_json_round_trip():
    space = ts.Space.of(dict(SPACE.declared), [*SPACE.constraints, positive_momentum])
    text = json.dumps(space.as_json(), allow_nan=False)
    again = ts.Space.from_json(json.loads(text))
    assert again == space
    assert hash(again) == hash(space)
    assert again.as_json() == space.as_json()
    assert again.as_json()["constraints"][-1] == {"callable": f"{__name__}:positive_momentum"}
    assert [p.key for p in again.parameters] == [p.key for p in space.parameters]
    for number in range(20):
        assert again.draw(Rng(1, number)) == space.draw(Rng(1, number))
    assert pickle.loads(pickle.dumps(space)) == space
    assert again != SPACE
    assert again != "space"


def test_order_is_part_of_a_space():
    one = ts.Space.of({"a": ts.Float(0, 1), "b": ts.Float(0, 1)})
    assert one != ts.Space.of({"b": ts.Float(0, 1), "a": ts.Float(0, 1)})


def test_flat_and_with_domain():
    flat = ts.Space.flat({"a": ts.Float(0, 1), "b": ts.Constant(2)})
    assert flat == ts.Space.of({"a": ts.Float(0, 1), "b": 2})
    assert flat.decode([0.5]) == {"a": 0.5, "b": 2}
    more = flat.with_domain("c", ts.Int(1, 3))
    assert more.decode([0.5, 0.9]) == {"a": 0.5, "b": 2, "c": 3}
    assert more.with_domain("a", ts.Int(5, 6)).decode([0.1, 0.9])["a"] == 5
    assert ts.Space.flat({"a": ts.Choice({"x": {}, "y": {"k": [1]}})}).decode([0.9, 0.5]) == {
        "a": "y",
        "k": 1,
    }
    kept = SPACE.with_domain("extra", ts.Float(0, 1))
    assert kept.constraints == SPACE.constraints
    assert ts.Space.flat({}).decode([]) == {}


def test_a_space_of_a_dataclass_with_another_parameter_still_makes_configs():
    @dataclass
    class Config:
        lr: float = 0.5
        act: Literal["relu", "gelu"] = "relu"

    space = ts.parse_space(Config).with_domain("more", ts.Float(0, 1))
    assert config_of(space, {"lr": 0.5, "act": "gelu", "more": 0.2}) == Config(act="gelu")


def test_objects_and_table():
    space = ts.Space.of(
        {"f": ts.Categorical([math.sin, math.cos]), "g": ts.Constant(math.tan), "n": ts.Int(1, 2)}
    )
    assert space.objects(space.decode([0.9, 0.1])) == {"f": math.cos, "g": math.tan, "n": 1}
    text = str(SPACE)
    assert "momentum" in text
    assert "optimizer = 'sgd'" in text
    assert "constraint: lr * layers < 0.5" in text
    assert "<table>" in SPACE._repr_html_()
    assert "Float(0.0" in repr(SPACE)


def test_constraints_that_are_functions():
    space = ts.Space.of({"a": ts.Float(0, 1), "b": ts.Float(0, 1)}, lambda p: p["a"] < p["b"])
    for number in range(50):
        params = space.decode(space.draw(Rng(0, number)))
        assert params["a"] < params["b"]
    with pytest.raises(SpaceError, match="cannot be stored: write it as an expression"):
        space.as_json()
    gone = ts.Callback.from_json({"callable": "no_such_module:f"})
    with pytest.raises(SpaceError, match="cannot be found"):
        gone.satisfied({})
    for hostile in ("os:system", "os:abort", "builtins:exec", "subprocess:Popen", "nonsense", ":", "a b:c"):
        assert ts.Callback.from_json({"callable": hostile}).function is None


def test_a_constraint_with_an_inactive_name_is_vacuous():
    space = ts.Space.of({"a": [0, 1], "b": ts.Float(0, 1, when={"a": 1})}, "b > 0.5")
    assert space.feasible({"a": 0})
    assert not space.feasible({"a": 1, "b": 0.2})
    assert space.feasible({"a": 1, "b": 0.7})


def numbers(**more):
    return {"a": ts.Float(0, 1), "b": ts.Categorical(["x", "y"]), **more}


def fails(params):
    return params["nothing"] > 1


REFUSED = [
    (lambda: ts.Space.of([1, 2]), r"a space must be a mapping"),
    (lambda: ts.Space.of({3: ts.Float(0, 1)}), r"a parameter is named by text, got 3"),
    (lambda: ts.Space.of({"": ts.Float(0, 1)}), r"a parameter is named by text, got ''"),
    (lambda: ts.Space.of({"a": {"b": 1}}), r"parameter 'a': a plain mapping .* ts.Choice"),
    (
        lambda: ts.Space.of(numbers(c=ts.Float(0, 1, when={"z": 1}))),
        r"'c': when names 'z', which is no parameter",
    ),
    (
        lambda: ts.Space.of(numbers(c=ts.Float(0, 1, when="z > 1"))),
        r"'c': when names 'z', which is no parameter",
    ),
    (
        lambda: ts.Space.of(numbers(c=ts.Float(0, 1, when={"b": "z"}))),
        r"asks for b='z', which it cannot be; b is Cat",
    ),
    (lambda: ts.Space.of(numbers(c=ts.Float(0, 1, when={"a": 7}))), r"asks for a=7"),
    (
        lambda: ts.Space.of({"a": ts.Int(1, 2, when={"b": 1}), "b": ts.Int(1, 2, when={"a": 1})}),
        r"conditions of 'a', 'b' depend on each other in a circle",
    ),
    (lambda: ts.Space.of({"a": ts.Int(1, 2, when={"a": 1})}), r"in a circle"),
    (
        lambda: ts.Space.of({"m": ts.Choice({"p": {"x": [1]}, "q": {"y": ts.Int(1, 2, when={"x": 1})}})}),
        r"'y': when names 'x', which lies in another branch",
    ),
    (
        lambda: ts.Space.of({"m": ts.Choice({"p": {"x": [1]}}), "x": [1, 2]}),
        r"two parameters are named 'x' \(m.p.x and x\) and could be active at once",
    ),
    (
        lambda: ts.Space.of({"m": ts.Choice({"p": {"x": [1]}}), "n": ts.Choice({"p": {"x": [1]}})}),
        r"two parameters are named 'x' \(m.p.x and n.p.x\)",
    ),
    (
        lambda: ts.Space.of({"m": ts.Choice({"p": {"x": [1]}, "q": {"x": [2]}}), "m.p.x": 3}),
        r"two parameters have the key 'm.p.x'",
    ),
    (lambda: ts.Space.of(numbers(), "a > z"), r"constraint 'a > z' names 'z', which is no parameter"),
    (lambda: ts.Space.of(numbers(), 3), r"constraints must be a list of texts or functions, got 3"),
    (lambda: ts.Space.of(numbers(), [3]), r"a constraint must be text such as .* got 3"),
    (lambda: ts.Space.of(numbers(), ["a > 2"]), r"no feasible configuration in 10000 draws"),
    (lambda: ts.Space.of(numbers(), ["a > 0.6", "a < 0.4"]), r"contradict each other"),
    (lambda: ts.Space.of(numbers(), ["a + 1"]), r"'a \+ 1' must be true or false"),
    (lambda: ts.Space.of(numbers(), ["a / 0 > 1"]), r"'a / 0 > 1' has no value .*division by zero"),
    (lambda: ts.Space.of(numbers(), ["b > 1"]), r"'b > 1' has no value"),
    (lambda: ts.Space.of(numbers(), fails), r"'.*fails' failed at .*KeyError: 'nothing'; it gets active"),
    (lambda: ts.Space.of(numbers(), lambda p: 1), r"must return True or False, got 1"),
    (
        lambda: ts.Space.of({"a": ts.Float(0, 1, default=0.1)}, "a > 0.5"),
        r"the default configuration \{'a': 0.1\} violates a > 0.5",
    ),
    (lambda: SPACE.decode([0.5]), r"a unit row of this space has 15 numbers, got 1"),
    (lambda: SPACE.decode([0.1, math.nan] + [0.1] * 13), r"parameter 'lr' has no value at row"),
    (lambda: ts.Space.of({"a": ts.Int(1, 3)}).decode([math.nan]), r"parameter 'a' has no value at row"),
    (lambda: SPACE.encode({"optimizer": "adam"}), r"parameter 'lr' is missing from"),
    (
        lambda: ts.Space.of({"a": ts.Int(1, 3)}).encode({"a": 1, "z": 1}),
        r"'z' is no parameter of this space; there are 'a'",
    ),
    (lambda: ts.Space.of({"a": ts.Int(1, 3)}).encode({"a": 9}), r"parameter 'a': 9 is outside Int"),
    (
        lambda: ts.Space.of({"a": [0, 1], "b": ts.Int(1, 2, when={"a": 1})}).check({"a": 0, "b": 1}),
        r"parameter 'b' is inactive with \{'a': 0\}: leave it out",
    ),
    (lambda: ts.Space.of({"a": 3}).check({"a": 4}), r"parameter 'a': 4 is not the constant 3"),
    (lambda: ts.Space.from_json({"version": 2}), r"version 2 cannot be read.*upgrade"),
    (lambda: ts.Space.from_json([]), r"version None cannot be read"),
    (lambda: config_of(SPACE, {}), r"was not read from a dataclass"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_refusals_say_what_is_wrong(call, message):
    with pytest.raises(SpaceError, match=message) as caught:
        call()
    assert not re.search(r"\n", str(caught.value))
