"""Files of the repository that are pages of the site, and links that leave `docs/`.

On the hosting page of the repository `../CONTRIBUTING.md` is a link; in the site that file is a page. A link to a file
that is no page (a script, a result) becomes its path as code. A link to a file that does not exist is a warning, which
strict builds refuse.
"""

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "benchmarks/README.md": "benchmarks.md"}
PLANNED = {"assistants.md", "export.md", "hub.md", "serving.md", "workbench.md"}  # named before they are written
LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")
log = logging.getLogger("mkdocs.hooks.repository")


def on_config(config: Any) -> Any:
    """Drop entries of the navigation whose page is not written yet."""
    generated = {*PAGES.values(), "measured.md", "reference/commands.md"}
    config.nav = _existing(config.nav, Path(config.docs_dir), generated)
    return config


def _existing(nav: Any, docs: Path, generated: set[str]) -> Any:
    if isinstance(nav, list):
        return [kept for kept in (_existing(entry, docs, generated) for entry in nav) if kept]
    if isinstance(nav, dict):
        kept = {name: _existing(entry, docs, generated) for name, entry in nav.items()}
        return {name: entry for name, entry in kept.items() if entry}
    return nav if nav in generated or (docs / nav).exists() else None


def on_files(files: Any, config: Any) -> Any:
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    here = page.file.src_uri
    home = next((source for source, at in PAGES.items() if at == here), f"docs/{here}")
    return outside_code(markdown, lambda text: LINK.sub(lambda link: _rewritten(link, home, here), text))


def outside_code(markdown: str, change: Any) -> str:
    """Change what is not in a fenced block."""
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else change(part) for part in parts)


def _rewritten(link: re.Match[str], home: str, here: str) -> str:
    text, address, anchor = link[1], link[2], link[3] or ""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(home), address))
    page = PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
    if page in PLANNED and not (ROOT / target).exists():
        return text
    if page is not None:
        return f"[{text}]({posixpath.relpath(page, posixpath.dirname(here) or '.')}{anchor})"
    if not (ROOT / target).exists():
        log.warning("%s links to %s, which is not in the repository", home, address)
    shown = text.strip("`")
    return f"`{target}`" if shown in target else f"{text} (`{target}`)"
