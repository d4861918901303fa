"""`forecast`: what follows on a series in a file."""

import argparse
from pathlib import Path

from core.cli.arguments import read_file
from core.cli.output import OK, print_json, rounded, table
from core.cli.run_commands import finished
from core.data.series_files import read_series
from core.inference import forecasts

MONTHS = 12


def forecast_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `forecast`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "file", metavar="FILE.csv", type=Path, help="values in its last column, a row a month"
    )
    parser.add_argument(
        "--months",
        type=int,
        default=MONTHS,
        metavar="N",
        help=f"months to forecast; 1 to {forecasts.MAX_HORIZON} (default: {MONTHS})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_forecast)


def _forecast(args: argparse.Namespace) -> int:
    run = finished(args.run)
    own = read_series(*read_file(args.file))
    ahead = forecasts.outlook(run, own.series.values, args.months)
    times = own.series.times.numpy()
    step = float(times[-1] - times[0]) / (len(times) - 1)
    rows = [
        {
            "step": h + 1,
            "time": round(float(times[-1]) + (h + 1) * step, 4) if own.dated else None,
            "forecast": float(value),
            "low": None if ahead.low is None else float(ahead.low[h]),
            "high": None if ahead.high is None else float(ahead.high[h]),
        }
        for h, value in enumerate(ahead.values)
    ]
    if args.json:
        print_json({"run": run.id, "file": str(args.file), "notes": own.notes, "forecast": rows})
        return OK
    for note in own.notes:
        print(note)
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    print(table(names, [[_cell(name, row[name]) for name in names] for row in rows]))
    return OK


def _cell(name: str, value: float | None) -> str:
    return f"{value:.2f}" if name == "time" and value is not None else rounded(value)
