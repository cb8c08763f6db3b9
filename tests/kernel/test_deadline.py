"""Time and budgets: used, not overshot, and what would not fit is not started."""

import math
import time

import pytest

import tunesmith as ts
from tunesmith.kernel.energy import Energy
from tunesmith.kernel.forecast import Forecast
from tunesmith.kernel.limits import Limits
from tunesmith.kernel.stop import TIME, Progress, either
from tunesmith.record.event import Claimed, Created, Finished, Paused, Released, Reported, Resumed
from tunesmith.record.trial import TrialState

SPACE = {"x": ts.Float(0.0, 1.0)}
EPOCHS = ts.Fidelity("epoch", 1, 9, 3)
LATE = 3.0  # seconds by which a loaded machine may be late


def epochs(trial):
    for epoch in range(1, 10):
        yield trial["x"] + 1 / epoch


def slow(trial):
    """Configurations differ by a factor of five."""
    for epoch in range(1, 10):
        time.sleep(0.01 + 0.04 * trial["x"])
        yield trial["x"] + 1 / epoch


def spent(study):
    return study.cursor.fold.ledger.spent


def releases(study):
    events = study.cursor.store.read(study.cursor.id)
    return [event for event in events if isinstance(event, Released)]


def tuned(objective, **options):
    options = {"searcher": "random", "seed": 0, "progress": False, "fidelity": EPOCHS, **options}
    return ts.tune(objective, SPACE, **options)


@pytest.mark.parametrize("scheduler", ["none", "asha"])
@pytest.mark.parametrize("workers", [1, 2])
def test_time_is_used_and_not_overshot(scheduler, workers):
    begun = time.monotonic()
    study = tuned(slow, timeout=4, scheduler=scheduler, workers=workers)
    assert time.monotonic() - begun < 4 + LATE
    assert study.best_trial.step == 9
    assert not study.cursor.fold.ledger.running
    put_back = releases(study)
    assert len(put_back) <= workers
    assert all(event.reason == "4 have passed" for event in put_back)
    assert len(study.trials) > 8 * workers
    begun_late = [t for t in study.trials if t.started > study.trials[0].started + 4]
    assert not begun_late
    assert study.replay().identical


def test_what_runs_at_the_end_is_put_back_and_goes_on_later(tmp_path):
    def long(trial):
        for _ in range(100):
            time.sleep(0.02)
            yield trial["x"]

    options = {"fidelity": ts.Fidelity("epoch", 1, 100), "name": "late", "storage": tmp_path / "s.db"}
    study = tuned(long, timeout=0.5, quiet=True, **options)
    (trial,) = study.trials
    assert trial.state is TrialState.WAITING
    assert trial.step > 3
    (event,) = releases(study)
    assert event.reason == "0.5 have passed"
    again = tuned(long, timeout=0.5, quiet=True, **options)
    assert [t.attempt for t in again.trials] == [1], "without a checkpoint it would not get any further"
    again = tuned(long, n_trials=1, timeout=60, quiet=True, **options)
    (trial,) = again.trials
    assert (trial.attempt, trial.state) == (2, TrialState.COMPLETE)
    assert [r.step for r in trial.reports] == list(range(1, 101))


def test_what_saves_checkpoints_gets_on_from_run_to_run(tmp_path):
    def long(trial):
        begin = int(trial.load_checkpoint() or 0)
        for epoch in range(begin + 1, 101):
            time.sleep(0.02)
            trial.save_checkpoint(str(epoch).encode(), epoch)
            yield trial["x"]

    options = {"fidelity": ts.Fidelity("epoch", 1, 100), "name": "late", "storage": tmp_path / "s.db"}
    reached = [tuned(long, timeout=0.4, quiet=True, **options).trials[0].step for _ in range(3)]
    assert 0 < reached[0] < reached[1] < reached[2]


def test_a_report_that_is_swallowed_ends_the_trial_all_the_same():
    def objective(trial):
        for epoch in range(1, 1000):
            time.sleep(0.01)
            try:
                trial.report(1.0, epoch)
            except BaseException:
                return 0.0
        return 1.0

    study = tuned(objective, timeout=0.3, fidelity=None)
    assert [t.state for t in study.trials] == [TrialState.WAITING]


def test_a_trial_at_its_last_report_is_not_put_back():
    def objective(trial):
        for epoch in range(1, 10):
            trial.report(trial["x"], epoch)
            if epoch == 8:
                time.sleep(0.3)
        return trial["x"]

    study = tuned(objective, timeout=0.2)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE]


