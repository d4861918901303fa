"""A page with nothing but the game in the plane."""

from pages.parts.gan_gallery import game_tab

game_tab.panel()
