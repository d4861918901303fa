// A race as a PyTorch script that prints the same numbers.

import { FAR, surfaceOf } from "../trajectory/surfaces.js";
import { torchOptimiser } from "./script.js";

const RANDOM = `
def uniform(seed, stream, place):
    """A number in [0, 1) by counter: Philox 2x32-10 (Salmon et al. 2011)."""
    x, y, k = place, stream, seed
    for _ in range(10):
        product = x * 0xD256D193
        x, y, k = (product >> 32) ^ k ^ y, product & 0xFFFFFFFF, (k + 0x9E3779B9) & 0xFFFFFFFF
    return ((x >> 5) * 67108864 + (y >> 6)) / 9007199254740992
`;

const NORMAL = `
def normal(seed, stream, place):
    """A normally distributed number (Box and Muller 1958)."""
    radius = math.sqrt(-2 * math.log(1 - uniform(seed, stream, 2 * place)))
    return radius * math.cos(2 * math.pi * uniform(seed, stream, 2 * place + 1))
`;

const list = (numbers) => `[${[...numbers].join(", ")}]`;

/** What the loss needs, and the function `loss(w, step)`; step None is without noise or batches. */
function parabola({ condition, angle, noise, seed, name }) {
  const noisy = name === "noisy" && noise > 0;
  return `${noisy ? RANDOM + NORMAL : ""}
CONDITION, ANGLE = ${condition}, math.radians(${angle})
${noisy ? `NOISE, SEED = ${noise}, ${seed}\n` : ""}

def loss(w, step=None):
    x, y = w
${noisy ? `    if step is not None:  # this batch's parabola has its minimum elsewhere
        stream = (4 + 8 * step) & 0xFFFFFFFF
        x, y = x - NOISE * normal(SEED, stream, 0), y - NOISE * normal(SEED, stream, 1)
` : ""}    u = math.cos(ANGLE) * x + math.sin(ANGLE) * y
    v = math.cos(ANGLE) * y - math.sin(ANGLE) * x
    return (u**2 + CONDITION * v**2) / 2
`;
}

/** The function that gives the points of a step, where a step does not see all `n` of them. */
const batches = ({ batch, seed }) => `BATCH, SEED = ${batch}, ${seed}


def places(step):
    """The points of a step: an order for each epoch, whole batches only."""
    epoch, batch = divmod(step, len(X) // BATCH)
    stream = (1 + 8 * epoch) & 0xFFFFFFFF
    order = sorted(range(len(X)), key=lambda i: uniform(SEED, stream, i))
    return order[batch * BATCH : (batch + 1) * BATCH]
`;

/** A mean over points: how `X` and `Y` are written, and the loss of those in `x` and `y`. */
function ofPoints(data, count, written, loss) {
  const parts = data.batch > 0 && data.batch < count;
  return `${parts ? RANDOM : ""}
${written}
${parts ? batches(data) : ""}

def loss(w, step=None):
${parts ? `    chosen = list(places(step) if step is not None else range(len(X)))
    x, y = X[chosen], Y[chosen]` : "    x, y = X, Y"}
    return ${loss}
`;
}

function regression(data) {
  const { x, y } = data.points;
  const written = `X = torch.tensor(${list(x)}, dtype=torch.float64)
Y = torch.tensor(${list(y)}, dtype=torch.float64)`;
  return ofPoints(data, x.length, written, "((w[0] * x + w[1] - y) ** 2).mean()");
}

function logistic(data) {
  const { x, y, bias } = data.classes;
  const written = `X = torch.tensor([
${x.map((row) => `    ${list(row)},`).join("\n")}
], dtype=torch.float64)
Y = torch.tensor(${list(y)}, dtype=torch.float64)
BIAS = ${bias}`;
  const loss = "torch.nn.functional.binary_cross_entropy_with_logits(x @ w + BIAS, y)";
  return ofPoints(data, x.length, written, loss);
}

function plane({ grid: { losses, reach } }) {
  return `
REACH = ${reach}
LOSSES = torch.tensor([
${losses.map((row) => `    ${list(row)},`).join("\n")}
], dtype=torch.float64)


def cubic(t):
    """Weights of four neighbours (Catmull and Rom)."""
    return torch.stack([
        t * (-0.5 + t * (1 - 0.5 * t)), 1 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2 - 1.5 * t)), t * t * (-0.5 + 0.5 * t),
    ])


def loss(w, step=None):
    side = len(LOSSES)
    at = (w + REACH) / (2 * REACH) * (side - 1)
    i, j = (min(max(math.floor(a), 1), side - 3) for a in at.tolist())
    return cubic(at[1] - j) @ LOSSES[j - 1 : j + 3, i - 1 : i + 3] @ cubic(at[0] - i)
`;
}

const classical = ({ name }) => `

def loss(w, step=None):
    x, y = w
    return ${surfaceOf({ name }).python}
`;

const LOSS = { parabola, noisy: parabola, regression, logistic, plane };

function known({ edge, view: [left, right, bottom, top] }) {
  if (edge) return `    return w.abs().max() <= ${edge}  # beyond the grid nothing is known`;
  const [x, y] = [(left + right) / 2, (bottom + top) / 2];
  return `    x, y = w.tolist()
    return abs(x - ${x}) <= ${FAR * (right - left)} and abs(y - ${y}) <= ${FAR * (top - bottom)}`;
}

function part({ from, training }) {
  const [name, settings] = torchOptimiser(training);
  return `(${from}, "${training.optimiser}", torch.optim.${name}, dict(${settings}), ${training.clip ?? 0})`;
}

/**
 * @param data see `surfaceOf` and SurfaceProblem
 * @param lanes of each its `name` and `segments`, `{from, training}`
 * @param steps how many it takes
 */
export function raceScript(data, lanes, steps) {
  const body = (LOSS[data.name] ?? classical)(data);
  const rows = lanes.map(
    ({ name, segments }) => `    ${JSON.stringify(name)}: [\n${segments.map((s) => `        ${part(s)},`).join("\n")}\n    ],`,
  );
  return `# ${surfaceOf(data).title}: ${lanes.length === 1 ? "one optimiser" : `${lanes.length} optimisers`} from one start.
import math

import torch
${body}

def known(w):
    """Whether the loss is known there, and not far away from the picture."""
${known(surfaceOf(data))}


# of each optimiser: from which step on, which one, with which settings, the longest gradient (0: any)
LANES = {
${rows.join("\n")}
}
STEPS = ${steps}

for name, parts in LANES.items():
    w = torch.tensor(${list(data.start)}, dtype=torch.float64, requires_grad=True)
    before = None
    for step in range(STEPS + 1):
        for since, kind, make, options, longest in parts:
            if since != step:
                continue
            clip = longest
            if kind == before:  # what it has summed up goes on
                optimiser.param_groups[0].update(options)
            else:
                optimiser = make([w], **options)
            before = kind
        if not (w.isfinite().all() and known(w)):
            print(f"{name:12} diverged at step {step}")
            break
        if step % max(STEPS // 10, 1) == 0 or step == STEPS:
            x, y = w.tolist()
            print(f"{name:12} {step:6} {loss(w).item():.10g} {x:.10g} {y:.10g}")
        optimiser.zero_grad()
        loss(w, step).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_([w], clip)
        optimiser.step()
`;
}
