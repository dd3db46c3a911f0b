"""JSON that is nested too deeply is refused before anything is built of it; YAML: test_settings.py."""

import pytest

from latentcast.core.bounded_json import parse_json


def test_depth_of_json_counts_brackets_outside_of_texts() -> None:
    assert parse_json('{"[[": "' + "[{" * 500 + '\\"]"}') == {"[[": "[{" * 500 + '"]'}
    assert parse_json("[" * 64 + "]" * 64)
    for text in ("[" * 65 + "]" * 65, '{"a":' * 100_000, "[" * 100_000):
        with pytest.raises(ValueError, match="nested more than 64"):
            parse_json(text)
