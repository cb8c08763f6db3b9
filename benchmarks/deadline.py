"""`python -m benchmarks deadline`: how well a run uses its time, on real training.

An epoch of a linear classifier on scikit-learn's digits, in as many small steps as take about `report`
seconds on this machine; the configuration says how many features there are, so that an epoch takes up to
three times as long for one as for another.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import click
import numpy as np

EPOCHS = 12


def training(passes: int) -> Callable[[Any], Iterator[float]]:
    """An objective that reports after so many passes over the data."""

    def objective(trial: Any) -> Iterator[float]:
        from sklearn.datasets import load_digits
        from sklearn.kernel_approximation import RBFSampler
        from sklearn.linear_model import SGDClassifier

        images, labels = load_digits(return_X_y=True)
        sampler = RBFSampler(gamma=trial["gamma"], n_components=trial["features"], random_state=0)
        features = sampler.fit_transform(images / 16.0)
        train, test = features[:1200], features[1200:]
        model = SGDClassifier(loss="log_loss", alpha=trial["alpha"], random_state=0)
        rng = np.random.default_rng(trial.number)
        for _ in range(EPOCHS):
            for _ in range(passes):
                order = rng.permutation(1200)
                for part in np.array_split(order, 12):
                    model.partial_fit(train[part], labels[part], classes=np.arange(10))
            yield float(np.mean(model.predict(test) != labels[1200:]))

    return objective


def space() -> dict[str, Any]:
    """Kernel width, penalty, and what makes an epoch dear."""
    import tunesmith as ts

    return {
        "gamma": ts.Float(1e-3, 1.0, log=True),
        "alpha": ts.Float(1e-7, 1e-2, log=True),
        "features": ts.Int(100, 600),
    }


def calibrated(report: float) -> int:
    """Passes over the data that take about `report` seconds with a middling number of features."""
    stand_in = type("Stand", (), {"number": 0, "__getitem__": lambda _, k: {"features": 350}.get(k, 1e-3)})()
    steps = training(4)(stand_in)
    next(steps)
    began = time.perf_counter()
    next(steps)
    return max(1, round(4 * report / (time.perf_counter() - began)))


def longest(study: Any) -> float:
    """The most seconds that a trial needed for a report, from the one before or from its beginning."""
    heard: dict[int, float] = {}
    gaps = [0.0]
    for event in study.cursor.store.read(study.cursor.id):
        if type(event).__name__ == "Reported":
            gaps.append(event.at - heard[event.number])
        if event.number >= 0:
            heard[event.number] = event.at
    return max(gaps)


def measured(seconds: float, scheduler: str, workers: int, passes: int, seed: int) -> dict[str, Any]:
    """One run: when it ended, how late, and what came of it."""
    import tunesmith as ts

    began = time.monotonic()
    study = ts.tune(
        training(passes),
        space(),
        timeout=seconds,
        scheduler=scheduler,
        fidelity=ts.Fidelity("epoch", 1, EPOCHS, 3),
        workers=workers,
        searcher="random",
        seed=seed,
        progress=False,
    )
    took = time.monotonic() - began
    spent = study.cursor.fold.ledger.spent
    best = study.best_trial
    return {
        "ended": took,
        "report": longest(study),
        "busy": spent.seconds / (workers * seconds),
        "states": dict(Counter(str(trial.state) for trial in study.trials)),
        "steps": spent.steps,
        "best": best.value if best.state is ts.TrialState.COMPLETE else None,
    }


@click.command("deadline")
@click.option("--seconds", default=60.0, show_default=True, help="The timeout of each run.")
@click.option("--report", default=0.2, show_default=True, help="Seconds from report to report, about.")
@click.option("--seeds", default=1, show_default=True, help="Runs of each kind.")
def deadline(seconds: float, report: float, seeds: int) -> None:
    """A timeout on real training: used, and not overshot by more than a report."""
    passes = calibrated(report)
    click.echo(f"{passes} passes a report; runs are to end in [{seconds - 5:g} s, {seconds:g} s + a report]")
    click.echo("scheduler workers | ended s  longest report s  busy  epochs  best error  states")
    for scheduler in ("none", "asha"):
        for workers in (1, 2):
            for seed in range(seeds):
                found = measured(seconds, scheduler, workers, passes, seed)
                ended, report_s, best = found["ended"], found["report"], found["best"]
                kept = seconds - 5 <= ended <= seconds + report_s and best is not None
                click.echo(
                    f"{scheduler:9} {workers:7} | {ended:7.2f}  {report_s:16.2f}  {found['busy']:4.2f}  "
                    f"{found['steps']:6g}  {best}  {found['states']}{'' if kept else '  MISSED'}"
                )
