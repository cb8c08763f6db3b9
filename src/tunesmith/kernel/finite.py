"""Finite spaces: how many configurations there are, and whether all were tried."""

from __future__ import annotations

from tunesmith.record.ledger import Ledger
from tunesmith.search.grid import grid_of
from tunesmith.space.grid import grid_size
from tunesmith.space.space import Space

_MOST = 20_000  # of larger spaces nobody tries all


def size(space: Space | None) -> int | None:
    """The number of configurations that keep the constraints; None where there are too many to count."""
    count = None if space is None else grid_size(space)
    if space is None or count is None or count > _MOST:
        return None
    if not space.constraints:
        return count
    grid = grid_of(space, 1)
    return sum(space.feasible(space.decode(grid.row(index))) for index in range(count))


def tried(ledger: Ledger) -> int:
    """How many different configurations the trials have had."""
    return len({tuple((n, type(v), v) for n, v in trial.params.items()) for trial in ledger.trials})


def exhausted(ledger: Ledger) -> int | None:
    """The number of configurations of the declared space when all were tried, else None."""
    if len(ledger.trials) > _MOST * 10:
        return None
    count = size(ledger.problem.space)
    enough = count is not None and len(ledger.trials) >= count and tried(ledger) >= count
    return count if enough else None


def beforehand(ledger: Ledger, limit: int | None, ends: bool) -> str | None:
    """What to say when more trials are asked for than there are configurations."""
    count = size(ledger.problem.space)
    if count is None or limit is None or limit <= count or len(ledger.trials) >= limit:
        return None
    then = "it ends when all are tried" if ends else "when all are tried, good ones are tried again"
    return f"the space has {count} configuration{'s' if count != 1 else ''}, for {limit} trials: {then}"


def afterwards(ledger: Ledger, repeated: bool = False) -> str | None:
    """What to say when every configuration was tried; `repeated`: only when some were so twice."""
    count = exhausted(ledger)
    if count is None:
        return None
    again = len(ledger.trials) - count
    if repeated and not again:
        return None
    more = f", and {again} trial{'s' if again != 1 else ''} repeated one" if again else ""
    return f"all {count} configurations of the space were tried{more}"
