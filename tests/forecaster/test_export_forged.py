"""Files that are no export, and exports whose metadata were changed, are refused with one message."""

import base64
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

import latentcast
from latentcast.core.errors import CheckpointError, DataError
from latentcast.forecaster.declared import ExportedModel
from latentcast.forecaster.export.metadata import PREFIX, _digest, pack
from latentcast.forecaster.export.signature import Signature, signature_of
from latentcast.forecaster.save import whole_card

LOOKBACK, HORIZON = 8, 2
TYPES = {"double": TensorProto.DOUBLE, "float": TensorProto.FLOAT, "bool": TensorProto.BOOL}


def frame_of(rows: int = 200) -> pd.DataFrame:
    values = np.arange(rows) % 24.0
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=rows, freq="h"), "a": values, "b": 2 * values})


def last_value_graph(signature: Signature) -> onnx.ModelProto:
    """A graph of the right signature, written by hand: the last value of each channel, repeated."""
    inputs = [helper.make_tensor_value_info(v.name, TYPES[v.dtype], ["batch", *v.sizes]) for v in signature.inputs]
    outputs = [helper.make_tensor_value_info(v.name, TYPES[v.dtype], ["batch", *v.sizes]) for v in signature.outputs]
    last = helper.make_tensor("last", TensorProto.INT64, [HORIZON], [LOOKBACK - 1] * HORIZON)
    nodes = [
        helper.make_node("Gather", ["values", "last"], ["forecast"], axis=1),
        helper.make_node("Cast", ["forecast"], ["standardised"], to=TensorProto.FLOAT),
        *(helper.make_node("Identity", [v.name], [f"unused_{v.name}"]) for v in signature.inputs[1:]),
    ]
    graph = helper.make_graph(nodes, "last", inputs, outputs, [last])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[onnx.ModelProto, dict[str, str]]:
    fitted = latentcast.fit(frame_of(), "naive", lookback=LOOKBACK, horizon=HORIZON)
    model = ExportedModel()
    signature = signature_of(fitted.task, fitted.run.data, fitted.card.schema.season, None, model)
    return last_value_graph(signature), pack(whole_card(fitted), model, fitted.known, fitted.calibration)


Parts = tuple[onnx.ModelProto, dict[str, str]]


def written(parts: Parts, file: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Path:
    """The file after a change of its metadata, with a digest that fits again."""
    proto, said = onnx.ModelProto(), {k: v for k, v in parts[1].items() if not k.endswith("sha256")}
    proto.CopyFrom(parts[0])
    change(said)
    helper.set_model_props(proto, {**said, f"{PREFIX}sha256": _digest(said)})
    file.write_bytes(proto.SerializeToString())
    return file


def test_the_graph_by_hand_forecasts_as_naive_does(parts: Parts, tmp_path: Path) -> None:
    found = latentcast.load(written(parts, tmp_path / "m.onnx")).predict(frame_of(), level=80)
    assert found["naive"].tolist() == pytest.approx([7, 7, 14, 14])  # step 199 is hour 7 of its day
    assert (found["naive-lo-80"] < found["naive"]).all()


def test_a_whole_process_forecasts_without_torch(parts: Parts, tmp_path: Path) -> None:
    file, data, out = written(parts, tmp_path / "m.onnx"), tmp_path / "data.csv", tmp_path / "out.csv"
    frame_of().to_csv(data, index=False)
    argv = ["latentcast", "predict", str(file), str(data), "--out", str(out), "--level", "80"]
    code = f"import sys; sys.argv = {argv!r}; from latentcast.cli import main; import atexit; "
    code += "atexit.register(lambda: print('torch' in sys.modules)); main()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "False"
    assert pd.read_csv(out)["naive"].tolist() == pytest.approx([7, 7, 14, 14])


def packed(array: Any) -> str:
    held = io.BytesIO()
    np.save(held, array)
    return base64.b64encode(held.getvalue()).decode()


def statistic(name: str, array: Any) -> Callable[[dict[str, Any]], None]:
    def change(said: dict[str, Any]) -> None:
        said[f"{PREFIX}statistics"] = json.dumps({**json.loads(said[f"{PREFIX}statistics"]), name: packed(array)})

    return change


def of_task(**values: Any) -> Callable[[dict[str, Any]], None]:
    def change(said: dict[str, Any]) -> None:
        card = json.loads(said[f"{PREFIX}card"])
        said[f"{PREFIX}card"] = json.dumps({**card, "task": {**card["task"], **values}})

    return change


def text(name: str, value: str) -> Callable[[dict[str, Any]], None]:
    return lambda said: said.update({f"{PREFIX}{name}": value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (statistic("mean", np.array([[np.nan, 1.0]])), "not finite"),
        (statistic("std", np.array([[0.0, 1.0]])), "below its range"),
        (statistic("std", np.ones((1, 3))), "shape"),
        (statistic("std", np.ones((1, 2), np.float32)), "float32"),
        (statistic("mean", np.array([["a", "b"]])), "wanted float64"),
        (of_task(lookback=10**9), "does not fit its run card"),
        (of_task(horizon=3), "make no sense"),
        (of_task(horizon=-1), "horizon=-1"),
        (of_task(targets=[5]), "targets"),
        (text("card", "[" * 100_000), "make no sense"),
        (text("card", "{}"), "make no sense"),
        (text("model", '{"uses_known": true}'), "make no sense"),
        (text("statistics", '{"mean": "not base64"}'), "make no sense"),
        (text("format", "latentcast-export/99"), "newer latentcast"),
        (text("format", "other/1"), "wanted latentcast-export/2"),
    ],
)
def test_forged_metadata_are_refused(
    parts: Parts, tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        latentcast.load(written(parts, tmp_path / "m.onnx", change))


def test_pickled_arrays_are_never_read(parts: Parts, tmp_path: Path) -> None:
    held = io.BytesIO()
    np.save(held, np.array([[{}, {}]], object), allow_pickle=True)
    forged = base64.b64encode(held.getvalue()).decode()

    def change(said: dict[str, Any]) -> None:
        said[f"{PREFIX}statistics"] = json.dumps({**json.loads(said[f"{PREFIX}statistics"]), "mean": forged})

    with pytest.raises(CheckpointError, match="allow_pickle"):
        latentcast.load(written(parts, tmp_path / "m.onnx", change))


def test_a_changed_card_without_its_digest_is_refused(parts: Parts, tmp_path: Path) -> None:
    proto = onnx.ModelProto()
    proto.CopyFrom(parts[0])
    helper.set_model_props(proto, {**parts[1], f"{PREFIX}card": "{}"})
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(CheckpointError, match="damaged or were changed"):
        latentcast.load(tmp_path / "m.onnx")


def test_files_that_are_no_export_are_refused(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("a,b\n1,2\n")
    with pytest.raises(CheckpointError, match="cannot be read by onnxruntime"):
        latentcast.load(tmp_path / "text.onnx")
    (tmp_path / "bare.onnx").write_bytes(parts[0].SerializeToString())
    with pytest.raises(CheckpointError, match="no export of latentcast"):
        latentcast.load(tmp_path / "bare.onnx")
    with pytest.raises(CheckpointError, match="there is no file"):
        latentcast.load(tmp_path / "missing.onnx")


def test_data_of_another_kind_are_refused(parts: Parts, tmp_path: Path) -> None:
    exported = latentcast.load(written(parts, tmp_path / "m.onnx"))
    with pytest.raises(DataError, match="missing: b; not in the fit: c"):
        exported.predict(frame_of().rename(columns={"b": "c"}))
    with pytest.raises(DataError):
        exported.predict(frame_of().iloc[:0])
