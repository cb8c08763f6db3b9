"""Space: all that can be tried, compiled to flat columns over the unit cube."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tunesmith._rng import Rng, uniforms
from tunesmith.errors import SpaceError
from tunesmith.space.base import Domain
from tunesmith.space.choice import branches_of
from tunesmith.space.codec import complete, read_params
from tunesmith.space.constraint import Constraint, constraint_from_json, parse_constraints
from tunesmith.space.domain import domain_from_json
from tunesmith.space.fixed import rest
from tunesmith.space.flatten import Declared, Parameter, flatten
from tunesmith.space.parse_domain import declare
from tunesmith.space.render import as_html, as_text

_VERSION = 1
_ATTEMPTS = 10_000
_CHUNK = 250


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Space:
    """All that can be tried: parameters, their conditions and constraints. Immutable, hashed by content.

    Build one with `Space.of`, or pass mappings and dataclasses where a space is expected. A unit row is a
    list of floats in [0, 1], one for each of `dims`; NaN marks inactive columns.

    Attributes:
        parameters: all of them, parents before children.
        dims: the searchable ones, which are the columns of unit rows.
        constraints: what configurations must satisfy.
        center: the unit row of all defaults; of prior values and middles where there is no default.
        default: what is used now, the params of all defaults; None when no parameter has one. A parameter
            without default takes its prior's value, its middle, or its first choice.
        names: of the parameters, in order.
        config_type: the dataclass it was read from, or None; see `config_of`.
        fixed: names and values of parameters that are not searched any more; see `fix`.
    """

    declared: Declared
    constraints: tuple[Constraint, ...]
    parameters: tuple[Parameter, ...]
    dims: tuple[Parameter, ...]
    center: tuple[float, ...] = ()
    default: Mapping[str, Any] | None = None
    names: tuple[str, ...] = ()
    config_type: type | None = None
    config_tree: Any = None
    fixed: tuple[tuple[str, Any], ...] = ()
    _keys: tuple[str, ...] = ()
    _beliefs: tuple[tuple[int, Domain], ...] = ()
    _conditional: bool = False
    _hash: int = field(init=False, default=0)
    _plain: tuple[tuple[str, Callable[[float], Any]], ...] | None = None

    @staticmethod
    def of(parameters: Mapping[str, Any], constraints: Any = ()) -> Space:
        """The space of parameters by name, each a domain or what `parse_domain` takes.

        Args:
            parameters: {"lr": ts.Float(1e-5, 1e-1, log=True), "act": ["relu", "gelu"], "seed": 3}.
            constraints: expressions such as "width >= depth", or functions of the params dict.

        Raises:
            SpaceError: for unknown parents or names, cycles, ambiguous names, or when nothing is feasible.
        """
        if not isinstance(parameters, Mapping):
            raise SpaceError(f"a space must be a mapping of names to parameters, got {parameters!r}")
        space = _compile(declare(parameters), parse_constraints(constraints))
        _check_constraints(space)
        return space

    @staticmethod
    def flat(domains: Mapping[str, Domain]) -> Space:
        """The space of independent domains, built without further checks; for define-by-run."""
        if any(domain.when is not None or branches_of(domain) for domain in domains.values()):
            return Space.of(domains)
        found, column = [], 0
        for name, domain in domains.items():
            searched = domain.has_column
            found.append(Parameter(name, name, domain, column if searched else None))
            column += searched
        return _assemble(tuple(domains.items()), (), tuple(found))

    def with_domain(self, name: str, domain: Domain) -> Space:
        """The same space with a parameter added, or its domain exchanged. Raises SpaceError."""
        changed = {**dict(self.declared), name: domain}
        independent = not self._conditional and not self.constraints
        space = Space.flat(changed) if independent else Space.of(changed, self.constraints)
        if self.fixed:
            space = fix(space, dict(self.fixed))
        if self.config_type is None:
            return space
        return replace(space, config_type=self.config_type, config_tree=self.config_tree)

    def decode(self, row: Sequence[float]) -> dict[str, Any]:
        """The params at a unit row, active ones in order; columns of inactive ones are not looked at.

        Raises:
            SpaceError: when the row has another length, or is NaN at an active parameter.
        """
        if len(row) != len(self._keys):
            raise SpaceError(f"a unit row of this space has {len(self._keys)} numbers, got {len(row)}")
        params: dict[str, Any] = {}
        name = ""
        try:
            if self._plain is not None:
                return {name: from_unit(u) for (name, from_unit), u in zip(self._plain, row, strict=True)}
            for parameter in self.parameters:
                if parameter.rules and not parameter.active(params):
                    continue
                name, column = parameter.name, parameter.column
                params[name] = parameter.domain.from_unit(0.5 if column is None else row[column])
        except (ValueError, TypeError, OverflowError) as error:
            name = name or next((p.name for p, u in zip(self.dims, row, strict=True) if u != u), "")
            raise SpaceError(f"parameter {name!r} has no value at row {list(row)!r}: {error}") from None
        return params

    def encode(self, params: Mapping[str, Any]) -> list[float]:
        """The unit row of params; NaN where inactive.

        Raises:
            SpaceError: for missing, unknown, inactive or outside parameters, by name.
        """
        return read_params(self.parameters, params)[1]

    def check(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The canonical params: native values or labels, in order, constants filled in; see also `feasible`.

        Raises:
            SpaceError: for missing, unknown, inactive or outside parameters, by name.
        """
        return read_params(self.parameters, params)[0]

    def complete(self, partial: Mapping[str, Any], base: Sequence[float]) -> dict[str, Any]:
        """Params with the given values, and from the unit row `base` those of the other active parameters.

        A given conditional parameter brings its branch with it: completing {"C": 1.0} chooses model="svm".

        Raises:
            SpaceError: for unknown or outside parameters, or ones that the others given make inactive.
        """
        return complete(self.parameters, partial, base)

    def feasible(self, params: Mapping[str, Any]) -> bool:
        """Whether all constraints hold whose parameters are all active. Raises SpaceError if one fails."""
        return all(constraint.satisfied(params) for constraint in self.constraints)

    def draw(self, rng: Rng) -> list[float]:
        """A feasible unit row from the priors, a pure function of `rng`.

        Raises:
            SpaceError: when ten thousand attempts were all infeasible, and so is the centre.
        """
        row = list(uniforms(rng.seed, rng.number, self._keys))
        if self._beliefs:
            row = self._believed(row)
        if not self.constraints or self.feasible(self.decode(row)):
            return row
        generator = rng.generator("draw")
        for _ in range(_ATTEMPTS // _CHUNK):
            for drawn in generator.random((_CHUNK, len(self._keys))).tolist():
                row = self._believed(drawn)
                if self.feasible(self.decode(row)):
                    return row
        centre = list(self.center)
        if self.feasible(self.decode(centre)):
            return centre  # what was found when the space was built, and so little is left beside it
        raise SpaceError(
            f"no feasible configuration was found in {_ATTEMPTS} draws: loosen the constraints "
            f"({', '.join(map(str, self.constraints))})"
        )

    def _believed(self, row: list[float]) -> list[float]:
        """Uniforms turned into draws from the priors, in place."""
        for column, domain in self._beliefs:
            row[column] = domain.draw(row[column])
        return row

    def objects(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Params with the Python objects behind their labels."""
        found: dict[str, Any] = {}
        for parameter in self.parameters:
            name = parameter.name
            if name in params and parameter.active(params):
                found[name] = parameter.domain.object(params[name])
        return found

    def as_json(self) -> dict[str, Any]:
        """The space as plain JSON, versioned. Raises SpaceError for a constraint that is a lambda."""
        return {
            "version": _VERSION,
            "parameters": [{"name": name, **domain.as_json()} for name, domain in self.declared],
            "constraints": [constraint.as_json() for constraint in self.constraints],
            **({"fixed": dict(self.fixed)} if self.fixed else {}),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Space:
        """The space that `as_json` wrote; objects are now labels. Raises SpaceError for a newer version."""
        version = data.get("version") if isinstance(data, Mapping) else None
        if not isinstance(version, int) or not 1 <= version <= _VERSION:
            raise SpaceError(
                f"a space of version {version!r} cannot be read, this Tunesmith reads 1 to {_VERSION}: "
                "upgrade Tunesmith"
            )
        declared = tuple((entry["name"], domain_from_json(entry)) for entry in data["parameters"])
        space = _compile(declared, tuple(map(constraint_from_json, data["constraints"])))
        return fix(space, data["fixed"]) if data.get("fixed") else space

    def __str__(self) -> str:
        """A table of the parameters."""
        return as_text(self.parameters, self.constraints)

    def _repr_html_(self) -> str:
        return as_html(self.parameters, self.constraints)

    def __repr__(self) -> str:
        return f"Space({dict(self.declared)!r}" + (
            f", {list(self.constraints)!r})" if self.constraints else ")"
        )

    def __eq__(self, other: Any) -> bool:
        if type(other) is not Space or self.constraints != other.constraints:
            return False
        return self is other or (self.declared == other.declared and self.fixed == other.fixed)

    def __hash__(self) -> int:
        if not self._hash:
            object.__setattr__(self, "_hash", hash((self.declared, self.constraints, self.fixed)) or 1)
        return self._hash


def fix(space: Space, values: Mapping[str, Any]) -> Space:
    """The rest of the space when these parameters have these values; they are constants of it.

    Parameters that could only exist beside other values are left out. Raises SpaceError for names that the
    space does not have, for values outside, and when no configuration is left.
    """
    chosen = {**dict(space.fixed), **values}
    for name in sorted(chosen.keys() - set(space.names)):
        raise SpaceError(
            f"{name!r} cannot be fixed: it is no parameter; there are {', '.join(map(repr, space.names))}"
        )
    parameters = rest(space.parameters, chosen)
    narrower = _assemble(space.declared, space.constraints, parameters)
    narrower = replace(narrower, fixed=tuple(sorted(chosen.items())))
    if space.constraints:
        _find_feasible(narrower)
    return narrower


def constrained(space: Space, constraints: Any) -> Space:
    """The same space under further constraints. Raises SpaceError as `Space.of` does."""
    added = parse_constraints(constraints)
    if not added:
        return space
    narrower = replace(space, constraints=(*space.constraints, *added))
    _check_constraints(narrower)
    return narrower


def _check_constraints(space: Space) -> None:
    """Raises SpaceError for unknown names, an infeasible default, or when nothing is feasible."""
    names = {parameter.name for parameter in space.parameters}
    for constraint in space.constraints:
        for name in sorted(constraint.names - names):
            raise SpaceError(
                f"constraint '{constraint}' names {name!r}, which is no parameter; "
                f"there are {', '.join(map(repr, sorted(names)))}"
            )
    if not space.constraints:
        return
    if space.default is not None:
        for constraint in space.constraints:
            if not constraint.satisfied(space.default):
                raise SpaceError(
                    f"the default configuration {space.default!r} violates {constraint}: change either"
                )
    elif not space.feasible(space.decode(space.center)):
        _find_feasible(space)


def _find_feasible(space: Space) -> None:
    for number in range(_ATTEMPTS):
        if space.feasible(space.decode(space._believed(list(uniforms(0, number, space._keys))))):
            return
    raise SpaceError(
        f"no feasible configuration in {_ATTEMPTS} draws: the constraints contradict each other, or "
        f"leave too little: {', '.join(map(str, space.constraints))}"
    )


def _compile(declared: Declared, constraints: Iterable[Constraint]) -> Space:
    return _assemble(declared, tuple(constraints), flatten(declared))


def _assemble(
    declared: Declared, constraints: tuple[Constraint, ...], parameters: tuple[Parameter, ...]
) -> Space:
    dims = tuple(parameter for parameter in parameters if parameter.column is not None)
    keys = tuple(parameter.key for parameter in dims)
    return Space(
        declared,
        constraints,
        parameters,
        dims,
        tuple(parameter.domain.start_unit for parameter in dims),
        _default(parameters),
        _keys=keys,
        names=tuple(parameter.name for parameter in parameters),
        _beliefs=tuple((place, p.domain) for place, p in enumerate(dims) if p.domain.prior is not None),
        _conditional=any(parameter.rules for parameter in parameters),
        _plain=tuple((p.name, p.domain.from_unit) for p in dims)
        if len(dims) == len(parameters) and not any(p.rules for p in parameters)
        else None,
    )


def _default(parameters: Iterable[Parameter]) -> dict[str, Any] | None:
    """The params of all defaults; None when no parameter has one."""
    if not any(parameter.domain.has_default for parameter in parameters):
        return None
    params: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.active(params):
            params[parameter.name] = parameter.domain.start()
    return params
