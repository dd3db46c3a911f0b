"""Settings: strict, all faults at once, each with its path and the nearest known name."""

import time
from typing import Annotated, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.nested import leaves, merge, merge_without_conflict, nested
from latentcast.core.parsing import parse_assignments, read_yaml, write_yaml
from latentcast.core.registry import Registry
from latentcast.core.settings import Part, Settings, validate
from latentcast.data.settings import DataSettings


class RoundSettings(Settings):
    radius: Annotated[float, Field(gt=0)] = 1.0


class Round:
    Settings = RoundSettings


class SquareSettings(Settings):
    side: int = 2
    colour: Literal["red", "blue"] = "red"


class Square:
    Settings = SquareSettings


SHAPES = Registry("shape")
SHAPES.add("round", Round, "a circle")
SHAPES.add("square", Square)


class Drawing(Settings):
    parts: ClassVar = {"shape": SHAPES}
    shape: Part
    width: int = 10
    scale: float | None = None
    title: str = "none"
    tags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _agree(self) -> "Drawing":
        if self.width == 13:
            raise ValueError("13 brings bad luck: take 12")
        return self


def faults(values: dict, at: str = "") -> list[str]:
    with pytest.raises(SettingsError) as caught:
        validate(Drawing, values, at)
    return list(caught.value.faults)


def test_a_part_is_chosen_by_name_and_has_its_own_settings() -> None:
    drawing = validate(Drawing, {"shape": {"name": "square", "side": 5}, "scale": 2})
    assert drawing.shape.name == "square"
    assert drawing.shape.settings == SquareSettings(side=5)
    assert validate(Drawing, {"shape": "round"}).shape.settings == RoundSettings()
    assert drawing.shape.dump() == {"name": "square", "side": 5, "colour": "red"}


def test_unknown_settings_name_the_nearest_at_their_own_level() -> None:
    found = faults({"shape": {"name": "square", "sides": 5}, "widht": 3}, "model.")
    assert found == [
        "model.shape.sides: no such setting; did you mean side?",
        "model.widht: no such setting; did you mean width?",
    ]


def test_every_fault_is_reported_at_once() -> None:
    values = {"shape": {"name": "round", "radius": -1}, "width": "wide", "tags": [1], "heigth": 1}
    found = faults(values)
    assert len(found) == 4
    assert [fault.split(":")[0] for fault in found] == ["shape.radius", "width", "tags.0", "heigth"]
    with pytest.raises(SettingsError, match="4 settings are wrong"):
        validate(Drawing, values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "shape: is required"),
        ({"shape": "rond"}, "shape.name: unknown shape 'rond': did you mean round?"),
        ({"shape": 3}, "shape: got 3, wanted the name of a shape (round, square)"),
        ({"shape": {"radius": 3}}, "shape: got {'radius': 3}, wanted the name of a shape (round, square)"),
        ({"shape": {"name": "square", "colour": "green"}}, "shape.colour: got 'green', wanted 'red' or 'blue'"),
        ({"shape": "round", "width": True}, "width: got True, wanted a number"),
        ({"shape": "round", "scale": False}, "scale: got False, wanted a number"),
        ({"shape": "round", "scale": float("nan")}, "scale: got nan, wanted a finite number"),
        ({"shape": "round", "width": 2.5}, "width: got 2.5, wanted a valid integer"),
        ({"shape": "round", "title": 7}, "title: got 7, wanted a valid string"),
        ({"shape": "round", "width": 13}, "13 brings bad luck: take 12"),
    ],
)
def test_a_fault_says_what_came_and_what_was_wanted(values: dict, told: str) -> None:
    (found,) = faults(values)
    assert found.startswith(told)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(Exception, match="frozen"):
        RoundSettings().radius = 3.0  # type: ignore[misc]


def test_merge_goes_into_mappings_and_leaves_both_as_they_were() -> None:
    base, over = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 4}, "e": 5}
    assert merge(base, over) == {"a": {"b": 1, "c": 4}, "d": 3, "e": 5}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}
    assert over == {"a": {"c": 4}, "e": 5}


@pytest.mark.parametrize(
    ("base", "over", "result"),
    [
        ({"name": "square", "side": 5}, {"name": "round"}, {"name": "round"}),
        ({"name": "square", "side": 5}, {"name": "square", "x": 1}, {"name": "square", "side": 5, "x": 1}),
        ({"name": "square", "side": 5}, "round", {"name": "round"}),
        ({"name": "square", "side": 5}, "square", {"name": "square", "side": 5}),
        ({"name": "square"}, {"side": 3}, {"name": "square", "side": 3}),
        ("square", {"side": 3}, {"name": "square", "side": 3}),
        ({"side": 5}, {"name": "square"}, {"side": 5, "name": "square"}),
    ],
)  # fmt: skip
def test_a_part_that_changes_its_name_starts_from_its_own_defaults(base, over, result) -> None:
    assert merge({"shape": base}, {"shape": over}) == {"shape": result}


