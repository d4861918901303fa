"""The network, or any part of it, as PyTorch code to copy."""

import streamlit as st
from torch import nn

from core.inference.torch_code import torch_code
from core.models.backbones import BACKBONES
from pages.parts.network_explorer.networks import Network
from pages.ui import links
from pages.ui.downloads import download

WHOLE = "all"
TIMM = """import timm

model = timm.create_model("tf_efficientnet_{name}", pretrained=True)
part = model.get_submodule("conv_stem")
"""
TORCHVISION = """from torchvision import models

model = models.get_model("{name}", weights="IMAGENET1K_V1")
"""


def panel(network: Network) -> None:
    """Choose a part, and read its code."""
    if network.run is None:
        known = BACKBONES[str(network.source)]
        text = TIMM if known.name.startswith("lite") else TORCHVISION
        st.caption(f"{known.title} comes from a library, which builds it. {known.source}.")
        st.code(text.format(name=known.name), language="python")
        return
    paths = parts(network.model)
    path = links.box(
        "Part",
        links.Choices([WHOLE, *paths], WHOLE),
        key="part",
        format_func=lambda one: "The whole network" if one == WHOLE else f"{one} · {paths[one]}",
        width=420,
    )
    model = network.model
    code = torch_code(model if path == WHOLE else model.get_submodule(path))
    st.caption(
        "It runs as it stands, with new weights. Those of this run are under “Export”: "
        "`model.load_state_dict(safetensors.torch.load_file(…))` takes them for the whole network."
    )
    st.code(code, language="python")
    download("Python", code.encode(), f"{network.id}.py", "code-file")


def parts(model: nn.Module) -> dict[str, str]:
    """The paths of all parts of a network, with their classes, as `named_modules` goes."""
    return {path: type(part).__name__ for path, part in model.named_modules() if path}
