"""Searchers that learn are judged against the best peer, the peers of their kind, or themselves."""

from benchmarks.harness import Cell
from benchmarks.search_bars import best_peer, search_bars


def judged(title, results):
    bar = next(bar for bar in search_bars() if title in bar.title)
    return [(row.what, row.met) for row in bar.rows(results)]


def means(**of):
    return {who.replace("_", "-"): {"mean": mean, "seeds": 2} for who, mean in of.items()}


def record(points, families=(), workers=()):
    return {
        "points": points, "families": {name: {"points": of} for name, of in families}, "seeds": 2,
        "workers": {"n": 100, "regret": dict(workers)},
    }  # fmt: skip


def test_the_best_peer_is_not_ours_and_no_loop_without_a_framework():
    found = means(tunesmith_gp=0.1, plain_random=0.2, optuna_gp=0.4) | {"ax (stored)": {"mean": 0.3}}
    assert best_peer(found) == "ax (stored)"
    assert best_peer(found, ["optuna-gp"]) == "optuna-gp"
    assert best_peer(found, ["hebo"]) is None


def test_auto_is_judged_at_every_budget_and_in_every_family():
    found = record(
        {"10": means(tunesmith_auto=0.2, ax=0.2), "25": means(tunesmith_auto=0.2, ax=0.19)},
        [
            (
                "BBOB 5-d",
                {"10": means(tunesmith_auto=0.105, ax=0.1), "25": means(tunesmith_auto=0.106, ax=0.1)},
            )
        ],
    )
    results = {"quality": found, "quality-held": found}
    both = [("10 trials", True), ("25 trials", False)]
    assert judged("mean normalised", results) == both + [(f"kept aside, {what}", met) for what, met in both]
    assert [met for _, met in judged("`auto` by family", {"quality": found})] == [True, False]
    assert judged("mean normalised", {}) == [("mean regret", None)]


def test_every_named_peer_has_its_row_and_missing_ones_are_not_judged():
    points = {"50": means(tunesmith_forest=0.1, smac_hpo=0.2, hyperopt_tpe=0.05)}
    assert [met for _, met in judged("`forest`", {"quality": record({}, [("conditional", points)])})] == [
        True, None, False,
    ]  # fmt: skip


def test_workers_are_judged_against_oneself_and_the_peers():
    regret = {"tunesmith-auto": {"1": 0.10, "4": 0.12, "16": 0.12}, "optuna-tpe": {"4": 0.2, "16": 0.1}}
    found = judged("asynchronous", {"quality": record({}, workers=regret.items())})
    assert [met for _, met in found] == [False, True, True, False, None]


def test_trainings_are_judged_by_what_is_reported():
    scores = means(tunesmith_auto=0.1, ax=0.2, hebo=0.05, plain_random=0.01)
    assert [met for _, met in judged("trainings", {"trainings": {"scores": scores}})] == [True, False]


def test_times_are_judged_as_ratios_and_growth():
    def cells(**of):
        return {
            "cells": [
                Cell(who=who.replace("_", "-"), n=n, runs=({"cpu": cpu, "mean": cpu, "wall": cpu},)).as_json()
                for who, sizes in of.items()
                for n, cpu in sizes.items()
            ]
        }

    results = {
        "ask-models": cells(tunesmith_gp={50: 0.01, 2_000: 0.02, 4_000: 0.025}, optuna_gp={50: 0.08}),
        "ask-hidden": cells(tunesmith_gp={50: 0.0009, 200: 0.002}),
    }
    rows = judged("time of an ask", results)
    assert rows[0] == ("gp, 50 trials", True)
    assert rows[-1] == ("4,000 trials, against its own 2,000", False)
    assert [met for _, met in judged("what is seen", results)] == [True, False, None]
