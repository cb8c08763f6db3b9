"""What the pages say is so: code runs and prints what is written under it, links lead somewhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, agrees, blocks, pages, run

_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_NEEDS = {"gradients.md": "torch"}  # extras that are large, by page
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_block_runs_and_prints_what_is_written_under_it(page: Path, tmp_path: Path) -> None:
    if not blocks(page):
        pytest.skip("no code on this page")
    if page.name in _NEEDS and importlib.util.find_spec(_NEEDS[page.name]) is None:
        pytest.skip(f"{_NEEDS[page.name]} is not installed")
    for block, printed in run(page, tmp_path):
        if block.prints is not None:
            assert agrees(block.prints, printed), (
                f"{page.name}, line {block.line}: promised\n{block.prints}\nprinted\n{printed}"
            )


@pytest.mark.parametrize(
    "page", [*pages(), *sorted((ROOT / "docs/decisions").glob("*.md"))], ids=lambda page: page.name
)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_generated_tables_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.generate", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run `python -m docs.generate`"


def test_the_runner_tells_right_from_wrong() -> None:
    assert agrees("best …\nx\n", "best 0.25\nx\n")
    assert agrees("a\n…\nz\n", "a\nb\nc\nz\n")
    assert not agrees("best 1\n", "best 2\n")
    assert not agrees("best …\n", "best\n0.25\n")
