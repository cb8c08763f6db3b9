"""`python -m benchmarks`: compare, and write benchmarks/results/latest.json and docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks.cases import CASES, PEERS, Size
from benchmarks.page import page

_ROOT = Path(__file__).parents[1]
_LATEST = _ROOT / "benchmarks" / "results" / "latest.json"
_PAGE = _ROOT / "docs" / "benchmarks.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=list(CASES), metavar="CASE", help=f"of {', '.join(CASES)}"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the trials, two runs; nothing is written"
    )
    parser.add_argument(
        "--repeat", type=int, default=3, help="runs of each contender, 3 at least for the record"
    )
    parser.add_argument("--page", action="store_true", help="write the page anew from the last figures")
    options = parser.parse_args()
    if options.page:
        _PAGE.write_text(page(json.loads(_LATEST.read_text())), encoding="utf-8")
        return 0
    size = Size(share=0.1, repeat=2) if options.quick else Size(repeat=options.repeat)
    results = []
    for name in options.only or CASES:
        start = time.perf_counter()
        result = CASES[name](size)
        results.append(result.as_json())
        print(f"{name} ({time.perf_counter() - start:.0f} s)", file=sys.stderr)
    run = {
        "machine": f"{os.cpu_count()} shared cores",
        "python": platform.python_version(),
        "peers": {peer.NAME: peer.VERSION for peer in PEERS},
        "repeat": size.repeat,
        "quick": options.quick,
        "results": results,
    }
    if options.quick or options.only:
        print(page(run))
        return 0
    _LATEST.parent.mkdir(exist_ok=True)
    _LATEST.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _PAGE.write_text(page(run), encoding="utf-8")
    print(page(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
