"""Domains: round trips, edges, grids, labels, priors."""

import json
import math
import pickle
import re
from enum import Enum
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith.space as ts
from tunesmith.errors import SpaceError

quick = settings(deadline=None, max_examples=80)
finite = st.floats(-1e12, 1e12)
positive = st.floats(1e-12, 1e12)
units = st.floats(0, 1)


@st.composite
def floats(draw):
    if draw(st.booleans()):
        low, high = sorted((draw(positive), draw(positive)))
        return ts.Float(low, high, log=True)
    low, high = sorted((draw(finite), draw(finite)))
    return ts.Float(low, high)


@st.composite
def grids(draw):
    low = draw(st.integers(-1000, 1000)) / draw(st.sampled_from([1, 10, 100, 8]))
    step = draw(st.sampled_from([0.1, 0.01, 0.25, 0.3, 1.0, 2.5, 1e-3, 1e-7]))
    return ts.Float(low, low + step * draw(st.integers(1, 3000)), step=step)


@st.composite
def ints(draw):
    low = draw(st.integers(-(2**40), 2**40))
    if draw(st.booleans()):
        low = draw(st.integers(1, 2**20))
        return ts.Int(low, low + draw(st.integers(0, 2**36)), log=True)
    step = draw(st.sampled_from([None, 1, 2, 7, 1000]))
    return ts.Int(low, low + draw(st.integers(0, 2**45)), step=step)


plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))


@st.composite
def categoricals(draw):
    choices = draw(st.lists(plain, min_size=1, max_size=8, unique_by=lambda v: (type(v), str(v))))
    choices = [choice for choice in choices if not (isinstance(choice, float) and choice == 0)] or [None]
    return ts.Categorical(choices, ordered=draw(st.booleans()))


domains = st.one_of(floats(), grids(), ints(), categoricals())


@quick
@given(domains, units)
def test_from_unit_lies_inside_and_is_canonical(domain, u):
    value = domain.from_unit(u)
    assert domain.contains(value)
    assert domain.cast(value) == value
    assert type(domain.cast(value)) is type(value)


@quick
@given(st.one_of(floats(), grids(), ints()), units)
def test_decoded_numbers_come_back_bit_for_bit(domain, u):
    value = domain.from_unit(u)
    unit = domain.to_unit(value)
    assert 0.0 <= unit <= 1.0
    assert domain.from_unit(unit) == value


@settings(deadline=None, max_examples=300)
@given(floats(), units)
def test_encoding_is_accurate_and_then_idempotent(domain, share):
    value = min(max(domain.low * (1 - share) + domain.high * share, domain.low), domain.high)
    once = domain.from_unit(domain.to_unit(value))
    scale = abs(value) if domain.log else max(abs(domain.low), abs(domain.high))
    assert abs(once - value) <= 1e-12 * scale
    assert domain.from_unit(domain.to_unit(once)) == once


@quick
@given(categoricals())
def test_every_label_comes_back(domain):
    for label in domain.choices:
        again = domain.from_unit(domain.to_unit(label))
        assert (type(again), again) == (type(label), label)


@quick
@given(grids(), st.data())
def test_grid_values_are_the_nearest_floats_to_the_decimals(domain, data):
    k = data.draw(st.integers(0, domain.cardinality - 1))
    exact = Fraction(repr(domain.low)) + k * Fraction(repr(domain.step))
    assert domain.from_unit((k + 0.5) / domain.cardinality) == float(exact)


@quick
@given(floats())
def test_edges_are_exact(domain):
    assert domain.from_unit(0.0) == domain.low == domain.from_unit(-3.0)
    assert domain.from_unit(1.0) == domain.high or domain.low == domain.high
    assert domain.from_unit(7.0) == domain.high


@quick
@given(ints())
def test_int_edges_and_types(domain):
    assert domain.from_unit(0.0) == domain.low
    assert domain.from_unit(1.0) <= domain.high < domain.from_unit(1.0) + (domain.step or 1)
    assert type(domain.from_unit(0.3)) is int


