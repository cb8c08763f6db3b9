"""Saves checkpoints of one trial for ever, until it is killed: python saver.py STORE KIND FORKS.

It forks a child, kills it at some moment and tells how far it had said it was: `FORKS` times.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import tunesmith as ts


def content(kind, version, scratch):
    if kind == "bytes":
        return version.to_bytes(4, "little") * 20_000
    if kind == "tree":
        return {"version": version, "weights": np.full(30_000, version), 3: (version, None)}
    scratch.mkdir(exist_ok=True)
    (scratch / "frozen").write_bytes(b"backbone" * 1000)
    for part in "abc":
        (scratch / part).write_bytes(version.to_bytes(4, "little") * 5000)
    return scratch


def version_of(found):
    """The version that was saved; what is torn, or made of two versions, is an error."""
    if isinstance(found, bytes):
        version = int.from_bytes(found[:4], "little")
        assert found == version.to_bytes(4, "little") * 20_000
    elif isinstance(found, dict):
        version = found["version"]
        assert (found["weights"] == version).all()
        assert found[3] == (version, None)
    else:
        version = int.from_bytes((found / "a").read_bytes()[:4], "little")
        assert (found / "frozen").read_bytes() == b"backbone" * 1000
        assert {(found / part).read_bytes() for part in "abc"} == {version.to_bytes(4, "little") * 5000}
    return version


def save(storage, kind, told):
    study = ts.load_study("saved", storage=storage)
    trial = study.ask()
    found = trial.load_checkpoint()
    version = 0 if found is None else version_of(found)
    scratch = Path(f"{storage}.{os.getpid()}")
    os.write(told, f"{version} start\n".encode())
    while True:
        version += 1
        os.write(told, f"{version} begins\n".encode())
        trial.save_checkpoint(content(kind, version, scratch), step=version)
        os.write(told, f"{version} saved\n".encode())


def main(storage, kind, forks):
    ts.create_study({"x": ts.Float(0, 1)}, name="saved", storage=storage, load_if_exists=True)
    rng = random.Random(7)
    for turn in range(forks):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            save(storage, kind, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.readline()  # it has begun
            while not turn and not said.endswith(b"saved\n"):
                said += pipe.readline()
            time.sleep(rng.uniform(0.0, 0.12))
            os.kill(child, signal.SIGKILL)
            said += pipe.read()
        os.waitpid(child, 0)
        lines = [line.split() for line in said.decode().splitlines()]
        sure = max(int(version) for version, what in lines if what != "begins")
        most = max(int(version) for version, what in lines)
        print(sure, most, flush=True)
        found = ts.load_study("saved", storage=storage).load_checkpoint(0)
        version = 0 if found is None else version_of(found)
        assert sure <= version <= most, (sure, version, most)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
