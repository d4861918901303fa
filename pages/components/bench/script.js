// A network on points as a PyTorch script that prints the numbers of a step.

import { Network } from "../trajectory/network.js";

const LAYERS = {
  linear: "nn.Identity()", relu: "nn.ReLU()", leaky_relu: "nn.LeakyReLU()", tanh: "nn.Tanh()",
  sigmoid: "nn.Sigmoid()",
};
const LOSSES = {
  mse: "nn.functional.mse_loss", bce: "nn.functional.binary_cross_entropy_with_logits",
  cross_entropy: "nn.functional.cross_entropy",
};
/** By the name of an optimiser: its class in torch.optim, and its settings as that has them. */
const TORCH = {
  sgd: ({ rate }) => ["SGD", { lr: rate }],
  momentum: ({ rate, momentum }) => ["SGD", { lr: rate, momentum }],
  nesterov: ({ rate, momentum }) => ["SGD", { lr: rate, momentum, nesterov: momentum > 0 }],
  adagrad: ({ rate }) => ["Adagrad", { lr: rate }],
  rmsprop: ({ rate, alpha }) => ["RMSprop", { lr: rate, alpha }],
  adam: ({ rate, beta1, beta2 }) => ["Adam", { lr: rate, betas: [beta1, beta2] }],
};
export const COUNTER = `
def uniform(seed, stream, n):
    """Numbers in [0, 1) by counter: Philox 2x32-10 (Salmon et al. 2011)."""
    low = np.uint64(0xFFFFFFFF)
    x, y, key = np.arange(n, dtype=np.uint64), np.full(n, stream & 0xFFFFFFFF, np.uint64), np.uint64(seed)
    for _ in range(10):
        product = x * np.uint64(0xD256D193)
        x, y = (product >> np.uint64(32)) ^ key ^ y, product & low
        key = (key + np.uint64(0x9E3779B9)) & low
    return ((x >> np.uint64(5)) * 67108864.0 + (y >> np.uint64(6))) / 9007199254740992.0
`;
const BATCH = `
def batch_of(step, size):
    """The points of a step: each epoch has an order of its own."""
    n = len(x)
    if not 0 < size < n:
        return torch.arange(n)
    epoch, place = divmod(step, n // size)
    order = np.argsort(uniform(SEED, 1 + 8 * epoch, n), kind="stable")
    return torch.from_numpy(order[place * size : (place + 1) * size])
`;
const DROPOUT = `
class Dropout(nn.Module):
    """Leaves out units; which ones follows from seed, step and place."""

    share, step = 0.0, 0

    def __init__(self, first):
        super().__init__()
        self.first = first  # units before this layer's

    def forward(self, x):
        if not self.training or not Dropout.share:
            return x
        n, units = x.shape
        drawn = uniform(SEED, 2 + 8 * Dropout.step, (self.first + units) * n)[self.first * n :]
        return x * torch.from_numpy(drawn >= Dropout.share).double().view(units, n).T / (1 - Dropout.share)
`;

const python = (value) =>
  typeof value === "boolean" ? (value ? "True" : "False") : Array.isArray(value) ? `(${value.join(", ")})` : value;

/** The class in torch.optim of a training, and its settings as arguments of Python. */
export function torchOptimiser(training) {
  const [name, options] = TORCH[training.optimiser](training);
  return [name, Object.entries(options).map(([key, value]) => `${key}=${python(value)}`).join(", ")];
}

/** Numbers as a list of Python, a few a line. */
export function list(numbers) {
  const lines = [];
  for (let i = 0; i < numbers.length; i += 8) lines.push(`    ${Array.from(numbers.slice(i, i + 8), String).join(", ")},`);
  return numbers.length <= 4 ? `[${Array.from(numbers, String).join(", ")}]` : `[\n${lines.join("\n")}\n]`;
}

/**
 * @param title the first line
 * @param data lines that make `x` (n, inputs) and `y`
 * @param network settings of Network
 * @param segments of a branch: `{from, training, edits}`
 * @param step the last one
 * @param after lines at the end
 */
