"""The simulated cluster: it does what the scheduler says, and its figures add up."""

import pytest
from benchmarks.__main__ import main
from benchmarks.schedulers import CASES, Cluster
from click.testing import CliRunner

from tunesmith.record.fidelity import Fidelity
from tunesmith.record.trial import TrialState
from tunesmith.schedule.asha import ASHA
from tunesmith.schedule.halving import Halving
from tunesmith.schedule.none import NoScheduler


def test_without_a_scheduler_every_trial_takes_every_epoch():
    cluster = Cluster(NoScheduler(), 4, 12, Fidelity("epoch", 1, 9, 3))
    found = cluster.run()
    assert (found.trials, found.epochs) == (12, 108)
    assert {trial.state for trial in cluster.trials} == {TrialState.COMPLETE}
    assert found.busy == 1.0
    assert 0.5 < found.busy_in_all < 1.0, "the last ones end alone"


def test_asha_leaves_nobody_idle_and_halving_does():
    fidelity = Fidelity("epoch", 1, 27, 3)
    for promotion in (False, True):
        found = Cluster(ASHA(promotion=promotion), 20, 400, fidelity).run()
        assert found.busy > 0.999
        assert found.epochs < 400 * 27 / 3
    assert Cluster(Halving(), 20, 400, fidelity).run().busy < 0.9


@pytest.mark.parametrize("objectives", [1, 2])
def test_the_command_prints_a_line_for_each(objectives):
    arguments = [
        "schedulers",
        "--workers",
        "5",
        "--trials",
        "40",
        "--high",
        "9",
        "--objectives",
        str(objectives),
    ]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    lines = done.output.splitlines()
    assert [line[:22].strip() for line in lines[2:]] == list(CASES)
    assert ("bar of" in done.output) is (objectives == 1)
