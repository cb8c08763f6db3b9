"""The architecture document: which file may import which, and what no file may do."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tunesmith"

# From the ground up. A file imports from lower floors or its own room; rooms of one floor are strangers.
FLOORS = [
    ["errors", "_rng", "_check", "_optional", "_owner", "_script", "_threads", "_deprecate", "_version"],
    ["space", "numeric"],
    ["record"],
    ["model"],
    ["search", "schedule", "store", "execute", "analysis"],
    ["kernel"],
    # floor 5 in five steps: defaults; what is refused, what is shown; studies; the functions that use them;
    # adapters
    ["presets"],
    ["combining", "agreement", "terminal"],
    ["opening"],
    ["api"],
    ["sklearn", "gradients", "integrations", "launch", "plots", "testing"],
    ["cli", "dashboard", "automl"],
    ["__main__"],
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

MOST_LINES = 400
MOST_METHODS = 12
LONG_FILES: dict[str, str] = {}
BIG_CLASSES = {
    "kernel/trial.py:TrialHandle": "all that an objective may ask of its trial, and tell it",
    "record/history.py:History": "a table: each of its columns is a property",
    "testing/store_machine.py:StoreMachine": "a state machine of Hypothesis: each method is a rule",
}
UNPICKLES = {
    "execute/": "objectives travel to local workers by cloudpickle over a private pipe",
    "store/_pickled.py": "checkpoints that no other format holds, where the user has said so at both ends",
    "cli/objective.py": "names the user's script as a module that cloudpickle sends by value",
}
RANDOM_IS_MADE_IN = "_rng.py"

FILES = sorted(SOURCE.rglob("*.py"))


def name_of(path):
    return path.relative_to(SOURCE).as_posix()


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def room_of(module):
    """The room of a dotted module inside the package; None for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def imports_of(path):
    """All modules that a file imports anywhere, functions and TYPE_CHECKING included: (line, module)."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} imports relatively"
            if node.module == "tunesmith":
                for alias in node.names:
                    yield node.lineno, f"tunesmith.{alias.name}"
            else:
                yield node.lineno, node.module


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down(path):
    relative = path.relative_to(SOURCE)
    room = relative.parts[0].removesuffix(".py")
    wrong = []
    for line, module in imports_of(path):
        if module.split(".")[0] != "tunesmith":
            continue
        target = room_of(module)
        if room == "__init__":  # the package itself knows but its version, and the table of names
            fine = target == "_version"
        elif target is None:
            fine = LEVEL[room] == len(FLOORS) - 1
        elif target == room:
            fine = True
        else:
            ground = LEVEL[room] == LEVEL.get(target) == 0
            fine = target in LEVEL and (LEVEL[target] < LEVEL[room] or (ground and target == "errors"))
        if not fine:
            wrong.append(f"{relative}:{line} imports {module}")
    assert room == "__init__" or room in LEVEL, (
        f"{relative} is in no room of the house: give it one in FLOORS"
    )
    assert not wrong, "\n".join(wrong)


def test_no_import_goes_in_a_circle():
    names = {
        "tunesmith." + name_of(p).removesuffix(".py").removesuffix("/__init__").replace("/", "."): p
        for p in FILES
    }
    graph = {name: set() for name in names}
    for name, path in names.items():
        for node in tree_of(path).body:  # what runs when the module is loaded
            for inner in ast.walk(node) if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) else ():
                if isinstance(inner, ast.ImportFrom) and inner.module:
                    targets = {inner.module, *(f"{inner.module}.{alias.name}" for alias in inner.names)}
                    graph[name] |= targets & names.keys()
                elif isinstance(inner, ast.Import):
                    graph[name] |= {alias.name for alias in inner.names} & names.keys()
    done, path_now = set(), []

    def visit(name):
        if name in done:
            return
        assert name not in path_now, " -> ".join([*path_now[path_now.index(name) :], name])
        path_now.append(name)
        for target in sorted(graph[name] - {name}):
            visit(target)
        path_now.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_forbidden(path):
    name = name_of(path)
    wrong = []
    pickles = any(name.startswith(place) for place in UNPICKLES)
    for node in ast.walk(tree_of(path)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Assert) and not name.startswith("testing/"):
            wrong.append(f"{line}: assert; raise an error that says what to do")
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"eval", "exec", "compile"}
        ):
            wrong.append(f"{line}: {node.func.id}()")
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            if text.startswith(("np.random.", "numpy.random.")) and (
                text.split(".")[2] != "Generator" and name != RANDOM_IS_MADE_IN
            ):
                wrong.append(f"{line}: {text}; take numbers from tunesmith._rng")
            if text in {"yaml.load", "yaml.unsafe_load"}:
                wrong.append(f"{line}: {text}")
    for line, module in imports_of(path):
        top = module.split(".")[0]
        if top in {"pickle", "marshal", "shelve", "dill", "cloudpickle"} and not pickles:
            wrong.append(f"{line}: import {module}")
        if module.startswith("scipy.stats") or top == "random":
            wrong.append(f"{line}: import {module}")
    wrong += [
        f"{node.lineno}: from scipy import stats"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "scipy"
        and "stats" in {a.name for a in node.names}
    ]
    assert not wrong, "\n".join(f"{name}:{text}" for text in wrong)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_classes_are_small(path):
    name = name_of(path)
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES or name in LONG_FILES, f"{name} has {lines} lines: split it"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef):
            public = {
                item.name
                for item in node.body
                if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))
                and not item.name.startswith(("_", "test_"))
            }
            label = f"{name}:{node.name}"
            assert len(public) <= MOST_METHODS or label in BIG_CLASSES, (
                f"{label} has {len(public)} public methods"
            )


def test_exceptions_are_needed():
    assert all((SOURCE / name).exists() for name in LONG_FILES)
    assert all((SOURCE / name.partition(":")[0]).exists() for name in BIG_CLASSES)
