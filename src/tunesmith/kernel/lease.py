"""Keeping claims alive while trials run: renewed beside the training code, never by it."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import Protocol

from tunesmith.errors import TunesmithError

_log = logging.getLogger("tunesmith")


class Holder(Protocol):
    """Somebody who holds claims, and can have them renewed."""

    def renew(self) -> None:
        """Renew them in the store."""


def keep_renewed(holder: Holder, every: float) -> threading.Event:
    """Have `holder`'s claims renewed every so many seconds, until the event is set or the holder is gone."""
    done = threading.Event()
    thread = threading.Thread(
        target=_loop, args=(weakref.ref(holder, lambda _: done.set()), every, done), daemon=True,
        name="tunesmith-leases",
    )  # fmt: skip
    thread.start()
    return done


def _loop(holder: weakref.ref[Holder], every: float, done: threading.Event) -> None:
    while not done.wait(every):
        held = holder()
        if held is None:
            return
        try:
            held.renew()
        except TunesmithError as error:  # a store that is away for a while comes back; the lease is long
            _log.warning("the leases could not be renewed: %s", error)
        del held
