"""`dream`: make a dream of a picture, or the same one again from its recipe."""

import argparse
from pathlib import Path

from torch import Tensor

from core import files
from core.cli.arguments import check_folder, find_or_make, read_file, values_of, variant_parsers
from core.cli.output import OK
from core.dreaming import dream_runs, films, recipes, starting_pictures
from core.dreaming.config import ATLAS
from core.dreaming.starting_pictures import Picture
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.runs import store
from core.runs.schema import RunRequest
from core.runs.store import Run

AGAIN = "again"
SOURCES = ", ".join([*starting_pictures.SAMPLES, starting_pictures.NOISE])


def dream_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `dream`, from the config class."""
    kinds = parser.add_subparsers(required=True, metavar="KIND", dest="variant")
    for variant, flags in variant_parsers(kinds, DREAMING, _dream):
        if DREAMING.needs_picture(variant.name):
            flags.add_argument("picture", metavar="PICTURE", help=f"a file, or {SOURCES}")
            flags.add_argument("--mask", type=Path, metavar="FILE", help="white where to dream")
        flags.add_argument("--guide", type=Path, metavar="FILE", help="whose features it takes on")
        _outputs(flags)
    again = kinds.add_parser(AGAIN, help="from the recipe in a dream's PNG", allow_abbrev=False)
    again.add_argument("recipe", type=Path, metavar="DREAM.png")
    again.add_argument("--picture", type=Path, metavar="FILE", help="what it was dreamt on")
    again.add_argument("--guide", type=Path, metavar="FILE", help="the guide, if it had one")
    again.add_argument("--json", action="store_true", help="print JSON")
    _outputs(again)
    again.set_defaults(command=_dream_again)


def _outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the picture, a PNG with its recipe"
    )
    parser.add_argument(
        "--film", type=Path, metavar="FILE", help="write the film of a zoom, as MP4 or GIF"
    )


def _dream(args: argparse.Namespace) -> int:
    picture = mask = None
    if DREAMING.needs_picture(args.variant):
        picture, mask = _picture(args.picture), _pixels(args.mask)
    request = dream_runs.make_request(
        args.variant,
        picture,
        values_of(args, DREAMING),
        _pixels(args.guide),
        None if mask is None else mask[0],
    )
    return _make(args, request)


def _dream_again(args: argparse.Namespace) -> int:
    recipe = recipes.read(*read_file(args.recipe))
    picture = None
    if DREAMING.needs_picture(recipe.variant):
        picture = _picture(str(args.picture or recipe.source))
    return _make(args, dream_runs.request_again(recipe, picture, _pixels(args.guide)))


def _film(run: Run, suffix: str) -> bytes:
    path = run.path / "film.mp4"
    if suffix.lower() == ".gif":
        return films.gif(path, DREAMING.config_of(run).fps)
    return path.read_bytes()


def _picture(name: str) -> Picture:
    """Return a sample, or the picture in a file."""
    if name in (*starting_pictures.SAMPLES, starting_pictures.NOISE):
        return starting_pictures.sample(name)
    if not Path(name).is_file():
        raise LabError(f"There is no picture {name[:80]!r}. Name a file, or one of: {SOURCES}.")
    return starting_pictures.uploaded(*read_file(Path(name)))


def _pixels(path: Path | None) -> Tensor | None:
    return None if path is None else starting_pictures.uploaded(*read_file(path)).pixels


def _make(args: argparse.Namespace, request: RunRequest) -> int:
    check_folder(args.output)
    check_folder(args.film)
    if request.config.variant == ATLAS and args.output is not None:
        raise LabError("An atlas is a sheet a layer: they lie in the folder of its run.")
    if request.config.variant != "zoom" and args.film is not None:
        raise LabError("Only a zoom is a film.")
    code = find_or_make(args, request, "dreamt")
    if code == OK:
        run = store.open_run(request.run_id)
        if args.output is not None:
            files.write_bytes(args.output, (run.path / "dream.png").read_bytes())
        if args.film is not None:
            files.write_bytes(args.film, _film(run, args.film.suffix))
    return code
