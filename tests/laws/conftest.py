"""The full cross products run only when they are asked for: `pytest -m long`."""

import pytest


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "/laws/" not in str(item.path):
            continue
        if not config.option.markexpr and item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: pytest -m long"))
