"""The surface: names are pinned, the stub says what the table says, and importing costs nothing."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith as ts

NAMES = [
    "ASHA",
    "Ask",
    "Assignment",
    "AutoSearcher",
    "BOHBSearcher",
    "BanditSearcher",
    "Budget",
    "CMAESSearcher",
    "Callback",
    "Categorical",
    "ChainSearcher",
    "CheckpointLost",
    "Checkpoints",
    "Choice",
    "CombinedScheduler",
    "Confidence",
    "Conflict",
    "Constant",
    "CurveForecast",
    "CurveStop",
    "DEHBSearcher",
    "DESearcher",
    "Decision",
    "Evaluation",
    "ExploreSearcher",
    "Fidelity",
    "FixedSearcher",
    "Float",
    "ForestSearcher",
    "FreezeThaw",
    "GPSearcher",
    "GradientSearcher",
    "GeneticSearcher",
    "GridSearcher",
    "Halving",
    "Handles",
    "History",
    "HistorySearcher",
    "Hyperband",
    "Int",
    "LeaseLost",
    "LocalSearcher",
    "ManualSearcher",
    "MaxTrials",
    "Median",
    "MemoryStore",
    "MissingExtra",
    "NSGA2Searcher",
    "NSGA3Searcher",
    "NoScheduler",
    "NoTrial",
    "ObjectiveError",
    "PB2Searcher",
    "PBT",
    "PBTReplay",
    "PSOSearcher",
    "Patience",
    "Percentile",
    "Plateau",
    "PolicySearcher",
    "Prior",
    "Problem",
    "Progress",
    "Proposal",
    "QMCSearcher",
    "RandomSearcher",
    "Recommendation",
    "Replay",
    "ReplicatingSearcher",
    "Report",
    "Resume",
    "SMACSearcher",
    "SQLiteStore",
    "Schedule",
    "Scheduler",
    "Searcher",
    "SettingError",
    "Space",
    "SpaceError",
    "Start",
    "StopRule",
    "StoreError",
    "StoreTooNew",
    "Study",
    "StudyAborted",
    "StudyError",
    "StudyInfo",
    "TPESearcher",
    "TargetValue",
    "Threshold",
    "Timeout",
    "Trial",
    "TrialFailed",
    "TrialHandle",
    "TrialState",
    "TunesmithError",
    "Wait",
    "Wilcoxon",
    "__version__",
    "combine",
    "copy_study",
    "create_study",
    "delete_study",
    "gradients",
    "list_studies",
    "load_study",
    "report",
    "should_stop",
    "trial_params",
    "tune",
]


def test_public_names_are_pinned():
    assert sorted(ts.__all__) == sorted(NAMES)
    assert dir(ts) == ts.__all__


def test_the_stub_equals_the_table():
    stub = Path(ts.__file__).with_suffix(".pyi")
    found = {}
    for node in ast.parse(stub.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name
                found[alias.name] = node.module.removeprefix("tunesmith.")
    assert found.pop("__version__") == "_version"
    for name in ts._MODULES:
        assert found.pop(name) == "tunesmith"
    assert found == ts._HOME


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"__version__"}))
def test_every_name_can_be_had_and_says_what_it_is(name):
    assert inspect.getdoc(getattr(ts, name))


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ts.nonsense


def test_importing_loads_next_to_nothing():
    heavy = ("numpy", "scipy", "sqlite3", "rich", "click")
    code = f"import sys, tunesmith; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_scipy_stats_is_never_loaded():
    code = (
        "import sys, tunesmith as ts\n"
        "for name in ts.__all__: getattr(ts, name)\n"
        "study = ts.create_study({'x': ts.Float(0, 1)}, seed=0)\n"
        "for _ in range(30): study.tell(study.ask(), 1.0)\n"
        "print('scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
