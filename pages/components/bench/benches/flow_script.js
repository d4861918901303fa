// A trajectory of the benches of noise and points as a PyTorch script that prints the same numbers.

import { Network } from "../../trajectory/network.js";
import { COUNTER, list, model, torchOptimiser } from "../script.js";
import { FLOORS, taskOf } from "./flow_model.js";

const SCALES = {
  straight: `    one = torch.ones_like(t)
    return 1 - t, t, -one, one`,
  preserving: `    angle = torch.pi / 2 * t
    alpha, sigma = angle.cos(), angle.sin()
    return alpha, sigma, -torch.pi / 2 * sigma, torch.pi / 2 * alpha`,
};

/** Normal numbers, points of the mixture and noise, by counter. */
export const DRAWS = `

def normal(seed, stream, n):
    """Normal numbers (Box and Muller 1958)."""
    drawn = uniform(seed, stream, 2 * n)
    radius = np.sqrt(-2 * np.log(1 - drawn[0::2]))
    return torch.from_numpy(radius * np.cos(2 * np.pi * drawn[1::2]))


def points_of(number, n):
    """Points of the mixture."""
    which = torch.searchsorted(SHARES.cumsum(0), torch.from_numpy(uniform(SEED, 5 + 8 * number, n)), right=True)
    which = which.clamp(max=len(SHARES) - 1)
    return CENTRES[which] + WIDTHS[which, None] * normal(SEED, 3 + 8 * number, n * D).view(n, D)


def noise_of(number, n, d=D):
    return normal(SEED, 4 + 8 * number, n * d).view(n, d)
`;

const body = ({ process, count, steps, back }) => `${DRAWS}

def scales(t):
    """α, σ and their slopes: x = α(t) x₀ + σ(t) n."""
${SCALES[process]}


def exact(x, t):
    """The points and the noise that are expected at places x: E[x₀ | x] and E[n | x]."""
    alpha, sigma, *_ = scales(t)
    variance = (alpha**2 * WIDTHS**2 + sigma**2).clamp(min=1e-9)
    off = x[:, None] - alpha * CENTRES
    logs = SHARES.log() - D / 2 * (2 * torch.pi * variance).log() - (off**2).sum(2) / (2 * variance)
    weight, off = logs.softmax(1)[..., None], off / variance[:, None]
    return (weight * (CENTRES + alpha * WIDTHS[:, None] ** 2 * off)).sum(1), sigma * (weight * off).sum(1)


def learnt(x, t):
    """The same, from the velocity that the network says."""
    alpha, sigma, alpha_slope, sigma_slope = scales(t)
    with torch.no_grad():
        said = model(torch.cat([x, (2 * t - 1).expand(len(x), 1)], 1))
    by = alpha * sigma_slope - sigma * alpha_slope
    return (sigma_slope * x - sigma * said) / by, (alpha * said - alpha_slope * x) / by


def draw(look, x, steps, anew=False):
    """From noise to points; \`anew\` draws new noise in each step."""
    times = [torch.tensor(1 - k / steps) for k in range(steps + 1)]
    for k, (t, then) in enumerate(zip(times, times[1:])):
        (alpha, sigma, *_), (alpha_then, sigma_then, *_) = scales(t), scales(then)
        image, noise = look(x, t)
        ratio = alpha * sigma_then / (alpha_then * sigma)
        new = sigma_then * (1 - ratio**2).clamp(min=0).sqrt() * anew
        x = alpha_then * image + (sigma_then**2 - new**2).clamp(min=0).sqrt() * noise
        if anew:
            x = x + new * noise_of(2**28 + 128 + k, len(x))
    return x


def distance(a, b):
    """Energy distance (Székely and Rizzo 2013)."""
    far = partial(torch.cdist, compute_mode="donot_use_mm_for_euclid_dist")
    return (2 * far(a, b).mean() - far(a, a).mean() - far(b, b).mean()).item()


pairs = None  # after a reflow: noise, and what the network drew of it


def reflow(number):
    noise = noise_of(2**28 + 1 + number, 1024)
    return noise, draw(learnt, noise, 25)


def noisy(number, n):
    """Noisy places with their times, and the velocities that are to be learnt."""
    if pairs:
        which = (uniform(SEED, 5 + 8 * number, n) * 1024).astype(int)
        noise, image = (part[which] for part in pairs)
    else:
        noise, image = noise_of(number, n), points_of(number, n)
    t = (torch.arange(n)[:, None] / n + float(uniform(SEED, 1 + 8 * number, 1)[0])) % 1
    alpha, sigma, alpha_slope, sigma_slope = scales(t)
    x = torch.cat([alpha * image + sigma * noise, 2 * t - 1], 1)
    return x, alpha_slope * image + sigma_slope * noise


def train(step, batch, l1=0, l2=0, clip=0):
    x, y = noisy(step, batch)
    loss = nn.functional.mse_loss(model(x), y)
    w = torch.cat([layer.weight.flatten() for layer in model if isinstance(layer, nn.Linear)])
    loss = loss + l1 * w.abs().sum() + l2 * (w**2).sum()
    optimiser.zero_grad()
    loss.backward()
    if clip:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimiser.step()


def tell():
    with torch.no_grad():
        x, y = noisy(2**28, 256)
        print("loss", nn.functional.mse_loss(model(x), y).item())
    for name, parameter in model.named_parameters():
        print(name, parameter.flatten().tolist())
    noise = noise_of(2**28 + 64, ${count})
    sets = [points_of(2**28 + 65 + k, ${count}) for k in range(${FLOORS})]
    for name, look in (("exact", exact), ("network", learnt)):
        drawn = draw(look, noise, ${steps}, ${back === "anew" ? "True" : "False"})
        print(name, "distance", sum(distance(drawn, real) for real in sets) / len(sets))
`;

