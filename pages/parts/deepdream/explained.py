"""The equations behind a dream, and their sources."""

EQUATIONS = r"""
A network that was taught to name photographs answers a picture $x$ layer by layer: early layers to
edges and strokes, later ones to eyes, fur and windows. A dream turns this around. The weights stay
as they are, and the **picture** is changed so that a layer's answer $r_l(x)$ grows:

$$\max_x \; J(x) = \sum_l w_l \,\frac{1}{|r_l|}\lVert r_l(x)\rVert^2 .$$

What the layer half sees, it sees more of after each step, until it is there.

**A step.** The gradient $g = \nabla_x J$ is added up at three blurs of it, so that large forms grow
with the small, divided by its standard deviation, and a small part of it is added to the picture:

$$\tilde g = G_{0.5} * g + G_1 * g + G_2 * g ,$$

$$x \leftarrow \mathrm{clip}\left(x + \eta\,\tilde g / \mathrm{std}(\tilde g)\right) .$$

Before each step the picture is shifted by some pixels and afterwards shifted back, so that the
network's grid leaves no trace; the shifts shrink within an octave, so that the last steps settle.
Half of the last step's direction stays in the next one.

**Octaves.** It begins with a small picture, in which a face takes few pixels, and goes to larger
ones; only the new detail is carried on, so that the picture itself stays sharp.

**A guide** replaces $\lVert r\rVert^2$: each place takes on the feature of the guide picture that
fits it best, $\max_k \langle r(x)_p, r(\mathrm{guide})_k\rangle$.

**From noise.** Without a picture to begin with, a channel draws what it likes best. The picture is
kept as waves with decorrelated colours and is moved, scaled and turned before each look: only what
survives that can grow.

**The classic recursion** is the text's: blur with radius 2, halve, dream of the half, enlarge it
again, blend it into the picture with share 0.6, and climb five steps of 0.2 along
$\nabla_x\lVert r_l(x)\rVert$. The network sees every size squeezed to 224×224, and the gradient is
never set to zero, so that each step goes along the sum of all before it.

Mordvintsev, Olah and Tyka 2015, *Inceptionism*; Olah, Mordvintsev and Schubert 2017, *Feature
visualization*; EfficientNet: Tan and Le 2019; VGG-16: Simonyan and Zisserman 2015.
"""
