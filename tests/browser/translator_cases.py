"""What PyTorch says of translators of seeded weights, there and back."""

import base64

import torch

from core.inference.browser_classifier import pack_translator
from core.inference.spoilt_translations import spoilt_trip
from core.inference.translating import DIRECTIONS
from core.metrics.image import psnr
from core.models.translation_nets import Translator

SHAPES = ((1, 12, 8), (3, 8, 40))
NOISE, SEED = 5, 7


def network(shape):
    """A network whose weights are bold enough that every part of it can be seen."""
    torch.manual_seed(1)
    model = Translator(shape, 8, 2, discriminators=False).eval()
    for weight in model.parameters():
        weight.data += 0.1 * torch.randn(weight.shape)
    return model


@torch.inference_mode()
def cases():
    """For each shape two pictures as bytes, one of each set, and what becomes of them."""
    for shape in SHAPES:
        model = network(shape)
        pictures = torch.randint(0, 256, (2, *shape), generator=torch.Generator().manual_seed(3))
        result = []
        for direction, picture in enumerate(pictures):
            x = picture / 255
            trip = spoilt_trip(model, x, DIRECTIONS[direction], NOISE, SEED)
            result.append({
                "direction": direction, "noise": NOISE, "seed": SEED, "pixels": _hwc(picture),
                "made": {name: _hwc(255 * image) for name, image in trip._asdict().items()},
                "psnr": float(psnr(trip.back[None], x[None])),
                "lostPsnr": float(psnr(trip.lost[None], x[None])),
            })  # fmt: skip
        packed = base64.b64encode(pack_translator(model)).decode()
        yield {"shape": list(shape), "bytes": packed, "pictures": result}


def _hwc(image):
    return image.permute(1, 2, 0).flatten().tolist()
