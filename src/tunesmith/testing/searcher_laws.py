"""The laws of search methods as a test class: one line a method.

    class TestTPE(SearcherLaws):
        searcher = TPESearcher

The checks are plain functions of a `Simulation`, for use outside of pytest too.
"""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tunesmith import api, presets
from tunesmith._rng import Rng
from tunesmith.errors import NoTrial, SettingError
from tunesmith.kernel.cursor import Cursor
from tunesmith.record.event import Created
from tunesmith.record.problem import Problem, StudySpec, parse_objectives
from tunesmith.record.trial import Source
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule.asha import ASHA
from tunesmith.schedule.none import NoScheduler
from tunesmith.search._base import Ask, Searcher
from tunesmith.space.space import Space
from tunesmith.store.memory import MemoryStore
from tunesmith.testing.searcher_checks import (
    FIDELITY,
    able,
    check_all,
    check_domain,
    check_fold,
    check_fresh_process,
    check_purity,
    check_replay,
    needed,
)
from tunesmith.testing.simulate import (
    ALL_FAULTS,
    Faults,
    Order,
    Simulation,
    diverged,
    simulate,
    write_log,
)
from tunesmith.testing.toys import blend
from tunesmith.testing.zoo import programs, zoo

WORKERS = (1, 4, 9)
SCHEDULERS: tuple[Scheduler[Any], ...] = (NoScheduler(), ASHA(), ASHA(promotion=True))
_ZOO = zoo()
_PROGRAMS = programs()


