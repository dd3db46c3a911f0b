"""An explanation: ordered findings, as plain values and as a page."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latentcast.core.errors import CheckpointError, DataError, shorten
from latentcast.core.findings import Finding, json_values
from latentcast.reporting.html import escaped


@dataclass(frozen=True)
class Explanation:
    """Explanation of one window: the last of one series, or of the channels of a multivariate block.

    about     facts for a person, by name
    series    names of those that are shown; of `left_out` more only their number is known
    forecast  series → ds, values and ends of the intervals, in original units
    findings  the forecast, the data, what the parts of the network say, attribution: in this order

    Examples
    --------
    >>> explanation = forecaster.explain(frame)
    >>> explanation.series
    ('load',)
    """

    model: str
    data: str
    about: dict[str, str]
    series: tuple[str, ...]
    left_out: int
    forecast: dict[str, dict[str, Any]]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return f"<Explanation of {shorten(self.series, 3)} by {self.model}: {', '.join(self.sections)}>"

    def _repr_html_(self) -> str:
        frame = escaped(self.to_html())
        return f'<iframe srcdoc="{frame}" style="width:100%;height:40em;border:1px solid #ddd"></iframe>'

    @property
    def sections(self) -> tuple[str, ...]:
        """Headings in the order of the page, each once.

        Examples
        --------
        >>> forecaster.explain(frame).sections[0]
        'The forecast'
        """
        return tuple(dict.fromkeys(finding.section for finding in self.findings))

    def of(self, section: str) -> tuple[Finding, ...]:
        """Return the findings under a heading.

        Parameters
        ----------
        section
            One of `sections`.

        Returns
        -------
        tuple of Finding
            Empty for an unknown heading.

        Examples
        --------
        >>> explanation = forecaster.explain(frame)
        >>> all(finding.section == "The forecast" for finding in explanation.of("The forecast"))
        True
        """
        return tuple(finding for finding in self.findings if finding.section == section)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            Every field; None where a number is missing.

        Examples
        --------
        >>> forecaster.explain(frame).to_dict()["model"]
        'dlinear'
        """
        return {
            "model": self.model,
            "data": self.data,
            "about": dict(self.about),
            "series": list(self.series),
            "left_out": self.left_out,
            "forecast": json_values(self.forecast),
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """Return the explanation as JSON text.

        Returns
        -------
        str
            `to_dict`, indented.

        Examples
        --------
        >>> import json
        >>> json.loads(forecaster.explain(frame).to_json())["series"]
        ['load']
        """
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    def to_html(self) -> str:
        """Return one self-contained page without scripts.

        Returns
        -------
        str
            HTML with pictures inside it.

        Examples
        --------
        >>> "<html" in forecaster.explain(frame).to_html()
        True
        """
        from latentcast.explain.page import page  # here, since it brings matplotlib

        named = ", ".join(self.series[:3]) + (" …" if len(self.series) > 3 else "")
        return page(f"Forecast of {named} by {self.model}", self.about, self.findings, self.notes)

    def plot(self, path: str | Path, section: str = "The forecast") -> Path:
        """Draw the first picture of a section.

        Parameters
        ----------
        path
            File to write; its ending says which: PNG, PDF or SVG.
        section
            One of `sections`.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            Another ending.
        DataError
            There is no such section, or no picture in it.
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> forecaster.explain(frame).plot(folder / "explanation.png").name
        'explanation.png'
        """
        from latentcast.explain.figures import save_picture

        drawn = [finding for finding in self.of(section) if finding.kind not in ("table", "text")]
        if not drawn:
            raise DataError(f"no picture under {section!r}; sections: {', '.join(self.sections)}")
        save_picture(drawn[0], Path(path))
        return Path(path)

    def save(self, path: str | Path) -> None:
        """Save as a page (.html) or as JSON (.json).

        Parameters
        ----------
        path
            File to write. Any ending but .json gives a page.

        Raises
        ------
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> forecaster.explain(frame).save(folder / "explanation.json")
        """
        path = Path(path)
        text = self.to_json() if path.suffix.lower() == ".json" else self.to_html()
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CheckpointError(f"{path} cannot be written: {error.strerror or error}") from error
