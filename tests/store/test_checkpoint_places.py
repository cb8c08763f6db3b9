"""Where the bytes of checkpoints lie: whole or not at all, once, and checked when they are read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.store._blobs import Folder
from tunesmith.store.checkpoints import Shelf, discard, parsed, shelf_of

HOUR = 3600.0


def blobs_in(shelf):
    return sorted(path for path in Path(shelf.where).glob("blobs/*/*") if path.is_file())


def file_of(shelf, name):
    digest = parsed(name)[1]
    return Path(shelf.where, "blobs", digest[:2], digest)


@pytest.fixture
def shelf(tmp_path):
    return Shelf(str(tmp_path / "shelf"))


@pytest.fixture(params=["folder", "memory", "s3"])
def anywhere(request, tmp_path):
    """A place of each kind."""
    if request.param == "folder":
        return Shelf(str(tmp_path / "shelf"))
    pytest.importorskip("fsspec")
    if request.param == "memory":
        return Shelf(f"memory://tests/{tmp_path.name}", pid=os.getpid())
    url, options = request.getfixturevalue("bucket")
    return Shelf(f"{url}/{tmp_path.name}", json.dumps(options))


@pytest.fixture(scope="session")
def bucket():
    """A bucket of a server that speaks S3 on the loopback."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "testing")
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    options = {"client_kwargs": {"endpoint_url": f"http://{host}:{port}"}}
    import s3fs

    s3fs.S3FileSystem(**options).mkdir("bucket")
    yield "s3://bucket/studies", options
    running.stop()


def test_what_is_saved_comes_back(anywhere, tmp_path):
    tree = {"a": np.arange(3), "b": [1, None]}
    found = anywhere.load(anywhere.save(tree))[0]
    assert found["b"] == tree["b"]
    assert (found["a"] == tree["a"]).all()
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "weights").write_bytes(b"w" * 1000)
    (folder / "config").write_text("c")
    path, copy = anywhere.load(anywhere.save(folder))
    assert (path / "sub" / "weights").read_bytes() == b"w" * 1000
    discard(copy)
    assert not path.exists()


def test_equal_files_are_kept_once(anywhere, tmp_path):
    for name in "abc":
        (tmp_path / "m" / name).mkdir(parents=True)
        (tmp_path / "m" / name / "frozen").write_bytes(b"backbone")
        (tmp_path / "m" / name / "own").write_text(name)
    anywhere.save(tmp_path / "m")
    assert len(anywhere.blobs.ages()) == 1 + 3 + 1  # frozen, own, the list
    anywhere.save(tmp_path / "m" / "a")
    assert len(anywhere.blobs.ages()) == 1 + 3 + 2
    assert anywhere.save(b"backbone") == anywhere.save(b"backbone")
    assert len(anywhere.blobs.ages()) == 1 + 3 + 2  # across kinds, too


def test_removal_goes_by_age(anywhere):
    names = [anywhere.save(bytes([n])) for n in range(3)]
    parts = [part for name in names for part in anywhere.parts(name)]
    assert anywhere.blobs.remove(parts[:2], older=HOUR) == set()
    assert anywhere.blobs.remove(parts[:2], older=0.0) == set(parts[:2])
    assert anywhere.blobs.remove(parts[:1], older=HOUR) == set(parts[:1])  # gone is gone
    with pytest.raises(ts.CheckpointLost, match="any more"):
        anywhere.load(names[0])
    assert anywhere.load(names[2])[0] == b"\2"
    anywhere.clear()
    assert anywhere.blobs.ages() == {}


def test_copies_take_what_is_whole(anywhere, tmp_path):
    names = [anywhere.save(b"a"), anywhere.save(b"b")]
    anywhere.blobs.remove(anywhere.parts(names[0]), older=0.0)
    other = Shelf(str(tmp_path / "other"))
    anywhere.copy(names, other)
    assert other.load(names[1])[0] == b"b"
    assert len(other.blobs.ages()) == 1


