"""The app: page settings and navigation. Pages are the files beside this one."""

import streamlit as st

from pages.server import startup

startup.wait()

from pages.server.visitor import signing_in  # noqa: E402
from pages.ui import links, sending, share_links  # noqa: E402
from pages.ui.page_frame import ICON  # noqa: E402

st.set_page_config(page_title="Latent Lab", page_icon=ICON, layout="wide")
chosen = st.navigation(
    {
        "": [st.Page("home.py", title="Home", icon=":material/home:", default=True)],
        "Begin": [st.Page("foundations.py", title="Foundations", icon=":material/school:")],
        "Restore": [st.Page("denoiser.py", title="Denoiser", icon=":material/blur_off:")],
        "Make": [
            st.Page("vae_sampler.py", title="VAE sampler", icon=":material/tune:"),
            st.Page("gan_gallery.py", title="GAN gallery", icon=":material/gallery_thumbnail:"),
            st.Page("diffusion.py", title="Diffusion", icon=":material/grain:"),
            st.Page("translation.py", title="Translation", icon=":material/compare_arrows:"),
        ],
        "Explore": [
            st.Page("latent_explorer.py", title="Latent explorer", icon=":material/bubble_chart:")
        ],
        "Recognise": [
            st.Page(
                "network_explorer.py", title="Network explorer", icon=":material/account_tree:"
            ),
            st.Page("transfer_classifier.py", title="Transfer classifier", icon=":material/pets:"),
        ],
        "Predict": [
            st.Page("sequences.py", title="Sequences", icon=":material/format_list_numbered:")
        ],
        "Dream": [st.Page("deepdream.py", title="DeepDream", icon=":material/auto_awesome:")],
        "Train": [st.Page("runs.py", title="Runs", icon=":material/list_alt:")],
    }
)
signing_in()
links.arrive(chosen.url_path)
share_links.arrive()
sending.arrive(chosen.url_path)
chosen.run()
