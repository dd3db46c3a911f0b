"""Tables between marks in the documentation say what `benchmarks/results/` says."""

from benchmarks.tables import TABLES, number, pages, written


def test_every_page_equals_the_results() -> None:
    found = pages()
    assert len(found) >= 4
    for path, text in found.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: write it by python -m benchmarks.tables"


def test_a_changed_figure_is_written_back() -> None:
    stale = "<!-- measured: gaps -->\n\n| a | table | of | old |\n\n<!-- end -->\n"
    assert TABLES["gaps"]() in written(stale)


def test_numbers_lose_the_zero_before_the_point() -> None:
    assert (number(0.3702), number(1.0649), number(0.00415, 4)) == (".370", "1.065", ".0042")
