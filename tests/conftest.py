"""Shared fixtures: where the real data are, and one line where they are absent."""

import os
from pathlib import Path

import pytest


def data_folder() -> Path | None:
    """Return the folder of the public data, or None."""
    value = os.environ.get("GAMMAPY_DATA")
    return Path(value) if value and Path(value).is_dir() else None


def pytest_collection_modifyitems(items):
    if data_folder() is not None:
        return
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(pytest.mark.skip(reason="GAMMAPY_DATA is not set: tests on real data are skipped"))


@pytest.fixture(scope="session")
def gammapy_data() -> Path:
    """Folder of the public data (use together with ``@pytest.mark.data``)."""
    folder = data_folder()
    if folder is None:
        pytest.skip("GAMMAPY_DATA is not set: tests on real data are skipped")
    return folder
