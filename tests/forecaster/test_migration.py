"""Cards of older formats become those of the present one."""

from typing import Any

from latentcast.forecaster.storage import migrate


def _card(number: int) -> dict[str, Any]:
    composed = {"representation": {"name": "patch"}, "between": [{"name": "mixture"}], "backbone": {"name": "none"}}
    members = [{"label": "between", "model": composed}, {"label": "naive", "model": {"name": "naive"}}]
    settings = {"model": {"name": "hybrid", "members": members}}
    return {"format": f"latentcast/{number}", "settings": settings, "notes": []}


def test_members_name_their_mixers() -> None:
    members = migrate(_card(2))["settings"]["model"]["members"]
    assert members[0]["model"]["mixers"] == [{"name": "mixture"}]
    assert "between" not in members[0]["model"]
    assert [one["label"] for one in members] == ["between", "naive"]  # a label is no setting


def test_a_card_of_the_present_format_is_left_as_it_is() -> None:
    assert migrate(_card(3)) == _card(3)
