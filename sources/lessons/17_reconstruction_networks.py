# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 17 · The scanner changed: adapting reconstruction networks
#
# A hospital has trained a network to reconstruct images from a quarter of the measurements. Then the scanner, the anatomy or the sampling pattern changes, and nobody has ground truth for the new scans. The measurement of the new scan is all there is. Can it retrain the network?
#
# **What you will be able to do**
# - build an unrolled network: a few gradient steps on the data with a learned correction between them;
# - adapt it to one scan by the misfit in k-space, and say what this loss can see and what it cannot;
# - hold out lines as a judge, close the leak that makes the judge too kind, and use held-out lines as a teacher;
# - use a network that was trained for one forward model with another one;
# - adapt a denoiser at the fixed point of plug-and-play, with a gradient that needs no Jacobian.
#
# **Before you start.** Lesson 04 (operators, null space), lesson 11 (MRI, held-out lines) and lesson 12 (adapting a denoiser, back-projection).
#
# **Time.** About two minutes of computing on one CPU core, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import copy

import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.adaptation import adapt_by_splitting, adapt_reconstruction
from dil_course.adaptation import plug_and_play, reuse_and_regularize
from dil_course.checks import compare
from dil_course.figures import Diagram, Film, show_curves, show_images
from dil_course.fitting import Step, run, watch
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import tv
from dil_course.networks import UnrolledNetwork, trained
from dil_course.signals import Blur, Fourier, consistent, gaussian_kernel, line_mask
from dil_course.signals import mr_slice, phantoms, picture, psnr, split_lines

device = runtime.device()


def scan(x, seed, acceleration=4):
    A = Fourier(line_mask(*x.shape[-2:], acceleration, seed=seed).to(device))
    noise = torch.randn(A(x).shape, generator=runtime.generator(seed, "noise"))
    return A(x) + 0.01 * A.mask * noise.to(device), A


def score(estimate, x):
    return psnr(estimate.clamp(0, 1), x)


# %% [markdown]
# As in lesson 11, the scanner measures one line of the Fourier plane in four, and we compute its measurements from finished images, which is an inverse crime. All scores are of clipped images of 96 pixels.
#
# ## 1. An algorithm that was cut off and trained
#
# Gradient descent on $\frac12 \|Ax - y\|^2$ (Landweber's iteration, lesson 01) explains the measured lines and leaves the others empty. An **unrolled network** takes a few of these steps only, and puts a learned correction $R_\theta$ between them:
#
# $$z = x - \eta_k A^T (A x - y), \qquad x \leftarrow z + R_\theta(z), \qquad k = 1, \dots, 5 .$$
#
# The forward model is part of the network, so that another mask needs no other network. The *variational network* (Hammernik and others, 2018) and *MoDL* (Aggarwal, Mani and Jacob, 2019) are built in this way. Here all five steps share one $R_\theta$, as in MoDL, and each has its own length $\eta_k$. Note where the network ends: with a correction, and not with the data, so that nothing forces its result to explain $y$.

# %%
diagram = Diagram(9, 2)
diagram.box(0.2, 0.6, 1.4, 0.8, "x = Aᵀy")
diagram.box(2.4, 0.6, 2.2, 0.8, "gradient step\non the data", colour=1)
diagram.box(5.4, 0.6, 1.6, 0.8, "+ R(z)", colour=2)
diagram.box(7.8, 0.6, 1.0, 0.8, "f(y)")
diagram.arrow((1.6, 1.0), (2.4, 1.0))
diagram.arrow((4.6, 1.0), (5.4, 1.0), "z")
diagram.arrow((7.0, 1.0), (7.8, 1.0))
diagram.text(4.7, 0.2, "five times, with the same R and a length of its own")
diagram.show("From A transposed y, five rounds of a data step and a correction.")

# %% [markdown]
# The correction is a small convolutional network at half of the size, with the four pixels of each cell as channels, as in the denoiser of lesson 12.


# %%
class Unrolled(nn.Module):
    def __init__(self, steps=5, width=40, depth=5):
        super().__init__()
        self.lengths = nn.Parameter(torch.ones(steps))
        sides = [4, *[width] * (depth - 1), 4]
        layers = []
        for inputs, outputs in zip(sides, sides[1:]):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
        self.body = nn.Sequential(*layers[:-1])

    def forward(self, y, A):
        x = A.adjoint(y)
        for length in self.lengths:
            z = x - length * A.adjoint(A(x) - y)
            x = z + F.pixel_shuffle(self.body(F.pixel_unshuffle(z, 2)), 2)
        return x


# %% [markdown]
# Our network was trained on **phantoms**: random ellipses in a bright rim, drawn without end and without any licence (`training/reconstruction.py`). We load its weights into the class above, and give it a phantom that it has never seen and a slice of an abdomen.
#
# **Predict before you run.** On the phantom, how many decibels does training gain over zero-filling? And on the abdomen?

# %%
elsewhere = trained("reconstruction_phantoms_supervised").to(device)
mine = Unrolled().to(device)
mine.load_state_dict(elsewhere.state_dict())
images = {"phantom": phantoms(1, 96).to(device)}
images["abdomen"] = mr_slice()[..., 16:112, 16:112].to(device)
scans = {name: scan(x, seed=1) for name, x in images.items()}
before, shown, same = {}, {}, []
for name, x in images.items():
    y, A = scans[name]
    with torch.no_grad():
        before[name] = mine(y, A)
        same.append(compare(name, before[name], elsewhere(y, A)))
    zero_filled = A.pinv(y)
    shown[f"{name}: zero-filled, {score(zero_filled, x):.1f} dB"] = zero_filled
    shown[f"trained, {score(before[name], x):.1f} dB ({name})"] = before[name]
    shown[f"truth ({name})"] = x
