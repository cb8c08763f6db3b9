"""What is saved comes back as it was, in a format that runs no code when it is read."""

import collections
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import ARRAYS, TREES, same

import tunesmith as ts
from tunesmith.store.checkpoints import Shelf, parsed


def around(shelf, data, **consent):
    """Saved and loaded: the kind of file, and what came back."""
    name = shelf.save(data, **consent)
    return parsed(name)[0], shelf.load(name, **consent)[0]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(str(tmp_path_factory.mktemp("shelf")))


@given(TREES)
def test_trees_come_back_to_the_last_bit(shelf, tree):
    kind, found = around(shelf, tree)
    assert same(found, tree)
    assert kind in ("json", "npz")


@given(ARRAYS)
def test_arrays_come_back_in_their_order(shelf, array):
    found = around(shelf, array.copy(order="F"))[1]
    assert same(found, array)
    assert found.flags.f_contiguous


@given(st.binary())
def test_bytes_come_back(shelf, data):
    assert around(shelf, data) == ("bytes", data)
    assert around(shelf, memoryview(data)) == ("bytes", data)


def test_equal_trees_are_equal_files(shelf):
    tree = {"weights": np.arange(5.0), "names": {"b", "a"}, 3: None}
    assert shelf.save(tree) == shelf.save({**tree, "weights": np.arange(5.0)})


def test_ordered_dicts_and_counters_are_kept(shelf):
    for value in (
        collections.OrderedDict([("b", 1), ("a", np.ones(2))]),
        collections.Counter({"a": 2, "b": -1}),
    ):
        assert same(around(shelf, [value])[1], [value])


def test_what_was_one_array_is_one_again(shelf):
    array = np.arange(3)
    found = around(shelf, {"a": array, "b": [array], "c": array.copy()})[1]
    assert found["a"] is found["b"][0]
    assert found["a"] is not found["c"]
    found["a"][0] = 7  # and can be written to


class Own:
    """Nothing that a checkpoint knows."""

    def __eq__(self, other):
        return type(other) is Own

    __hash__ = None


@pytest.mark.parametrize(
    "data",
    [
        {"model": [1, Own()]},
        {"model": np.array([Own()])},
        {"model": lambda: 0},
        {Path("a"): 1},
        Own(),
    ],
    ids=["object", "array of objects", "function", "key", "alone"],
)
def test_other_objects_are_refused_in_one_sentence(shelf, data):
    with pytest.raises(ts.SettingError, match=r"without pickle: give bytes, .* pickle=True here and in"):
        shelf.save(data)


def test_what_contains_itself_is_refused(shelf):
    tree = {}
    tree["me"] = tree
    with pytest.raises(ts.SettingError, match="contains itself"):
        shelf.save(tree)


def test_pickle_needs_consent_at_both_ends(shelf):
    name = shelf.save({"a": Own()}, pickle=True)
    assert parsed(name)[0] == "pickle"
    with pytest.raises(ts.SettingError, match="runs whatever code it holds: say load_checkpoint"):
        shelf.load(name)
    assert shelf.load(name, pickle=True)[0] == {"a": Own()}
    assert parsed(shelf.save({"a": np.ones(3)}, pickle=True))[0] == "npz"  # where there is no need of it
    with pytest.raises(ts.SettingError, match="cannot be pickled"):
        shelf.save({"a": lambda: 0}, pickle=True)


def test_no_pickle_is_read_within_an_archive(shelf, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "exploded"),))

    hostile = tmp_path / "hostile.npz"
    tree = np.frombuffer(b'{"$":"array","a":0}', np.uint8)
    np.savez(hostile, tree=tree, **{"0": np.array([Bomb()], dtype=object)})
    plain = tmp_path / "plain"
    plain.write_bytes(pickle.dumps(Bomb()))
    for kind in ("npz", "json", "bytes"):
        for file in (hostile, plain):
            digest = parsed(shelf.save(file.read_bytes()))[1]
            if kind == "bytes":
                assert shelf.load(f"{kind}:{digest}")[0] == file.read_bytes()
            else:
                with pytest.raises(ts.StoreError):
                    shelf.load(f"{kind}:{digest}")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "text",
    [
        '{"$":"eval","v":"1"}',
        '{"$":"array","a":3}',
        '{"$":"int","v":5}',
        '{"$":"dict"}',
        '{"$":["a"]}',
        "{",
        '{"$":"torch.dtype","v":"save"}',
    ],
)
def test_a_strange_tree_is_an_error_and_no_more(shelf, text):
    digest = parsed(shelf.save(text.encode()))[1]
    with pytest.raises((ts.StoreError, ts.MissingExtra)):
        shelf.load(f"json:{digest}")


