import sys
from pathlib import Path

import pytest

from deglare.errors import RequestError
from deglare.geometry.open3d_library import load_open3d


def test_a_package_that_is_not_there_is_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(RequestError, match=r"^casting rays needs open3d .*pip install open3d$"):
        load_open3d("casting rays")


def test_a_system_library_that_is_not_there_is_named_with_the_packages_that_bring_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lacking = "raise ImportError('libusb-1.0.so.0: cannot open shared object file')"
    (tmp_path / "open3d.py").write_text(lacking)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "open3d", raising=False)
    with pytest.raises(RequestError, match=r"libusb-1\.0\.so\.0.*apt-get install libusb-1\.0-0 libgl1 libgomp1"):
        load_open3d("casting rays")
