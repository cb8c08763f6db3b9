"""Pages as programs: every fenced block of a page, run in order in one interpreter, in an empty folder.

A ```python block is run. A block with file=train.py, of any language, is written to that file. A ```sh block
is run by the shell. A ```text block right after one of them is what it must print, on both streams: `…`
stands for anything within a line, and a line of nothing but `…` for any number of lines. A ```python no-run
block is compiled only.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "\x1e"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the rest of its first line, its text, its line in the page."""

    language: str
    options: tuple[str, ...]
    text: str
    line: int
    prints: str | None = None

    @property
    def file(self) -> str | None:
        return next((o.removeprefix("file=") for o in self.options if o.startswith("file=")), None)


def pages() -> list[Path]:
    """All pages that promise something."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, each with the output written under it."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in _FENCE.finditer(text):
        language, options, body = match[1], tuple(shlex.split(match[2])), match[3]
        if language == "text":
            if found and found[-1].prints is None and not text[found[-1].line : match.start()].strip():
                found[-1] = Block(**{**vars(found[-1]), "prints": body})
            continue
        found.append(Block(language, options, body, match.end()))
    return [
        Block(**{**vars(b), "line": text.count("\n", 0, b.line) - b.text.count("\n")})
        for b in found
        if b.language in ("python", "sh") or b.file is not None
    ]


def program(found: list[Block]) -> str:
    """One script of all blocks, which prints a mark before each."""
    lines = [
        "import subprocess as _subprocess, sys as _sys",
        "from pathlib import Path as _Path",
        "def _at(n):",
        f"    _sys.stdout.flush(); _sys.stdout.write({_MARK!r} + str(n) + '\\n'); _sys.stdout.flush()",
    ]
    for number, block in enumerate(found):
        lines.append(f"_at({number})")
        if "no-run" in block.options:
            continue
        if block.file is not None:
            lines.append(f"_Path({block.file!r}).write_text({block.text!r})")
        elif block.language == "sh":
            lines.append(f"_subprocess.run({'set -e' + chr(10) + block.text!r}, shell=True, check=True)")
        else:
            lines.append(block.text)
    return "\n".join(lines) + "\n"


def run(page: Path, folder: Path) -> list[tuple[Block, str]]:
    """Each block with what it printed; raises AssertionError when the page does not run to its end."""
    found = blocks(page)
    for block in found:
        if block.language == "python":
            compile(block.text, f"{page.name}, line {block.line}", "exec")
    script = folder / "page.py"
    script.write_text(program(found), encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "error",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    environment.pop("TUNESMITH_STORAGE", None)
    done = subprocess.run(
        [sys.executable, script.name], cwd=folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip
    _, *parts = done.stdout.split(_MARK)
    printed = [part.partition("\n")[2] for part in parts]
    if done.returncode != 0 or len(printed) != len(found):
        where = found[len(printed) - 1].line if printed else 0
        raise AssertionError(f"{page.name}, the block at line {where} fails:\n{done.stdout[-4000:]}")
    return list(zip(found, printed, strict=True))


def agrees(promised: str, printed: str) -> bool:
    """Whether the printed lines are the promised ones, up to the width of columns; `…` is anything."""
    promised, printed = (re.sub(" +", " ", text) for text in (promised, printed))
    pattern = "".join(map(_pattern, promised.strip("\n").splitlines()))
    return re.fullmatch(pattern, printed.strip("\n") + "\n") is not None


def _pattern(line: str) -> str:
    if line.strip() == "…":
        return r"(?:[^\n]*\n)*"
    return r"[^\n]*".join(map(re.escape, line.rstrip().split("…"))) + r" *\n"