const NAMES = ["l1", "l2", "clip"];

function part({ from, training }, before, end) {
  const [name, settings] = torchOptimiser(training);
  const given = NAMES.filter((one) => training[one]).map((one) => `, ${one}=${training[one]}`).join("");
  const lines = [];
  if (training.reflow !== (before?.reflow ?? 0)) {
    lines.push(training.reflow ? `pairs = reflow(${training.reflow})` : "pairs = None");
  }
  lines.push(
    before?.optimiser === training.optimiser
      ? `optimiser.param_groups[0].update(${settings})`
      : `optimiser = torch.optim.${name}(model.parameters(), ${settings})`,
    `for step in range(${from}, ${Math.max(end, from)}):`, `    train(step, ${training.batch || 256}${given})`,
  );
  return lines;
}

/** @param segments of a branch: `{from, training}`; `step` is the last one */
export function script(settings, segments, step) {
  const { mixture, network } = taskOf(settings);
  const used = segments.filter(({ from }, i) => i === 0 || from < step);
  const d = network.outputs;
  const count = mixture.widths.length;
  const rows = Array.from({ length: count }, (_, i) =>
    Array.from({ length: d }, (_, k) => mixture.centres[k * count + i])).flat();
  return [
    '"""Points that become noise, and a network that learns the way back."""', "",
    "from functools import partial", "",
    "import numpy as np", "import torch", "from torch import nn", "", "torch.set_default_dtype(torch.float64)",
    `SEED, D = ${settings.seed}, ${d}`,
    `CENTRES = torch.tensor(${list(rows)}).double().view(-1, D)`,
    `WIDTHS = torch.tensor(${list(mixture.widths)}).double()`,
    `SHARES = torch.tensor(${list(mixture.shares)}).double()`,
    COUNTER, body(settings), "",
    ...model(network, false),
    `start = torch.tensor(${list(new Network(network, 1).initial())})`,
    "nn.utils.vector_to_parameters(start, model.parameters())", "",
    ...used.flatMap((segment, i) => part(segment, used[i - 1]?.training, used[i + 1]?.from ?? step)), "",
    "tell()", "",
  ].join("\n");
}
