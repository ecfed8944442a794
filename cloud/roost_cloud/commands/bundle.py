"""`roost bundle build|inspect|verify|split|calibrate`, and those of `commands/registry.py`."""

import platform
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from roost_cloud.commands import registry
from roost_cloud.commands.bundle_text import fields_of, tensor_text
from roost_cloud.commands.output import AsJson, show_fields, show_json
from roost_shared.bundle import open_bundle
from roost_shared.bundle.manifest import StageName
from roost_shared.errors import ContentError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Bundles: a model with all it takes to run and to judge it.")

_Folder = Annotated[Path, typer.Argument(help="The bundle's folder.", exists=True, file_okay=False)]
_Out = Annotated[Path, typer.Option(help="The folder to write.")]


class LabelsError(ContentError):
    """A file of labels cannot be read."""

    code = "labels.invalid"


@app.command()
def build(  # noqa: PLR0913 - a command has as many arguments as options
    model: Annotated[
        Path | None,
        typer.Argument(help="A .tflite or .onnx file, or --base and --head.", exists=True, dir_okay=False),
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="Name of the bundle.")],
    version: Annotated[str, typer.Option(help="Version of the bundle.")],
    out: _Out,
    base: Annotated[
        Path | None, typer.Option(help="A .tflite file that gives an embedding.", exists=True, dir_okay=False)
    ] = None,
    head: Annotated[
        Path | None, typer.Option(help="A .tflite file that takes it.", exists=True, dir_okay=False)
    ] = None,
    onnx: Annotated[
        Path | None, typer.Option(help="The same network as .onnx file, its twin.", exists=True, dir_okay=False)
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="A label a line, in the order of the outputs; none if it is no classifier.", dir_okay=False),
    ] = None,
    task: Annotated[str | None, typer.Option(help="The question it answers; the name if not given.")] = None,
    spec: Annotated[
        Path | None, typer.Option(help="TOML that replaces parts of what is inferred.", dir_okay=False)
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(help="DIR/<label>/*: inputs to try it on; three travel in the bundle.", file_okay=False),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="DIR/<label>/* or a WebDataset's tar: all travel in the bundle, to judge its successors by.",
            exists=True,
        ),
    ] = None,
) -> None:
    """Build a bundle from a model file, or a base and a head, and say what was inferred."""
    # Loads numpy, Pillow and the runtime, which `roost --help` does not need.
    from roost_shared.bundle.build import build_bundle  # noqa: PLC0415 - see above
    from roost_shared.bundle.examples import read_examples  # noqa: PLC0415 - see above
    from roost_shared.bundle.reference_making import gather_reference  # noqa: PLC0415 - see above
    from roost_shared.bundle.spec import read_spec  # noqa: PLC0415 - see above

    names = _read_labels(labels) if labels else []
    tflite, twin = _by_format(_models(model, base, head), onnx)
    built = build_bundle(
        tflite,
        out,
        onnx=twin,
        name=name,
        version=version,
        labels=names,
        task=task,
        spec=read_spec(spec) if spec else None,
        examples=read_examples(examples, names) if examples else (),
        dataset=examples.resolve().name if examples else "examples",
        reference=gather_reference(reference, names) if reference else (),
    )
    for note in built.notes:
        typer.echo(f"  {note}")
    typer.echo(f"{out}: {built.bundle.reference}")


@app.command()
def inspect(
    folder: _Folder,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a bundle says of itself; its digests are checked."""
    bundle = open_bundle(folder)
    if as_json:
        show_json({"digest": bundle.digest, **msgspec.to_builtins(bundle.config)})
    else:
        show_fields(fields_of(bundle))


@app.command()
def verify(folder: _Folder) -> None:
    """Check every digest, load the model, and compare its golden vectors on this machine."""
    from roost_shared.pipeline import Pipeline  # noqa: PLC0415 - loads numpy, Pillow and the runtime

    bundle = open_bundle(folder)
    Pipeline.load(bundle).check_golden()
    golden = bundle.config.golden
    typer.echo(
        f"{bundle.reference}: digests hold; {golden.vectors} golden vectors agree within {golden.tolerance:g} "
        f"on {platform.machine()}"
    )


@app.command()
def split(
    folder: _Folder,
    *,
    out: _Out,
    version: Annotated[
        str | None, typer.Option(help="Version of the new bundle; the old one's with -split if not given.")
    ] = None,
) -> None:
    """Cut a bundle's classifier before its last dense layer, into a base that others can share and a head."""
    from roost_shared.bundle.split import split_bundle  # noqa: PLC0415 - loads numpy, Pillow and the runtime

    result = split_bundle(open_bundle(folder), out, version=version)
    for stage in (result.base, result.head):
        typer.echo(f"  {stage.name} {stage.digest}, {stage.size_bytes:,} bytes")
    typer.echo(f"  embedding {tensor_text(result.base.outputs[0])}")
    typer.echo(f"{out}: {result.bundle.reference}")


@app.command()
def calibrate(
    folder: _Folder,
    *,
    examples: Annotated[Path, typer.Option(help="DIR/<label>/*: at least 50 labelled inputs.", file_okay=False)],
    out: _Out,
    version: Annotated[
        str | None, typer.Option(help="Version of the new bundle; the old one's with -calibrated if not given.")
    ] = None,
) -> None:
    """Fit the softmax temperature to labelled examples, so that confidence is how often it is right."""
    from roost_shared.bundle.calibrate import calibrate_bundle  # noqa: PLC0415 - loads numpy, Pillow and the runtime
    from roost_shared.bundle.examples import read_examples  # noqa: PLC0415 - only where there are examples

    bundle = open_bundle(folder)
    result = calibrate_bundle(bundle, read_examples(examples, bundle.config.labels), out, version=version)
    for when, fit in (("before", result.before), ("after", result.after)):
        typer.echo(
            f"  {when:6} temperature {fit.temperature:<6g} negative log-likelihood {fit.nll:.4f}, "
            f"expected calibration error {fit.calibration_error:.2%}"
        )
    typer.echo(f"  on the {result.samples} examples it was fitted to")
    typer.echo(f"{out}: {result.bundle.reference}")


app.command()(registry.push)
app.command()(registry.pull)
app.command("list")(registry.list_bundles)
app.command()(registry.show)
app.command()(registry.alias)
app.command()(registry.history)
app.command()(registry.delete)


def _models(model: Path | None, base: Path | None, head: Path | None) -> dict[StageName, Path]:
    """The model files by stage, in the order they run."""
    if model is not None and base is None and head is None:
        return {"model": model}
    if model is None and base is not None and head is not None:
        return {"base": base, "head": head}
    raise typer.BadParameter("Give one model file, or both --base and --head.")


def _by_format(
    models: dict[StageName, Path], onnx: Path | None
) -> tuple[dict[StageName, Path], dict[StageName, Path]]:
    """The tflite files, and the ONNX ones: those given as models, or the twin."""
    endings = {path.suffix == ".onnx" for path in models.values()}
    if endings == {False}:
        return models, {"model": onnx} if onnx is not None else {}
    if endings == {True} and onnx is None:
        return {}, models
    raise typer.BadParameter("Give one format; --onnx is for the twin of .tflite files.")


def _read_labels(path: Path) -> list[str]:
    """One label a line; blank lines at the end are nobody's label."""
    try:
        labels = [line.strip() for line in path.read_text("utf-8").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise LabelsError(f"{path}: is no UTF-8 text: {error}") from error
    if not all(labels):
        raise LabelsError(f"{path}: line {labels.index('') + 1} is blank")
    return labels
