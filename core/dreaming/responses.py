"""What a backbone says of any picture: which classes it reads, and where its layers answer."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.dreaming.config import CLASSES, Target
from core.models import backbones
from core.models.pretrained import FeatureNet
from core.tasks.base import unit

READ = 5


@torch.inference_mode()
def read(net: FeatureNet, head: nn.Module, pixels: Tensor) -> list[tuple[str, float]]:
    """The likeliest of ImageNet's classes for a picture, uint8 (3, H, W), with their
    probabilities: of its middle, as the network was trained."""
    logits = head(net.maps(unit(pixels[None])))[0]
    found = logits.softmax(0).topk(READ)
    names = backbones.classes()
    return [(names[int(i)], float(p)) for p, i in zip(found.values, found.indices, strict=True)]


@torch.inference_mode()
def activity(net: FeatureNet, pixels: Tensor, target: Target) -> Tensor | None:
    """How strongly a layer or channel answers at each place of a picture, uint8 (3, H, W): the
    root of the mean square over its channels, (H, W); None for classes, which have no places."""
    if target.layer == CLASSES:
        return None
    normal = net.preprocess.normalise(unit(pixels[None]))
    normal = normal.contiguous(memory_format=torch.channels_last)
    found = net.body.responses(normal, [target.layer])[target.layer]
    if target.channel is not None:
        found = found[:, target.channel : target.channel + 1]
    strength = found.square().mean(1, keepdim=True).sqrt()
    size = list(pixels.shape[1:])
    return F.interpolate(strength, size, mode="bilinear", align_corners=False)[0, 0]
