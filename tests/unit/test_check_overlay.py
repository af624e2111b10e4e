"""What does not fit in an overlay is named before it is deployed."""

import json
import shutil
from pathlib import Path

import pytest

from tools.check_overlay import FUNCTIONS, problems


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    shutil.copytree(FUNCTIONS / "latchkey" / "languages", tmp_path / "latchkey" / "languages")
    (tmp_path / "overlay" / "en").mkdir(parents=True)
    return tmp_path


def write(folder: Path, **words: str) -> None:
    (folder / "words.json").write_text(
        json.dumps({key.replace("__", "."): words[key] for key in words}), "utf-8"
    )


def test_ours_and_an_overlay_that_fits_pass(functions: Path) -> None:
    write(functions / "overlay" / "en", request__title="Locked out?", script__valid_for="{time} left.")
    (functions / "overlay" / "en" / "expired.txt").write_text(
        "Subject: Too late\n\n{{user}}\n\n{{#link}}\n[{{request.title}}]({{link}})\n{{/link}}\n", "utf-8"
    )
    (functions / "overlay" / "logo.svg").write_text("<svg/>", "utf-8")
    assert list(problems(functions)) == []
    assert list(problems(FUNCTIONS)) == []


def test_what_is_not_there_is_named(functions: Path) -> None:
    overlay = functions / "overlay" / "en"
    write(overlay, request__titel="Locked out?", script__valid_for="{hours} left.")
    (overlay / "expired.txt").write_text("Subject: Too late\n\n{{password}}\n", "utf-8")
    (overlay / "exspired.txt").write_text("Subject: Too late\n", "utf-8")
    assert [each.removeprefix(f"{overlay}/") for each in problems(functions)] == [
        "words.json: no page and no mail has the text 'request.titel'.",
        "words.json: 'script.valid_for': there is no value 'hours'.",
        "expired.txt: there is no value 'password'.",
        "exspired.txt: there is no such mail.",
    ]


def test_a_language_of_ones_own_has_to_be_whole(functions: Path) -> None:
    dutch = functions / "overlay" / "nl"
    shutil.copytree(functions / "latchkey" / "languages" / "de", dutch)
    assert list(problems(functions)) == []
    (dutch / "formats.json").unlink()
    (dutch / "failed.txt").unlink()
    words = json.loads((dutch / "words.json").read_text("utf-8"))
    del words["reveal.button"]
    (dutch / "words.json").write_text(json.dumps(words), "utf-8")
    assert list(problems(functions)) == [
        f"{dutch}: a language of its own needs the text 'reveal.button'.",
        f"{dutch}: a language of its own needs failed.txt.",
        f"{dutch}: a language of its own needs formats.json.",
    ]
