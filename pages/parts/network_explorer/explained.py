"""The equations behind the page, and their sources."""

from core.tasks.classification import RECOGNITION
from pages.parts.network_explorer.networks import Network
from pages.ui.text_comparison import explanation as of_a_task

EQUATIONS = r"""
A classifier $f_\theta$ gives a picture $x$ a number for each class, the logits $z = f_\theta(x)$;
softmax makes them probabilities, $p_k = e^{z_k} / \sum_j e^{z_j}$. In training the weights
$\theta$ go down the slope of the cross-entropy $-\log p_y$ of the true class $y$.

**Convolution.** A kernel of side $F$ looks at $F \times F$ neighbours of all $D$ channels, at
each place alike: $z = \sum_{c, i, j} w_{cij}\, x_{c,\, u + i,\, v + j} + b$. Of a side of $W$
positions, with a border of $P$ zeros and steps of $S$, it makes
$$\left\lfloor \frac{W - F + 2P}{S} \right\rfloor + 1$$
positions. $K$ kernels have $F \cdot F \cdot D \cdot K + K$ weights, however large the picture is,
for each is used at every place: the weights are shared. A linear layer from as many numbers to as
many has one weight for each pair: of $28 \times 28$ to $26 \times 26 \times 16$ numbers
8.5 million, where sixteen kernels of $3 \times 3$ have 160.

**Pooling** keeps the largest of a few neighbours, or their mean. It learns nothing, halves the
sides, and lets each number behind it see twice as far.

**Batch norm** brings each channel to mean 0 and variance 1 over the batch, then to what it
learns: $\hat x = \gamma\,(x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$. Once trained, $\mu$ and
$\sigma^2$ are kept averages, so that it is one more scaling of each channel.

**ReLU**, $\max(0, x)$, is what bends between two linear layers: without it two of them are one.

**Residual block.** $y = \mathrm{ReLU}(g(x) + x)$: the layers $g$ learn a correction, and the
slope $\partial y / \partial x = \partial g / \partial x + 1$ has a way around them, so that it
reaches the first layers of a deep network.

**The receptive field** of a layer is what one of its numbers can see of the picture. A layer of
kernel $F$ whose input lies $s$ pixels apart widens it by $(F - 1)\,s$.
"""
SOURCES = (
    "Sources: LeCun et al. 1998 (LeNet); Krizhevsky et al. 2012 (AlexNet); Simonyan and Zisserman "
    "2015 (VGG); Ioffe and Szegedy 2015 (batch norm); Szegedy et al. 2016 (Inception); He et al. "
    "2016 (residual networks). EfficientNet-Lite: Tan and Le 2019."
)


def explanation(network: Network) -> None:
    """The equations, what the chosen network is, and how it stands to the text."""
    of_a_task(f"{EQUATIONS}\n\n{SOURCES}", RECOGNITION, run=network.run)
