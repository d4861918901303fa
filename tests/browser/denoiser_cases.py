"""What PyTorch says of small networks of seeded weights that take noise away."""

import base64

import torch

from core import counter_random
from core.inference.browser_denoiser import PROCESSES, pack_denoiser
from core.models.denoising_nets import DiffusionNet
from core.models.sampling import Sampling, denoise, look

NETWORKS = {
    "noise": ((1, 12, 8), 0, False),
    "velocity": ((3, 8, 12), 4, False),
    "residual": ((1, 8, 8), 0, True),
}
LOOKS = ((1.0, -1, 0.0), (0.55, 2, 0.0), (0.3, 2, 1.5), (0.05, -1, 0.0))
WAYS = {
    "noise": (Sampling(), Sampling(16)),
    "velocity": (Sampling(), Sampling(7, order=2), Sampling(10, guidance=2.0)),
    "residual": (Sampling(), Sampling(5, order=2)),
}
SEED = 3


def network(name):
    """A network whose weights are bold enough that every part of it can be seen."""
    shape, classes, blind = NETWORKS[name]
    torch.manual_seed(1)
    model = DiffusionNet(shape, 8, classes, blind=blind).eval()
    generator = torch.Generator().manual_seed(2)
    for weight in model.parameters():
        weight.data += 0.05 * torch.randn(weight.shape, generator=generator)
    return model


def _hwc(image):
    return image[0].permute(1, 2, 0).flatten().tolist()


def _noise(shape, index):
    channels, height, width = shape
    drawn = counter_random.normal(
        SEED, counter_random.stream("noise", index), channels * height * width
    )
    return torch.tensor(drawn).float().view(1, height, width, channels).permute(0, 3, 1, 2)


@torch.inference_mode()
def cases():
    """For each process looks and drawings."""
    for name, process in PROCESSES.items():
        model = network(name)
        first = _noise(model.shape, 5)
        packed = base64.b64encode(pack_denoiser(model, name)).decode()
        looks, drawings = [], []
        for t, label, guidance in LOOKS:
            sigma = process.scales(torch.tensor([t])).sigma.item()
            labels = torch.tensor([label])
            guess = look(process, model, sigma * first, torch.tensor(t), labels, guidance)
            looks.append({
                "t": t, "label": label, "guidance": guidance, "x": _hwc(sigma * first),
                "image": _hwc(guess.image), "noise": _hwc(guess.noise),
            })  # fmt: skip
        for how in WAYS[name]:
            label = torch.tensor([1]) if model.classes else None
            drawn = denoise(process, model, first, label, how)
            drawings.append({**how._asdict(), "label": 1, "drawn": _hwc(drawn)})
        yield {
            "process": name, "url": f"data:application/octet-stream;base64,{packed}",
            "seed": SEED, "index": 5, "shape": list(model.shape), "noise": _hwc(first),
            "looks": looks, "drawings": drawings,
        }  # fmt: skip