show_images(shown, "A phantom and an abdomen: zero-filled, reconstructed, truth.", 3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# (To be written after the run.)
#
# </details>
#
# ## 2. The measurement as a teacher
#
# At test time there is no truth, but there is $y$. Darestani, Liu and Heckel (2022) go on training on the one scan, with the loss
#
# $$\ell(\theta) = \frac{\| A f_\theta(y) - y \|_1}{\| y \|_1} ,$$
#
# which they call self-supervised: does the reconstruction explain what was measured?


# %%
def adapt(y, A, network, iterations, rate=1e-4):
    network = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for iteration in range(1, iterations + 1):
        estimate = network(y, A)
        loss = (A(estimate) - y).abs().sum() / y.abs().sum()
        yield Step(iteration, iterations, loss.detach(), estimate.detach(), True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


y, A = scans["abdomen"]
hand = list(adapt(y, A, elsewhere, 3))[-1].estimate
library = list(adapt_reconstruction(y, A, elsewhere, iterations=3, learning_rate=1e-4))
same.append(compare("test-time training", hand, library[-1].estimate))

# %% [markdown]
# **Predict before you run.** The network is adapted to the abdomen, and once more, from the same start, to the phantom, which is like its training. The loss falls in both runs. What does the PSNR do?

# %%
film, curves, marks = Film(truth=images["abdomen"]), {}, {}
for name, x in images.items():
    y, A = scans[name]
    steps = adapt(y, A, elsewhere, 60)
    if name == "abdomen":
        steps = film.record("adapted to the abdomen", steps)
    result = await watch(steps, truth=x)
    history = result.history
    curves[name] = history["iteration"], history["psnr"]
    flat = score(A.pinv(y), x)
    curves[f"{name}, zero-filled"] = (1, 60), (flat, flat)
looks = {"phantom": (0, 0), "abdomen": (1, 0)}
looks |= {"phantom, zero-filled": (0, 1), "abdomen, zero-filled": (1, 1)}
alt = "The abdomen rises towards zero-filling, the phantom falls towards it."
show_curves(curves, "iteration", "PSNR, dB", alt, looks=looks)
film.show("Dark patches fade from the abdomen.", at=(1, 5, 15, 30, 60))

# %% [markdown]
# <details><summary>Answer</summary>
#
# (To be written after the run. The point: both curves go to the *same* place, zero-filling. The loss is least where $R$ adds nothing that the lines deny, and the cheapest such $R$ adds nothing at all. On the abdomen that is a gain of decibels over the trained network, and people would report it as such; a call of `A.pinv`, which has learned nothing, has more. On the phantom it destroys what was learned.)
#
# </details>
#
# ### What the loss cannot see
#
# Split the error into the part that the measured lines see and the rest, which lies in the null space of $A$:
#
# $$\|f - x\|^2 = \|A^+ A (f - x)\|^2 + \|(I - A^+ A)(f - x)\|^2 .$$


# %%
def split_error(estimate, x, A):
    error = estimate - x
    seen = A.pinv(A(error))
    return [float(part.square().sum()) for part in (seen, error - seen)]


# %% [markdown]
# (A cell that prints both parts over the iterations for both images, and its text, after the run.)
#
# ## 3. Joint training
#
# The paper has *both* losses in the training:
#
# $$\frac{\|f_\theta(y) - x\|_1}{\|x\|_1} + \frac{\|A f_\theta(y) - y\|_1}{\|y\|_1} .$$
#
# A network that was trained in this way is already near a minimum of the second term, so that test-time training has only the *change* of the data to follow. The paper trains from random weights; our second network goes on from the first one. Published, as SSIM, for the U-Net and a change of the anatomy: 0.856 before, 0.922 after, 0.919 for training on the new anatomy itself; and 0.847 where the network had been trained supervised only, so that it was *hurt*.
#
# (Cell: joint network, both images, adapted; table. Text after the run.)
#
# ## 4. When to stop: held-out lines
#
# (As lesson 11: `split_lines`, `HeldOut`; the leak: held-out lines left in the network's *input*, seen in the authors' code. Cell, film, prediction "which of the two curves of held-out errors is lower, and which stops better?")
#
# ## 5. Held-out lines as a teacher
#
# $$\ell(\theta) = \frac{\| M A f_\theta(y - M y) - M y\|}{\|M y\|}, \qquad M \text{ drawn anew at each iteration}$$
#
# (Yaman, Hosseini and Akçakaya, 2022. The zero-filled answer has a loss of exactly one here, so that it is no way out. From the trained network, and from an untrained one: the limit without training.)
#
# ## 6. The forward model changed
#
# (Another mask, a blur. What is free: the new A in the data steps. Parametrise and perturb = the loss of section 2 with an anchor; reuse and regularise = `nearest(f(A_0 x))`. TV beside.)
#
# ## 7. Plug-and-play
#
# (The fixed point with `denoiser_gray`; Jacobian-free gradient; few samples.)
#
# ## Exercises
#
# ## Summary
