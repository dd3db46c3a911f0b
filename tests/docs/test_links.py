"""Links of the pages that lie outside the documentation site lead to files, and their anchors to headings."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s#]+)(?:#([^)\s]+))?\)")
PAGES = ["README.md", "README.zh.md", "AGENTS.md", "CONTRIBUTING.md", "llms.txt", "benchmarks/README.md"]


def anchors(markdown: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", markdown, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for address, anchor in LINK.findall(text):
        target = ROOT / Path(name).parent / address
        assert target.exists(), f"{name} links to {address}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{name} links to {address}#{anchor}"
