"""Small programs in PyTorch whose outcome is to be predicted before it is shown.

What each prints stands beside it; a test runs them all and compares.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """A program, a question about it, and what PyTorch does."""

    title: str
    code: str
    """Begins after `import torch`."""
    question: str
    choices: tuple[str, ...]
    right: int
    """The place of the right choice."""
    output: str
    """What the program prints."""
    why: str

    @property
    def script(self) -> str:
        """The program, whole."""
        return f"import torch\n\n{self.code}"


PREDICTIONS = (
    Prediction(
        "Three times backward",
        """w = torch.tensor(2.0, requires_grad=True)
for step in range(3):
    loss = w**2
    loss.backward()
    print(w.grad.item())
""",
        "w stays 2, and the derivative of w² there is 4. What is printed?",
        ("4, 4, 4", "4, 8, 12", "4, 8, 16", "An error in the second round"),
        1,
        "4.0\n8.0\n12.0\n",
        "`backward` adds to `.grad`, it does not replace it. So a training loop sets gradients to "
        "zero before each step, with `optimizer.zero_grad()`. Adding up is of use as well: a large "
        "batch can be computed in parts.",
    ),
    Prediction(
        "detach",
        """x = torch.tensor(3.0, requires_grad=True)
y = x * x.detach()
y.backward()
print(y.item(), x.grad.item())
""",
        "y is x · x = 9, whose derivative is 2x = 6. What is the gradient of x?",
        ("6", "3", "0", "There is none: an error"),
        1,
        "9.0 3.0\n",
        "`detach` gives the same number without its history: to `backward` it is a constant. The "
        "gradient flows through the first factor only, and there it is multiplied by the value of "
        "the second, 3. It is not the derivative of what was computed.",
    ),
    Prediction(
        "A change in place",
        """x = torch.tensor([1.0, 2.0], requires_grad=True)
y = torch.sigmoid(x)
y.mul_(2)
try:
    y.sum().backward()
    print(x.grad.tolist())
except RuntimeError as error:
    print(str(error).partition(":")[0])
""",
        "y is doubled in its own memory. What does `backward` give?",
        (
            "Twice the gradient of sigmoid",
            "The gradient of sigmoid, not doubled",
            "An error in `backward`",
        ),
        2,
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation\n",
        "The derivative of sigmoid is computed from its output, σ · (1 - σ), so autograd keeps "
        "the output; `mul_` has written over it. Each tensor counts its changes in place, and "
        "`backward` refuses when the count is not what it was. `y = y * 2` makes a new tensor and "
        "is fine.",
    ),
    Prediction(
        "Another change in place",
        """x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x + 1
y.mul_(2)
y.sum().backward()
print(x.grad.tolist())
""",
        "The same change after an addition. What happens now?",
        ("The gradient is [2, 2]", "The gradient is [1, 1]", "An error in `backward`"),
        0,
        "[2.0, 2.0]\n",
        "The derivative of x + 1 is 1 whatever the values are, so nothing was kept that `mul_` "
        "could spoil; and the doubling itself is recorded. A change in place fails only where a "
        "number is needed that it has written over.",
    ),
    Prediction(
        "A vector backward",
        """x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x**2
try:
    y.backward()
except RuntimeError as error:
    print(error)
y.backward(torch.tensor([1.0, 10.0, 100.0]))
print(x.grad.tolist())
""",
        "y has three numbers. `y.backward()` fails; what does the second call give, with a vector?",
        ("[2, 4, 6]", "[2, 40, 600]", "222", "An error too"),
        1,
        "grad can be implicitly created only for scalar outputs\n[2.0, 40.0, 600.0]\n",
        "Three numbers have nine derivatives by three others, a Jacobian matrix. `backward` never "
        "makes it: it computes the gradient of one number, here 1·y₀ + 10·y₁ + 100·y₂, and the "
        "vector holds these weights. Weights of 1 are the same as `y.sum().backward()`.",
    ),
    Prediction(
        "A step without no_grad",
        """w = torch.tensor(1.0, requires_grad=True)
(3 * w).backward()
try:
    w -= 0.5 * w.grad
    print(w.item())
except RuntimeError as error:
    print(error)
""",
        "A step against the gradient, 3, at a rate of 0.5. What is printed?",
        ("-0.5", "1, as before", "An error"),
        2,
        "a leaf Variable that requires grad is being used in an in-place operation.\n",
        "Autograd would have to record the step itself as part of the computation, and the leaf w "
        "would become its own descendant. Steps are not part of what is differentiated: they stand "
        "under `torch.no_grad()`, as in the next program and in every optimiser.",
    ),
    Prediction(
        "no_grad",
        """w = torch.tensor(1.0, requires_grad=True)
(3 * w).backward()
with torch.no_grad():
    w -= 0.5 * w.grad
    y = w * 2
print(w.item(), w.requires_grad, y.requires_grad)
""",
        "What is printed: w, and which of the two carry gradients?",
        ("-0.5 True False", "-0.5 False False", "-0.5 True True", "1.0 True False"),
        0,
        "-0.5 True False\n",
        "Under `no_grad` nothing is recorded: what is made there, y, has no history and no "
        "gradient, which also saves memory. w is changed, and stays a leaf that gradients "
        "arrive at.",
    ),
)  # fmt: skip
