"""The full cross products run only when they are asked for: `pytest -m long`."""

import pytest

OPEN = {
    "TestTPE::test_it_lives_with_nothing_but_trouble[infinite]": "inf - inf warns in tpe._improvements",
}


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "/laws/" not in str(item.path):
            continue
        if not config.option.markexpr and item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: pytest -m long"))
        reason = next((OPEN[name] for name in OPEN if item.nodeid.endswith(name)), None)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
