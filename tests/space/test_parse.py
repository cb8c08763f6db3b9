"""What may stand for a parameter or a space: lists, arrays, SciPy distributions, dataclasses."""

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, ClassVar, Literal

import numpy as np
import pytest

import tunesmith.space as ts
from tunesmith.errors import SpaceError
from tunesmith.space.typed import config_of


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        (ts.Float(0, 1), ts.Float(0, 1)),
        (["a", "b"], ts.Categorical(["a", "b"])),
        (("a", None), ts.Categorical(["a", None])),
        ([1, 2, 4], ts.Categorical([1, 2, 4], ordered=True)),
        ([0.1, 1, 10], ts.Categorical([0.1, 1, 10], ordered=True)),
        ([2, 1, 4], ts.Categorical([2, 1, 4])),
        ([True, False], ts.Categorical([True, False])),
        ([False, True], ts.Categorical([False, True])),
        (range(2, 9, 3), ts.Categorical([2, 5, 8], ordered=True)),
        ({"b", "a", "c"}, ts.Categorical(["a", "b", "c"])),
        (frozenset({10, 2, 1}), ts.Categorical([1, 2, 10], ordered=True)),
        (np.array([1, 2, 3]), ts.Categorical([1, 2, 3], ordered=True)),
        (np.array(["x", "y"]), ts.Categorical(["x", "y"])),
        (np.float64(3.0), ts.Constant(3.0)),
        ("adam", ts.Constant("adam")),
        (3, ts.Constant(3)),
        (None, ts.Constant(None)),
        (True, ts.Constant(True)),
        (math.sqrt, ts.Constant("sqrt")),
    ],
)
def test_plain_sources(value, domain):
    assert ts.parse_domain(value) == domain


class Draws:
    def rvs(self):
        return 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": 1}, r"a plain mapping is not a parameter, got \{'a': 1\}: write ts.Choice"),
        ([], "choices is empty"),
        (np.ones((2, 2)), r"one dimension, got shape \(2, 2\)"),
        (Draws(), r"write ts.Float\(low, high\), ts.Int"),
        (object(), "cannot name the choice"),
    ],
)
def test_refused_sources(value, message):
    with pytest.raises(SpaceError, match=message):
        ts.parse_domain(value)


def test_scipy_distributions():
    stats = pytest.importorskip("scipy.stats")
    exact = [
        (stats.uniform(), ts.Float(0, 1)),
        (stats.uniform(2, 3), ts.Float(2, 5)),
        (stats.uniform(loc=-1, scale=2), ts.Float(-1, 1)),
        (stats.loguniform(1e-4, 1e-1), ts.Float(1e-4, 1e-1, log=True)),
        (stats.reciprocal(1e-4, b=1e-1), ts.Float(1e-4, 1e-1, log=True)),
        (stats.loguniform(1, 10, scale=2), ts.Float(2, 20, log=True)),
        (stats.randint(1, 11), ts.Int(1, 10)),
        (stats.randint(low=0, high=3, loc=5), ts.Int(5, 7)),
        (stats.bernoulli(0.3), ts.Categorical([0, 1])),
    ]
    for value, domain in exact:
        assert ts.parse_domain(value) == domain
    for value, log in [
        (stats.norm(3, 2), False),
        (stats.truncnorm(-1, 1), False),
        (stats.expon(scale=3), False),
        (stats.lognorm(0.5, scale=2), True),
        (stats.lognorm(0.5, loc=1), False),
        (stats.beta(2, 3), False),
        (stats.gamma(2.0), False),
        (stats.loguniform(1, 10, loc=1), False),
    ]:
        domain = ts.parse_domain(value)
        assert isinstance(domain, ts.Float)
        assert domain.log is log
        assert domain.low == pytest.approx(value.ppf(0.001))
        assert domain.high == pytest.approx(value.ppf(0.999))
        assert domain.prior == ts.Prior(pytest.approx(value.median()))
    assert ts.parse_domain(stats.poisson(5)) == ts.Int(0, 13, prior=ts.Prior(5))
    with pytest.raises(SpaceError, match="frozen ones of one number are taken"):
        ts.parse_domain(stats.norm)


class Color(Enum):
    RED = "r"
    BLUE = "b"


@dataclass
class Block:
    width: Annotated[int, ts.Int(16, 256, log=True)] = 64
    act: Literal["relu", "gelu"] = "relu"
    slope: Annotated[float, ts.Float(0, 1, when={"act": "relu"})] = 0.1
    extra: Annotated[float, ts.Float(0, 1, when="act == 'gelu' and width > 32")] = 0.5


@dataclass
class Config:
    lr: Annotated[float, ts.Float(1e-5, 1e-1, log=True)] = 1e-3
    optimizer: Literal["adam", "sgd"] = "sgd"
    momentum: Annotated[float, ts.Float(0.1, 0.99, when={"optimizer": "sgd"})] = 0.0
    amp: bool = False
    color: Color = Color.BLUE
    batch: Annotated[int, "a note", ts.Categorical([16, 32, 64], ordered=True)] = 32
    epochs: int = 10
    tags: list = field(default_factory=list)
    encoder: Block = field(default_factory=lambda: Block(width=32))
    decoder: Block = field(default_factory=Block)
    version: ClassVar[int] = 3
    cache: int = field(default=0, init=False)


