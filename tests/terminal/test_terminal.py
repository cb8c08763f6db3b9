"""The view on a real (pseudo) terminal: seen byte by byte, and left as it was found."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from tunesmith.terminal.words import cells

_DEADLINE = 60.0
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
SCRIPT = """
import time, sys
import tunesmith as ts

def objective(trial):
    x = trial.suggest_float("a\\x1b[31mname", 0, 1)
    for step in range(1, 4):
        time.sleep(0.05)
        trial.report(x + step, step)
    if trial.number == 1:
        print("said by the objective", flush=True)
    return x

if __name__ == "__main__":
    kept = {{"name": "a\\x1b[2Jb", "storage": "s.db"}}
    study = ts.tune(objective, n_trials=6, workers={workers}, seed=0, **kept, {more})
    print("over", len(study.trials))
"""


class Terminal:
    """A program on a terminal of `width` columns; `text` is all that it has written."""

    def __init__(self, arguments, folder, width=60, **variables):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        self.before = termios.tcgetattr(slave)
        environment = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR", "COLUMNS", "LINES")}
        environment |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **variables}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=folder,
            env=environment, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self.slave = slave
        self.text = ""

    def until(self, pattern=None):
        """Read until the pattern was written, or else to the program's end."""
        end = time.monotonic() + _DEADLINE
        while pattern is None or not re.search(pattern, self.text):
            assert time.monotonic() < end, self.text
            if select.select([self.master], [], [], 0.2)[0]:
                self.text += os.read(self.master, 65536).decode("utf-8", "replace")
            elif self.process.poll() is not None:
                assert pattern is None or re.search(pattern, self.text), self.text
                return self.text
        return self.text

    def code(self):
        return self.process.wait(_DEADLINE)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def on_terminal(tmp_path):
    started = []

    def start(arguments, **options):
        started.append(Terminal(arguments, tmp_path, **options))
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()


def script(tmp_path, workers=1, more=""):
    path = tmp_path / "study.py"
    path.write_text(SCRIPT.format(workers=workers, more=more), encoding="utf-8")
    return [str(path)]


def drawn(text):
    """The lines as written, without styles and movements."""
    return [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", text)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_script_on_a_terminal_shows_its_progress(tmp_path, on_terminal, workers):
    terminal = on_terminal(script(tmp_path, workers))
    text = terminal.until()
    assert terminal.code() == 0, text
    assert text.count(_HIDE) == text.count(_SHOW) == 1
    assert text.index(_HIDE) < text.index(_SHOW)
    lines = drawn(text)
    assert max(map(cells, lines)) <= 60
    assert any(re.match(r"a\?\[2Jb [━╸─]+ \d/6", line) for line in lines)
    assert any("curve" in line for line in lines)
    assert "said by the objective" in text
    assert any(line.startswith("a?[2Jb: 6 of 6 done, best ") for line in lines)
    assert lines[-2:] == ["over 6", ""]
    assert "\x1b[2J" not in text
    assert "\x1b[31mname" not in text
    assert termios.tcgetattr(terminal.slave) == terminal.before


def test_without_colour_it_is_the_same_view(tmp_path, on_terminal):
    text = on_terminal(script(tmp_path), NO_COLOR="1").until()
    assert _HIDE in text
    assert "━" in text
    assert not re.search(r"\x1b\[[0-9;]*\b[349][0-7]m", text)


def test_a_terminal_without_unicode_gets_ascii(tmp_path, on_terminal):
    text = on_terminal(script(tmp_path), PYTHONIOENCODING="ascii").until()
    assert _HIDE in text
    assert text.isascii()
    assert any(re.match(r"a\?\[2Jb [=>-]+ \d/6", line) for line in drawn(text))


@pytest.mark.parametrize("variables", [{"CI": "true"}, {"TERM": "dumb"}])
def test_robots_and_dumb_terminals_get_none(tmp_path, on_terminal, variables):
    text = on_terminal(script(tmp_path), **variables).until()
    assert text.split() == ["said", "by", "the", "objective", "over", "6"]


def test_a_script_in_a_pipe_says_nothing_of_itself(tmp_path):
    done = subprocess.run(
        [sys.executable, *script(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["said by the objective", "over 6"]


def test_progress_true_says_all_anywhere_and_false_nothing(tmp_path, on_terminal):
    done = subprocess.run(
        [sys.executable, *script(tmp_path, more="progress=True")], cwd=tmp_path, capture_output=True,
        text=True, check=True, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    lines = done.stderr.splitlines()
    assert [line.split()[1] for line in lines[:6]] == list("012345")
    assert "next" in lines
    for command in (line.split("   ")[-1] for line in lines[lines.index("next") + 1 :]):
        pasted = subprocess.run(
            command.replace("tunesmith", f"{sys.executable} -m tunesmith.cli.main", 1).replace("?", "\x1b"),
            shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert pasted.returncode == 0, pasted.stderr
    (tmp_path / "s.db").unlink()
    assert _HIDE not in on_terminal(script(tmp_path, more="progress=False")).until()


def test_watch_shows_the_view_and_ctrl_c_leaves_quietly(tmp_path, on_terminal):
    import tunesmith as ts

    study = ts.create_study({"x": ts.Float(0, 1)}, name="w", storage=tmp_path / "w.db", n_trials=9, seed=0)
    study.tell(study.ask(), 0.25)
    command = ["-m", "tunesmith.cli.main", "watch", "w", "--storage", "w.db"]
    terminal = on_terminal(command, width=80)
    terminal.until(r"1/9.*\n.*best")
    study.tell(study.ask(), 0.125)
    terminal.until(r"2/9[^~]*0\.1250")
    os.write(terminal.master, b"\x03")
    text = terminal.until()
    assert terminal.code() == 0
    assert "Traceback" not in text
    assert "^C" not in text
    assert text.rstrip().endswith(_SHOW) or _SHOW in text
    for _ in range(7):
        study.tell(study.ask(), 0.5)
    terminal = on_terminal(command, width=80)
    text = terminal.until()
    assert terminal.code() == 0
    assert "best 0.1250 (trial #1)" in text
