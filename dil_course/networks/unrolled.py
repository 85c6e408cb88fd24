"""A network that reconstructs: a few steps of gradient descent on the data, each followed by a correction."""

import torch
from torch import nn
from torch.nn import functional as F

from dil_course.signals.validation import LARGEST_WIDTH, check_integer, check_operator


class UnrolledNetwork(nn.Module):
    """Maps an observation y (N,C',h,w) and its forward model to an image (N,1,H,W), not limited to [0,1].

        z = x - eta_k A^T (A x - y),   x = z + R(z),   k = 1 ... steps,   from x = A^T y

    Gradient descent that is cut off after a few steps, with a network R between them, the same at all steps,
    and one learned length eta_k for each. Hammernik et al., "Learning a Variational Network for
    Reconstruction of Accelerated MRI Data" (Magnetic Resonance in Medicine 2018), subtract both
    terms at the same x; Aggarwal, Mani and Jacob, "MoDL" (IEEE Transactions on Medical Imaging 2019), share
    R and solve for the data exactly. R ends each step, so that its result need not explain y. It works at
    half of the size, on the four pixels of each cell at once, as `Denoiser` does.

    Args:
        steps: how many.
        width: channels of the layers of R.
        depth: how many convolutions R has.

    Attributes:
        steps: as above.
        lengths: of the gradient steps, (steps,).

    Raises:
        TypeError, ValueError: a number is no whole number of at least 1, or so large that memory would not
            do; depth is below 2.
    """

    def __init__(self, steps=5, width=40, depth=5):
        super().__init__()
        self.steps = check_integer(steps, "steps", 1, 100)
        width = check_integer(width, "width", 1, LARGEST_WIDTH)
        depth = check_integer(depth, "depth", 2, 100)
        self.lengths = nn.Parameter(torch.ones(steps))
        sides = [4, *[width] * (depth - 1), 4]
        layers = []
        for inputs, outputs in zip(sides, sides[1:], strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
        self.body = nn.Sequential(*layers[:-1])
        for convolution in self.body[::2]:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
        with torch.no_grad():
            self.body[-1].weight *= 0.1  # the first corrections are small

    def correction(self, x):
        """R(x) of images (N,1,H,W)."""
        height, width = x.shape[-2:]
        even = F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
        return F.pixel_shuffle(self.body(F.pixel_unshuffle(even, 2)), 2)[..., :height, :width]

    def forward(self, y, A):
        check_operator(A)
        x = A.adjoint(y)
        for length in self.lengths:
            x = x - length * A.adjoint(A(x) - y)
            x = x + self.correction(x)
        return x