@quick
@given(st.one_of(floats(), ints()), units, units)
def test_numbers_rise_with_the_unit(domain, a, b):
    low, high = sorted((a, b))
    assert domain.from_unit(low) <= domain.from_unit(high)


@quick
@given(domains)
def test_json_equality_hash_and_pickle(domain):
    again = ts.domain_from_json(json.loads(json.dumps(domain.as_json())))
    assert again == domain
    assert hash(again) == hash(domain)
    assert pickle.loads(pickle.dumps(domain)) == domain
    assert again != ts.Constant("other")


def test_step_of_a_tenth_gives_three_tenths():
    domain = ts.Float(0, 1, step=0.1)
    assert domain.cardinality == 11
    assert list(domain.values()) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert domain.cast(0.1 + 0.2) == 0.3


def test_a_high_off_the_grid_is_not_reached():
    assert list(ts.Float(0, 1, step=0.3).values()) == [0.0, 0.3, 0.6, 0.9]
    assert list(ts.Int(1, 10, step=4).values()) == [1, 5, 9]
    assert not ts.Int(1, 10, step=4).contains(10)


def test_log_int_gives_each_number_its_share():
    domain = ts.Int(1, 4, log=True)
    edges = [math.log(k + 0.5) for k in range(5)]
    for k in range(4):
        middle = (edges[k] + edges[k + 1]) / 2
        assert domain.from_unit((middle - edges[0]) / (edges[4] - edges[0])) == k + 1
    assert list(domain.values()) == [1, 2, 3, 4]


def test_fixed_numbers():
    assert ts.Float(2, 2).from_unit(0.7) == 2.0
    assert ts.Float(2, 2).cardinality == 1
    assert ts.Float(2, 2, log=True).to_unit(2.0) == 0.5
    assert ts.Int(3, 3).from_unit(0.9) == 3
    assert ts.Float(0, 1).cardinality is None


def test_casts_give_native_values():
    assert type(ts.Float(0, 5).cast(np.float32(0.5))) is float
    assert type(ts.Float(0, 5).cast(3)) is float
    for value in (3.0, np.int64(3), np.float64(3.0)):
        assert ts.Int(1, 5).cast(value) == 3
        assert type(ts.Int(1, 5).cast(value)) is int
    assert ts.Categorical([np.int64(1), np.str_("a")]).choices == (1, "a")
    assert ts.Categorical([1, 2]).cast(np.int64(2)) == 2
    assert ts.Categorical([0.5, 1.0]).cast(1) == 1.0


def test_true_one_and_one_point_zero_differ():
    domain = ts.Categorical([True, 1, 1.0, None, "1"])
    for k, value in enumerate([True, 1, 1.0, None, "1"]):
        assert domain.to_unit(domain.cast(value)) == (k + 0.5) / 5
    assert ts.Categorical([1]) != ts.Categorical([True])
    assert ts.Constant(1) != ts.Constant(True)
    assert ts.Constant(1) != ts.Constant(1.0)


class Color(Enum):
    RED = 1
    BLUE = 2


class Thing:
    pass


def test_objects_go_by_labels():
    thing = Thing()
    domain = ts.Categorical([Thing, math.sqrt, (64, 64), Color.RED, math.inf, 3])
    assert domain.choices == ("Thing", "sqrt", "(64, 64)", "RED", "inf", 3)
    assert domain.object("Thing") is Thing
    assert domain.object("(64, 64)") == (64, 64)
    assert domain.cast((64, 64)) == "(64, 64)"
    assert domain.cast("RED") == domain.cast(Color.RED) == "RED"
    named = ts.Categorical({"small": thing, "big": [1, 2]}, default=thing)
    assert named.choices == ("small", "big")
    assert named.default == "small"
    assert named.cast([1, 2]) == "big"
    assert named.object("big") == [1, 2]
    read = ts.domain_from_json(named.as_json())
    assert read == named
    assert read.object("big") == "big"
    array = ts.Categorical({"a": np.zeros(3), "b": np.ones(3)})
    assert array.cast("b") == "b"
    assert not array.contains(np.ones(3) * 2)
    constant = ts.Constant(thing.__class__)
    assert constant.value == "Thing"
    assert constant.object(constant.value) is Thing


