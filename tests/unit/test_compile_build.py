"""Every function's copy of the code gets its bytecode."""

import py_compile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tools.compile_build import compile_build

UNCHECKED_HASH = (1).to_bytes(4, "little")


def write(folder: Path, function: str, module: str, text: str) -> Path:
    source = folder / function / "latchkey" / f"{module}.py"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    return source


def bytecode(source: Path) -> bytes:
    return Path(cache_from_source(str(source))).read_bytes()


def test_every_copy_has_bytecode_that_is_never_checked(tmp_path: Path) -> None:
    copies = [write(tmp_path, function, "claims", "ONE = 1\n") for function in ("A", "B")]
    other = write(tmp_path, "A", "users", "TWO = 2\n")
    compile_build(tmp_path)
    assert {bytecode(source)[4:8] for source in (*copies, other)} == {UNCHECKED_HASH}
    assert bytecode(copies[0]) == bytecode(copies[1]) != bytecode(other)


def test_what_was_compiled_before_is_compiled_anew(tmp_path: Path) -> None:
    copies = [write(tmp_path, function, "claims", "ONE = 1\n") for function in ("A", "B")]
    compile_build(tmp_path)
    before = bytecode(copies[1])
    copies[1].write_text("ONE = 'another'\n")
    compile_build(tmp_path)
    assert bytecode(copies[0]) == before != bytecode(copies[1])


def test_a_module_that_is_none_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "A", "claims", "no python\n")
    with pytest.raises(py_compile.PyCompileError):
        compile_build(tmp_path)
