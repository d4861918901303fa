"""The equations behind the VAE sampler, and the source of the chosen network."""

EQUATIONS = r"""
An **autoencoder** squeezes an image $x$ into a few numbers $z$ and draws it again from them. A
plain one learns only to come back: $\min \lVert x - d(e(x)) \rVert^2$. Its codes lie where they
please, with gaps between, so a code chosen at random need not mean anything.

A **variational** autoencoder (Kingma and Welling 2014) answers with a cloud for each image,
$q(z|x) = \mathcal N(\mu(x), \sigma^2(x))$, draws $z = \mu + \sigma\,\varepsilon$ from it, and pays
for leaving the prior $\mathcal N(0, 1)$: the price is the Kullback-Leibler divergence KL of the
cloud from the prior. It maximises

$$\mathbb E_{q(z|x)}[\log p(x|z)] - \beta\,\mathrm{KL}(q(z|x)\,\Vert\,p(z)),$$

$$\mathrm{KL} = -\tfrac12 \sum_j \left(1 + \log\sigma_j^2 - \mu_j^2 - \sigma_j^2\right).$$

With $\beta = 1$ this is the **ELBO**, the evidence lower bound on $\log p(x)$; with another $\beta$
it is something to train on, and the bounds on this page are still those of $\beta = 1$. The first
term is a sum over the pixels, the second over the numbers of the code, both in nats, the unit of
natural logarithms: 1 nat is 1.44 bits. Where grey values are
taken as probabilities (the Bernoulli likelihood), even a perfect copy costs their own entropy: on
MNIST's test images 45.5 nats. The summed squared error of images in $[-1, 1]$ is, up to a constant,
a Gaussian likelihood of variance ½: its bound is one on the logarithm of a density, and can be
negative. So bounds compare only under one likelihood.

The pressure towards the prior closes the gaps: most draws look like the data. Not all do: about one
in twenty that the conditional VAE draws is read as another class. The pressure also switches off
the numbers that are not worth their price: their posterior is nearly the prior, and moving their
slider changes hardly anything. A **conditional** VAE (Sohn, Lee and Yan 2015) is given the class in
encoder and decoder, so that the code keeps only the handwriting; its bounds are those of
$\log p(x\,|\,\mathrm{class})$.

The importance-weighted bound (IWAE; Burda, Grosse and Salakhutdinov 2016) averages $k$ draws inside
the logarithm and comes nearer to $\log p(x)$:
$\mathbb E\left[\log\frac1k\sum_i p(x, z_i)/q(z_i|x)\right]$.

In many dimensions nearly all of a Gaussian lies near a shell of radius $\sqrt d$. The straight line
between two of its draws leaves the shell: half-way it is at $\sqrt{d/2}$, 71 % of the radius, where
hardly any draw lies. **Slerp** (Shoemake 1985) stays on the shell. The verdict under the picture
compares $\lVert z \rVert^2$ with the $\chi^2_d$ distribution, $d$ being the numbers in use: a code
may lie too far out, and in many dimensions also too near to the middle. The code of an image is the
mean of its cloud. Such means are no draws: they lie nearer to the middle, for
$\mathrm{Var}\,\mu_j + \mathbb E\,\sigma_j^2 \approx 1$.
"""
