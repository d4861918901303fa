"""`dream`: a picture in which a network sees more, or the same one again from its recipe."""

import argparse
from pathlib import Path

from core import files
from core.cli.arguments import add_settings, answer, values_of
from core.cli.output import OK
from core.dreaming import dream_runs, films, recipes, starting_pictures
from core.dreaming.config import ATLAS
from core.dreaming.starting_pictures import Picture
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.runs import store
from core.runs.schema import RunRequest
from core.runs.store import Run
from core.settings import settings

AGAIN = "again"


def dream_parser(parser: argparse.ArgumentParser) -> None:
    """The flags of `dream`, from the config class."""
    kinds = parser.add_subparsers(required=True, metavar="KIND", dest="variant")
    for variant in DREAMING.variants.values():
        named = kinds.add_parser(
            variant.name, help=variant.summary, description=variant.summary, allow_abbrev=False
        )
        if DREAMING.begins_with_a_picture(variant.name):
            known = ", ".join([*starting_pictures.SAMPLES, starting_pictures.NOISE])
            named.add_argument("picture", metavar="PICTURE", help=f"a file, or {known}")
            named.add_argument("--mask", type=Path, metavar="FILE", help="white where to dream")
        named.add_argument("--guide", type=Path, metavar="FILE", help="whose features it takes on")
        _outputs(named)
        add_settings(named, variant, DREAMING.config(variant.name))
        named.set_defaults(command=_dream)
    again = kinds.add_parser(AGAIN, help="from the recipe in a dream's PNG", allow_abbrev=False)
    again.add_argument("recipe", type=Path, metavar="DREAM.png")
    again.add_argument("--picture", type=Path, metavar="FILE", help="what it was dreamt on")
    again.add_argument("--guide", type=Path, metavar="FILE", help="the guide, if it had one")
    _outputs(again)
    again.set_defaults(command=_again)


def _outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the picture, a PNG with its recipe"
    )
    parser.add_argument(
        "--film", type=Path, metavar="FILE", help="write the film of a zoom, as MP4 or GIF"
    )


def _dream(args: argparse.Namespace) -> int:
    picture = mask = None
    if DREAMING.begins_with_a_picture(args.variant):
        picture = _picture(args.picture)
        mask = None if args.mask is None else starting_pictures.brought(*_read(args.mask)).pixels[0]
    guide = None if args.guide is None else starting_pictures.brought(*_read(args.guide)).pixels
    question = dream_runs.make_request(
        args.variant, picture, values_of(args, DREAMING), guide, mask
    )
    return _made(args, question)


def _again(args: argparse.Namespace) -> int:
    recipe = recipes.read(*_read(args.recipe))
    picture = None
    if DREAMING.begins_with_a_picture(recipe.variant):
        picture = _picture(str(args.picture or recipe.source))
    guide = None if args.guide is None else starting_pictures.brought(*_read(args.guide)).pixels
    return _made(args, dream_runs.ask_again(recipe, picture, guide))


def _film(run: Run, suffix: str) -> bytes:
    path = run.path / "film.mp4"
    if suffix.lower() == ".gif":
        return films.gif(path, dream_runs.config_of(run).fps)
    return path.read_bytes()


def _picture(name: str) -> Picture:
    """A sample, or a file."""
    if name in (*starting_pictures.SAMPLES, starting_pictures.NOISE):
        return starting_pictures.sample(name)
    if not Path(name).is_file():
        known = ", ".join([*starting_pictures.SAMPLES, starting_pictures.NOISE])
        raise LabError(f"There is no picture {name[:80]!r}. Name a file, or one of: {known}.")
    return starting_pictures.brought(*_read(Path(name)))


def _read(path: Path) -> tuple[bytes, str]:
    with open(path, "rb") as file:
        return file.read(settings().max_upload_bytes + 1), path.name


def _made(args: argparse.Namespace, question: RunRequest) -> int:
    for output in (args.output, args.film):
        if output is not None and not output.parent.is_dir():
            raise LabError(f"There is no folder {output.parent}: make it first.")
    if question.config.variant == ATLAS and args.output is not None:
        raise LabError("An atlas is a sheet a layer: they lie in the folder of its run.")
    if question.config.variant != "zoom" and args.film is not None:
        raise LabError("Only a zoom is a film.")
    code = answer(args, question, dream_runs.dream, "dreamt")
    if code == OK:
        run = store.open_run(question.run_id)
        if args.output is not None:
            files.write_bytes(args.output, (run.path / "dream.png").read_bytes())
        if args.film is not None:
            files.write_bytes(args.film, _film(run, args.film.suffix))
    return code
