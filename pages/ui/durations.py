"""How long something takes, in words."""


def duration(seconds: float) -> str:
    """Minutes and seconds for people."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes and not rest:
        return f"{minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def estimate(least: float, most: float | None = None) -> str:
    """From the least to the most seconds for people, as exact as an estimate may sound."""
    low, high = (duration(_rough(max(1.0, seconds))) for seconds in (least, most or least))
    return low if low == high else f"{low} to {high}"


def _rough(seconds: float) -> float:
    """To two figures, and to whole minutes from ten on."""
    return float(f"{seconds:.2g}") if seconds < 600 else 60 * round(seconds / 60)