def test_nested_opens_dotted_keys_at_every_depth() -> None:
    assert nested({"a.b.c": 1, "a": {"b.d": 2}, "e": 3}) == {"a": {"b": {"c": 1, "d": 2}}, "e": 3}


NAMES = st.text("abcdef", min_size=1, max_size=3)
TREES = st.recursive(
    st.integers(), lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=8
).filter(lambda tree: isinstance(tree, dict))


@given(TREES)
def test_leaves_and_nested_undo_each_other(tree: dict) -> None:
    assert nested(dict(leaves(tree))) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-3", -3),
        (".5", 0.5),
        ("1", 1),
        ("true", True),
        ("False", False),
        ("null", None),
        ("", None),
        ("none", "none"),
        ("nan", "nan"),
        ("NO", "NO"),
        ("on", "on"),
        ("a=b", "a=b"),
        ("a,b,c", ["a", "b", "c"]),
        ("0.7,.1,2e-1", [0.7, 0.1, 0.2]),
        ("2020-01-01,2021-01-01", ["2020-01-01", "2021-01-01"]),
        ("a,", ["a"]),
        ("[1, [2, x]]", [1, [2, "x"]]),
        ("{a: 1}", {"a": 1}),
        ("'1'", "1"),
        ("[1", "[1"),
        ("%d.%m.%Y", "%d.%m.%Y"),
        ("#5", "#5"),
        ("p (mbar)", "p (mbar)"),
        ("h: m", "h: m"),
    ],
)
def test_assignments_are_typed_as_people_mean_them(text: str, value: object) -> None:
    parsed = parse_assignments([f"a.b={text}"])["a"]["b"]
    assert parsed == value
    assert type(parsed) is type(value)


def test_assignments_that_are_none_are_all_named() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_assignments(["training.lr", "=3", "ok=1", "a..b=2"])
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["--set training.lr", "--set =3", "--set a..b=2"]


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    st.sampled_from(["NO", "1e-3", "2020-01-01", "null", "~", "yes", "0x1", "1_000", "<<", "=", "12:30", "1."]),
)


@given(st.dictionaries(NAMES, st.one_of(SCALARS, st.lists(SCALARS, max_size=3))))
def test_what_is_written_as_yaml_is_read_back(tmp_path_factory, values: dict) -> None:
    path = tmp_path_factory.mktemp("yaml") / "settings.yaml"
    write_yaml(path, values)
    assert read_yaml(path) == values


def test_yaml_files_may_be_dotted_and_mean_what_they_say(tmp_path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("training.lr: 1e-3\ndata: {target: NO, split: [2020-01-01, 2021-01-01], time_format: 'a,b'}\n")
    assert read_yaml(path) == {
        "training": {"lr": 0.001},
        "data": {"target": "NO", "split": ["2020-01-01", "2021-01-01"], "time_format": "a,b"},
    }
    path.write_text("# nothing\n")
    assert read_yaml(path) == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: [1", "is not YAML"),
        (b"\xff\xfe\x00", "is not YAML"),
        (b"- 1\n- 2\n", "holds list, wanted a mapping"),
        (b"0", "holds int, wanted a mapping"),
        (b"a: !!python/object:os.system x", "is not YAML"),
        (None, "cannot read the configuration"),
    ],
)
def test_yaml_that_cannot_be_used_is_one_clear_error(tmp_path, content: bytes | None, told: str) -> None:
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=told):
        read_yaml(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lookback: 14\nhorizon: 7\nlookback: 21\n", "lookback stands in line 1 and again in line 3"),
        ("data:\n  gaps: mask\n  gaps: error\n", "gaps stands in line 2 and again in line 3"),
        ("data: {gaps: mask, gaps: error}\n", "gaps stands in line 1 and again in line 1"),
    ],
)
def test_a_key_of_yaml_stands_once(tmp_path, text: str, told: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=f"s.yaml: {told}"):
        read_yaml(path)


_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_BOMB, "more than 20000 values"),
        ("x: " + "[" * 100 + "]" * 100, "deeper than 40 levels"),
        ("x: " + "{a: " * 60 + "1" + "}" * 60, "deeper than 40 levels"),
        ("a: &a {k: *a}", "would never end"),
        ("a: [" + ", ".join(["1"] * 20_001) + "]", "more than 20000 values"),
    ],
)
def test_yaml_without_bounds_is_refused_before_anything_is_built(tmp_path, text: str, words: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    began = time.process_time()
    with pytest.raises(SettingsError, match=words):
        read_yaml(path)
    assert time.process_time() - began < 10


def test_a_value_of_the_command_line_is_bounded_too() -> None:
    with pytest.raises(SettingsError, match="deeper than 40 levels"):
        parse_assignments(["a=" + "[" * 5000])


def test_an_alias_of_yaml_may_be_laid_under(tmp_path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("a: &base {x: 1, y: 2}\nb:\n  <<: *base\n  y: 3\nc:\n  <<: *base\n  y: 4\n")
    assert read_yaml(path) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 4}}


