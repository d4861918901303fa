"""The equations behind the GAN gallery, and the source of the chosen network."""

EQUATIONS = r"""
A **generator** $G$ draws images from noise $z$; a **critic** $D$ is shown real and drawn images and
says which are real. They are trained in turns, each against the other (Goodfellow et al. 2014):

$$\max_D\; \mathbb E_x[\log D(x)] + \mathbb E_z[\log(1 - D(G(z)))],$$

$$\max_G\; \mathbb E_z[\log D(G(z))].$$

What the critic answers is an opinion on a half-and-half mix, and no probability that an image is
real. The generator climbs $\log D(G(z))$ instead of descending $\log(1 - D(G(z)))$, which is flat
where the critic sees through everything.

The **least-squares** GAN (Mao et al. 2017) pulls scores to numbers instead, so that images that
already pass as real, but lie far from the data, still have a slope to go down:

$$\min_D\; \tfrac12 \mathbb E_x[(D(x) - 1)^2] + \tfrac12 \mathbb E_z[D(G(z))^2],$$

$$\min_G\; \tfrac12 \mathbb E_z[(D(G(z)) - 1)^2].$$

The **Wasserstein** GAN (Arjovsky et al. 2017) lets the critic measure how far drawn images are from
real ones. That is a distance only if the critic is nowhere steeper than 1: its gradient is pulled
towards length 1 between both (Gulrajani et al. 2017), at
$\hat x = \epsilon x + (1 - \epsilon) G(z)$. The critic minimises

$$\mathbb E_z D(G(z)) - \mathbb E_x D(x) + 10\,\mathbb E[(\lVert \nabla D(\hat x) \rVert - 1)^2].$$

The **conditional** GAN is given the class: an embedding joins the noise, and the critic adds the
class's embedding times its features to the score (Miyato and Koyama 2018). **DCGAN** is the network
of convolutions (Radford et al. 2015) that most of them share.

**Averaging.** The generator walks around its goal; a running average of its weights,
$\bar\theta \leftarrow \beta\bar\theta + (1 - \beta)\theta$, usually draws better than its single
steps. The networks marked as ours draw with it. Their critic never met it: in training it judged
the steps.

**Mode collapse.** Nothing in the game asks for variety: a generator that draws one perfect digit
can win for a while. Losses do not show it, so the verdict looks at the samples: are there twins
among them, do they differ as much as real images, are all classes there, how much of the data do
they reach, and how many different ones there are among them (the Vendi score, Friedman and Dieng
2023, of smoothed pictures, by that of real ones: noise over a few pictures does not hide them). It
does not test whether training images are copied.

**Fréchet distance, own features.** It compares the normal distributions that fit the features of
samples and data (Heusel et al. 2017, who take Inception's features and call it FID):
$\lVert \mu_a - \mu_b \rVert^2 + \mathrm{tr}(A + B - 2 (A^{1/2} B A^{1/2})^{1/2})$. Precision and
recall are those of Kynkäänniemi et al. 2019, density and coverage those of Naeem et al. 2020. Their
features come from our own classifier of the data set, so they compare with nothing elsewhere.

**Directions.** Principal directions are computed as in GANSpace (Härkönen et al. 2020): principal
components of the first layer's responses, carried back to $z$. Attribute directions are regressions
of something measured in the pictures on $z$.
"""
