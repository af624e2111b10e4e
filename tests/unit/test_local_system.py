"""What the system lacks is installed where that is allowed, and said in one sentence where it is not."""

import os
from pathlib import Path

import pytest

from local import system
from local.system import LackingError, Need, missing, provide

TREE = Need("Tree", "the tests", ("tree-of-tests",), ("tree-package", "tree-data"), ("treed", "leafd"))
ROOT, ORDINARY = 0, 1000


class Machine:
    """A system whose programs are scripts; each tells `calls` what it was called with."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.log = folder / "calls"
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PATH", str(self.programs))
        monkeypatch.setattr(system, "_MORE_PATH", "")
        monkeypatch.setattr(system, "_SYSTEMD", folder / "systemd")
        self.program("env", 'while [ "${1%%=*}" != "$1" ]; do shift; done\nexec "$@"')
        self.be(ROOT)

    def be(self, user: int) -> None:
        self._monkeypatch.setattr(os, "geteuid", lambda: user)

    def program(self, name: str, script: str = "") -> None:
        path = self.programs / name
        path.write_text(f'#!/bin/sh\necho {name} "$@" >> {self.log}\n{script}\n')
        path.chmod(0o755)

    def apt_get(self, installs: str = "tree-of-tests", script: str = "") -> None:
        """Let there be an apt-get whose packages bring a program, or that does something else."""
        path = self.programs / installs
        self.program("apt-get", script or f'[ "$1" = update ] || {{ : > {path}; /bin/chmod 755 {path}; }}')

    def systemd(self, *services: str) -> None:
        """Let systemd run, with these services."""
        (self.folder / "systemd").mkdir()
        known = "|".join(f"{name}.service" for name in services or ("none",))
        self.program("systemctl", f'[ "$1" != cat ] || case "$2" in {known}) ;; *) exit 1 ;; esac')

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_what_is_there_is_used(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.program("tree-of-tests")
    machine.apt_get()
    provide(TREE)
    assert machine.calls == []
    assert capsys.readouterr().out == ""


def test_root_gets_debians_packages_from_fresh_lists_and_nothing_recommended(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.apt_get()
    provide(TREE)
    install = (
        "apt-get install --yes --quiet --no-install-recommends"
        " -o DPkg::Lock::Timeout=300 tree-package tree-data"
    )
    assert machine.calls == [
        "apt-get update --quiet",
        f"env DEBIAN_FRONTEND=noninteractive {install}",
        install,
    ]
    assert capsys.readouterr().out == "Installing Tree (tree-package, tree-data), for the tests ...\n"


def test_a_user_of_sudo_without_a_password_gets_them_too(machine: Machine) -> None:
    machine.be(ORDINARY)
    machine.apt_get()
    machine.program("sudo", 'shift\n[ "$1" = true ] || exec "$@"')
    provide(TREE)
    assert machine.calls[:3] == ["sudo -n true", "sudo -n apt-get update --quiet", "apt-get update --quiet"]
    assert not missing(TREE)


@pytest.mark.parametrize("sudo", [None, "exit 1"], ids=["without sudo", "sudo asks for a password"])
def test_any_other_user_is_told_what_to_type(machine: Machine, sudo: str | None) -> None:
    machine.be(ORDINARY)
    machine.apt_get()
    if sudo:
        machine.program("sudo", sudo)
    with pytest.raises(LackingError, match=r"^Tree, for the tests, is not installed: sudo make setup$"):
        provide(TREE)
    assert not [call for call in machine.calls if "apt-get" in call]


def test_a_system_without_apt_get_is_told_what_it_needs(machine: Machine) -> None:
    with pytest.raises(LackingError, match=r"not installed: please install what provides tree-of-tests$"):
        provide(TREE)
    assert machine.calls == []


@pytest.mark.usefixtures("machine")
def test_everything_missing_is_told_at_once() -> None:
    with pytest.raises(LackingError, match=r"^Tree, .*\nBush, .*$"):
        provide(TREE, Need("Bush", "nothing", ("bush-of-tests",), ("bush",)))


def test_what_apt_get_says_is_passed_on(machine: Machine) -> None:
    machine.apt_get(script='[ "$1" = update ] || { echo "E: No tree" >&2; exit 100; }')
    with pytest.raises(LackingError, match=r"(?s)install .* failed:\n.*E: No tree"):
        provide(TREE)


def test_packages_that_bring_something_else_do_not_pass(machine: Machine) -> None:
    machine.apt_get(installs="something-else")
    with pytest.raises(LackingError, match="Tree"):
        provide(TREE)


def test_no_service_of_a_package_ever_starts(machine: Machine) -> None:
    machine.systemd()
    machine.apt_get()
    provide(TREE)
    masked = machine.calls.index("systemctl mask treed.service leafd.service")
    assert masked < next(place for place, call in enumerate(machine.calls) if "install" in call)


def test_a_service_that_was_there_before_is_left_alone(machine: Machine) -> None:
    machine.systemd("treed")
    machine.apt_get()
    provide(TREE)
    assert "systemctl mask leafd.service" in machine.calls


@pytest.mark.parametrize(
    ("user", "remedy"),
    [(ROOT, "its container lacks the capability SYS_ADMIN"), (ORDINARY, "sudo make test")],
)
def test_what_may_have_no_network_of_its_own_is_missing(machine: Machine, user: int, remedy: str) -> None:
    need = Need("Tree", "the tests", ("tree-of-tests",), ("tree-package",), own_network=True)
    machine.program("tree-of-tests")
    machine.be(user)
    machine.program("unshare", "exit 1")
    assert missing(need) == f"Tree, for the tests, may have no network of its own here: {remedy}"
    machine.program("unshare")
    assert missing(need) == ""


def test_make_setup_ends_with_the_sentence(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.be(ORDINARY)
    machine.apt_get()
    monkeypatch.setattr(system, "NEEDS", (TREE,))
    with pytest.raises(SystemExit, match="sudo make setup"):
        system.main()


def test_a_path_is_there_or_not(machine: Machine) -> None:
    need = Need("Tree", "the tests", (str(machine.folder / "data"),), ("tree-package",))
    assert missing(need)
    (machine.folder / "data").mkdir()
    assert not missing(need)
