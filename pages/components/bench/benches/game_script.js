// A trajectory of the bench of the game as a PyTorch script that prints the same numbers.

import { playersOf } from "../../trajectory/game.js";
import { Network } from "../../trajectory/network.js";
import { COUNTER, list, model, torchOptimiser } from "../script.js";
import { DRAWS } from "./flow_script.js";
import { problemOf } from "./game_model.js";

const BODY = `${DRAWS}

GAMES = {  # what is made small, of scores: of real points, of fakes, and by the generator
    "gan": (lambda s: F.softplus(-s), F.softplus, lambda s: F.softplus(-s)),
    "lsgan": (lambda s: (s - 1) ** 2 / 2, lambda s: s**2 / 2, lambda s: (s - 1) ** 2 / 2),
    "wgan": (lambda s: -s, lambda s: s, lambda s: -s),
    "wgan_gp": (lambda s: -s, lambda s: s, lambda s: -s),
}


def slopes(loss, x):
    return torch.autograd.grad(loss, x, create_graph=True)


def play(step, game, batch, turns, frozen, weight_clip, penalty, ahead, rate_ahead):
    """Steps of the discriminator, and one of the generator."""
    of_real, of_fake, of_generator = GAMES[game]
    for turn in range(1 if frozen == "discriminator" else turns):
        number = 10 * step + turn
        real, noise = points_of(number, batch), noise_of(number, batch, LATENT)
        if frozen == "discriminator":
            break
        fake = generator(noise).detach()
        loss = of_real(discriminator(real)).mean() + of_fake(discriminator(fake)).mean()
        if game == "wgan_gp":
            share = torch.from_numpy(uniform(SEED, 1 + 8 * number, batch))[:, None]
            mixed = (share * real + (1 - share) * fake).requires_grad_()
            (slope,) = slopes(discriminator(mixed).sum(), mixed)
            loss = loss + penalty * (((slope**2).sum(1) + 1e-12).sqrt() - 1).square().mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()
        if game == "wgan":
            for weight in discriminator.parameters():
                weight.data.clamp_(-weight_clip, weight_clip)
    if frozen == "generator":
        return
    fake, weights = generator(noise), dict(discriminator.named_parameters())
    for _ in range(0 if game == "wgan_gp" else ahead):  # unrolled steps
        scores = [functional_call(discriminator, weights, (x,)) for x in (real, fake)]
        changes = slopes(of_real(scores[0]).mean() + of_fake(scores[1]).mean(), list(weights.values()))
        weights = {name: w - rate_ahead * g for (name, w), g in zip(weights.items(), changes)}
        if game == "wgan":
            weights = {name: w.clamp(-weight_clip, weight_clip) for name, w in weights.items()}
    loss = of_generator(functional_call(discriminator, weights, (fake,))).mean()
    of_g.zero_grad()
    loss.backward()
    of_g.step()


def tell():
    with torch.no_grad():
        fakes = generator(noise_of(2**28, 512, LATENT))
    modes = CENTRES.unique(dim=0)
    least, nearest = torch.cdist(fakes, modes).min(1)
    near = least <= max(3 * WIDTHS.max().item(), 0.1)
    counts = nearest[near].bincount(minlength=len(modes))
    print("modes found", (counts >= 0.25 * 512 / len(modes)).sum().item())
    print("near a mode", near.double().mean().item())
    for network in (discriminator, generator):
        for name, parameter in network.named_parameters():
            print(name if network is generator else f"discriminator {name}", parameter.flatten().tolist())
`;

const PLAY = ["game", "batch", "turns", "frozen", "weight_clip", "penalty", "ahead", "rate_ahead"];

function part({ from, training }, before, end) {
  const players = [["of_d", "discriminator", training.rate_d], ["of_g", "generator", training.rate]];
  const lines = players.map(([name, player, rate]) => {
    const [kind, settings] = torchOptimiser({ ...training, rate });
    return before?.optimiser === training.optimiser
      ? `${name}.param_groups[0].update(${settings})`
      : `${name} = torch.optim.${kind}(${player}.parameters(), ${settings})`;
  });
  const given = PLAY.map((name) => `${name}=${JSON.stringify(name === "batch" ? training.batch || 128 : training[name])}`);
  return [
    ...lines, `for step in range(${from}, ${Math.max(end, from)}):`, `    play(step, ${given.join(", ")})`,
  ];
}

/** @param segments of a branch: `{from, training}`; `step` is the last one */
export function script(settings, segments, step) {
  const { network, mixture } = problemOf(settings);
  const players = playersOf(network);
  const used = segments.filter(({ from }, i) => i === 0 || from < step);
  const count = mixture.widths.length;
  const rows = Array.from({ length: count }, (_, i) => [mixture.centres[i], mixture.centres[count + i]]).flat();
  const made = (name) => [
    ...model(players[name], false).map((line) => line.replace("model = ", `${name} = `)),
    `start = torch.tensor(${list(new Network(players[name], 1).initial())})`,
    `nn.utils.vector_to_parameters(start, ${name}.parameters())`, "",
  ];
  return [
    '"""A game of two players on points in the plane."""', "",
    "import numpy as np", "import torch", "from torch import nn", "from torch.func import functional_call",
    "from torch.nn import functional as F", "", "torch.set_default_dtype(torch.float64)",
    `SEED, D, LATENT = ${settings.seed}, 2, ${settings.latent}`,
    `CENTRES = torch.tensor(${list(rows)}).double().view(-1, D)`,
    `WIDTHS = torch.tensor(${list(mixture.widths)}).double()`,
    `SHARES = torch.tensor(${list(mixture.shares)}).double()`,
    COUNTER, BODY, "", ...made("discriminator"), ...made("generator"),
    ...used.flatMap((segment, i) => part(segment, used[i - 1]?.training, used[i + 1]?.from ?? step)), "",
    "tell()", "",
  ].join("\n");
}