def test_none_may_be_the_default_choice():
    assert ts.Categorical([None, 1]).has_default is False
    domain = ts.Categorical([1, None], default=None)
    assert domain.has_default
    assert domain.default is None
    assert domain.start_unit == 0.75
    assert ts.domain_from_json(domain.as_json()) == domain
    assert ts.UNSET is pickle.loads(pickle.dumps(ts.UNSET))


def test_start_is_default_then_prior_then_middle():
    assert ts.Float(0, 10).start_unit == 0.5
    assert ts.Float(0, 10, prior=ts.Prior(2)).start_unit == 0.2
    assert ts.Float(0, 10, prior=ts.Prior(2), default=4).start_unit == 0.4
    assert ts.Float(1e-5, 1, log=True, default=1e-3).start() == 1e-3
    assert ts.Categorical(["a", "b"]).start() == "a"
    assert ts.Categorical(["a", "b"], prior=ts.Prior("b")).start() == "b"


def test_with_default_keeps_all_else():
    domain = ts.Categorical({"a": Thing, "b": Color}, ordered=True).with_default("b")
    assert domain.object("a") is Thing
    assert domain.ordered
    assert domain.default == "b"
    assert ts.Int(1, 9, log=True, when={"a": 1}).with_default(3).log
    choice = ts.Choice({"a": {}, "b": {"x": ts.Float(0, 1)}}).with_default("b")
    assert choice.start() == "b"


def test_reprs_are_short():
    assert repr(ts.Float(0, 1, step=0.5, default=0.5)) == "Float(0.0, 1.0, step=0.5, default=0.5)"
    assert repr(ts.Int(1, 8, log=True)) == "Int(1, 8, log=True)"
    assert repr(ts.Categorical(["a"], ordered=True, default="a")) == (
        "Categorical(['a'], ordered=True, default='a')"
    )
    assert repr(ts.Constant(3)) == "Constant(3)"
    assert repr(ts.Choice({"a": {}})) == "Choice({'a': {}})"


