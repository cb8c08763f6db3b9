"""What is found in printed lines, and what becomes of it."""

import json
import math
import time

import pytest

from tunesmith.errors import SettingError, TrialFailed
from tunesmith.launch.channels import Channels
from tunesmith.launch.collect import Collector
from tunesmith.launch.metrics import Measurement, Reading, Scanner


def scan(text, names=("acc",), regexes=(), steps=("step", "epoch"), cut=None):
    scanner = Scanner(Reading(tuple(names), steps, tuple(regexes)))
    data = text if isinstance(text, bytes) else text.encode()
    size = cut or len(data) or 1
    found = []
    for at in range(0, len(data), size):
        found += scanner.feed(data[at : at + size])
    return [(dict(m.values), m.step) for m in [*found, *scanner.flush()]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("acc=0.98\n", [({"acc": 0.98}, None)]),
        ("acc = 1e-3, done.\nacc: .5", [({"acc": 1e-3}, None), ({"acc": 0.5}, None)]),
        ("step=3 acc=0.5\n", [({"acc": 0.5}, 3)]),
        ("Epoch 4/10 acc=0.5%\n", [({"acc": 0.5}, 4)]),
        ("{'acc': 0.25, 'epoch': 2.0}\n", [({"acc": 0.25}, 2)]),
        ('{"acc": 0.25, "step": 7, "note": "x"}\n', [({"acc": 0.25}, 7)]),
        ("acc=nan\n", [({"acc": math.nan}, None)]),
        ("acc=-inf\n", [({"acc": -math.inf}, None)]),
        ("acc=1.\n", [({"acc": 1.0}, None)]),
        ("10%\racc=0.5\r\n", [({"acc": 0.5}, None)]),
        ("val_acc=0.5 train/acc=1 acc2=3 xacc=1 ACC=2\n", []),
        ("acc=high\nacc=0x1f\nacc\naccuracy 0.5\n", []),
        (b"\xff\xfe acc=0.5 \xe9\n", [({"acc": 0.5}, None)]),
        ("acc=1 acc=1\n", [({"acc": 1.0}, None)]),
        ("acc=12.5ms\nacc=0.97s\nacc=3.7GB\nacc=1.5e-3x\nacc=1.5e\nacc=1.2.3\nacc=0.5...\nacc=2.µs\n", []),
        ("acc=1,000.5\nacc=0,98\nacc=12:30\nacc=45/60\nacc=2026-01-02\nacc=1'000\nacc=infinit\n", []),
        *((f"acc=0.98{end}\n", [({"acc": 0.98}, None)]) for end in (".", ",", ";", "%", ", x", ")", "±0.1")),
        ("acc=0.98,loss=3\n", [({"acc": 0.98}, None)]),
        ("step=1,000 acc=0.5\nstep=2.5 acc=0.5\n", [({"acc": 0.5}, None)] * 2),
        ("epoch 3. acc=0.5\nstep=-1 acc=0.5\n", [({"acc": 0.5}, 3), ({"acc": 0.5}, -1)]),
        (
            "\x1b[1macc=0.98\n\x1b[32mstep=2\x1b[0m acc=\x1b[1;31m0.5\x1b[0m\n",
            [({"acc": 0.98}, None), ({"acc": 0.5}, 2)],
        ),
        ("\x1b]8;;http://x\x07acc\x1b]8;;\x1b\\=0.5\n", [({"acc": 0.5}, None)]),
        (f'{{"acc": 0.5, "x": {"9" * 400}, "y": [1], "epoch": 2}}\n', [({"acc": 0.5}, 2)]),
        ("", []),
    ],
)
def test_lines(text, found):
    for cut in (None, 1, 3):
        assert repr(scan(text, cut=cut)) == repr(found)


def test_several_metrics_on_a_line_and_names_with_signs():
    assert scan("val/acc=0.5 loss=2 step 1\n", ("val/acc", "loss")) == [({"val/acc": 0.5, "loss": 2.0}, 1)]


def test_two_values_on_a_line_are_refused():
    with pytest.raises(TrialFailed, match="a line gives two values of acc"):
        scan("train acc=0.9 | test acc=0.8\n")


@pytest.mark.parametrize(
    ("regex", "text", "found"),
    [
        (r"score is ([\d.]+)", "the score is 0.5\nacc=3\n", [({"acc": 0.5}, None)]),
        (r"it (?P<step>\d+): (?P<acc>\S+)", "it 7: 0.25", [({"acc": 0.25}, 7)]),
        (r"(?P<value>\d+)$", "x 12\n", [({"acc": 12.0}, None)]),
    ],
)
def test_regular_expressions(regex, text, found):
    assert scan(text, regexes=[regex]) == found


@pytest.mark.parametrize(
    ("regex", "told"),
    [("(", "cannot be"), ("acc", "must catch"), ("(?P<loss>x)", "must catch"), ("(a)(b)", "must catch")],
)
def test_regular_expressions_that_find_nothing(regex, told):
    with pytest.raises(SettingError, match=told):
        Reading(("acc",), regexes=(regex,))


def test_a_regular_expression_that_catches_no_number():
    with pytest.raises(TrialFailed, match="caught 'high', which is no number"):
        scan("acc high", regexes=[r"acc (\w+)"])