@pytest.mark.parametrize("values", ["a.yaml", [1], 3])
def test_settings_are_a_mapping(values: object) -> None:
    with pytest.raises(SettingsError, match=r"wanted a mapping.*YAML file goes to config="):
        nested(values)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="wanted the path of a YAML file"):
        read_yaml({"lookback": 3})  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    values = nested(
        {
            "a.n": np.int64(3),
            "a.x": np.float32(0.5),
            "b": [np.int8(1), (np.float64(2.0),)],
            "c": np.arange(2),
            "d": True,
        }
    )
    assert values == {"a": {"n": 3, "x": 0.5}, "b": [1, (2.0,)], "c": [0, 1], "d": True}
    assert type(values["a"]["n"]) is int
    assert type(values["b"][1][0]) is float
    assert validate(SquareSettings, nested({"side": np.int64(3)})).side == 3


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ({"horizon": 6}, {"horizon": 4}, "horizon: stated as 6 and as 4"),
        ({"model": "naive"}, {"model": {"name": "theta"}}, "model: stated as 'naive' and as 'theta'"),
        ({"data": {"gaps": "mask"}}, {"data": {"gaps": "error"}}, r"data\.gaps: stated as 'mask' and as 'error'"),
    ],
)
def test_what_is_stated_twice_must_agree(one: dict, other: dict, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        merge_without_conflict(one, other)
    assert merge_without_conflict(one, one) == one


def test_a_registry_refuses_clashes_and_hints_at_typos() -> None:
    registry = Registry("shape")
    registry.add("round", "tests.no_such_module:Round")  # resolved late: listing imports nothing
    assert list(registry) == ["round"]
    assert "round" in registry
    with pytest.raises(SettingsError, match="registered already"):
        registry.add("round", Round)
    with pytest.raises(SettingsError, match="did you mean round"):
        registry.get("ruond")
    with pytest.raises(ModuleNotFoundError):
        registry.get("round")


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("standard", "standard"),
        ([0.7, 0.1, 0.2], (0.7, 0.1, 0.2)),
        ((0.6, 0.2, 0.1), (0.6, 0.2, 0.1)),
        ([8640, 2880, 2880], (8640, 2880, 2880)),
        ([8640.0, 2880, 2880], (8640, 2880, 2880)),
        ([0, 48, 48], (0, 48, 48)),
        (["2020-01-01", "2021-01-01"], ("2020-01-01", "2021-01-01")),
        ([100, 200], ("100", "200")),
    ],
)
def test_split_rules_in_their_forms(value: object, rule: object) -> None:
    split = validate(DataSettings, {"split": value}).split
    assert split == rule
    assert split == "standard" or [type(item) for item in split] == [type(item) for item in rule]
    assert validate(DataSettings, validate(DataSettings, {"split": value}).dump()).split == rule


@pytest.mark.parametrize("value", ["half", [0.7, 0.7, 0.2], [0.0, 0.5, 0.5], [-1, 2, 3], [1.5, 2, 3], [1], None])
def test_split_rules_that_are_none(value: object) -> None:
    with pytest.raises(SettingsError, match=r"data\.split: got .*three fractions"):
        validate(DataSettings, {"split": value}, "data.")


def test_numbered_columns_may_be_named_by_their_number() -> None:
    settings = validate(DataSettings, {"target": 3, "columns": [1, 3], "ignore": 2, "freq": 1, "features": "MS"})
    assert (settings.target, settings.columns, settings.ignore, settings.freq) == ("3", ("1", "3"), ("2",), "1")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"features": "S"}, "name it"),
        ({"layout": "wide", "align": True}, "for long data"),
        ({"layout": "wide", "id": "shop"}, "for long data"),
        ({"gaps": "drop"}, "wanted 'mask', 'interpolate', 'ffill' or 'error'"),
        ({"season": 0}, "greater than or equal to 1"),
        ({"align": "maybe"}, "valid boolean"),
        ({"time": True}, "valid string"),
        ({"colums": ["a"]}, "did you mean columns"),
    ],
)
def test_data_settings_that_do_not_go_together(values: dict, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        validate(DataSettings, values, "data.")


def test_a_fault_is_a_sentence_and_the_setting_that_it_is_of() -> None:
    fault = Fault("heads", "=7: wanted a divisor of 64")
    assert (str(fault), fault.setting) == ("heads=7: wanted a divisor of 64", "heads")
    deeper = fault.below("model.backbone.")
    assert (str(deeper), deeper.setting) == ("model.backbone.heads=7: wanted a divisor of 64", "model.backbone.heads")
    whole = SettingsError([fault, "two settings do not go together"])
    assert [one.setting for one in whole.faults] == ["heads", None]
    assert [str(one) for one in whole.below("a.").faults] == [f"a.{one}" for one in whole.faults]


def test_faults_of_validation_name_their_setting() -> None:
    with pytest.raises(SettingsError) as caught:
        validate(DataSettings, {"season": 0, "gap": "mask"}, "data.")
    assert {fault.setting for fault in caught.value.faults} == {"data.season", "data.gap"}