def test_a_dataclass_is_a_space():
    space = ts.parse_space(Config)
    assert space.config_type is Config
    params = space.default
    assert params["lr"] == 1e-3
    assert params["color"] == "BLUE"
    assert params["batch"] == 32
    assert params["epochs"] == 10
    assert params["tags"] == "[]"
    assert (params["encoder__width"], params["decoder__width"]) == (32, 64)
    assert params["encoder__slope"] == 0.1
    assert "encoder__extra" not in params
    config = config_of(space, params)
    assert isinstance(config, Config)
    assert config.lr == 1e-3
    assert config.color is Color.BLUE
    assert config.tags == []
    assert config.encoder.width == 32
    assert config.amp is False


def test_inactive_fields_take_their_default():
    space = ts.parse_space(Config, ["lr < 0.05"])
    base = space.center
    config = config_of(space, space.complete({"optimizer": "adam", "decoder__act": "gelu"}, base))
    assert config.momentum == 0.0
    assert config.decoder.act == "gelu"
    assert config.decoder.extra == 0.5
    assert not space.feasible(space.complete({"lr": 0.09}, base))


def test_a_space_and_a_mapping_are_spaces():
    space = ts.parse_space({"a": ts.Float(0, 1), "b": ["x", "y"]})
    assert ts.parse_space(space) is space
    assert (
        ts.parse_space(space, "a > 0.5").constraints
        == ts.parse_space(dict(space.declared), "a > 0.5").constraints
    )


@dataclass
class NoDefault:
    lr: float


@dataclass
class Conditional:
    act: Literal["a", "b"]
    x: Annotated[float, ts.Float(0, 1, when={"act": "a"})]


@dataclass
class Outside:
    lr: Annotated[float, ts.Float(1e-5, 1e-1, log=True)] = 3.0


@dataclass
class WithChoice:
    m: Annotated[str, ts.Choice({"a": {"x": [1]}})] = "a"


@dataclass
class Nested:
    block: Block = None


@dataclass
class Unnamed:
    thing: object = field(default_factory=object)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (3, "a space must be a mapping .* got 3"),
        (Config(), "a space must be a mapping"),
        (NoDefault, "field 'lr' of NoDefault: it has neither a domain nor a default"),
        (Conditional, "field 'x' of Conditional: it has a condition, so it needs a default"),
        (Outside, "field 'lr' of Outside: .*3.0 is outside Float"),
        (WithChoice, "field 'm' of WithChoice: a Choice has parameters of its own"),
        (Nested, "field 'block' of Nested: the default must be a Block, got None"),
        (Unnamed, "field 'thing' of Unnamed: cannot name"),
    ],
)
def test_refused_spaces(thing, message):
    with pytest.raises(SpaceError, match=message):
        ts.parse_space(thing)


def test_annotations_that_cannot_be_read():
    @dataclass
    class Local:
        x: "NoSuchName" = 1  # noqa: F821

    with pytest.raises(SpaceError, match="annotations of Local cannot be read"):
        ts.parse_space(Local)


def test_distributions_of_listed_values_are_categories():
    stats = pytest.importorskip("scipy.stats")
    even = ts.parse_domain(stats.rv_discrete(values=([1, 5, 9], [0.25, 0.5, 0.25]))())
    assert even == ts.Categorical([1, 5, 9], ordered=True, prior=ts.Prior(5))
    assert ts.parse_domain(stats.rv_discrete(values=([1, 5], [0.5, 0.5]))(loc=2)) == ts.Categorical(
        [3, 7], ordered=True
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda stats: stats.norm,
        lambda stats: stats.multivariate_normal([0, 0]),
        lambda stats: stats.uniform([0, 1], [1, 2]),
        lambda stats: stats.norm([0, 1]),
        lambda stats: stats.rv_discrete(values=([1, 2], [0.5, 0.5])),
    ],
)
def test_distributions_that_are_no_parameter_say_what_is_taken(make):
    stats = pytest.importorskip("scipy.stats")
    with pytest.raises(SpaceError, match=r"frozen ones of one number .* stats.loguniform\(1e-5, 1e-1\)"):
        ts.parse_domain(make(stats))


@pytest.mark.parametrize(("pair", "said"), [((0.5, 10.0), "Float"), ((1, 9), "Int"), ((1, 9.5), "Float")])
def test_a_pair_of_numbers_is_not_taken_for_two_choices(pair, said):
    with pytest.raises(SpaceError, match=rf"ts\.{said}\({pair[0]}, {pair[1]}\)"):
        ts.Space.of({"x": pair})
    assert ts.Space.of({"x": list(pair)}).parameters[0].domain.cardinality == 2
    assert ts.Space.of({"x": ("a", "b")}).parameters[0].domain.cardinality == 2
