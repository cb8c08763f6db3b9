"""Checkpoints by pickle: written and read only where the user has said so at both ends."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from tunesmith.errors import SettingError


def save(data: Any, path: Path) -> None:
    """Pickle `data` into a file. Raises SettingError for what cannot be pickled."""
    try:
        with path.open("wb") as file:
            pickle.dump(data, file, protocol=pickle.HIGHEST_PROTOCOL)
    except OSError:
        raise
    except Exception as error:
        raise SettingError(f"this checkpoint cannot be pickled: {error}") from error


def load(path: Path) -> Any:
    """What the file holds. It runs whatever code is in it: call it with consent alone."""
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301
