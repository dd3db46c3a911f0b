"""What a fitted model can be written as: a folder, a repository of a hub, a graph for other runtimes."""

from pathlib import Path

from latentcast.forecaster.fitted import FittedModel
from latentcast.forecaster.save import push, save


class WrittenModel(FittedModel):
    """A fitted model that can be written."""

    def export(
        self, file: str | Path, *, to: str = "onnx", quantise: str | None = None, overwrite: bool = False
    ) -> Path:
        """Write the model as a graph: values in, values out.

        Parameters
        ----------
        file
            File to write; it ends in `.onnx` or `.pt2`.
        to
            `onnx`, which `latentcast.load` reads without torch, or `torch-export`, for `torch.export.load`.
        quantise
            `int8` rounds weights to eight bits. None keeps float32.
        overwrite
            Replace a file that exists.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            The model cannot be exported, with the reason; or an unknown target.
        MissingExtra
            The extra `onnx` is not installed.

        Examples
        --------
        >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
        >>> file = forecaster.export(folder / "model.onnx")
        >>> latentcast.load(file).predict(frame)["seasonal-naive"].round(3).tolist()
        [16.0, 17.0]
        """
        from latentcast.forecaster.export.write import export

        export(self, Path(file), to, quantise, overwrite=overwrite)
        return Path(file)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write a folder that `latentcast.load` reads: safetensors and JSON, no pickle.

        Parameters
        ----------
        folder
            Created where it does not exist. Also an address, as `s3://bucket/folder` or `gs://bucket/folder`.
        overwrite
            Replace what latentcast wrote there; files of others stay. The old forecaster stays whole until the new
            one is written; at an address files are replaced one by one, and a half-written folder does not load.

        Raises
        ------
        CheckpointError
            The folder is not empty, holds nothing of latentcast, or cannot be written.

        Examples
        --------
        >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
        >>> forecaster.save(folder / "naive")
        >>> latentcast.load(folder / "naive").predict(frame)["seasonal-naive"].round(3).tolist()
        [16.0, 17.0]
        """
        save(self, folder, overwrite=overwrite)

    def push_to_hub(
        self, repo: str, *, revision: str | None = None, private: bool | None = None, message: str | None = None
    ) -> str:
        """Commit the saved files and a model card to a repository of a model hub.

        Other files of it stay. The package huggingface_hub finds token and hub (`HF_TOKEN`, `HF_ENDPOINT`).

        Parameters
        ----------
        repo
            Name of the repository, as `org/name`; it is made where it does not exist.
        revision
            Branch to commit to, made where it does not exist. None: the main one.
        private
            Whether a new repository is private. None: as the hub sets it.
        message
            Message of the commit. None: the name of the model and of its data.

        Returns
        -------
        str
            Address of the commit, `hf://org/name@<commit>`, which `latentcast.load` reads.

        Raises
        ------
        SettingsError
            `repo` is no name of a repository.
        CheckpointError
            The hub cannot be reached or refuses.

        Examples
        --------
        >>> forecaster.push_to_hub("org/load-dlinear")  # doctest: +SKIP
        'hf://org/load-dlinear@1f3c…'
        """
        return push(self, repo, revision=revision, private=private, message=message)
