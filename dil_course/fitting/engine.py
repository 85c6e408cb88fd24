"""The one place where speed lives: memory, precision, and the update of the weights (threads: runtime).

The mathematics stay the same; `fast=False` is the textbook's loop, so that a lesson can show the difference
(appendix of lesson 03; figures, also of what did not pay, in benchmarks/RESULTS.md).
"""

import ctypes
import functools
import sys

import torch

from dil_course.signals.validation import check_flag, check_module, check_number, describe, is_float

# Of glibc's malloc.h, for mallopt.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 32 * 2**20  # bytes: the largest M_MMAP_THRESHOLD that glibc takes


@functools.cache
def keep_memory():
    """Let the process keep freed memory for its next tensors. True where that could be arranged.

    By default glibc returns the memory of each freed picture-sized tensor to Linux, which hands it out again
    as fresh pages, filled with zeros one by one: thousands of page faults an iteration, and a quarter of a
    small network's time.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # Not every Linux has glibc.
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def has_bfloat16(device):
    """Does this device compute faster in bfloat16? A GPU does from Ampere on.

    Processors with AVX512-BF16 stay in float32: on one of them short runs of zero-shot super-resolution came
    out worse.
    """
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


class Engine:
    """A network on its way through a fit: call it for an estimate, `update` its weights by the loss.

    Args:
        network: module that maps (1,K,H,W) to (1,C,H,W); it is fitted in place.
        learning_rate: of Adam (Kingma and Ba, ICLR 2015).
        fast: False leaves everything as torch has it: float32, one operation after the other in Adam.
        training: a fit belongs in training mode, where batch norm takes the statistics of the image at hand
            and dropout is on. The network is put into it, whatever mode it came in, and left in it. False is
            for trained networks, which keep the statistics of their training: evaluation mode.

    What the network returns is checked, because a picture of another shape might be broadcast over the target
    without a warning. A network that has `output_channels` must return as many, and sides `reduction` times
    those of its input.

    Attributes:
        bfloat16: whether convolutions are computed in bfloat16. Weights, their updates, batch statistics, the
            loss and whatever a network keeps out of autocast, such as the skip network's last layer, stay in
            float32.
    """

    def __init__(self, network, learning_rate, fast=True, training=True):
        check_module(network, dtypes=(torch.float32, torch.float64))
        if not any(weights.requires_grad for weights in network.parameters()):
            raise ValueError(
                "network: nothing in it can change: it has no weights, or all are frozen "
                "(network.requires_grad_() frees them)"
            )
        check_flag(fast, "fast")
        check_flag(training, "training")
        self.network, self.training = network, training
        self._set_mode()
        device = next(network.parameters()).device
        if fast and device.type == "cpu":
            keep_memory()
        self.bfloat16 = fast and has_bfloat16(device)
        self.optimizer = torch.optim.Adam(network.parameters(), fused=fast and device.type in ("cpu", "cuda"))
        self.learning_rate = learning_rate

    def __call__(self, z):
        self._set_mode()  # again, as the caller may have asked the network for an image in between
        with torch.autocast(z.device.type, torch.bfloat16, enabled=self.bfloat16):
            # A clone, because a network may work in place, and z may be the caller's own image.
            made = self.network(z.clone())
        self._check_made(made, z)
        return made.to(z.dtype)

    def _set_mode(self):
        # Only where the whole network is in the other mode: single layers may be frozen on purpose.
        if self.network.training != self.training:
            self.network.train(self.training)

    def _check_made(self, made, z):
        if not is_float(made):
            raise TypeError(f"network: expected it to return a float tensor, got {describe(made)}")
        channels = getattr(self.network, "output_channels", None)
        if channels is None:
            return
        reduction = getattr(self.network, "reduction", 1)
        expected = (len(z), channels, *(side * reduction for side in z.shape[-2:]))
        if made.shape != expected:
            raise ValueError(
                f"network: makes {tuple(made.shape)} of {tuple(z.shape)}, but it must be {expected}"
            )

    @property
    def learning_rate(self):
        """Of Adam. Set it between two updates, to warm up or to come to rest."""
        return self.optimizer.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, value):
        check_number(value, "learning_rate", high=1e3)
        self.optimizer.param_groups[0]["lr"] = value

    def update(self, loss):
        """One step of Adam down the gradient of the loss."""
        if not is_float(loss) or loss.ndim or not loss.requires_grad:
            gradient = "" if getattr(loss, "requires_grad", False) else " without gradient"
            raise TypeError(
                f"loss: expected a real 0-d tensor computed from the estimate, got {describe(loss)}{gradient}"
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def state_dict(self):
        """The weights, and what Adam remembers of each. The learning rate is the method's business."""
        moments = [self.optimizer.state.get(weight, {}) for weight in self.network.parameters()]
        return {"network": self.network.state_dict(), "moments": moments}

    def load_state_dict(self, state):
        """Go on from a state that `state_dict` gave."""
        self.network.load_state_dict(state["network"])
        for weight, moments in zip(self.network.parameters(), state["moments"], strict=True):
            # Adam takes them number by number: they must lie in memory as the weights do.
            laid_out = {
                name: torch.empty_like(weight).copy_(value)
                for name, value in moments.items()
                if value.shape == weight.shape
            }
            if moments:
                self.optimizer.state[weight] = moments | laid_out
