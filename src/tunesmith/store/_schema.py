"""The tables of a SQLite store, their versions, and how one version becomes the next.

Forward only: `MIGRATIONS[n]` leads from version n to n + 1 within one transaction, and a file whose version
is newer than this list is refused untouched.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tunesmith.errors import StoreError, StoreTooNew

# `head` is apart from `study` because it is written by every append, and a specification may be long.
# `trial.last` is the position of the trial's last event: with it a repeated append is known as such.
# `trial.reported` are the values of the last report; `boot` says of which clock `lease_until` is.
_VERSION_1 = (
    "create table meta (key text primary key, value text not null) without rowid",
    """create table study (
        id integer primary key autoincrement, name text not null unique, spec text not null, created real
    )""",
    """create table head (
        study_id integer primary key, position integer not null default 0,
        next_number integer not null default 0, updated real,
        waiting integer not null default 0, running integer not null default 0,
        paused integer not null default 0, complete integer not null default 0,
        stopped integer not null default 0, failed integer not null default 0
    )""",
    """create table event (
        study_id integer not null, position integer not null, kind text not null, number integer not null,
        attempt integer not null, at real, body text not null, primary key (study_id, position)
    ) without rowid""",
    """create table trial (
        study_id integer not null, number integer not null, state text not null, attempt integer not null,
        worker text, lease_until real, boot text, last integer not null,
        params text not null, value real, "values" text, step integer, reported text,
        budget integer, parent integer, source text not null, started real, finished real,
        error text, constraints text, user_attrs text, primary key (study_id, number)
    ) without rowid""",
    "create index trial_running on trial (study_id, number) where state = 'RUNNING'",
    """create table refused (
        id integer primary key, study_id integer not null, at real, kind text not null,
        number integer not null, attempt integer not null, body text not null, why text not null
    )""",
    """create view trials as select
        study.name as study, trial.number, trial.state, trial.value, trial.params,
        strftime('%Y-%m-%dT%H:%M:%fZ', trial.started, 'unixepoch') as started,
        strftime('%Y-%m-%dT%H:%M:%fZ', trial.finished, 'unixepoch') as finished,
        max(0.0, trial.finished - trial.started) as duration_s, trial.error
        from trial join study on study.id = trial.study_id""",
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1,)
SCHEMA = len(MIGRATIONS)


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """Raises StoreTooNew for a newer version, StoreError for another program's database; writes nothing."""
    version = _version(db)
    if version > SCHEMA:
        raise StoreTooNew(
            f"{path} was written by a newer Tunesmith (its format is {version}, this one reads up to "
            f"{SCHEMA}): update Tunesmith; the file is untouched"
        )
    if version == 0 and db.execute("select 1 from sqlite_master limit 1").fetchone():
        raise StoreError(f"{path} is a database of another program: name another file for the studies")


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables to version SCHEMA; to be called inside a transaction."""
    version = _version(db)
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            db.execute(statement)
    if version < SCHEMA:
        db.execute("insert or replace into meta values ('schema', ?)", (str(SCHEMA),))


def _version(db: sqlite3.Connection) -> int:
    if not db.execute("select 1 from sqlite_master where type = 'table' and name = 'meta'").fetchone():
        return 0
    try:
        found = db.execute("select value from meta where key = 'schema'").fetchone()
    except sqlite3.OperationalError:  # another program's table of that name
        return 0
    return int(found[0]) if found is not None and str(found[0]).isdigit() else 0