def tree_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def test_a_file_comes_back_under_its_name(shelf, tmp_path):
    file = tmp_path / "model.keras"
    file.write_bytes(b"weights")
    for given_ in (file, str(file)):
        kind, found = around(shelf, given_)
        assert (kind, found.name, found.read_bytes()) == ("file", "model.keras", b"weights")
    found.write_bytes(b"trained on")  # it is the trial's own copy
    assert around(shelf, file)[1].read_bytes() == b"weights"


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b/c", "b/d e", "b/é/f", "g/$h", "i.j", "k/l/m/n"]), st.binary(max_size=20)
    )
)
def test_folders_come_back(shelf, tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("saved")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "empty" / "within").mkdir(parents=True)
    kind, found = around(shelf, folder)
    assert (kind, found.name, tree_of(found)) == ("folder", folder.name, tree_of(folder))


def test_what_is_no_file_is_refused(shelf, tmp_path):
    with pytest.raises(ts.SettingError, match="there is no file or folder at"):
        shelf.save("some text")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ts.SettingError, match="a link to a folder, a socket or the like"):
        shelf.save(tmp_path)
    (tmp_path / "pipe").unlink()
    (tmp_path / "loop").symlink_to(tmp_path)
    with pytest.raises(ts.SettingError, match="a link to a folder"):
        shelf.save(tmp_path)


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "", "a\0b"])
def test_a_list_cannot_write_outside(shelf, name):
    part = parsed(shelf.save(b"x"))[1]
    for listed in (
        {"kind": "folder", "name": "a", "files": {name: [part, 1]}, "folders": []},
        {"kind": "folder", "name": "a", "files": {}, "folders": [name]},
        {"kind": "folder", "name": name or "..", "files": {}, "folders": []},
        {"kind": "folder", "name": "a", "files": {"b": ["../../etc/passwd", 1]}, "folders": []},
    ):
        digest = parsed(shelf.save(json.dumps(listed).encode()))[1]
        with pytest.raises(ts.CheckpointLost):
            shelf.load(f"folder:{digest}")


@pytest.mark.parametrize("name", ["../x", "bytes:../x", "what:" + "0" * 64, "0-1-x.ckpt", ""])
def test_a_name_that_is_none_is_refused(shelf, name):
    with pytest.raises(ts.StoreError, match="is not the name of a checkpoint"):
        shelf.load(name)


# With PyTorch


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def alike(torch, left, right):
    if isinstance(left, torch.Tensor):
        kinds = (type(left), left.dtype, left.device, left.requires_grad, left.shape)
        assert kinds == (type(right), right.dtype, right.device, right.requires_grad, right.shape)
        bits = [t.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for t in (left, right)]
        return torch.equal(*bits)
    if isinstance(left, dict):
        return list(left) == list(right) and all(alike(torch, left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(alike(torch, a, b) for a, b in zip(left, right, strict=True))
    return type(left) is type(right) and left == right


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "LBFGS"])
def test_training_goes_on_as_if_it_had_not_been_broken_off(torch, shelf, optimizer):
    def parts():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
        extra = {"momentum": 0.9} if optimizer in ("SGD", "RMSprop") else {}
        found = getattr(torch.optim, optimizer)(model.parameters(), lr=0.01, **extra)
        return model, found, torch.optim.lr_scheduler.MultiStepLR(found, [2, 4])

    def train(model, found, schedule, steps):
        for step in steps:
            x = torch.linspace(0, 1, 24).reshape(6, 4) * (step + 1)

            def loss(x=x):
                found.zero_grad()
                value = (model(x) - 1).square().mean()
                value.backward()
                return value

            found.step(loss)
            schedule.step()

    whole = parts()
    train(*whole, range(6))
    first = parts()
    train(*first, range(3))
    state = {"all": [part.state_dict() for part in first], "epoch": 3, "random": torch.get_rng_state()}
    kind, found = around(shelf, state)
    assert kind == "npz"
    assert alike(torch, found["all"], state["all"])
    assert found["all"][0]._metadata == state["all"][0]._metadata
    torch.set_rng_state(found["random"])
    again = parts()
    for part, mine in zip(again, found["all"], strict=True):
        part.load_state_dict(mine)
    train(*again, range(found["epoch"], 6))
    assert alike(torch, again[0].state_dict(), whole[0].state_dict())
    assert alike(torch, again[1].state_dict(), whole[1].state_dict())


