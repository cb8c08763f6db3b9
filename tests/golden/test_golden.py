"""Logs written by earlier versions propose today what they did then: a broken replay is seen at once."""

from pathlib import Path

import pytest

from tunesmith import presets
from tunesmith.kernel.replay import replay
from tunesmith.record.codec import decode_spec, encode_event, encode_spec
from tunesmith.testing.simulate import diverged, read_log, through_json

LOGS = sorted(Path(__file__).parent.glob("v*/*.jsonl"))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_proposals_are_those_of_then(path):
    assert not diverged(path)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_the_log_replays(path):
    spec, events, _ = read_log(path)
    result = replay(
        events, spec, presets.searcher_from(spec.searcher), presets.scheduler_from(spec.scheduler)
    )
    assert result.identical, result
    assert result.checked > 5


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_what_was_read_is_written_back_alike(path):
    spec, events, _ = read_log(path)
    assert decode_spec(encode_spec(spec)) == spec
    assert [encode_event(e) for e in through_json(events)] == [encode_event(e) for e in events]


def test_there_are_golden_logs():
    assert len(LOGS) >= 9
