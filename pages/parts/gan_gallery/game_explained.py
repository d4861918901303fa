"""What is happening on the tab The game."""

TEXT = r"""
**A minimax game.** The generator makes points $G(z)$ of noise, the discriminator gives every
place a score $s(x)$ and $D(x) = 1 / (1 + e^{-s(x)})$. With the best discriminator, $D^*(x) = p(x)
/ (p(x) + q(x))$ for real points of density $p$ and fakes of density $q$, the generator of the
minimax game descends the Jensen-Shannon divergence of both, which is 0 only if $q = p$; then $D =
\tfrac12$ everywhere, and the discriminator's loss is $2 \log 2 \approx 1.39$ (Goodfellow et al.
2014). Here, as above, the generator climbs $\log D(G(z))$ instead, and neither player is at its
best: they step in turns. The losses of both do not say how good the fakes are.

**Why it circles.** Each player's slope is of a loss that the other changes. For $\min_x \max_y\,
xy$ the steps go around the solution and never in; with finite rates they spiral out. What damps
this is the curvature that each player finds on its own. So fakes chase the places that the
discriminator has just left, scores swing, and the rates set the rhythm.

**Why modes are lost.** Arrows show where each fake is sent: uphill in the discriminator's score,
whatever the other fakes do. Nothing in this slope asks for variety. If the generator is much
faster than the discriminator, the fakes run together to where scores are high; when the
discriminator has learnt that this is a place of fakes, they run on to the next, all of them. That
is a collapse, and with a frozen discriminator it has no end.

**Least squares** (Mao et al. 2017): scores are drawn to 1 and 0, and the slope does not fade for
fakes whose score is far from 1.

**Wasserstein distance** (Arjovsky et al. 2017): how far mass has to be carried from $q$ to $p$,
which changes smoothly even if both do not overlap. It is the largest $\mathbb E\, s(x) - \mathbb
E\, s(G(z))$ that a score reaches which is nowhere steeper than 1 (Lipschitz). *Clipping* keeps
every weight within $\pm c$: that bounds the steepness, though not by 1. The *penalty* $\lambda\,
\mathbb E(\lVert \nabla s(\hat x) \rVert - 1)^2$ at places $\hat x$ drawn between real points and
fakes asks for a slope of 1 there, and promises nothing elsewhere (Gulrajani et al. 2017). Neither
is exactly the distance; both need a discriminator that is ahead, hence its several steps.

**Unrolling** (Metz et al. 2017). The generator looks at the discriminator as it would be $k$
steps of gradient descent later, on the same batch and at a rate of their own: $s_{i+1} = s_i -
\eta \nabla_s L(s_i, G)$. It descends its own loss at $s_k$, *through* these steps, so that it is
told how the discriminator would answer to fakes that run together. Then the discriminator takes
its real steps. Here the look-ahead is plain gradient descent whatever the optimiser, and the
generator's loss is that of the chosen objective; with the gradient penalty there is none.

**Exactly.** A step is the discriminator's steps, each on new real points and new noise, and one
of the generator on the noise of the last of them. A change of a rate, a freeze or another
objective counts from the step at which it is made; rewinding before it and forking go other ways
from there. Second derivatives (penalty, unrolling) are computed by how both passes change along a
direction (Pearlmutter 1994). The same computation stands in PyTorch in
`core/foundations/point_gans.py`, and a test holds the two together.

**Modes found** are counted of 512 fakes of the same noise at every step. A mode is found if a
quarter of an even share of them or more lie within $3\sigma$ of its centre (at least 0.1). Beside
it stands the same number for 512 real points that were not learnt from. It does not say whether
modes have their right shares, nor whether fakes are spread within them as real points are. How
many seeds do as a button says was counted over ten, those from 1 to 10; other settings are not
promised anything.
"""
