"""The page of measured results, made of `benchmarks/results/` when the site is built."""

import json
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
HEAD = """# Measured results

The site's build makes this page from the files in `benchmarks/results/`. [Benchmarks](benchmarks.md) names the script
and the claim of each. It leaves out the single repeats of a measurement.
"""


def on_files(files: Any, config: Any) -> Any:
    files.append(File.generated(config, "measured.md", content=page()))
    return files


def page() -> str:
    """Every result file as a section: where it was measured, its figures as tables."""
    sections = [_section(path) for path in sorted(RESULTS.glob("*.json")) if path.stem != "same_numbers_before"]
    tables = [
        f"## {path.parent.relative_to(RESULTS)}\n\n{_markdown(path)}\n" for path in sorted(RESULTS.rglob("table.md"))
    ]
    return "\n".join([HEAD, *sections, *tables])


def _markdown(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


def _section(path: Path) -> str:
    whole = json.loads(path.read_text(encoding="utf-8"))
    machine, versions = whole.pop("machine"), whole.pop("versions")
    where = f"{whole.pop('measured', 'undated')}, {machine['cpu']}, {machine['cores']} cores"
    threads = machine.get("threads")
    where += f", {threads} thread{'' if threads == 1 else 's'}" if threads else ""
    packages = ", ".join(f"{name} {number}" for name, number in versions.items() if name != "latentcast")
    lines = [f"## {path.stem}", "", f"{where}. {packages}.", ""]
    claim = whole.pop("claim", None)
    lines += [f"Claim: {claim}.", ""] if claim else []
    small = {name: value for name, value in whole.items() if not _is_table(value)}
    lines += _table([{"": name, "value": value} for name, value in small.items()])
    for name, value in whole.items():
        if _is_table(value):
            lines += [f"**{name}**", "", *_table(value if isinstance(value, list) else _named(value))]
    return "\n".join(lines)


def _is_table(value: Any) -> bool:
    rows = list(value.values()) if isinstance(value, dict) else value
    return isinstance(rows, list) and bool(rows) and all(isinstance(row, dict) for row in rows)


def _named(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"": name, **row} for name, row in value.items()]


def _table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    columns = list(dict.fromkeys(name for row in rows for name in row if not _is_repeats(name)))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_shown(row.get(name, "")) for name in columns) + " |" for row in rows]
    return [*lines, ""]


def _is_repeats(name: str) -> bool:
    """Every turn of a measurement; its median has a name of its own."""
    return name == "all" or name.startswith("all_")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_shown(part)}" for name, part in value.items() if not _is_repeats(name))
    if isinstance(value, list) and len(value) > 5 and all(isinstance(one, (int, float)) for one in value):
        return f"{_shown(min(value))} to {_shown(max(value))} ({len(value)} values)"
    if isinstance(value, list):
        return ", ".join(_shown(part) for part in value)
    return str(value).replace("|", "\\|")
