"""`python -m benchmarks.child SPEC`: one measurement in a fresh process, its figures as a line of JSON."""

from __future__ import annotations

import json
import math
import resource
import sys


def main() -> int:
    spec = json.loads(sys.argv[1])
    limit = math.ceil(spec.pop("limit"))
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    from benchmarks import measures, model_measures

    figures = {**measures.MEASURES, **model_measures.MEASURES}[spec.pop("measure")](**spec)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures["spent"] = sum(one.ru_utime + one.ru_stime for one in used) + figures.get("elsewhere", 0.0)
    sys.stdout.write("\n" + json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