@pytest.mark.parametrize("step", ["nan", "1e999", "x"])
def test_a_regular_expression_that_catches_no_step(step):
    with pytest.raises(TrialFailed, match=f"caught '{step}', which is no step"):
        scan(f"{step} acc 0.5", regexes=[r"(?P<step>\S+) acc (?P<acc>\S+)"])


@pytest.mark.parametrize("name", ["acc", "step"])
def test_json_whose_needed_number_is_beyond_all(name):
    with pytest.raises(TrialFailed, match=f"{name} is too large for a number: 9999"):
        scan(json.dumps({"acc": 0.5, "step": 1} | {name: int("9" * 400)}))


@pytest.mark.parametrize(
    "text", [f"step={'9' * 5000} acc=0.5", "step=-1 acc=0.5", f'{{"step": {2**70}, "acc": 0.5}}']
)
def test_steps_that_no_store_can_hold(text):
    ((values, step),) = scan(text)
    with pytest.raises(TrialFailed, match=r"cannot be kept: steps are whole numbers from 0 to 2\*\*53"):
        collect((values, step))
    assert collect((values, 2**53))[0] == [({"acc": 0.5}, 2**53)]


def test_lines_without_a_metric_cost_next_to_nothing():
    scanner = Scanner(Reading(("acc",)))
    block = (b"x" * 99 + b"\n") * 650
    began = time.process_time()
    for _ in range(1000):
        assert not list(scanner.feed(block))
    assert time.process_time() - began < 10  # 65 MB; it is 0.05 s where nothing else runs
    endless = Scanner(Reading(("acc",)))
    for _ in range(1000):
        assert not list(endless.feed(b"acc" * 20_000))


def collect(*found, names=("acc",), signs=None, final="last"):
    reports = []
    collector = Collector(
        names, signs or dict.fromkeys(names, 1.0), final, lambda values, step: reports.append((values, step))
    )
    for values, step, *rank in found:
        collector.take(Measurement(values, {}, step), rank[0] if rank else 1)
    return reports, collector


def test_steps_are_those_said_else_counted():
    assert collect(({"acc": 1.0}, None), ({"acc": 2.0}, None))[0] == [({"acc": 1.0}, 1), ({"acc": 2.0}, 2)]
    assert [step for _, step in collect(({"acc": 1.0}, 5), ({"acc": 2.0}, None), ({"acc": 3.0}, 4))[0]] == [
        5,
        6,
    ]


def test_a_step_of_several_objectives_is_reported_when_it_is_whole():
    reports, collector = collect(
        ({"a": 1.0}, None), ({"b": 2.0}, None), ({"b": 3.0}, None), ({"a": 4.0}, None), names=("a", "b")
    )
    assert reports == [({"a": 1.0, "b": 2.0}, 1), ({"b": 3.0, "a": 4.0}, 2)]
    assert collector.result() == {"a": 4.0, "b": 3.0}
    assert collect(({"a": 1.0}, 1), ({"a": 2.0}, 2), ({"b": 2.0}, 2), names=("a", "b"))[0] == [
        ({"a": 2.0, "b": 2.0}, 2)
    ]


def test_the_last_or_the_best_value_counts():
    found = [({"acc": v}, None) for v in (1.0, 3.0, 2.0)]
    assert collect(*found)[1].result() == {"acc": 2.0}
    assert collect(*found, signs={"acc": -1.0}, final="best")[1].result() == {"acc": 3.0}
    assert collect(*found, final="best")[1].result() == {"acc": 1.0}


def test_contradictions_and_what_is_none():
    with pytest.raises(TrialFailed, match=r"step 3 has two values of acc, 1\.0 and 2\.0"):
        collect(({"acc": 1.0}, 3), ({"acc": 2.0}, 3))
    assert collect(({"acc": 1.0}, 3), ({"acc": 1.0}, 3))[1].result() == {"acc": 1.0}


def test_missing_and_nan():
    with pytest.raises(TrialFailed, match="measured no b: print a line such as b=0"):
        collect(({"a": 1.0}, None), names=("a", "b"))[1].result()
    with pytest.raises(TrialFailed, match="the last value of acc is nan"):
        collect(({"acc": 1.0}, None), ({"acc": math.nan}, None))[1].result()


def test_who_reports_on_purpose_is_heard_first():
    reports, collector = collect(({"acc": 0.9}, 1, 1), ({"acc": 0.9004}, 1, 3), ({"acc": 0.8}, 2, 1))
    assert collector.result() == {"acc": 0.9004}
    assert [step for _, step in reports] == [1, 1]


def test_a_report_file_that_holds_something_else(tmp_path):
    path = tmp_path / "reports"
    _, collector = collect()
    channels = Channels(Reading(("acc",)), collector, path, None)
    path.write_text('{"acc": 0.5}\n{"tunesmith": "asks"}\n{"other": 1}\n{"acc": 0.')
    channels.poll()
    assert collector.last == {"acc": 0.5}
    assert channels.asks
    with path.open("a") as file:
        file.write("75}\nacc=3\n")
    with pytest.raises(TrialFailed, match="takes a JSON object a line"):
        channels.flush()
    assert collector.last == {"acc": 0.75}
