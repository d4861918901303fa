"""`clean`: remove old pictures and runs, and leftovers of killed processes."""

import argparse

from core.cli.output import OK, print_json
from core.jobs.retention import clean
from core.settings import settings


def clean_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `clean`."""
    parser.add_argument(
        "--days",
        type=float,
        help="pictures that people brought, and runs made of them, go after so many; 0 keeps them "
        "(default: LATENT_LAB_KEEP_DAYS)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_clean)


def _clean(args: argparse.Namespace) -> int:
    days = settings().keep_days if args.days is None else max(0.0, args.days)
    cleaned = clean(days, pretend=args.dry_run)
    if args.json:
        print_json(cleaned._asdict())
        return OK
    for name in [*cleaned.sets, *cleaned.runs]:
        print(name)
    verb = "would go" if args.dry_run else "went"
    print(
        f"{len(cleaned.sets)} sets, {len(cleaned.runs)} runs and {cleaned.leftovers} leftovers "
        f"{verb}: {cleaned.bytes / 2**20:,.1f} MB."
    )
    return OK