@pytest.mark.parametrize("how", ["cut", "flip", "empty"])
def test_a_damaged_file_is_never_read(anywhere, tmp_path, how):
    name = anywhere.save({"a": np.arange(100)})
    digest = parsed(name)[1]
    if isinstance(anywhere.blobs, Folder):
        get = file_of(anywhere, name).read_bytes
        put = file_of(anywhere, name).write_bytes
    else:
        fs, path = anywhere.blobs._fs, anywhere.blobs._path(digest)
        get, put = (lambda: fs.cat_file(path)), (lambda data: fs.pipe_file(path, data))
    data = bytearray(get())
    if how == "flip":
        data[len(data) // 2] ^= 1
    put(bytes(data) if how == "flip" else bytes(data[: 0 if how == "empty" else 50]))
    with pytest.raises(ts.CheckpointLost, match="damaged"):
        anywhere.load(name)
    again = anywhere.save({"a": np.arange(100)})  # and saving the same makes it whole
    if how != "flip" or isinstance(anywhere.blobs, Folder):
        assert anywhere.load(again)[0]["a"][99] == 99


def test_what_is_found_again_is_as_young_as_new(shelf):
    name = shelf.save(b"x")
    os.utime(file_of(shelf, name), (1, 1))
    assert shelf.save(b"x") == name
    assert shelf.blobs.remove(shelf.parts(name), older=60.0) == set()


def test_who_touches_a_file_while_it_is_removed_keeps_it(shelf, monkeypatch):
    name = shelf.save(b"x")
    os.utime(file_of(shelf, name), (1, 1))
    rename = Path.rename

    def touched(self, target):  # between the look at its age and the removal
        if self == file_of(shelf, name):
            os.utime(self)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", touched)
    assert shelf.blobs.remove(shelf.parts(name), older=60.0) == set()
    assert shelf.load(name)[0] == b"x"


def test_a_file_that_goes_while_a_folder_is_saved_is_saved_again(shelf, tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / "m").mkdir(exist_ok=True)
        (tmp_path / "m" / name).write_text(name)
    first = shelf.save(tmp_path / "m" / "a")
    renew, seen = Folder.renew, []

    def removed(self, digest, size):
        seen.append(digest)
        found = renew(self, digest, size)
        if len(seen) == 1:
            self.remove([digest], 0.0)
        return found

    monkeypatch.setattr(Folder, "renew", removed)
    name = shelf.save(tmp_path / "m")
    monkeypatch.undo()
    assert (shelf.load(name)[0] / "a").read_text() == "a"
    assert first


def test_what_dead_processes_leave_behind_is_removed(shelf):
    code = (
        "import sys, os\nfrom pathlib import Path\nfrom tunesmith.store.checkpoints import Shelf\n"
        "from tunesmith.store import _paths\n"
        "def stop(path):\n    path.write_bytes(b'half'); os._exit(9)\n"
        "shelf = Shelf(sys.argv[1])\n_ = shelf.load(shelf.save(Path(sys.executable)))\n"
        "_paths.put(shelf.blobs, stop)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, shelf.where], check=False).returncode == 9
    mine = shelf.blobs.staging()
    mine.write_bytes(b"being written")
    old = mine.with_name("of another machine")
    old.write_bytes(b"")
    os.utime(old, (1, 1))
    assert len(list(Path(shelf.where).glob("coming/*"))) == 3
    assert len(list(Path(shelf.where).glob("loaded/*"))) == 1
    shelf.blobs.tidy(HOUR)
    assert list(Path(shelf.where).glob("coming/*")) == [mine]
    assert list(Path(shelf.where).glob("loaded/*")) == []


_FULL = """
import resource, signal, sys
import numpy as np
from pathlib import Path
import tunesmith as ts
from tunesmith.store.checkpoints import Shelf
shelf = Shelf(sys.argv[1])
names = [shelf.save(b"before")]
big = Path(sys.argv[1], "big"); big.write_bytes(b"x" * 3_000_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
for data in (b"x" * 2_000_000, {"a": np.zeros(200_000)}, big):
    try:
        shelf.save(data)
        print("stored?")
    except ts.StoreError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert shelf.load(names[0])[0] == b"before"
assert shelf.load(shelf.save(big))[0].stat().st_size == 3_000_000
"""


def test_a_full_disk_is_said_and_leaves_nothing_behind(shelf):
    Path(shelf.where).mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _FULL, shelf.where], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all("could not be stored in" in line and "large" in line for line in lines)
    assert list(Path(shelf.where).glob("coming/*")) == []
    assert len(blobs_in(shelf)) == 3


def test_a_place_that_is_no_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ts.StoreError, match=r"could not be stored in .*file: .*Error"):
        Shelf(str(tmp_path / "file")).save(b"x")


def test_memory_is_one_processs(tmp_path):
    pytest.importorskip("fsspec")
    shelf = shelf_of({"where": "memory://here", "folder": "s-1"}, None)
    other = Shelf(shelf.where, shelf.options, os.getpid() + 1)
    with pytest.raises(ts.SettingError, match="memory of one process, and this is another one"):
        other.save(b"x")


def test_a_url_that_cannot_be_is_said_before_the_first_trial(tmp_path):
    pytest.importorskip("fsspec")
    x = {"x": ts.Float(0, 1)}
    for url in ("nonsense://a/b", "https://localhost:1/x"):
        with pytest.raises((ts.StoreError, ts.SettingError, ts.MissingExtra), match=r"checkpoints|needs"):
            ts.create_study(x, name="s", storage=tmp_path / "s.db", checkpoints=url)
    assert ts.list_studies(storage=ts.SQLiteStore(tmp_path / "s.db")) == []


def test_without_fsspec_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ts.MissingExtra, match=r"tunesmith\[fsspec\]"):
        ts.create_study({"x": ts.Float(0, 1)}, checkpoints="s3://nowhere/at-all")


@pytest.mark.parametrize(
    "settings",
    [
        {"where": "s3://key:secret@bucket/x"},
        {"where": "s3://bucket", "options": {"secret": "abc"}},
        {"where": "s3://bucket", "options": {"client_kwargs": {"aws_secret_access_key": "abc"}}},
        {"where": 3},
        {"keep_last": 0},
        {"keep_last": 9},
        {"keep_best": -1},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ts.SettingError):
        ts.Checkpoints(**settings)


def test_places_are_recorded_as_plain_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given, where in (("here", str(tmp_path / "here")), (f"file://{tmp_path}/x", f"{tmp_path}/x")):
        record = ts.Checkpoints(given, keep_best=None, keep_last=2).record("a study: √2")
        assert json.loads(json.dumps(record)) == record
        assert (record["where"], record["keep_best"], record["keep_last"]) == (where, None, 2)
        assert record["folder"].startswith("a-study---2-")
        assert shelf_of(record, None).where == f"{where}/{record['folder']}"
    assert shelf_of({}, "beside").where == "beside"