def test_objectives_that_do_not_report_run_to_their_end():
    def objective(trial):
        time.sleep(0.4)
        return trial["x"]

    study = tuned(objective, timeout=0.1, fidelity=None)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("scheduler", "exactly"), [("none", 99), ("asha", 100)])
def test_steps_are_used_up(scheduler, exactly, workers):
    """11 whole trainings fit into 100 epochs; with rungs, all of it is used."""
    study = tuned(epochs, budget={"epoch": 100}, scheduler=scheduler, workers=workers)
    assert spent(study).steps == exactly == sum(len(t.reports) for t in study.trials)
    assert not releases(study)
    study.optimize(epochs, budget={"epoch": 100}, workers=workers)
    assert spent(study).steps == exactly, "the budget is the study's, not the run's"
    study.optimize(epochs, budget={"epoch": 118}, workers=workers)
    assert spent(study).steps in (117, 118)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_stopping_scheduler_never_overshoots(workers):
    def objective(trial):
        for epoch in range(1, 10):
            trial.report(trial["x"] + 1 / epoch, epoch)
        return trial["x"]

    study = tuned(objective, budget={"epoch": 200}, scheduler="asha", workers=workers)
    assert 200 - 9 - 2 * workers <= spent(study).steps <= 200
    assert any(t.state is TrialState.STOPPED for t in study.trials)


def test_what_returns_counts_its_budget():
    study = tuned(
        lambda trial: trial["x"] / trial.budget,
        budget={"share": 4.0},
        fidelity=ts.Fidelity("share", 0.1, 0.9),
    )
    assert len(study.trials) == 4
    assert spent(study).steps == pytest.approx(3.6)


def test_running_seconds_are_summed_over_workers():
    study = tuned(slow, budget={"seconds": 5}, workers=2)
    running = sum((t.finished or t.started) - t.started for t in study.trials)
    assert 2 < spent(study).seconds < 5 + LATE
    assert running <= spent(study).seconds + 1e-6
    assert len(study.trials) >= 2


def test_reported_amounts():
    def objective(trial):
        for epoch in range(1, 10):
            time.sleep(0.002)
            yield {"value": trial["x"], "kwh": 0.001 + 0.001 * (epoch > 8)}

    study = tuned(objective, budget={"kwh": 0.1})
    used = spent(study).amounts["kwh"]
    assert used == pytest.approx(sum(r.metrics["kwh"] for t in study.trials for r in t.reports))
    assert 0.06 < used <= 0.1 + 0.002 + 1e-12


@pytest.mark.parametrize("workers", [1, 2])
def test_what_nobody_measures_is_an_error_as_soon_as_that_is_known(workers):
    with pytest.raises(ts.SettingError, match="the budget counts 'water', which no trial reports") as raised:
        tuned(epochs, budget={"water": 3}, workers=workers, n_trials=50)
    assert "\n" not in str(raised.value)
    with pytest.raises(ts.SettingError, match="objectives on arrays report no amounts"):
        ts.tune(lambda c: c["x"], SPACE, budget={"water": 3}, vectorized=4, searcher="random")


def test_a_budget_too_small_for_anything():
    with pytest.raises(ts.SettingError, match="left of the budget, 5 of epoch: not even for a first trial"):
        tuned(epochs, budget={"epoch": 5})
    assert spent(tuned(epochs, budget={"epoch": 5}, scheduler="asha")).steps == 5


@pytest.mark.parametrize(
    "wrong", [{}, [], 3, "1h", {"epoch": 0}, {"epoch": -1}, {"epoch": "many"}, {"": 3}, {"seconds": "soon"}]
)
def test_budgets_that_are_none(wrong):
    with pytest.raises(ts.SettingError, match="budget"):
        tuned(epochs, budget=wrong)
    with pytest.raises(ts.SettingError, match="budget"):
        ts.Budget(wrong)


def progress(seconds=0.0, **used):
    return Progress(created=3, finished=3, seconds=seconds, sign=1.0, best=None, since_best=0, used=used)


