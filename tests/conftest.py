"""What every test may use."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, here and in the processes that tests start

import pytest
from hypothesis import settings

# A busy machine is no reason to fail, nor are examples that the last run did not have. To look for others:
# pytest --hypothesis-profile default
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real sequences that lie beside the checkout; tests that need them are skipped elsewhere."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real sequences (../shared/data) are not beside this checkout")
    return SHARED_DATA
