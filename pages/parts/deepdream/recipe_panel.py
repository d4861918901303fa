"""Recipes: read from a dream's PNG, and shown as settings and as a command."""

import shlex

import streamlit as st

from core.dreaming import recipes, starting_pictures
from core.dreaming.recipes import Recipe
from core.dreaming.starting_pictures import OWN
from core.dreaming.variants import DREAMING
from core.models.backbones import BACKBONES
from core.runs.store import Run
from pages.parts.deepdream.controls import KINDS_OF_DREAM, SOURCES
from pages.ui.errors import errors_shown
from pages.ui.settings_table import settings_table

CHOSEN_RECIPE = "recipe_loaded"


def panel(run: Run | None) -> None:
    """Load a recipe; beside it the recipe of the dream on the stage."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Dream again from a PNG**")
        file = st.file_uploader(
            "A PNG that was downloaded here",
            type=["png"],
            key="recipe",
            label_visibility="collapsed",
        )
        if file is not None:
            with errors_shown():
                _loaded(recipes.read(file.getvalue(), file.name))
    with right:
        if run is not None:
            st.markdown("**The recipe of this dream**")
            st.code(command(run), language="sh", wrap_lines=True)
            with st.expander("All settings"):
                settings_table(run)


def _loaded(recipe: Recipe) -> None:
    title, config = DREAMING.variant(recipe.variant).title, recipe.settings()
    if recipe.variant not in KINDS_OF_DREAM:
        st.error(f"A recipe for “{title}” cannot be used here; use the command line.")
        return
    st.caption(f"{title}, {BACKBONES[config.backbone].title}, `{config.layers}`.")
    if recipe.source == starting_pictures.MADE:
        st.caption("It was made from a picture drawn by the lab: choose its model and seed above.")
    if recipe.source == OWN:
        st.caption("It was made from someone's own picture: choose that picture above too.")
    if recipe.guide:
        st.caption("It had a guide picture: choose that one too.")
    if recipe.mask:
        st.caption("It had a painted mask, which cannot be loaded here; use the command line.")
    if st.button("Use this recipe", icon=":material/arrow_upward:"):
        st.session_state[CHOSEN_RECIPE] = recipe
        st.rerun()


def take_loaded() -> None:
    """Set every control to the chosen recipe; call it before they are drawn."""
    recipe: Recipe | None = st.session_state.pop(CHOSEN_RECIPE, None)
    if recipe is None:
        return
    state, variant = st.session_state, recipe.variant
    state["kind"] = variant
    if DREAMING.needs_picture(variant):
        state["picture"] = recipe.source if recipe.source in SOURCES else "upload"
    config = recipe.settings().model_dump()
    fixed = DREAMING.variant(variant).fixed
    for name, value in config.items():
        if name in ("backbone", "layers"):
            state[name] = value
        elif name not in fixed and (name, value) != ("measure", "guide"):
            state[f"{variant}-{name}"] = value


def command(run: Run) -> str:
    """The command that makes the same dream; names of your own files are in capitals."""
    spec = run.spec()
    words = ["python", "-m", "core", "dream", spec.variant]
    if DREAMING.needs_picture(spec.variant):
        words.append(
            "PICTURE.jpg" if spec.dataset in (OWN, starting_pictures.MADE) else spec.dataset
        )
    for name in ("guide", "mask"):
        if (run.path / f"{name}.png").exists():
            words += [f"--{name}", f"{name.upper()}.png"]
    for name, value in DREAMING.changed(spec.variant, DREAMING.config_of(run)).items():
        if (name, value) == ("measure", "guide"):  # comes with the file
            continue
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words += [flag, str(value)]
    film = ["--film", "dream.mp4"] if spec.variant == "zoom" else []
    return shlex.join([*words, "--output", "dream.png", *film])
