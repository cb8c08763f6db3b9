"""How the golden files of store format 1 were made: `python tests/golden/make_store_v1.py`.

They are never made anew for a format that was released; a new format gets files of its own.
"""

import contextlib
import sqlite3
import tempfile
from pathlib import Path

from tunesmith.errors import LeaseLost
from tunesmith.record.codec import encode_event
from tunesmith.record.event import (
    Checkpointed,
    Claimed,
    Created,
    Extended,
    Finished,
    Noted,
    Paused,
    Released,
    Reported,
    Resumed,
    Suggested,
)
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.problem import Direction, Objective, Problem, StudySpec
from tunesmith.record.trial import Source, TrialState
from tunesmith.space.domain import Categorical, Float, Int
from tunesmith.store.sqlite import SQLiteStore

HERE = Path(__file__).parent
SPEC = StudySpec(
    name="golden",
    seed=7,
    created=1_700_000_000.0,
    searcher={"name": "tpe", "startup": 10},
    scheduler={"name": "asha"},
    problem=Problem(
        objectives=(Objective("acc", Direction.MAXIMIZE), Objective("ms", Direction.MINIMIZE)),
        fidelity=Fidelity("epoch", 1, 27),
        n_trials=10,
    ),
)
DOMAINS = {"lr": Float(1e-5, 0.1, log=True), "layers": Int(1, 8), "act": Categorical(["relu", "gelu", None])}
PARAMS = {"lr": 0.0031, "layers": 3, "act": None}
BATCHES = [
    [
        Noted(-1, 0, key="who", value={"name": "Zoë", "n": [1, 2.5, None]}, at=1.0),
        Extended(-1, 0, n_trials=20, at=1.5),
    ],
    [
        Created(0, 1, params={}, source=Source.DEFAULT, worker="w1", budget=1, seen=2, at=2.0),
        Suggested(0, 1, params=PARAMS, domains=DOMAINS, at=3.0),
    ],
    [
        Created(
            1,
            0,
            params={"lr": 0.01},
            source=Source.QUEUE,
            fixed={"lr": 0.01},
            memo={"g": 1},
            parent=0,
            at=4.0,
        )
    ],
    [Reported(0, 1, step=1, values=(0.5, 12.0), metrics={"loss": float("inf")}, at=5.0)],
    [Checkpointed(0, 1, step=1, file="0-1-0123456789abcdef.ckpt", at=6.0), Paused(0, 1, step=1, at=6.5)],
    [Claimed(1, 1, worker="w2", at=7.0), Released(1, 1, worker="w2", reason="shutdown", at=8.0)],
    [Resumed(0, 2, worker="w2", budget=3, at=9.0), Reported(0, 2, step=3, values=(0.75, 11.0), at=10.0)],
    [
        Finished(
            0,
            2,
            state=TrialState.COMPLETE,
            values=(0.8, 10.5),
            constraints={"c": -0.5},
            user_attrs={"tag": "a\0'\""},
            at=11.0,
        )
    ],
    [
        Created(2, 1, params=PARAMS, worker="w1", at=12.0),
        Finished(2, 1, state=TrialState.FAILED, error="ValueError: no\nTraceback", at=13.0),
    ],
    [
        Created(3, 1, params=PARAMS, worker="w1", at=14.0),
        Finished(3, 1, state=TrialState.STOPPED, values=(float("-inf"), -0.0), at=15.0),
    ],
    [Created(4, 1, params=PARAMS, worker="w3", at=16.0)],
]
LATE = Finished(0, 1, state=TrialState.COMPLETE, values=(0.1, 1.0), at=20.0)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, SQLiteStore(Path(folder) / "golden.db") as store:
        study = store.create(SPEC)
        for batch in BATCHES:
            store.append(study, batch)
        with contextlib.suppress(LeaseLost):
            store.append(study, [LATE])
        lines = [f"{type(event).__name__} {encode_event(event)}" for event in store.read(study)]
        with contextlib.closing(sqlite3.connect(store.path)) as db:
            dump = "\n".join(line for line in db.iterdump() if "sqlite_sequence" not in line)
    dump = dump.replace(",-Inf,", ",-9e999,")  # SQLite before 3.42 dumps what it cannot read back
    (HERE / "store_v1.sql").write_text(dump + "\n", encoding="utf-8")
    (HERE / "events_v1.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
