"""A page with nothing but the benches of noise and points."""

from pages.parts.diffusion import points_tab

points_tab.panel()
