"""A domain of the local cloud's directory is made once, and copied from then on."""

from pathlib import Path
from typing import Any

import pytest

from local import system
from local.directory import samba
from local.directory.samba import Samba, SambaError


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Note each domain that is made; the first fails halfway."""
    folders: list[str] = []

    def make(_: Path, wanted: dict[str, Any]) -> None:
        folders.append(wanted["folder"])
        (Path(wanted["folder"]) / "etc").mkdir()
        (Path(wanted["folder"]) / f"file-{len(folders)}").touch()
        if len(folders) == 1:
            raise SambaError("No space left on device")

    monkeypatch.setattr(samba, "_DOMAINS", tmp_path / "domains")
    monkeypatch.setattr(system, "find", lambda _: __file__)
    monkeypatch.setattr(Samba, "_run", staticmethod(make))
    return folders


def test_a_domain_is_made_once(made: list[str], tmp_path: Path) -> None:
    with pytest.raises(SambaError):
        Samba(tmp_path / "broken").provision()
    for name in ("first", "second"):
        directory = Samba(tmp_path / name)
        directory.provision()
        assert (directory.folder / "file-2").exists()
        assert not (directory.folder / "file-1").exists()
        assert str(directory.folder) in directory.conf.read_text()
    assert len(made) == 2
