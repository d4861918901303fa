"""Responses of a backbone to a picture: its classes, and where its layers are active."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.dreaming.config import CLASSES, Target
from core.dreaming.objectives import responses, select_channel
from core.models import backbones
from core.models.pretrained import FeatureNet
from core.tasks.base import unit

TOP_CLASSES = 5


@torch.inference_mode()
def read(net: FeatureNet, head: nn.Module, pixels: Tensor) -> list[tuple[str, float]]:
    """Return the likeliest ImageNet classes of a picture's centre, uint8 (3, H, W), and their
    probabilities."""
    logits = head(net.maps(unit(pixels[None])))[0]
    top = logits.softmax(0).topk(TOP_CLASSES)
    names = backbones.classes()
    return [(names[int(i)], float(p)) for p, i in zip(top.values, top.indices, strict=True)]


@torch.inference_mode()
def activity(net: FeatureNet, pixels: Tensor, target: Target) -> Tensor | None:
    """Return the activity of a layer or channel at each position of a picture, uint8 (3, H, W): the
    root mean square over its channels, (H, W); None for classes, which have no positions."""
    if target.layer == CLASSES:
        return None
    response = responses(net, unit(pixels[None]), [target.layer])[target.layer]
    strength = select_channel(response, target).square().mean(1, keepdim=True).sqrt()
    size = list(pixels.shape[1:])
    return F.interpolate(strength, size, mode="bilinear", align_corners=False)[0, 0]
