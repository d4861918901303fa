"""What is happening on the page Foundations."""

from core.foundations.regressions import DESCENDING
from pages.ui.text_comparison import explanation

TEXT = r"""
**Gradients.** An expression is a graph of operations. Forwards each computes its value from those
of its inputs. Backwards each hands on the gradient that has arrived at it, times its own local
derivative, $\frac{\partial L}{\partial x} = \sum_u \frac{\partial L}{\partial u}
\frac{\partial u}{\partial x}$, the sum over all $u$ that use $x$: one pass gives the gradient by
every leaf. Beside it stands the difference $\frac{L(x + h) - L(x - h)}{2h}$ with
$h = 10^{-6} \max(1, |x|)$; its own error is of the order of $h^2$, and of rounding divided by $h$.

A **trajectory** is what a network's weights do, step by step: the gradient $g$ of the loss, and an
optimiser's step against it. Everything here runs in your browser, in double precision; the same
computation stands in PyTorch in `core/foundations/networks.py`, and a test holds the two together.

**Regression.** The loss is the mean squared error,
$L(w, b) = \frac{1}{n} \sum_i (w \cdot \phi(x_i) + b - y_i)^2$, with
$\phi(x) = (x, x^2, \dots, x^d)$. It is a parabola in the weights,
whatever the degree, so its lowest place is known in closed form (least squares; with ridge,
$\lambda \lVert w \rVert^2$ is added and $b$ is free).

**Curvature.** Along a direction of curvature $\lambda$ (an eigenvalue of the second derivatives)
each step of SGD with rate $\eta$ multiplies the distance to the lowest place by $1 - \eta\lambda$.
It shrinks if $\eta < 2/\lambda$ for the largest $\lambda$; how slowly the flattest direction
follows is told by the condition number, the largest over the smallest.

**Scaling.** With features of mean 0 and standard deviation 1 the condition number of a line is 1.
Powers still depend on each other: for higher degrees it grows fast.

**Preprocessing** makes curvatures more alike before anything is learnt: features get mean 0 and
standard deviation 1, are turned along their principal directions so that nothing is correlated
(PCA), or get standard deviation 1 along each of these too (whitening). What is done is found on
the points to learn from, and done to all.

**Bias and variance.** The expected squared error of a fit at a new point is
$\text{bias}^2 + \text{variance} + \text{noise}$. For the noisy sine the truth is known, so that 30
fits to new noise show both; for measured points, samples drawn with replacement (the bootstrap)
show the variance alone.

**Classification.** The network's output $z$ for a point is a **logit**: the logarithm of the odds,
so $e^z$ to 1 for the second class, whose probability is $p = 1 / (1 + e^{-z})$. With more classes
each has an output, and $p_k = e^{z_k} / \sum_j e^{z_j}$. The **likelihood** of a model is the
product of the probabilities that it gives to what was observed; the loss (cross-entropy) is minus
its logarithm over the number of points, so that $e^{-\text{loss}}$ is a point's probability in the
geometric mean. Without hidden layers this is logistic regression: a step of 1 in $x_j$ multiplies
the odds by $e^{w_j}$, and the boundary is a line. Whether a point is tested follows from its own
place, so that painting one moves no other.

**Optimisers.** With rate $\eta$ a step takes from the weights: SGD $\eta g$; momentum $\eta v$
with $v \leftarrow \beta v + g$; Nesterov's $\eta (g + \beta v)$; Adagrad
$\eta g / \sqrt{\sum g^2}$; RMSprop $\eta g / \sqrt{s}$ with
$s \leftarrow \alpha s + (1 - \alpha) g^2$; Adam $\eta \hat m / \sqrt{\hat s}$, of both without
the zeros with which they begin. On a parabola SGD is stable below $2/\lambda$, momentum below
$2(1 + \beta)/\lambda$ and Nesterov's below $2(1 + \beta)/((1 + 2\beta)\lambda)$, $\lambda$ the
largest curvature. In the long run SGD is fastest with $\eta = 2/(\lambda_1 + \lambda_2)$, momentum
with $\beta = \left(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\right)^2$ and
$\eta = \left(\frac{2}{\sqrt{\lambda_1} + \sqrt{\lambda_2}}\right)^2$ (Polyak 1964). On other
surfaces the same bounds hold close to a minimum, by its own curvature. Who wins a race on one
surface from one start need not win another.

**Depth.** A layer of $n$ inputs with weights of standard deviation $\sigma$ multiplies the size of
what it is given by about $\sigma \sqrt n$, times what its activation leaves; the gradient that
comes back is multiplied likewise, and ten layers make a tenth power of it. Glorot and Bengio (2010)
therefore take a variance of $2 / (\text{inputs} + \text{outputs})$; He et al. (2015)
$2 / \text{inputs}$ for ReLU, which sets about half to zero; batch norm (Ioffe and Szegedy 2015)
brings the sums of each unit to mean 0 and variance 1 over the batch. A unit is called dead here if,
for every point of the batch, its slope is below 1 % of the activation's largest: next to nothing of
the gradient passes. Clipping shortens the whole gradient if its norm is above a bound; its
direction stays.

**Exactly again.** Weights, batches and dropout are drawn by counter (Philox, Salmon et al. 2011),
so that every step can be computed again to the bit: that is how the player rewinds and forks.

Goh 2017, *Why momentum really works*. Hastie, Tibshirani and Friedman 2009, *The Elements of
Statistical Learning*, chapters 3 and 7.
"""


def explained() -> None:
    """The equations, and how the regressions stand to the text."""
    explanation(TEXT, DESCENDING, run=None)