REFUSED = [
    (lambda: ts.Float(2, 1), r"Float: low must not exceed high, got low=2.0, high=1.0: swap"),
    (lambda: ts.Float(0, 1, log=True), r"log=True needs low > 0, got low=0.0"),
    (lambda: ts.Float(1, 2, log=True, step=0.1), r"step=0.1 and log=True exclude"),
    (lambda: ts.Float(1, 2, step=0), r"step must be positive, got 0"),
    (lambda: ts.Float(1, 2, step=-1), r"step must be positive"),
    (lambda: ts.Float(1, math.inf), r"high must be finite, got inf"),
    (lambda: ts.Float(math.nan, 1), r"low must be finite, got nan"),
    (lambda: ts.Float(True, 2), r"low must be a number, got True \(bool\)"),
    (lambda: ts.Float("0", 2), r"low must be a number, got '0' \(str\)"),
    (lambda: ts.Float([0], 2), r"low must be a number, got \[0\]"),
    (lambda: ts.Float(-1.7e308, 1.7e308), r"wider than a float can hold"),
    (lambda: ts.Float(0, 1e30, step=1e-9), r"more than 2\*\*50 values"),
    (lambda: ts.Float(0, 1, default=3), r"default or prior cannot be: 3 is outside Float"),
    (lambda: ts.Float(0, 1, prior=ts.Prior(3)), r"3 is outside Float"),
    (lambda: ts.Float(0, 1, prior=0.5), r"prior must be a Prior, got 0.5: write prior=Prior\(0.5\)"),
    (lambda: ts.Float(0, 1, step=0.25, default=0.3), r"not on the grid .* nearest value is 0.25"),
    (lambda: ts.Float(0, 1, log=1), r"log must be True or False, got 1"),
    (lambda: ts.Float(0, 1, when=3), r"when must be a mapping"),
    (lambda: ts.Float(0, 1, when={}), r"when must be a mapping"),
    (lambda: ts.Float(0, 1, when={3: 1}), r"a parent is named by text, got 3"),
    (lambda: ts.Float(0, 1, when={"a": []}), r"no value of 'a' is given"),
    (lambda: ts.Int(1.5, 3), r"Int: low must be a whole number, got 1.5; use Float"),
    (lambda: ts.Int(1, 3, step=0.5), r"step must be a whole number, got 0.5"),
    (lambda: ts.Int(False, 3), r"low must be a number, got False"),
    (lambda: ts.Int(3, 1), r"Int: low must not exceed high"),
    (lambda: ts.Int(0, 2**60), r"too many values to tell apart"),
    (lambda: ts.Int(1, 2**45, log=True), r"too many values"),
    (lambda: ts.Int(1, 3, default=2.5), r"2.5 is not a whole number"),
    (lambda: ts.Categorical([]), r"choices is empty"),
    (lambda: ts.Categorical("abc"), r"choices must be a list, got 'abc'"),
    (lambda: ts.Categorical(3), r"choices must be a list, got 3"),
    (lambda: ts.Categorical(["a", "b", "a"]), r"the choice 'a' occurs twice"),
    (lambda: ts.Categorical(["a"], default="b"), r"'b' is not among the choices: 'a'"),
    (lambda: ts.Categorical([Thing()]), r'write Categorical\(\{"label": object'),
    (lambda: ts.Categorical({1: "a"}), r"labels of a mapping must be text, got 1"),
    (lambda: ts.Categorical(["a"], ordered="yes"), r"ordered must be True or False"),
    (lambda: ts.Constant(Thing()), r"cannot name the choice"),
    (lambda: ts.Choice({}), r"Choice: branches must be a mapping"),
    (lambda: ts.Choice(["a"]), r"branches must be a mapping .* Categorical"),
    (lambda: ts.Choice({"a": 3}), r"branch 'a' must be a mapping of parameters, got 3"),
    (lambda: ts.Choice({3: {}}), r"a branch is named by text, got 3"),
    (lambda: ts.Choice({"a": {}}, default="b"), r"Choice: .*'b' is not among the choices"),
    (lambda: ts.Choice({"a": {"x": {"y": 1}}}), r"parameter 'x' of branch 'a': a plain mapping"),
    (lambda: ts.Prior(1, "certain"), r"confidence must be 'low', 'medium' or 'high', got 'certain'"),
    (lambda: ts.Float(0, 1).cast("a"), r"'a' \(str\) is not a number"),
    (lambda: ts.Float(0, 1).cast(True), r"True \(bool\) is not a number"),
    (lambda: ts.Float(0, 1).cast(math.nan), r"nan is outside"),
    (lambda: ts.Int(0, 3).cast(7), r"7 is outside Int\(0, 3\)"),
    (lambda: ts.Int(0, 9, step=3).cast(4), r"4 is not on the grid .* below is 3"),
    (lambda: ts.Int(0, 9).cast(math.inf), r"not a whole number"),
    (lambda: ts.Int(0, 9).cast(True), r"is not a number"),
    (lambda: ts.Categorical(list(range(20))).cast(77), r"77 is not among the choices: 0, .*…"),
    (lambda: ts.Categorical(["a"]).cast(["a"]), r"is not among the choices"),
    (lambda: ts.Constant(3).cast(4), r"4 is not the constant 3: leave it out"),
    (lambda: ts.Float(0, 1).values(), r"continuous, so its values cannot be listed"),
    (lambda: ts.Float(0, 1).from_unit(math.nan), r"unit value must be a number"),
    (lambda: ts.domain_from_json({"type": "complex"}), r"type 'complex' is not known"),
    (lambda: ts.domain_from_json({"type": "float", "low": 1}), r"read from JSON is damaged"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_refusals_say_what_is_wrong(call, message):
    with pytest.raises(SpaceError, match=message) as caught:
        call()
    assert not re.search(r"\n", str(caught.value))
