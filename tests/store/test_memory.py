"""The store in memory keeps the laws of stores."""

from pathlib import Path

from tunesmith.store.memory import MemoryStore
from tunesmith.testing.store_laws import StoreLaws


class TestMemoryStore(StoreLaws):
    def open(self, folder: Path, lease: float = 60.0) -> MemoryStore:
        return MemoryStore(lease=lease)
