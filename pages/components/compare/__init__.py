"""Two pictures over one another, and a divider that the hand moves between them.

Nothing is sent to the server. A new picture takes its place when the browser has decoded it, so
that a live preview neither flickers nor moves the divider.
"""

from pages.components.component import component


def before_after(
    *,
    key: str,
    before: str,
    after: str,
    alt: str,
    labels: tuple[str, str] = ("Before", "After"),
    share: float = 0.5,
) -> None:
    """Draw the two pictures, as wide as there is room and at most 70 % of the window's height.

    Args:
        key: of the component; with the same key the divider stays where the hand put it.
        before: address of the picture on the left, which gives the shape.
        after: address of the picture on the right, of the same shape.
        alt: what is to be seen, in a sentence; it also names the divider for screen readers.
        labels: stand in the upper corners.
        share: how much of `before` is seen until somebody moves the divider, 0 to 1.
    """
    _component(
        key=key,
        data={
            "before": before,
            "after": after,
            "alt": alt,
            "labels": list(labels),
            "share": min(max(float(share), 0.0), 1.0),
        },
    )


_component = component("compare")
