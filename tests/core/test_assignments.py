"""Settings as they are written after --set: a shell and the parser read the same values back."""

import shlex
import subprocess

import pytest

from latentcast.core.assignments import assignment, option
from latentcast.core.parsing import parse_assignments
from latentcast.data.settings import DataSettings

NAMES = (
    "plain", "Passenger count", "cost $HOME", "it's", 'the "best"', "load [MW]", "[x]", "{y}", "a, b", "2001", "1e3",
    "1.5", "007", "true", "null", "*", "back\\slash", "größe", "a;b", "`id`", " edge ", "a=b", "!x", "x\ny",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_one_name_is_read_back(name: str) -> None:
    (word,) = shlex.split(assignment("data.value", name))
    assert DataSettings.model_validate(parse_assignments([word])["data"]).value == name


def test_many_names_are_read_back() -> None:
    (word,) = shlex.split(assignment("data.ignore", *NAMES))
    assert DataSettings.model_validate(parse_assignments([word])["data"]).ignore == NAMES


def test_a_shell_reads_the_words_as_shlex_does() -> None:
    words = [*(assignment("data.id", name) for name in NAMES), option("id", *NAMES)]
    script = f"printf '%s\\0' {' '.join(words)}"
    printed = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode()
    assert printed.split("\0")[:-1] == [text for word in words for text in shlex.split(word)]


def test_plain_names_stay_plain() -> None:
    assert assignment("data.id", "shop", "item") == "data.id=shop,item"
    assert option("id", "shop", "item") == "--id shop --id item"