def test_rules_say_what_is_left():
    budget, soon, later = ts.Budget({"epoch": 10, "seconds": "1m"}), ts.Timeout(5), ts.Timeout("9s")
    either_one = budget | soon | later | ts.MaxTrials(7)
    assert either_one.remaining(progress(2, epoch=4)) == {"epoch": 6, "seconds": 60, TIME: 3}
    assert either_one.over(progress(2, epoch=4)) is None
    assert either_one.over(progress(6, epoch=4)) == "5 have passed"
    assert either_one.reason(progress(2, epoch=10)) == "the budget is used: 10 of epoch"
    assert either_one.counted == {"epoch", "seconds"}
    both = budget & soon
    assert both.remaining(progress(2)) == {}
    assert both.over(progress(6, epoch=3)) is None
    assert both.over(progress(6, epoch=10)) == "the budget is used: 10 of epoch, and 5 have passed"
    assert ts.MaxTrials(3).over(progress()) is None, "running trials finish"
    assert ts.MaxTrials(3).reason(progress()) is not None
    assert either(None, None) is None
    assert either(None, soon) is soon


def planned(*events, scheduler="none"):
    """A study whose log says how long things took."""
    study = ts.create_study(SPACE, fidelity=EPOCHS, scheduler=scheduler, searcher="random", seed=0)
    study.cursor.append(events)
    return study


def created(number, x, at, budget=9):
    return Created(number, 1, {"x": x}, budget=budget, worker="me", at=at)


def ran(number, x, begin, end=9, lead=0.0):
    """A trial whose steps take 10 ** x seconds."""
    step = 10**x
    events = [created(number, x, begin)]
    events += [Reported(number, 1, k, (1.0,), at=begin + lead + k * step) for k in range(1, end + 1)]
    return [*events, Finished(number, 1, TrialState.COMPLETE, (1.0,), at=begin + lead + end * step)]


def test_durations_are_predicted_by_configuration_and_steps():
    events = [e for n in range(12) for e in ran(n, n / 12, 1000.0 * n, lead=2.0)]
    study = planned(*events, created(12, 0.5, 20_000.0), created(13, 0.9, 20_000.0, budget=3))
    forecast, trials = Forecast(study.cursor.fold.ledger), study.cursor.fold.ledger.trials
    assert forecast.seconds(trials[12]) == pytest.approx(2 + 9 * 10**0.5, rel=0.1)
    assert forecast.seconds(trials[13]) == pytest.approx(2 + 3 * 10**0.9, rel=0.1)
    study.cursor.append([Reported(13, 1, k, (1.0,), at=20_000.0 + 2 + 4.0 * k) for k in (1, 2, 3)])
    study.cursor.append([Paused(13, 1, 3, at=20_014.0), Resumed(13, 2, "me", 9, at=20_020.0)])
    resumed = study.cursor.fold.ledger.trials[13]
    own = Forecast(study.cursor.fold.ledger).seconds(resumed)
    assert own == pytest.approx(2 + 6 * 4.0, rel=0.01), "what it has shown itself counts"
    study.cursor.append([Released(13, 2, "me", at=20_021.0)])
    waiting = study.cursor.fold.ledger.trials[13]
    anew = Forecast(study.cursor.fold.ledger).seconds(waiting, anew=True)
    assert anew == pytest.approx(own + 3 * 4.0, rel=0.01), "it begins again, without a checkpoint"


def test_durations_of_what_only_returns():
    """By the share that it trains on: 5 seconds and 20 for all of it."""
    events = []
    for n in range(9):
        share = EPOCHS.low * 3 ** (n % 3)
        events += [created(n, 0.5, 100.0 * n, budget=share)]
        events += [Reported(n, 1, share, (1.0,), at=100.0 * n + 2.0 * share**0.8)]
        events += [Paused(n, 1, share, at=100.0 * n + 2.0 * share**0.8)]
    study = planned(*events, created(9, 0.5, 1000.0), created(10, 0.5, 1000.0, budget=1))
    forecast, trials = Forecast(study.cursor.fold.ledger), study.cursor.fold.ledger.trials
    assert forecast.seconds(trials[9]) == pytest.approx(2 * 9**0.8, rel=0.15)
    assert forecast.seconds(trials[10]) == pytest.approx(2, rel=0.15)


def test_nothing_is_known_at_first():
    study = planned(created(0, 0.5, 10.0))
    forecast = Forecast(study.cursor.fold.ledger)
    assert forecast.seconds(study.cursor.fold.ledger.trials[0]) is None
    assert forecast.bound() is None
    limits = Limits(study.cursor, ts.Timeout(0.001))
    assert limits.may(Created(1, 1, {"x": 0.5}, budget=9, worker="me"))


