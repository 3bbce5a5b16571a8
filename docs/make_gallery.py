"""Make a page for every model: what it is, its formula, parameters, a plot, a model file, and where it is from.

Usage: ``python docs/make_gallery.py FOLDER``. Pages are made by running code, of all models that are registered, a
user's own included; nothing of them is kept in the repository.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import inspect
import io
import logging
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from gjax.errors import MissingDataError

log = logging.getLogger("gallery")


#: Models that read tables: how to make one.
RECIPES = {
    "PrimaryFlux": {"mDM": "1 TeV", "channel": "b"},
    "DarkMatterAnnihilationSpectralModel": {"mass": "1 TeV", "channel": "b", "jfactor": 1e20},
    "DarkMatterDecaySpectralModel": {"mass": "1 TeV", "channel": "b", "jfactor": 1e20},
}


def registered() -> dict[str, dict[str, type[Any]]]:
    """Return all models by kind and tag."""
    from gjax.models import spatial_models, spectral_models, temporal_models

    return {"spectral": spectral_models(), "spatial": spatial_models(), "temporal": temporal_models()}


def formula_of(cls: type[Any]) -> str:
    """Return the formulas of a docstring in LaTeX; empty if it has none."""
    text = inspect.getdoc(cls) or ""
    blocks = re.findall(r"^\.\. math:: (.*(?:\n[ ]{4}.*)*)", text, flags=re.MULTILINE)
    found = blocks or re.findall(r":math:`([^`]*)`", text)[:1]
    return "\n".join(" ".join(part.split()) for part in found)


def reference_of(cls: type[Any]) -> str:
    """Return the references of a docstring; empty if it has none."""
    text = inspect.getdoc(cls) or ""
    section = re.search(r"^References\n-+\n(.*?)(?:\n\n|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    if section:
        return " ".join(section[1].split())
    known = [line.strip() for line in text.splitlines() if re.search(r"arXiv|et al\.|doi\.org|https?://", line)]
    return " ".join(known[:2])


def example_of(cls: type[Any]) -> Any:
    """Return an instance of a model: the default one, else one that the examples of its docstring make."""
    if cls.__name__ in RECIPES:
        return cls(**RECIPES[cls.__name__])
    try:
        return cls()
    except TypeError:
        pass
    namespace = dict(vars(inspect.getmodule(cls)))
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(cls) or ""):
        source = example.source.strip()
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, cls.__name__, "exec"), namespace)
        for value in namespace.values():
            if type(value) is cls:
                return value
        # an instance inside of an expression
        inner = re.search(rf"\b{cls.__name__}(?:\.\w+)?\(", source)
        if inner:
            return eval(_balanced(source[inner.start() :]), namespace)
    raise ValueError(f"{cls.__name__}: no example in its docstring makes one")


def _balanced(text: str) -> str:
    """Return the beginning of an expression up to the parenthesis that closes its first call."""
    depth = 0
    for k, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and letter == ")":
            return text[: k + 1]
    return text


def parameter_rows(model: Any) -> list[str]:
    """Return the table of parameters in Markdown."""
    rows = ["| parameter | value | unit | min | max | frozen |", "|---|---|---|---|---|---|"]
    for name, p in model.parameters.items():
        source = getattr(p, "source", p)
        value = ", ".join(f"{v:.4g}" for v in np.atleast_1d(p.value)[:4])
        limits = " | ".join(
            "" if np.all(np.isinf(limit)) else f"{np.min(limit):.4g}" for limit in (source.min, source.max)
        )
        rows.append(f"| `{name}` | {value} | {source.unit} | {limits} | {source.frozen} |")
    return rows if model.parameters else ["The model has no parameters."]


def source_of(kind: str, model: Any) -> Any:
    """Return a source with the model."""
    from gjax.models import PowerLawSpectralModel, SkyModel

    if kind == "spectral":
        flux = model if model.unit else PowerLawSpectralModel() * model
        return SkyModel(flux, name="example")
    if kind == "spatial":
        is_flux = "TeV" in getattr(model, "unit", "")
        from gjax.models import PowerLawNormSpectralModel

        return SkyModel(PowerLawNormSpectralModel() if is_flux else PowerLawSpectralModel(), model, name="example")
    return SkyModel(PowerLawSpectralModel(), name="example", temporal_model=model)


def file_of(kind: str, model: Any) -> str:
    """Return the model file of a source with the model."""
    import yaml

    from gjax.errors import ConfigError
    from gjax.models import Models

    try:
        data = Models([source_of(kind, model)]).to_dict()
    except (ConfigError, ValueError) as error:
        return f"# {error}"
    shown: dict[str, Any] = data["components"][0].get(kind, data["components"][0])
    lines = yaml.safe_dump({kind: shown}, sort_keys=False, default_flow_style=None, width=100).splitlines()
    return "\n".join([*lines[:40], *(["# ..."] if len(lines) > 40 else [])])


def draw(kind: str, model: Any, path: Path) -> None:
    """Draw the model into an image."""
    import astropy.units as u

    from gjax.plot import new_axes

    ax = new_axes(6.0, 3.8)
    if kind == "spectral":
        model.plot([0.01, 100] * u.TeV, ax=ax, sed_type="e2dnde" if model.unit.startswith("TeV-1 s-1") else "dnde")
    elif kind == "temporal":
        middle = model.epoch
        model.plot([middle - 5, middle + 10], ax=ax, n_points=300)
    else:
        lon, lat = (float(getattr(model, key).value) if hasattr(model, key) else 0.0 for key in ("lon_0", "lat_0"))
        size = min(2.5 * model.extent(), 5.0) or 1.0
        size = size if np.isfinite(size) else 2.0
        x, y = np.meshgrid(lon + np.linspace(-size, size, 121), lat + np.linspace(-size, size, 121))
        more = {"energy": "1 TeV"} if getattr(model, "is_energy_dependent", False) else {}
        image = np.asarray(model(x % 360, y, **more))
        ax.imshow(image, origin="lower", extent=[lon - size, lon + size, lat - size, lat + size], cmap="magma")
        ax.set_xlabel("Longitude [deg]")
        ax.set_ylabel("Latitude [deg]")
    ax.figure.savefig(path, dpi=70, bbox_inches="tight")


def page_of(kind: str, tag: str, cls: type[Any], folder: Path | None = None) -> str:
    """Return the page of a model in Markdown.

    Parameters
    ----------
    kind
        "spectral", "spatial" or "temporal".
    tag
        Tag of the model.
    cls
        Class of the model.
    folder
        Where images go; None to draw none.
    """
    try:
        model: Any = example_of(cls)
    except MissingDataError:
        model = None
    summary = re.sub(r":math:`([^`]*)`", r"$\1$", (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " "))
    lines = [f"# {cls.__name__}", "", summary, "", f"Tag `{tag}`, a {kind} model.", ""]
    for formula in formula_of(cls).splitlines():
        lines += ["$$", formula, "$$", ""]
    if folder is not None and model is not None:
        image = f"{kind}-{tag}.png"
        try:
            draw(kind, model, folder / image)
            lines += [f"![{cls.__name__}]({image})", ""]
        except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
            log.info("%s: not drawn (%s)", cls.__name__, error)
    if model is not None:
        lines += ["## Parameters", "", *parameter_rows(model), "", "## Model file", ""]
        lines += ["```yaml", file_of(kind, model), "```", ""]
    lines += ["## Reference", "", reference_of(cls), ""]
    return "\n".join(lines)


def make_gallery(folder: Path, *, images: bool = True) -> list[Path]:
    """Write all pages and an index, and return their paths."""
    from tqdm import tqdm

    folder.mkdir(parents=True, exist_ok=True)
    paths, index = [], ["# Gallery of models", ""]
    for kind, models in registered().items():
        index += [f"## {kind.capitalize()} models", ""]
        for tag, cls in tqdm(sorted(models.items()), desc=kind, disable=None):
            path = folder / f"{kind}-{tag}.md"
            path.write_text(page_of(kind, tag, cls, folder if images else None), encoding="utf-8")
            index.append(f"- [{cls.__name__}]({path.name}): {(inspect.getdoc(cls) or '').splitlines()[0]}")
            paths.append(path)
        index.append("")
    (folder / "index.md").write_text("\n".join(index), encoding="utf-8")
    return [*paths, folder / "index.md"]


def main() -> int:
    """Run the command line."""
    import gjax

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", help="where pages and images go")
    parser.add_argument("--no-images", action="store_true", help="draw nothing")
    options = parser.parse_args()
    gjax.enable_x64()
    paths = make_gallery(Path(options.folder), images=not options.no_images)
    print(f"{len(paths)} pages in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