@lru_cache(maxsize=64)
def _in_zoo(searcher: Searcher[Any], name: str, n_trials: int) -> Simulation:
    """The zoo's spaces take turns with numbers of workers, schedulers and seeds."""
    place = list(_ZOO).index(name)
    scheduler = SCHEDULERS[(place // 3) % 3]
    return simulate(
        searcher,
        _ZOO[name],
        scheduler=scheduler,
        workers=WORKERS[place % 3],
        seed=place,
        n_trials=n_trials,
        fidelity=needed(searcher) if place % 4 == 0 and scheduler == NoScheduler() else FIDELITY,
        faults=ALL_FAULTS,
    )


class SearcherLaws:
    """What every search method promises (`tunesmith.Searcher`), checked on simulated studies."""

    searcher: ClassVar[Any]  # a class whose settings all have defaults, or an instance
    n_trials: ClassVar[int] = 20  # in each simulated study

    def made(self) -> Searcher[Any]:
        """The searcher under test."""
        found: Searcher[Any] = self.searcher() if isinstance(self.searcher, type) else self.searcher
        return found

    def able(self, space: Space | None, objectives: int = 1) -> Searcher[Any]:
        """The searcher; skips the test when it says that it cannot deal with such a study."""
        searcher = self.made()
        if not able(searcher, space, objectives):
            pytest.skip("the searcher says that it cannot")
        return searcher

    def in_zoo(self, name: str) -> Simulation:
        """A simulated study on a space of the zoo."""
        return _in_zoo(self.able(_ZOO[name]), name, self.n_trials)

    @pytest.mark.parametrize("space", _ZOO)
    def test_rebuilt_from_the_log_it_proposes_the_same(self, space: str) -> None:
        check_fold(self.in_zoo(space))

    @pytest.mark.parametrize("space", _ZOO)
    def test_asking_changes_nothing_and_states_are_values(self, space: str) -> None:
        check_purity(self.in_zoo(space))

    @pytest.mark.parametrize("space", _ZOO)
    def test_proposals_lie_in_the_space(self, space: str) -> None:
        check_domain(self.in_zoo(space))

    @pytest.mark.parametrize("space", _ZOO)
    def test_the_log_replays(self, space: str) -> None:
        check_replay(self.in_zoo(space))

    @pytest.mark.parametrize("workers", WORKERS)
    @pytest.mark.parametrize("program", _PROGRAMS)
    def test_define_by_run(self, program: str, workers: int) -> None:
        searcher = self.able(None)
        check_all(
            simulate(
                searcher,
                None,
                objective=_PROGRAMS[program],
                workers=workers,
                seed=workers,
                n_trials=self.n_trials,
                faults=ALL_FAULTS,
                fidelity=needed(searcher),
            )
        )

    @pytest.mark.parametrize("order", Order)
    @pytest.mark.parametrize("workers", WORKERS)
    def test_any_order_of_completion_is_legal(self, workers: int, order: Order) -> None:
        searcher = self.able(_ZOO["two parents"])
        check_all(
            simulate(
                searcher,
                _ZOO["two parents"],
                workers=workers,
                order=order,
                n_trials=self.n_trials,
                seed=3,
                fidelity=needed(searcher),
            )
        )

    @pytest.mark.parametrize(
        "faults",
        [
            Faults(fails=1.0),
            Faults(infeasible=1.0),
            Faults(infinite=1.0),
            Faults(lost=1.0),
            Faults(released=1.0),
        ],
        ids=["fail", "infeasible", "infinite", "lost", "released"],
    )
    def test_it_lives_with_nothing_but_trouble(self, faults: Faults) -> None:
        searcher = self.able(_ZOO["twenty dimensions"])
        found = simulate(
            searcher,
            _ZOO["twenty dimensions"],
            workers=4,
            n_trials=self.n_trials,
            faults=faults,
            fidelity=FIDELITY,
        )
        check_all(found)
        created = sum(isinstance(event, Created) for event in found.events)
        assert found.exhausted or created == self.n_trials

    @pytest.mark.parametrize("count", [2, 3])
    @pytest.mark.parametrize("workers", WORKERS)
    def test_several_objectives(self, workers: int, count: int) -> None:
        space = _ZOO["nested choices"]
        searcher = self.able(space, count)
        goals = {f"goal{i}": "maximize" if i == 1 else "minimize" for i in range(count)}
        check_all(
            simulate(
                searcher,
                space,
                objectives=goals,
                workers=workers,
                n_trials=self.n_trials,
                faults=ALL_FAULTS,
                seed=5,
                fidelity=needed(searcher),
            )
        )

    def test_what_it_cannot_do_is_refused_before_the_first_trial(self) -> None:
        searcher = self.made()
        cases: list[tuple[Space | None, int]] = [
            (None, 1),
            (None, 2),
            *((space, 1) for space in _ZOO.values()),
        ]
        cases += [(_ZOO["one float"], 2), (_ZOO["one float"], 7)]
        for (space, count), fidelity in product(cases, (None, FIDELITY)):
            goals = {f"goal{i}": "minimize" for i in range(count)}
            study: dict[str, Any] = {
                "objectives": goals,
                "searcher": searcher,
                "fidelity": fidelity,
                "seed": 0,
            }
            if able(searcher, space, count, fidelity):
                api.create_study(space, **study)
            else:
                with pytest.raises(SettingError):
                    api.create_study(space, **study)

    def test_the_seed_is_all_the_chance_there_is(self) -> None:
        searcher = self.able(_ZOO["twenty dimensions"])
        space, fidelity = _ZOO["twenty dimensions"], needed(searcher)
        first, again = (
            simulate(searcher, space, seed=11, workers=4, n_trials=self.n_trials, fidelity=fidelity)
            for _ in range(2)
        )
        assert first.proposals == again.proposals

    @pytest.mark.parametrize("space", ["twenty dimensions", "beliefs", "odd labels", "one float"])
    def test_what_is_prepared_is_what_would_be_asked(self, space: str) -> None:
        searcher = self.able(_ZOO[space])
        problem = Problem(
            objectives=parse_objectives(None, None), space=_ZOO[space], fidelity=needed(searcher)
        )
        found = []
        for ahead in (False, True):
            store = MemoryStore()
            spec = StudySpec(name="a", problem=problem, seed=7)
            cursor = Cursor(store, store.create(spec), spec, searcher, NoScheduler(), ahead)
            for count in (1, 1, 5, 1, 1):
                if ahead:
                    cursor.prepare(None)
                cursor.open_trials(count, None)
            found.append([trial.params for trial in cursor.read().trials])
        assert found[0] == found[1]

    def test_a_batch_is_what_single_asks_propose(self) -> None:
        searcher = self.able(_ZOO["twenty dimensions"])
        space = _ZOO["twenty dimensions"]
        state = searcher.init(
            Problem(objectives=parse_objectives(None, None), space=space, fidelity=needed(searcher))
        )
        rows = searcher.ask_batch(state, Ask(1020, space, (), Rng(3, 1020)), 9)
        if searcher.learns:
            assert rows is None, "what learns must be told of each before the next"
            return
        singles = [searcher.ask(state, Ask(n, space, (), Rng(3, n))) for n in range(1020, 1029)]
        if rows is not None:
            assert all(single is not None and single.memo is None for single in singles)
            assert rows.tolist() == [single.unit for single in singles if single is not None]

    def test_settings_survive_the_record(self) -> None:
        searcher = self.made()
        record = presets.record(searcher)
        again = presets.searcher_from(json.loads(json.dumps(record)))
        assert again == searcher
        assert presets.record(again) == record

    def test_when_nothing_is_left_the_study_ends(self) -> None:
        searcher = self.able(_ZOO["six points"])
        found = simulate(searcher, _ZOO["six points"], n_trials=40, workers=4, fidelity=needed(searcher))
        assert found.exhausted == searcher.ends, "`ends` must say whether the searcher ever has nothing left"
        if not searcher.ends:
            return
        check_all(found)
        study = api.tune(lambda trial: blend(trial.params), _ZOO["six points"], searcher=searcher, seed=0)
        assert all(trial.state.finished for trial in study.trials)
        with pytest.raises(NoTrial):
            study.ask()
        trial = study.enqueue({"n": 1, "kind": "c"})
        assert trial.source is Source.QUEUE
        assert study.ask().number == trial.number

    def test_a_fresh_process_proposes_the_same(self, tmp_path: Path) -> None:
        searcher = self.made()
        paths = []
        for index, name in enumerate(["constraints and conditions", "odd labels", "beliefs", "chain"]):
            if able(searcher, _ZOO[name]):
                paths.append(tmp_path / f"{index}.jsonl")
                write_log(paths[-1], _in_zoo(searcher, name, self.n_trials))
        if able(searcher, None):
            paths.append(tmp_path / "program.jsonl")
            program = _PROGRAMS["growing program"]
            write_log(
                paths[-1],
                simulate(
                    searcher,
                    None,
                    objective=program,
                    workers=4,
                    faults=ALL_FAULTS,
                    n_trials=12,
                    fidelity=needed(searcher),
                ),
            )
        assert not any(map(diverged, paths))
        check_fresh_process(paths)
