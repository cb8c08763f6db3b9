"""What the processors of this machine have consumed, where it tells: RAPL, by the files of powercap."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")
_JOULES = 1e-6
_KWH = 3.6e6  # joules


@dataclass(slots=True)
class Energy:
    """Counts from when it is made. The counter of a package begins anew at its `max_energy_range_uj`."""

    folders: tuple[Path, ...]
    total: float = 0.0  # microjoules
    last: dict[Path, int] = field(default_factory=dict)

    @classmethod
    def meter(cls, powercap: Path | None = None) -> Energy | None:
        """One for the packages of this machine; None where they cannot be read."""
        folders = tuple(
            sorted(f for f in (powercap or _POWERCAP).glob("intel-rapl:*") if f.name.count(":") == 1)
        )
        found = cls(folders)
        try:
            found.kwh()
        except (OSError, ValueError):
            return None
        return found if folders else None

    def kwh(self) -> float:
        """Kilowatt-hours so far."""
        for folder in self.folders:
            now = int((folder / "energy_uj").read_text())
            before = self.last.get(folder, now)
            if now < before:
                before -= int((folder / "max_energy_range_uj").read_text())
            self.total += now - before
            self.last[folder] = now
        return self.total * _JOULES / _KWH