def test_kinds_of_tensors(torch, shelf):
    base = torch.arange(12.0)
    tree = {
        "bf16": torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16),
        "nought": torch.tensor(1.0, dtype=torch.bfloat16),
        "f8": torch.tensor([1.0, 2.0]).to(torch.float8_e4m3fn),
        "half": torch.tensor([1.0, float("nan")], dtype=torch.float16),
        "bool": torch.tensor([True, False]),
        "complex": torch.tensor([1 + 2j]),
        "conjugate": torch.tensor([1 + 2j]).conj(),
        "view": base.reshape(3, 4).T[1:],
        "empty": torch.empty(0, 3),
        "grad": torch.ones(2, requires_grad=True),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "frozen": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16), requires_grad=False),
        "dtype": torch.float16,
        "size": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        0: (torch.tensor(3), 4),
    }
    assert alike(torch, around(shelf, tree)[1], {**tree, "conjugate": tree["conjugate"].resolve_conj()})


def test_tied_weights_are_kept_once_and_stay_tied(torch, shelf):
    layer = torch.nn.Linear(30, 30)
    tied = torch.nn.Sequential(layer, layer).state_dict()
    found = around(shelf, {"model": tied})[1]["model"]
    assert found["0.weight"] is found["1.weight"]


@pytest.mark.parametrize("with_it", [True, False])
def test_a_flat_dict_of_tensors(torch, shelf, monkeypatch, with_it):
    if with_it:
        pytest.importorskip("safetensors")
    else:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    state = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).bfloat16().state_dict()
    kind, found = around(shelf, state)
    assert kind == ("safetensors" if with_it else "npz")
    assert type(found) is collections.OrderedDict
    assert alike(torch, found, state)
    assert found._metadata == state._metadata
    plain = {"a": torch.ones(2, requires_grad=True), "b": torch.tensor(1, dtype=torch.int8)}
    assert alike(torch, around(shelf, plain)[1], plain)
    assert around(shelf, {**plain, "c": plain["b"]})[0] == "npz"  # two names for one


def test_what_no_array_can_hold_is_refused(torch, shelf):
    for odd in (torch.eye(2).to_sparse(), torch.empty(2, device="meta"), torch.nn.Linear(1, 1)):
        with pytest.raises(ts.SettingError, match="without pickle"):
            shelf.save({"a": odd})


def test_tensors_of_a_device_that_is_not_here_come_to_the_cpu(torch, shelf):
    name = shelf.save({"a": torch.ones(2), "b": 1})
    kind, digest = parsed(name)
    path = Path(shelf.where, "blobs", digest[:2], digest)
    with np.load(path) as found:
        arrays = dict(found)
    text = arrays["tree"].tobytes().decode().replace('"shape"', '"device":"cuda:7","shape"')
    path.parent.mkdir(exist_ok=True)
    moved = path.with_name("moved.npz")
    np.savez(moved, **{**arrays, "tree": np.frombuffer(text.encode(), np.uint8)})
    other = parsed(shelf.save(moved.read_bytes()))[1]
    moved.unlink()
    found = shelf.load(f"{kind}:{other}")[0]
    assert torch.equal(found["a"].cpu(), torch.ones(2))


def test_tensors_of_a_gpu_come_back_to_it(torch, shelf):
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    tree = {"a": torch.ones(3, device="cuda", dtype=torch.bfloat16), "b": torch.tensor(1.0), 0: [2]}
    assert alike(torch, around(shelf, tree)[1], tree)
    assert alike(torch, around(shelf, {"a": tree["a"]})[1], {"a": tree["a"]})
