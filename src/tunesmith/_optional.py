"""Optional libraries: imported where they are used, and named with their extra when absent."""

from __future__ import annotations

import importlib
from types import ModuleType

from tunesmith.errors import MissingExtra


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import `module`, or raise MissingExtra that says what to install and for what."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtra(
            f"{purpose} needs {package}, which is not installed: pip install 'tunesmith[{extra}]'"
        ) from error