export function pytorchScript({ title, data, network, segments, step, after = [] }) {
  const used = segments.filter(({ from, edits }, i) => i === 0 || from < step || (from === step && edits?.length));
  const any = (name) => used.some(({ training }) => training[name]);
  const drawn = any("batch") || any("dropout");
  const start = new Network(network, 1).initial();
  return [
    `"""${title}"""`, "",
    ...(drawn ? ["import numpy as np"] : []), "import torch", "from torch import nn", "",
    "torch.set_default_dtype(torch.float64)",
    ...(drawn ? [`SEED = ${network.seed}`, COUNTER] : []),
    ...(any("batch") ? [BATCH] : []), ...(any("dropout") ? [DROPOUT] : []), "",
    ...data, "", ...model(network, any("dropout")),
    `start = torch.tensor(${list(start)})`,
    "nn.utils.vector_to_parameters(start, model.parameters())", "",
    ...trainer(network, any), "", ...used.flatMap((segment, i) => part(segment, used, i, step)), "",
    "model.eval()", "with torch.no_grad():",
    `    print("loss", ${LOSSES[network.loss]}(model(x), y).item())`,
    'for name, parameter in model.named_parameters():', "    print(name, parameter.flatten().tolist())",
    ...after, "",
  ].join("\n");
}

/** Lines that make the network. */
export function model({ inputs, hidden, outputs, activation, batch_norm: normed }, dropout) {
  const lines = ["model = nn.Sequential("];
  let [before, units] = [inputs, 0];
  for (const size of hidden) {
    lines.push(`    nn.Linear(${before}, ${size}),`);
    if (normed) lines.push(`    nn.BatchNorm1d(${size}),`);
    lines.push(`    ${LAYERS[activation]},`);
    if (dropout) lines.push(`    Dropout(${units}),`);
    units += size;
    before = size;
  }
  return [...lines, `    nn.Linear(${before}, ${outputs}),`, ")"];
}

function trainer({ loss }, any) {
  const options = ["batch", "clip", "l1", "l2", "dropout"].filter(any);
  const lines = [`def train(${["step", ...options.map((name) => `${name}=0`)].join(", ")}):`];
  if (any("dropout")) lines.push("    Dropout.share, Dropout.step = dropout, step");
  lines.push(any("batch") ? "    places = batch_of(step, batch)" : null);
  const [x, y] = any("batch") ? ["x[places]", "y[places]"] : ["x", "y"];
  lines.push(`    loss = ${LOSSES[loss]}(model(${x}), ${y})`);
  if (any("l1") || any("l2")) {
    lines.push("    w = torch.cat([layer.weight.flatten() for layer in model if isinstance(layer, nn.Linear)])");
    if (any("l1")) lines.push("    loss = loss + l1 * w.abs().sum()");
    if (any("l2")) lines.push("    loss = loss + l2 * (w**2).sum()");
  }
  lines.push("    optimiser.zero_grad()", "    loss.backward()");
  if (any("clip")) lines.push("    if clip:", "        nn.utils.clip_grad_norm_(model.parameters(), clip)");
  return [...lines.filter((line) => line !== null), "    optimiser.step()", ""];
}

/** Weights that a hand has set. */
const edited = (edits = []) =>
  edits.length
    ? [
        "flat = nn.utils.parameters_to_vector(model.parameters()).detach()",
        ...edits.map(([index, value]) => `flat[${index}] = ${value}`),
        "nn.utils.vector_to_parameters(flat, model.parameters())",
      ]
    : [];

function part({ from, training, edits }, used, i, step) {
  const lines = edited(edits);
  const [name, settings] = torchOptimiser(training);
  lines.push(used[i - 1]?.training.optimiser === training.optimiser
    ? `optimiser.param_groups[0].update(${settings})`
    : `optimiser = torch.optim.${name}(model.parameters(), ${settings})`);
  const options = ["batch", "clip", "l1", "l2", "dropout"].filter((name) => training[name]);
  const given = options.map((name) => `, ${name}=${training[name]}`).join("");
  lines.push(`for step in range(${from}, ${Math.max(used[i + 1]?.from ?? step, from)}):`, `    train(step${given})`);
  return lines;
}