def test_the_slow_is_not_started_and_the_quick_is():
    events = [e for n in range(12) for e in ran(n, n / 12, 1000.0 * n)]
    study = planned(*events)
    limits = Limits(study.cursor, ts.Timeout(30))
    assert limits.may(Created(12, 1, {"x": 0.1}, budget=9, worker="me"))
    assert limits.refused is None
    assert not limits.may(Created(12, 1, {"x": 0.9}, budget=9, worker="me"))
    assert limits.refused == "nothing more would be done in the 30 s that are left"
    assert limits.may(Created(12, 1, {"x": 0.9}, budget=1, worker="me"))


def test_a_smaller_piece_is_done_where_the_larger_one_does_not_fit():
    """The scheduler would promote to 9 epochs; there is time for a new trial's first."""
    study = planned(scheduler=ts.ASHA(promotion=True))
    events = []
    for n in range(9):
        events += [created(n, 0.1, 100.0 * n, budget=1)]
        events += [Reported(n, 1, 1, (float(n),), at=100.0 * n + 4.0), Paused(n, 1, 1, at=100.0 * n + 4.0)]
    for n in range(3):
        at = 2000.0 + 100.0 * n
        events += [Resumed(n, 2, "me", 3, at=at)]
        events += [Reported(n, 2, s, (float(n),), at=at + 4.0 * (s - 1)) for s in (2, 3)]
        events += [Paused(n, 2, 3, at=at + 8.0)]
    study.cursor.append(events)
    limits = Limits(study.cursor, ts.Timeout(10))
    (found,) = study.cursor.open_trials(1, None, limits.may)
    assert (found.number, found.trial.budget) == (9, 1)
    (planned_next,) = study.cursor.open_trials(1, None)
    assert (planned_next.number, planned_next.trial.budget) == (0, 9)


def test_waiting_trials_that_do_not_fit_go_on_waiting():
    events = [e for n in range(12) for e in ran(n, n / 12, 1000.0 * n)]
    study = planned(*events, created(12, 0.9, 20_000.0), Released(12, 1, "me", at=20_001.0))
    limits = Limits(study.cursor, ts.Timeout(30))
    assert not limits.may(Claimed(12, 2, "me"))
    assert study.cursor.open_trials(1, 13, limits.may) == []
    assert [a.number for a in study.cursor.open_trials(1, 13)] == [12]


def counter(folder, name, energy, most=1000):
    (folder / name).mkdir()
    (folder / name / "max_energy_range_uj").write_text(str(most))
    (folder / name / "energy_uj").write_text(f"{energy}\n")


def test_energy(tmp_path):
    assert Energy.meter(tmp_path) is None
    counter(tmp_path, "intel-rapl:0", 900)
    counter(tmp_path, "intel-rapl:1", 5)
    counter(tmp_path, "intel-rapl:0:0", 0)  # a part of the first
    meter = Energy.meter(tmp_path)
    assert meter is not None
    assert meter.kwh() == 0
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("100")  # it has begun anew
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("25")
    (tmp_path / "intel-rapl:0:0" / "energy_uj").write_text("777")
    assert meter.kwh() == pytest.approx(220e-6 / 3.6e6)
    assert meter.kwh() == pytest.approx(220e-6 / 3.6e6)
    (tmp_path / "intel-rapl:1" / "energy_uj").unlink()
    assert Energy.meter(tmp_path) is None


def test_energy_of_the_machine_counts_where_no_trial_reports_it(tmp_path, monkeypatch):
    counter(tmp_path, "intel-rapl:0", 0, most=10**18)
    monkeypatch.setattr("tunesmith.kernel.energy._POWERCAP", tmp_path)

    def objective(trial):
        file = tmp_path / "intel-rapl:0" / "energy_uj"
        file.write_text(str(int(file.read_text()) + 3_600_000_000_000))  # a kilowatt-hour
        return trial["x"]

    study = tuned(objective, budget={"kwh": 5}, fidelity=None, n_trials=50)
    assert len(study.trials) in (4, 5)  # a short one may be taken for one too many


def test_folded_anew_the_totals_are_the_same():
    study = tuned(epochs, budget={"epoch": 50}, scheduler="asha")
    before = spent(study)
    shown = (before.steps, before.seconds, list(before.stints))
    study.cursor.refold()
    after = spent(study)
    assert after is not before
    assert math.isclose(after.seconds, shown[1])
    assert (after.steps, list(after.stints)) == (shown[0], shown[2])
