"""JSON of bounded depth."""

import json
import re
from typing import Any

_DEEPEST_JSON = 64  # lists and objects inside each other
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def parse_json(text: str) -> Any:
    """Parse JSON of bounded depth. Raises ValueError for invalid JSON or too deep nesting.

    The depth is counted before parsing: the parser and many readers of the result recurse.
    """
    if text.count("[") + text.count("{") > _DEEPEST_JSON:
        depth = 0
        for bracket in re.findall(r"[\[\]{}]", _QUOTED.sub("", text)):
            depth += 1 if bracket in "[{" else -1
            if depth > _DEEPEST_JSON:
                raise ValueError(f"it is nested more than {_DEEPEST_JSON} lists and objects deep")
    return json.loads(text)
