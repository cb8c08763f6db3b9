"""What the laws of search methods check, as plain functions of a `Simulation`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunesmith.kernel.plan import prepare
from tunesmith.record.codec import dumps, loads
from tunesmith.record.event import Created
from tunesmith.record.fidelity import Fidelity
from tunesmith.search._base import Searcher
from tunesmith.space.grid import grid_size
from tunesmith.space.space import Space
from tunesmith.testing.simulate import Simulation, answer_of, next_ask, through_json

FIDELITY = Fidelity("step", 1, 9, 3)


def check_fold(simulation: Simulation, full: int = 6) -> None:
    """Rebuilt from the log, through JSON and at other times of day, the study proposes what it did.

    Every position that was looked at is reached by one fold that is asked on its way; `full` of them, spread
    over the log, also by a fold of their own that is asked nothing before.
    """
    seed = simulation.spec.seed
    events = [event._replace(at=event.at + 1e6) for event in through_json(simulation.events)]
    wanted = simulation.proposals
    walker = simulation.fold(0)
    done = 0
    for position in sorted(wanted):
        walker.advance(events[done:position])
        done = position
        if walker.searcher.prepares:
            prepare(walker.searcher, walker.search_state, next_ask(walker, seed))
        answer = answer_of(walker.searcher, walker.search_state, next_ask(walker, seed))
        assert answer == wanted[position], f"rebuilt from JSON, another proposal at position {position}"
    for position in _spread(sorted(wanted), full):
        fold = simulation.fold(position)
        answer = answer_of(fold.searcher, fold.search_state, next_ask(fold, seed))
        assert answer == wanted[position], (
            f"folded without being asked, another proposal at position {position}"
        )


def check_purity(simulation: Simulation) -> None:
    """States are values: asked again after all that came later, even backwards, they answer as they did."""
    for held in reversed(simulation.held):
        again = answer_of(simulation.searcher, held.state, held.ask)
        assert again == held.answer, (
            f"the state of position {held.position} has changed, or asking changes it"
        )


def check_domain(simulation: Simulation) -> None:
    """What was proposed lies in the space, with its constraints kept, and its memo survives JSON."""
    for held in simulation.held:
        if held.answer != "nothing":
            unit, memo = json.loads(held.answer)
            _check_row([float.fromhex(u) for u in unit], held.ask.space)
            assert dumps(loads(dumps(memo))) == dumps(memo)
    space = simulation.spec.problem.space
    for event in simulation.events if space is not None else ():
        if isinstance(event, Created) and space is not None:
            assert space.check(event.params) == dict(event.params)
            assert space.feasible(event.params), f"{event.params} breaks a constraint"


def _check_row(unit: Sequence[float], space: Space) -> None:
    assert len(unit) == len(space.dims), f"{len(unit)} numbers for {len(space.dims)} dimensions"
    params = space.decode(unit)
    assert space.check(params) == params
    assert space.feasible(params), f"{params} breaks a constraint"
    for u, parameter in zip(unit, space.dims, strict=True):
        if parameter.active(params):
            assert 0.0 <= u <= 1.0, f"{parameter.key} is proposed at {u}, outside [0, 1]"


def check_replay(simulation: Simulation) -> None:
    """All proposals of the searcher in the log come again at the positions that their proposer had read."""
    numbers = [event.number for event in simulation.events if isinstance(event, Created)]
    assert numbers == list(range(len(numbers)))
    from tunesmith.kernel.replay import replay

    result = replay(
        through_json(simulation.events), simulation.spec, simulation.searcher, simulation.scheduler
    )
    assert result.identical, f"trial {result.diverged_at} does not come out again"


def check_all(simulation: Simulation) -> None:
    """All laws that one simulation can show."""
    check_fold(simulation)
    check_purity(simulation)
    check_domain(simulation)
    check_replay(simulation)


def check_fresh_process(paths: Sequence[Path]) -> None:
    """In a process that has seen nothing, the studies of these logs propose what they did."""
    code = (
        "import json, pathlib, sys; from tunesmith.testing.simulate import diverged; "
        "print(json.dumps([diverged(pathlib.Path(path)) for path in json.load(sys.stdin)]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([str(path) for path in paths]),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for path, positions in zip(paths, json.loads(done.stdout), strict=True):
        assert not positions, f"a fresh process proposes otherwise at {positions} of {path}"


def able(
    searcher: Searcher[Any], space: Space | None, objectives: int = 1, fidelity: Fidelity | None = FIDELITY
) -> bool:
    """Whether the searcher says that it can deal with such a study."""
    handles = searcher.handles
    if handles.fidelity and fidelity is None:
        return False
    if handles.objectives is not None and objectives > handles.objectives:
        return False
    if space is None:
        return handles.define_by_run
    return (
        (handles.conditions or not any(p.rules for p in space.parameters))
        and (handles.constraints or not space.constraints)
        and (handles.continuous or grid_size(space) is not None)
    )


def needed(searcher: Searcher[Any]) -> Fidelity | None:
    """A fidelity where the searcher must have one."""
    return FIDELITY if searcher.handles.fidelity else None


def _spread(positions: Sequence[int], count: int) -> Sequence[int]:
    if len(positions) <= count:
        return positions
    return [positions[round(i * (len(positions) - 1) / (count - 1))] for i in range(count)]
