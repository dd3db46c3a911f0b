"""What ships with the package and was made elsewhere, or trained: named, with version, licence and sum."""

import hashlib
import json
import re
import tomllib
from pathlib import Path

import latentcast

CHECKOUT = Path(__file__).parents[2]
VENDOR = Path("src/latentcast/serving/workbench/static/vendor")
SHIPPED = Path("src/latentcast/models/pretrained/shipped")
STRINGS = CHECKOUT / "src/latentcast/serving/workbench/static/strings"


def notices() -> dict[str, list[str]]:
    """File → origin, version, licence, sum."""
    lines = (CHECKOUT / "THIRD_PARTY_NOTICES.md").read_text().splitlines()
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {file: rest for file, *rest in rows}


def test_every_shipped_file_is_listed_with_its_sum() -> None:
    files = {str(file.relative_to(CHECKOUT)) for folder in (VENDOR, SHIPPED) for file in (CHECKOUT / folder).iterdir()}
    assert files == set(notices())
    for file, (_, version, licence, digest) in notices().items():
        content = (CHECKOUT / file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, f"{file} is not the one that is listed"
        assert licence in ("MIT", "Apache-2.0")
        if file.endswith(".js"):
            assert f"(v{version})".encode() in content[:200]
    assert notices()[str(SHIPPED / "small.safetensors")][1] == latentcast.__version__


def test_the_licence_text_stands_in_the_notices_and_the_wheel_holds_them() -> None:
    text = (CHECKOUT / "THIRD_PARTY_NOTICES.md").read_text()
    assert "Copyright (c) 2022 Leon Sorokin" in text
    assert "Permission is hereby granted, free of charge" in text
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert "THIRD_PARTY_NOTICES.md" in project["license-files"]


def test_the_workbench_is_small() -> None:
    static = CHECKOUT / VENDOR.parent
    assert sum(file.stat().st_size for file in static.rglob("*") if file.is_file()) < 1_100_000


def test_both_languages_have_the_same_texts_and_holes() -> None:
    english, chinese = (json.loads((STRINGS / f"{name}.json").read_text()) for name in ("en", "zh"))
    forms = {key for key in english if key.endswith(".one")}  # Chinese has one form for all numbers
    assert set(english) - forms == set(chinese)
    for key, text in chinese.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), key


def test_every_text_that_the_page_asks_for_is_there() -> None:
    static = STRINGS.parent
    english = json.loads((STRINGS / "en.json").read_text())
    scripts = "".join(file.read_text() for file in (static / "js").glob("*.js"))
    asked = set(re.findall(r'\bt\(\s*"([\w.-]+)"', scripts))
    asked |= set(re.findall(r'data-i18n="([\w.-]+)"', (static / "index.html").read_text()))
    assert asked <= set(english)
    assert len(asked) > 60
