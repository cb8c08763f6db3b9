"""Tunesmith tunes the hyperparameters of anything.

    import tunesmith as ts
    study = ts.tune(objective, space, n_trials=100)

Names are imported when they are first used, so that `import tunesmith` costs next to nothing; what they
are is told to type checkers by the stub beside this file, and a test holds the two together.
"""

from __future__ import annotations

import importlib
from typing import Any

from tunesmith._version import __version__ as __version__

_HOME = {
    "ASHA": "schedule.asha",
    "Ask": "search._base",
    "Assignment": "record.assignment",
    "BOHBSearcher": "search.bohb",
    "BanditSearcher": "search.bandit",
    "AutoSearcher": "search.auto",
    "Budget": "kernel.stop",
    "CMAESSearcher": "search.cmaes",
    "Callback": "kernel.callback",
    "Categorical": "space",
    "ChainSearcher": "search.combine",
    "CheckpointLost": "errors",
    "Checkpoints": "store.checkpoints",
    "Choice": "space",
    "CombinedScheduler": "schedule.combine",
    "Confidence": "space",
    "Conflict": "errors",
    "Constant": "space",
    "CurveForecast": "analysis.foresee",
    "CurveStop": "schedule.curve",
    "DEHBSearcher": "search.dehb",
    "DESearcher": "search.de",
    "Decision": "record.assignment",
    "Evaluation": "record.evaluation",
    "ExploreSearcher": "search.explore",
    "Fidelity": "record.fidelity",
    "FixedSearcher": "search.combine",
    "Float": "space",
    "ForestSearcher": "search.forest",
    "FreezeThaw": "schedule.freeze_thaw",
    "GPSearcher": "search.gp",
    "GradientSearcher": "search.gradient",
    "GeneticSearcher": "search.genetic",
    "GridSearcher": "search.grid",
    "Halving": "schedule.halving",
    "Handles": "search._base",
    "History": "record.history",
    "HistorySearcher": "search._base",
    "Hyperband": "schedule.hyperband",
    "Int": "space",
    "LeaseLost": "errors",
    "LocalSearcher": "search.local",
    "ManualSearcher": "search.manual",
    "MaxTrials": "kernel.stop",
    "Median": "schedule.median",
    "MemoryStore": "store.memory",
    "MissingExtra": "errors",
    "NSGA2Searcher": "search.nsga2",
    "NSGA3Searcher": "search.nsga3",
    "NoScheduler": "schedule.none",
    "NoTrial": "errors",
    "ObjectiveError": "errors",
    "PB2Searcher": "search.pb2",
    "PBT": "schedule.pbt",
    "PBTReplay": "schedule.replay",
    "PSOSearcher": "search.pso",
    "Patience": "schedule.patience",
    "Percentile": "schedule.percentile",
    "Plateau": "kernel.stop",
    "PolicySearcher": "search.policy",
    "Prior": "space",
    "Problem": "record.problem",
    "Progress": "terminal.progress",
    "Proposal": "search._base",
    "QMCSearcher": "search.qmc",
    "RandomSearcher": "search.random",
    "Recommendation": "analysis.recommend",
    "Replay": "kernel.replay",
    "ReplicatingSearcher": "search.replicate",
    "Report": "record.trial",
    "Resume": "record.assignment",
    "SMACSearcher": "search.smac",
    "SQLiteStore": "store.sqlite",
    "Schedule": "record.course",
    "Scheduler": "schedule._base",
    "Searcher": "search._base",
    "SettingError": "errors",
    "Space": "space",
    "SpaceError": "errors",
    "Start": "record.assignment",
    "StopRule": "kernel.stop",
    "StoreError": "errors",
    "StoreTooNew": "errors",
    "Study": "kernel.study",
    "StudyAborted": "errors",
    "StudyError": "errors",
    "StudyInfo": "store._base",
    "TPESearcher": "search.tpe",
    "TargetValue": "kernel.stop",
    "Threshold": "schedule.threshold",
    "Timeout": "kernel.stop",
    "Trial": "record.trial",
    "TrialFailed": "errors",
    "TrialHandle": "kernel.trial",
    "TrialState": "record.trial",
    "TunesmithError": "errors",
    "Wait": "record.assignment",
    "Wilcoxon": "schedule.wilcoxon",
    "combine": "combining",
    "copy_study": "api",
    "create_study": "api",
    "delete_study": "api",
    "list_studies": "api",
    "load_study": "api",
    "report": "_script",
    "should_stop": "_script",
    "trial_params": "_script",
    "tune": "api",
}

_MODULES = ("gradients",)

__all__ = sorted([*_HOME, *_MODULES, "__version__"])  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"tunesmith.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'tunesmith' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"tunesmith.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
