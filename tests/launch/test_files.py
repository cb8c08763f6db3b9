"""Event files of TensorBoard, output that is kept, and what a script reports."""

import json
import math
import os
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith import _script
from tunesmith.errors import SettingError
from tunesmith.launch.output import Kept
from tunesmith.launch.tfevents import EventFile, Folder, Scalar

DATA = Path(__file__).parent / "data"


def test_scalars_as_tensorboardx_writes_them():
    found = list(EventFile(DATA / "events.out.tfevents.x").read())
    assert found[:2] == [Scalar("val/acc", 1, 0.625), Scalar("loss", 1, 1.0)]
    assert [s.step for s in found if s.tag == "val/acc"] == [1, 2, 3, 2**40]
    assert math.isnan(found[-1].value)
    assert {s.tag for s in found} == {"val/acc", "loss"}


def test_scalars_as_tensors():
    found = list(EventFile(DATA / "events.out.tfevents.tb").read())
    assert found == [*(Scalar("val/acc", k, 0.25 * k) for k in (1, 2, 3)), Scalar("loss", 7, 2.0)]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_file_is_read_as_it_grows(tmp_path, size):
    whole = (DATA / "events.out.tfevents.tb").read_bytes()
    path = tmp_path / "run" / "events.out.tfevents.1"
    folder = Folder(tmp_path)
    assert list(folder.read()) == []
    path.parent.mkdir()
    found = []
    with path.open("wb", buffering=0) as file:
        for at in range(0, len(whole), size):
            file.write(whole[at : at + size])
            found += folder.read()
    assert found == list(EventFile(DATA / "events.out.tfevents.tb").read())


def test_what_lay_there_before_is_another_run_s(tmp_path):
    (tmp_path / "events.out.tfevents.old").write_bytes((DATA / "events.out.tfevents.tb").read_bytes())
    folder = Folder(tmp_path)
    assert list(folder.read()) == []
    (tmp_path / "events.out.tfevents.new").write_bytes((DATA / "events.out.tfevents.tb").read_bytes())
    assert len(list(folder.read())) == 4


def test_a_damaged_file_ends_where_the_damage_is(tmp_path):
    whole = bytearray((DATA / "events.out.tfevents.tb").read_bytes())
    good = len(list(EventFile(DATA / "events.out.tfevents.tb").read()))
    path = tmp_path / "events.out.tfevents.bad"
    for place in range(0, len(whole), 5):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        path.write_bytes(bytes(broken))
        assert len(list(EventFile(path).read())) <= good
    path.write_bytes(os.urandom(1000))
    assert list(EventFile(path).read()) == []


def test_output_keeps_its_beginning_and_its_end(tmp_path):
    kept = Kept(tmp_path / "out", most=80_000)
    lines = [f"line {k}\n".encode() for k in range(100_000)]
    for line in lines:
        kept.write(line)
    assert kept.tail(2) == ["line 99998", "line 99999"]
    kept.close()
    text = (tmp_path / "out").read_bytes()
    assert len(text) <= 80_000
    assert text.startswith(b"line 0\nline 1\n")
    assert text.endswith(b"line 99998\nline 99999\n")
    assert text.count(b"are left out here") == 1
    assert (tmp_path / "out").stat().st_nlink == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_little_output_is_kept_as_it_is(tmp_path):
    kept = Kept(tmp_path / "out")
    kept.write(b"\xff\x00 bytes\r\n")
    kept.close()
    assert (tmp_path / "out").read_bytes() == b"\xff\x00 bytes\r\n"


@pytest.fixture
def in_trial(tmp_path, monkeypatch):
    monkeypatch.setenv(_script.REPORT_FILE, str(tmp_path / "reports"))
    monkeypatch.setenv(_script.STOP_FILE, str(tmp_path / "stop"))
    monkeypatch.setenv(_script.PARAMS, '{"lr": 0.5}')
    monkeypatch.setattr(_script, "_asked", [])
    return tmp_path


def test_a_script_reports(in_trial):
    ts.report(acc=0.5, step=3)
    ts.report({"val/acc": 1}, loss=2)
    lines = (in_trial / "reports").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"acc": 0.5, "step": 3}, {"val/acc": 1.0, "loss": 2.0}]
    with pytest.raises(SettingError, match="takes numbers, got acc='high'"):
        ts.report(acc="high")
    assert ts.trial_params() == {"lr": 0.5}


def test_a_script_that_asks_is_known_to_ask(in_trial):
    assert not ts.should_stop()
    assert not ts.should_stop()
    assert (in_trial / "reports").read_text() == '{"tunesmith": "asks"}\n'
    (in_trial / "stop").touch()
    assert ts.should_stop()


def test_outside_of_a_trial_nothing_happens(tmp_path, monkeypatch):
    for name in (_script.REPORT_FILE, _script.STOP_FILE, _script.PARAMS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    ts.report(acc=0.5)
    assert not ts.should_stop()
    assert ts.trial_params() == {}
    assert list(tmp_path.iterdir()) == []
