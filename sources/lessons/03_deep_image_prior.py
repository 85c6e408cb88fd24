# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Deep image prior: an untrained network restores a photograph
#
# We take a network that has never seen an image, and we give it one noisy photograph and nothing else. It returns a cleaner one.
# In this lesson you build that method, watch it work, and find out why it has to be stopped in time.
#
# **What you will be able to do**
# - build an encoder-decoder with skip connections, and fit it to a single image;
# - show by measurement that such a network learns a photograph in fewer iterations than noise;
# - read the curve of quality over iterations, and say why it rises and falls;
# - say what averaging, noise on the input, depth and skip width contribute, and why their ranking depends on the image;
# - compare the result with the best classical method, and name an image on which both have little to gain.
#
# **Before you start.** You have trained a small network in PyTorch. From lesson 01 you need `y = A(x) + n`, the PSNR, the word *prior* and the spectrum of an image; from lesson 02, non-local means and BM3D.
#
# **Time.** About 3 minutes of computing on 2 CPU cores, about an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.checks import compare, note_if_stopped
from dil_course.figures import Diagram, Film, network_diagram, show_curves, show_images
from dil_course.fitting import Step, run, watch
from dil_course.signals import add_gaussian, picture, psnr

device = runtime.device()
x = picture("coffee", side=128).to(device)
sigma = 25 / 255
y = add_gaussian(x, sigma, seed=0)
show_images(
    {"x, clean": x, f"y, noisy: {psnr(y, x):.1f} dB": y},
    alt="A cup of coffee, clean and with strong noise.",
)

# %% [markdown]
# ## 1. A question about images
#
# We observe $y = x + n$: a photograph plus Gaussian noise with standard deviation $\sigma = 25/255$.
# Our operator $A$ is the identity, so that this is *denoising*, and we want $x$.
#
# Lesson 01 ended with the insight that the data alone do not decide, so that we need a **prior**: some knowledge of what images look like.
# The usual way is to learn the prior from many clean images. Suppose that we have none.
#
# **The idea of the deep image prior.** Instead of searching among all images, we search among those that a certain network can *easily* produce.
# We fix a random input $z$ and look for weights $\hat\theta$ with
#
# $$\hat\theta \approx \arg\min_\theta \; \| f_\theta(z) - y \|^2 , \qquad \hat x = f_{\hat\theta}(z) .$$
#
# The sign $\approx$ stands for a descent that is stopped before it arrives. No training set appears in this formula. The weights start at random, and the only target is the noisy $y$.
# This looks like a mistake: is the best answer not $y$ itself, noise and all? Keep that objection in mind.
#
# In the notation of lesson 01, restoration minimises a misfit plus a regulariser $R(x)$, such as total variation. The paper points out that the network takes the place of $R$: implicitly, $R(x) = 0$ for images that the network can produce and $R(x) = \infty$ for all others.
# A large network can produce almost everything, however, so that this $R$ alone would forbid hardly anything. What matters is *which images are reached first*: the prior lies in the network, in the optimiser, and in the moment at which we stop.

# %% [markdown]
# ## 2. Build the network
#
# The network is built from one block: a convolution, batch normalization, and a LeakyReLU.
# Batch normalization brings each channel to mean 0 and variance 1, and then rescales and shifts it by two learned numbers; here the "batch" consists of the pixels of one image.
# Padding by reflection keeps the size of the image without a dark frame, and `inplace=True` saves memory because it overwrites its input.


# %%
def convolution(channels_in, channels_out, size, stride=1):
    padding = size // 2
    mode = "reflect" if padding else "zeros"
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, stride, padding, padding_mode=mode),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.2, inplace=True),
    )


# %% [markdown]
# The blocks form a ladder, which is called an **encoder-decoder**. On the way down (the encoder), each rung halves the sides of the image by a convolution with stride 2, so that the coarser rungs see larger neighbourhoods.
# On the way up (the decoder), each rung enlarges what comes from below. A thin **skip branch** of 4 channels hands fine detail across, past the coarser rungs.

# %%
network_diagram(
    scales=4,
    width=32,
    skip=4,
    alt="A ladder: the network input z at the upper left, four rungs down on the left "
    "that halve the sides, four up on the right, thin skip branches across, and the "
    "estimate at the upper right.",
)

# %% [markdown]
# In the code, rungs are nested: `coarser` is the next rung, with all that lies below it. The network is therefore built from the inside out, the coarsest rung first.


# %%
class Scale(nn.Module):
    def __init__(self, channels_in, width, skip, coarser):
        super().__init__()
        self.skip = convolution(channels_in, skip, 1)
        halved = convolution(channels_in, width, 3, stride=2)
        self.down = nn.Sequential(halved, convolution(width, width, 3))
        self.coarser = coarser
        self.join = nn.BatchNorm2d(skip + width)
        joined = convolution(skip + width, width, 3)
        self.up = nn.Sequential(joined, convolution(width, width, 1))

    def forward(self, x):
        deep = self.coarser(self.down(x))
        deep = F.interpolate(deep, size=x.shape[-2:], mode="bilinear")
        return self.up(self.join(torch.cat([self.skip(x), deep], dim=1)))


# %% [markdown]
# At the end, a 1x1 convolution makes three channels, and a sigmoid brings them into the open interval between 0 and 1.
# The paper uses 5 scales of 128 channels, which makes 2.2 million weights; here we use 4 scales of 32 channels, for a laptop.


# %%
class Network(nn.Module):
    def __init__(self, width=32, scales=4, skip=4, input_channels=32):
        super().__init__()
        body = nn.Identity()
        for scale in reversed(range(scales)):
            body = Scale(input_channels if scale == 0 else width, width, skip, body)
        self.body, self.to_picture = body, nn.Conv2d(width, 3, 1)

    def forward(self, z):
        return torch.sigmoid(self.to_picture(self.body(z)))


with runtime.seeded(0):
    network = Network().to(device)
weights = sum(p.numel() for p in network.parameters())
print(f"{weights:,} weights for {y.numel():,} values in the image")
print(f"values of y outside [0, 1]: {((y < 0) | (y > 1)).float().mean():.1%}")

# %% [markdown]
# There are more than twice as many weights as values in the image. For a nonlinear network this count alone proves nothing, and a part of $y$ is out of reach anyway, because noise pushes some of its values out of the range of the sigmoid.
# Still, the network goes on towards $y$ for as long as we let it, as section 4 shows. The objection above is right in the end.
#
# What does the network produce before any fitting? Here are outputs for random weights, each stretched to full contrast, beside white noise. (The next section explains the input `z`.)

# %%
z = 0.1 * torch.rand(1, 32, 64, 64, generator=torch.Generator().manual_seed(0))
draws = {}
for scales, seed in ((4, 0), (1, 0)):
    with runtime.seeded(seed), torch.no_grad():
        draw = Network(scales=scales)(z)
    stretched = (draw - draw.min()) / (draw.max() - draw.min())
    draws[f"{scales} scale{'s'[: scales - 1]}, seed {seed}"] = stretched
draws["white noise"] = torch.rand(1, 3, 64, 64)
alt = "Outputs of untrained networks beside white noise: with four scales, clouds of "
alt += "several sizes; with one scale, fine grain that is only slightly smoothed."
show_images(draws, alt=alt)

# %% [markdown]
# With four scales, the output consists of clouds of several sizes, although $z$ is white noise; with one scale, it is fine grain.
# Convolutions tie neighbouring pixels together, and the coarse rungs, whose outputs are enlarged by interpolation, tie distant ones. This is already a statement about images, made before any data.

# %% [markdown]
# ## 3. The loop
#
# The method is a loop of a dozen lines, and its data flow is a circle:

# %%
diagram = Diagram(9.2, 3.1)
source = diagram.box(0.1, 1.2, 1.9, 0.7, "z, fixed\n+ fresh noise", 5)
net = diagram.box(2.7, 1.2, 1.7, 0.7, "network\nweights θ", 0)
estimate = diagram.box(5.1, 1.2, 1.6, 0.7, "estimate\nf(z)", 2)
loss = diagram.box(7.4, 1.2, 1.6, 0.7, "loss: mean\nsquared error", 1)
target = diagram.box(7.4, 0.1, 1.6, 0.6, "noisy y", 5)
adam = diagram.box(4.6, 2.4, 1.9, 0.6, "Adam changes θ", 3)
for start, end in ((source, net), (net, estimate), (estimate, loss)):
    diagram.arrow(start.right, end.left)
diagram.arrow(target.top, loss.bottom)
diagram.arrow(loss.top, adam.right)
diagram.arrow(adam.left, net.top)
diagram.show(
    alt="A circle: z plus fresh noise enters the network, which makes the estimate; "
    "the loss compares it with the noisy y; Adam changes the weights of the network."
)

# %% [markdown]
# Why this $z$? Three questions, and the answers:
#
# - **Why random?** A convolution does the same at every position. If $z$ were constant, all pixels would get the same value. (With padding by zeros, the border would differ.) Random numbers give every position an input of its own, so that the network can tell positions apart.
# - **Why fixed?** Each iteration must build on what the last one learned about *these* inputs. A new $z$ each time would leave little to learn but the mean colour (exercise 1).
# - **Why 32 channels?** Each pixel then carries 32 numbers, from which the first layers can form many different combinations. The number is the paper's choice; our fast network in section 9 makes do with 16.
#
# The paper draws $z$ uniformly from $[0, 0.1]$ and uses Adam with learning rate 0.01. For denoising, it also adds fresh Gaussian noise with standard deviation $1/30 \approx 0.033$ to $z$ at each iteration.
# This is not a little noise: the standard deviation of $z$ itself is $0.1 / \sqrt{12} \approx 0.029$, so that the noise is *larger* than the signal. The network can cope because $z$ stays the same in all iterations, whereas the noise is new in each: what the weights learn about $z$ adds up over the iterations, and the noise does not. We test below what the noise does.
#
# `runtime.generator` makes random numbers for $z$ that are unrelated to the noise in $y$, even with equal seeds.
# If the fresh noise on $z$ came from the seed that made $y$, both would start from the same random numbers, so that the network could copy the noise from its input. We fell into this trap once, and it cost 2 dB.
#
# The loop is a *generator*: after each iteration it hands out a `Step` with `yield`, so that we can look.


# %%
def fit(y, network, iterations, input_noise=1 / 30, seed=0):
    generator = runtime.generator(seed, "z", y.device)
    z = 0.1 * torch.rand(1, 32, *y.shape[-2:], generator=generator, device=y.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for iteration in range(1, iterations + 1):
        noise = torch.randn(z.shape, generator=generator, device=y.device)
        estimate = network(z + input_noise * noise)
        loss = torch.mean((estimate - y) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Step(iteration, iterations, loss.detach(), estimate.detach())


# %% [markdown]
# **Predict before you run.** Will the PSNR of single outputs peak, as it did in lesson 00, and will their running average peak sooner, later, or not at all?
# Sketch the loss and both curves, and then watch. The live image is the running average, which section 6 explains. *Stop* ends the run and keeps the estimate.

# %%
iterations = runtime.pick(quick=500, full=1800)
result = await watch(fit(y, network, iterations), truth=x)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The loss falls nearly all the way, whereas the PSNR of single outputs rises, peaks, and falls again. The average peaks later, because it still contains earlier outputs, and it falls more slowly.
# People who expect a steady rise think of training with a clean target, where a smaller loss means a better image. Here the target is noisy, so that the loss measures the distance to the wrong image.
#
# </details>
#
# First came the large shapes and the colours of the cup, then its edges, then fine detail. The fall of single outputs at the end is small on this scale; section 4 makes it large.
# The average (solid) is well above the single outputs. The run itself used no clean image: the PSNR curves look at the truth only to draw themselves. We did choose the number of iterations after looking at such curves, as section 8 says once more.

# %% tags=["nbval-check-output"]
note_if_stopped(result)
history = result.history
print(
    "the estimate beats the noisy image by at least 6 dB:",
    psnr(result.estimate, x) > psnr(y, x) + 6,
)
print(
    "the average beats the single output at the end by at least 1 dB:",
    history["psnr_average"][-1] > history["psnr"][-1] + 1,
)
smooth = torch.tensor(history["psnr"]).unfold(0, 9, 1).mean(1)
print(
    "single outputs peak, then lose at least a tenth of a decibel:",
    bool(smooth.max() > smooth[-1] + 0.1),
)

# %% [markdown]
# ### The library's version
#
# `deep_image_prior` in the library is the loop above, plus an operator $A$ and checks of its input, and `SkipNetwork` is our network.
# From now on we import both. First we make sure that they are nothing else: the same seed must give the same numbers. (`fast=False` switches off what the library does for speed.)

# %%
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import SkipNetwork


def prior(target, iterations, scales=4, skip=4, **options):
    with runtime.seeded(0):
        network = SkipNetwork(target.shape[1], width=32, scales=scales, skip=skip)
    return deep_image_prior(target, network=network, iterations=iterations, **options)


with runtime.seeded(0):
    mine = Network().to(device)
for step_mine, step_library in zip(fit(y, mine, 10), prior(y, 10, fast=False)):
    pass
same_estimate = compare(
    "estimate, iteration 10", step_mine.estimate, step_library.estimate
)
same_loss = compare("loss, iteration 10", step_mine.loss, step_library.loss)

# %% tags=["nbval-check-output"]
print("the cells and the library give the same estimate:", same_estimate)
print("the cells and the library give the same loss:", same_loss)

# %% [markdown]
# ## 4. Let it run on
#
# Now we take an image that is harder than the smooth cup: a face, halved to 64x64 pixels, so that it holds much detail in few pixels. We run for longer, once with fresh noise on $z$ and once with $z$ fixed, which is the network by itself.
#
# **Predict before you run.** What will the two outputs look like after 700 iterations? Does fresh noise on $z$ make the best output better?
#
# A small generator, `noting`, passes the steps through and notes some numbers about each of them, which we need below. The two runs take about a minute.

# %%
small = F.avg_pool2d(picture("astronaut", side=128), 2).to(device)
small_noisy = add_gaussian(small, sigma, seed=0)
long = runtime.pick(quick=700, full=3000)


def noting(steps, notes, *measures):
    for step in steps:
        notes.append([measure(step.estimate) for measure in measures])
        yield step


def distance_to(target):
    return lambda estimate: (estimate - target).square().mean().sqrt().item()


# %% [markdown]
# We note three measures of each output: its distance to $y$, its distance to $x$, and `bands`, the power of its error in three rings of the spectrum.


# %%
def bands(estimate):
    """Mean power of the error per ring of frequencies; white noise of sigma has 1."""
    error = torch.fft.fft2(estimate - small, norm="ortho").abs().square() / sigma**2
    frequency = torch.fft.fftfreq(64, device=device)
    radius = torch.hypot(frequency[:, None], frequency[None])
    rings = (radius < 0.06), (radius >= 0.06) & (radius < 0.2), (radius >= 0.2)
    return [error[..., ring].mean().item() for ring in rings]


film = Film(truth=small)
long_runs, notes = {}, {}
for name, input_noise in {"noise on z": 1 / 30, "z fixed": 0}.items():
    steps = film.record(name, prior(small_noisy, long, input_noise=input_noise))
    notes[name] = []
    measures = distance_to(small_noisy), distance_to(small), bands
    steps = noting(steps, notes[name], *measures)
    long_runs[name] = run(steps, truth=small)
    print(f"{name}: {long_runs[name].seconds:.0f} s")

# %%
film.show(
    at=(5, 20, 60, 150, 400, long),
    alt="Single outputs of two runs. In both a face emerges from a blur. With z fixed "
    "it is clearest near iteration 150 and covered by noise at the end; with noise on "
    "z it is clearest near iteration 400, and the noise has only begun to return.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With $z$ fixed, the noise is back: the last output is as grainy as $y$ to the eye, and within 2 dB of it. With noise on $z$ the same begins several times later, so that after 700 iterations the grain only starts to show.
# The noise does not make the best *single output* better, which on this image is even a little worse (see the peaks below). It buys time, which section 6 uses for averaging. A common answer is that the network "cannot" produce noise. It can; it only needs more iterations for noise than for a face.
#
# </details>
#
# The curves say the same in decibels, with the axis cut to where it happens:

# %%
curves, marks = {}, {}
for name, r in long_runs.items():
    values, at = r.history["psnr"], r.history["iteration"]
    curves[name] = (at, values)
    best = values.index(max(values))
    marks[f"peak: {values[best]:.1f} dB at {at[best]}"] = (at[best], values[best])
curves["the noisy image"] = ([1, long], 2 * [psnr(small_noisy, small)])
looks = {"noise on z": (0, 0), "z fixed": (1, 1), "the noisy image": (5, 3)}
alt = "PSNR of single outputs over iterations. With z fixed the curve peaks early and "
alt += "falls almost to the noisy image; with noise on z it peaks later and falls less."
axes = dict(log_x=True, x_range=(10, long), y_range=(19.5, 27))
axes |= dict(looks=looks, marks=marks)
show_curves(curves, "iteration", "PSNR of single outputs (dB)", alt, **axes)

# %% [markdown]
# In the language of inverse problems, this is **semi-convergence**, as for the descent of lesson 01: the estimate first approaches the truth and later leaves it. In the language of learning, it is **overfitting**.
#
# ### The path through image space
#
# An image of 64x64 pixels and 3 channels is a point in a space of 12,288 dimensions, and a run is a path in it. We cannot draw that space, but we can measure two distances along the path: to $y$, which the loss measures, and to $x$, which we would like to reach.

# %%
curves = {}
for name in long_runs:
    to_y, to_x, _ = zip(*notes[name])
    curves = {name: (to_y, to_x)} | curves
noise_size = distance_to(small)(small_noisy)
closest = min(notes["z fixed"], key=lambda note: note[1])
marks = {"x, the truth": (noise_size, 0), "y, the target": (0, noise_size)}
marks["z fixed, closest to x"] = (closest[0], closest[1])
alt = "Distance to x over distance to y along two runs: both come from the upper "
alt += "right, turn below the level of y, and rise towards y, far from x all the while."
axes = dict(x_range=(-0.005, 0.2), y_range=(-0.005, 0.2), looks=looks, marks=marks)
labels = "distance to y (root mean square)", "distance to x (root mean square)"
show_curves(curves, *labels, alt, **axes)

# %% [markdown]
# Both paths come from the upper right, where the gray start is far from both images, and descend towards $x$. With $z$ fixed, the path passes $x$ at the distance of the square mark and then bends towards $y$, to which the loss pulls it; after 700 iterations it has gone about half of the way, and at $y$ the distance to $x$ would be $\sigma$ again. With noise on $z$, the path is almost the same, but it has only just turned.
# Early stopping means leaving the path at its lowest point. In this run that point lies at a distance of about $\sigma$ from $y$, where Morozov's discrepancy principle (lesson 01) would stop. The figure also shows what it cannot do: no point of the path *is* $x$.
#
# ### Which part of the image is late?
#
# We split the error by frequency (lesson 01) into three rings of the spectrum: coarse structure with periods above 17 pixels, a middle ring, and fine detail with periods below 5 pixels. The noise in $y$ is white, so that it has the same mean power in all three rings, which is 1 in the unit of the figure. Below 1, a ring of the output is better than the same ring of $y$.

# %%
iterations_long = list(range(1, long + 1))
rings = zip(*(note[2] for note in notes["z fixed"]))
curves = {
    f"{name}": (iterations_long, powers)
    for name, powers in zip(("coarse", "middle", "fine"), rings)
}
curves["noise in y"] = ([1, long], [1, 1])
alt = "Error per ring of frequencies over iterations, with z fixed. Coarse falls "
alt += "first, middle follows, fine starts low and rises late; all end near the noise."
axes = dict(log_x=True, log_y=True, x_range=(3, long), y_range=(0.1, 300))
show_curves(curves, "iteration", "error power / noise power", alt, **axes)

# %% [markdown]
# Coarse structure, where photographs have most of their energy, is learned first. Fine frequencies hold little of the photograph, so that their error is small from the start; late in the run it *rises*, because the network now fits the noise there.
# Towards the end, the error in the middle and fine rings approaches the noise of $y$. In the coarse ring, a single output of this run hardly gets below the noise at all, and there are spikes: now and then, a step of Adam shifts the colours of large areas for a few iterations, which is one more reason to average.
# That a network learns low frequencies first is called its **spectral bias** (for this prior: Chakrabarty and Maji, and others). Lesson 05 derives the order.

# %% tags=["nbval-check-output"]
peak, peak_at, last, last_average = {}, {}, {}, {}
for name, r in long_runs.items():
    smooth = torch.tensor(r.history["psnr"]).unfold(0, 5, 1).mean(1)
    peak[name], last[name] = smooth.max().item(), smooth[-1].item()
    peak_at[name] = r.history["iteration"][int(smooth.argmax()) + 2]
print(
    "z fixed: the end is within 2 dB of the noisy image:",
    last["z fixed"] < psnr(small_noisy, small) + 2,
)
print(
    "z fixed: the best single output was at least 4 dB better:",
    peak["z fixed"] > last["z fixed"] + 4,
)
print(
    "noise on z delays the peak to at least twice the iterations:",
    peak_at["noise on z"] > 2 * peak_at["z fixed"],
)
fine = [note[2][2] for note in notes["z fixed"]]
print("the error of fine detail rises late in the run:", fine[-1] > 2 * min(fine))

# %% [markdown]
# ## 5. Impedance
#
# The network fits the noise if we let it. But does it fit everything *equally fast*? We give it four targets of 64x64 pixels:
#
# 1. the photograph;
# 2. the photograph plus noise;
# 3. the photograph with its pixels shuffled, which has the same colours but no neighbourhoods;
# 4. pure noise.

# %%
order = torch.randperm(64 * 64, generator=torch.Generator().manual_seed(0)).to(device)
gray = torch.full_like(small, 0.5)
targets = {
    "photograph": small,
    "photograph + noise": small_noisy,
    "shuffled pixels": small.flatten(2)[..., order].view_as(small),
    "pure noise": add_gaussian(gray, 0.2, seed=1).clamp(0, 1),
}
alt = "The four targets: a face, the same with noise, its pixels shuffled, pure noise."
show_images(targets, alt=alt)

# %% [markdown]
# To compare targets, we divide each loss by the variance of its target, so that 1 means "only the mean is learned" and 0 means "all is learned".
#
# **Predict before you run.** Put the four in the order in which the loss will fall. And what changes when fresh noise is added to $z$?

# %%
short = 100
remaining = {}
noise_share = sigma**2 / small_noisy.var().item()
for setting, input_noise in {"z fixed": 0, "noise on z": 1 / 30}.items():
    curves, remaining[setting] = {}, {}
    for name, target in targets.items():
        if target is small_noisy:  # the beginning of a run of section 4
            history = long_runs[setting].history
        else:
            history = run(prior(target, short, input_noise=input_noise)).history
        left = [loss / target.var().item() for loss in history["loss"]]
        curves[name] = (history["iteration"], left)
        remaining[setting][name] = left[history["iteration"].index(60)]
    curves["share of the noise"] = ([1, short], 2 * [noise_share])
    alt = f"{setting}: loss over variance for four targets. The photograph falls "
    alt += "fastest, then photograph plus noise, which comes down towards the share of "
    alt += "the noise, then shuffled pixels, and pure noise last."
    axes = dict(title=setting, x_range=(0, short), y_range=(0, 1.05))
    show_curves(curves, "iteration", "loss / variance of the target", alt, **axes)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The photograph falls first and pure noise last. Photograph + noise falls almost as fast as the photograph and then levels off a little above the horizontal line, which marks the share that the noise has in its variance: the image is learned, and the noise waits. This pause is what early stopping lives on.
#
# Many people place the shuffled pixels beside the photograph, since their histogram is the same; but they fall far more slowly, because they have no neighbourhoods. So this prior is about neighbourhoods more than about colours. They are still easier than pure noise, because the three channels of a photograph are nearly proportional, so that there are fewer independent numbers to learn.
#
# With noise on $z$ the order stays the same, but everything becomes slower: at the same iteration, more than twice as much of the photograph is left, and nearly all of the pure noise remains after 100 iterations. Each curve is one run.
#
# </details>
#
# The network fits the photograph almost without resistance, but strongly resists pure noise. The paper calls this resistance **impedance**: low for natural images, high for noise.
# The upper figure, with $z$ fixed, repeats the experiment of the paper on our image, and it shows the network alone. It also shows the limit of the idea, because the resistance is a matter of *time*: pure noise is being learned, too, and a third of it is gone before the end.

# %% tags=["nbval-check-output"]
alone, helped = remaining["z fixed"], remaining["noise on z"]
print(
    "alone, after 60 iterations, less than a tenth of the photograph is left:",
    alone["photograph"] < 0.1,
)
print("but more than half of the pure noise:", alone["pure noise"] > 0.5)
print(
    "of shuffled pixels, at least five times as much as of the photograph:",
    alone["shuffled pixels"] > 5 * alone["photograph"],
)
print("and less than of pure noise:", alone["shuffled pixels"] < alone["pure noise"])
print(
    "photograph + noise is within a factor of two of the share of the noise:",
    noise_share / 2 < alone["photograph + noise"] < 2 * noise_share,
)
print(
    "noise on z slows down all four:",
    all(helped[name] > alone[name] for name in targets),
)

# %% [markdown]
# ## 6. Averaging the outputs
#
# Late in the run, the output jitters: each iteration holds a slightly different part of the noise, whereas the image is common to all of them. So we average the outputs, with a weight of 0.99 for the past:
#
# $$\bar x_i = w_i \, \bar x_{i-1} + (1 - w_i) \, \hat x_i , \qquad w_i = \min\left(0.99, \tfrac{i}{i + 10}\right) .$$
#
# This is an **exponential moving average**; a weight of 0.99 means that it covers about the last hundred outputs. The paper uses it with the weight 0.99 throughout; here the weight is smaller in early iterations, so that the gray start is forgotten sooner.

# %%
average = None
for step in prior(small_noisy, 240):
    weight = min(0.99, step.iteration / (step.iteration + 10))
    new = step.estimate
    average = new if average is None else weight * average + (1 - weight) * new
pictures = {"last output": step.estimate, "average": average}
shown = {f"{name}, {psnr(p, small):.1f} dB": p for name, p in pictures.items()}
shown["truth"] = small
alt = "The face: last output with fine grain, average of outputs, truth. "
alt += "The average is smoother than the last output, and keeps the features."
show_images(shown, alt=alt, crop=(20, 14, 28))
history = long_runs["noise on z"].history
by_run = history["psnr_average"][history["iteration"].index(240)]
same_average = compare("PSNR of the average", psnr(average, small), by_run, 1e-3)

# %% [markdown]
# The average is better than the last output that it contains, although it costs one line of code and almost no computing.
# With noise on $z$ the outputs jitter more, and they stay near their peak for longer, so that the average gains more. This is why noise on $z$ wins in the end: over the long runs of section 4, its average reaches the higher peak, as the next cell prints. (Its single outputs are smoothed over five records, so that their peaks lie a little below the dots of section 4.)
# `run` and `watch` compute the same average for every method; it is the estimate in their result.

# %%
averages = {name: max(r.history["psnr_average"]) for name, r in long_runs.items()}
for name, value in averages.items():
    print(
        f"{name}: best average {value:.2f} dB, best single output {peak[name]:.2f} dB"
    )

# %% tags=["nbval-check-output"]
print("the average by hand equals the one of run:", same_average)
print(
    "the average beats the last output by at least 1 dB:",
    psnr(average, small) > psnr(step.estimate, small) + 1,
)
print(
    "noise on z has the better average:",
    averages["noise on z"] > averages["z fixed"],
)

# %% [markdown]
# ## 7. What each part does, and for which image
#
# We change one thing at a time, on two images: a detail of the smooth cup and the detailed face. The seed stays the same, and we look after 210 iterations. On the face, the first two are the beginnings of the runs of section 4.
#
# **Predict before you run.** For each change: better or worse, and on which image?
#
# - no noise on $z$;
# - one scale instead of four;
# - no skip branches;
# - skip branches of 32 channels, as wide as the network itself.

# %%
changes = {
    "as above": {},
    "no noise on z": {"input_noise": 0},
    "one scale": {"scales": 1},
    "no skip": {"skip": 0},
    "wide skip": {"skip": 32},
}
cup = picture("coffee", side=64).to(device)
images = {"cup": (cup, add_gaussian(cup, sigma, seed=0)), "face": (small, small_noisy)}
known = {("face", "as above"): "noise on z", ("face", "no noise on z"): "z fixed"}
variants = {image: {} for image in images}
for image, (clean, noisy) in images.items():
    for name, change in changes.items():
        if (image, name) in known:  # the beginning of a run of section 4
            history = long_runs[known[image, name]].history
        else:
            history = run(prior(noisy, 210, **change), truth=clean).history
        end = history["iteration"].index(210) + 1
        variants[image][name] = {key: values[:end] for key, values in history.items()}

# %%
header = "".join(f"{image + ': at 210':>16}{'best':>8}" for image in images)
print(f"{'PSNR in dB':14}{header}")
for name in changes:
    values = [variants[image][name]["psnr_average"] for image in images]
    row = "".join(f"{v[-1]:16.2f}{max(v):8.2f}" for v in values)
    print(f"{name:14}{row}")
print(f"face, as above, best of the 700 iterations: {averages['noise on z']:.2f}")
looks = {name: (number, number) for number, name in enumerate(changes)}
for image, y_range in {"cup": (25, 33), "face": (21, 28)}.items():
    curves = {
        name: (history["iteration"], history["psnr_average"])
        for name, history in variants[image].items()
    }
    alt = f"PSNR of the average over iterations for five variants on the {image}."
    axes = dict(title=image, y_range=y_range, looks=looks)
    show_curves(curves, "iteration", "PSNR of the average (dB)", alt, **axes)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The ranking reverses with the image. On the smooth cup, removing the noise on $z$, using one scale, or widening the skips all end worse, because all three let the noise in sooner; without skips the result is a little worse, too. On the face, wide skips, one scale and a fixed $z$ are *better* after 210 iterations and the network without skips is worse, because here fine detail is what is missing, and the same changes let detail in sooner.
# Most people expect one ranking for all images and for every number of iterations.
#
# </details>
#
# The column *best* is the highest value on the way, the **oracle peak**. It needs the truth, so that it is a yardstick and no result. Each row is one run on each image; the verdicts below held for three seeds.
#
# On the face, the table also mixes two questions: how *fast* a network is, and how *good* it becomes. The last printed line belongs to the first row, which was run for longer in section 4 and went on to a higher average than any in the table. Most curves still rise at 210, so that the table shows who is *ahead* there; it does not show that the detail is out of reach of the others. There is no best architecture without a number of iterations.
#
# One principle explains the table: whatever makes it easier to give each pixel a value of its own speeds up fine detail, *of the image and of the noise*.
#
# - **Noise on $z$** makes detail that depends on the exact value of $z$ hard to learn. For small noise, C. Bishop showed in 1995 that training with noise on the input acts like a penalty on how strongly the output reacts to a change of the input. Here it delays the peak and widens it, so that the average has more good outputs to work with.
# - **Depth.** One scale sees small neighbourhoods only, so that little distinguishes the image from noise.
# - **Skips** carry full resolution past the coarse scales. The paper reports that skip connections as in a U-Net are highly detrimental for *inpainting*, where a hole has to be filled from far away; for denoising, the width is a trade-off.

# %% tags=["nbval-check-output"]
end = {
    image: {name: history["psnr_average"][-1] for name, history in of_image.items()}
    for image, of_image in variants.items()
}
cup_end, face_end = end["cup"], end["face"]
print(
    "cup: without noise on z the end is at least 2 dB worse:",
    cup_end["no noise on z"] < cup_end["as above"] - 2,
)
print(
    "cup: one scale and wide skips are at least 1 dB worse:",
    max(cup_end["one scale"], cup_end["wide skip"]) < cup_end["as above"] - 1,
)
print(
    "face: wide skips are at least half a decibel better:",
    face_end["wide skip"] > face_end["as above"] + 0.5,
)
print(
    "face: no skips are at least 1 dB worse:",
    face_end["no skip"] < face_end["as above"] - 1,
)
print(
    "face: run for longer, the first row passes them all:",
    max(long_runs["noise on z"].history["psnr_average"]) > max(face_end.values()),
)

# %% [markdown]
# ## 8. An honest comparison, and where it fails
#
# Lesson 02 called BM3D the number to put beside a denoising network. It knows $\sigma$, which the deep image prior does not use. We also run non-local means (NLM), with the best of five strengths, chosen with the truth.
#
# We take three images: the cup, the eye of a cat with its fur, and grass, whose fine blades look almost like noise. For the cat we use the library's default network, which section 9 describes, because it is faster.
#
# **Predict before you run.** Which method wins on which image? And how many decibels can be gained on grass, where the cup gained more than ten?

# %%
import bm3d
from skimage.restoration import denoise_nl_means


def classical(y):
    """BM3D, and NLM for five strengths."""
    array = y[0].permute(1, 2, 0).cpu().numpy()
    colour = array.shape[2] == 3
    made = {"BM3D": (bm3d.bm3d_rgb if colour else bm3d.bm3d)(array.squeeze(), sigma)}
    settings = dict(patch_size=5, patch_distance=6, sigma=sigma, channel_axis=-1)
    for h in (0.3, 0.4, 0.5, 0.6, 0.8):
        made[f"NLM, h = {h} sigma"] = denoise_nl_means(array, h=h * sigma, **settings)
    return {
        name: torch.from_numpy(a.reshape(array.shape)).permute(2, 0, 1)[None].to(y)
        for name, a in made.items()
    }


# %%
cat, grass = (
    picture(n, side).to(device) for n, side in (("chelsea", 96), ("grass", 64))
)
cat_noisy, grass_noisy = (add_gaussian(image, sigma, seed=0) for image in (cat, grass))
cat_result = run(deep_image_prior(cat_noisy, iterations=300))
grass_result = run(prior(grass_noisy, 300), truth=grass)
grass_alone = run(prior(grass, 60, input_noise=0)).history["loss"][-1]

# %% [markdown]
# Now all three methods meet on all three images. NLM gets the best of its strengths on each image, as the network got its number of iterations.

# %%
cases = {
    "cup": (x, y, result.estimate),
    "cat": (cat, cat_noisy, cat_result.estimate),
    "grass": (grass, grass_noisy, grass_result.estimate),
}
scores, estimates = {}, {}
for image, (clean, noisy, estimate) in cases.items():
    made = classical(noisy)
    strengths = [name for name in made if name != "BM3D"]
    best = max(strengths, key=lambda name: psnr(made[name], clean))
    three = {"NLM": made[best], "deep image prior": estimate, "BM3D": made["BM3D"]}
    scores[image] = {name: psnr(p, clean) for name, p in three.items()}
    estimates[image] = three | {"truth": clean}
    numbers = "  ".join(f"{name} {value:.2f}" for name, value in scores[image].items())
    print(f"{image:6} noisy {psnr(noisy, clean):.2f}  {numbers} dB")

# %%
shown = {
    f"{name}, {scores['cat'][name]:.1f} dB" if name in scores["cat"] else name: p
    for name, p in estimates["cat"].items()
}
alt = "The eye of a cat, by NLM, the deep image prior, BM3D, and the truth, with an "
alt += "enlarged window: BM3D keeps some of the fur, the deep image prior blurs it and "
alt += "leaves faint coloured specks in the iris."
show_images(shown, alt=alt, crop=(60, 4, 30))

# %% [markdown]
# <details><summary>Answer</summary>
#
# BM3D wins on all three images, by half a decibel on grass and by more on the others, and in less time; non-local means, at its best strength, comes close to the network, and draws level with it on grass. On grass, every method gains less than a third of what it gains on the cup: three to four decibels, against about fourteen.
# In the figure, the network stopped too early for the fur and too late for the iris, where it has begun to learn the noise: one number of iterations serves all regions. People expect a deep network to beat a method of 2007; without training data, this one does not.
#
# </details>
#
# The paper says the same of its own method. On its nine colour images at $\sigma = 25/255$, it reports 30.43 dB for one averaged run and 31.00 dB for the mean of two runs, beside 30.26 dB for non-local means and 31.42 dB for the colour version of BM3D (CBM3D).
#
# So why learn about it? The same loop also fills holes, sharpens and enlarges: only the operator $A$ in the loss changes (lesson 04). BM3D by itself is made for white noise; for other problems it has to be rebuilt, or called again and again inside another iteration (the *plug-and-play* methods). And the loop isolates a question that matters for all of deep learning: what does an architecture know before it has seen any data?
#
# Grass shows the failure most clearly. Here are its images and its curves:

# %%
shown = {name: estimates["grass"][name] for name in ("deep image prior", "BM3D")}
shown = {"noisy": grass_noisy} | shown | {"truth": grass}
alt = "Grass: noisy, by the deep image prior, by BM3D, and the truth. Both estimates "
alt += "keep the coarse blades and lose the fine ones."
show_images(shown, alt=alt, zoom=3)
history, end = grass_result.history, len(grass_result.history["psnr"])
curves = {
    "average": (history["iteration"], history["psnr_average"]),
    "single": (history["iteration"], history["psnr"]),
    "the noisy image": ([1, end], 2 * [psnr(grass_noisy, grass)]),
    "BM3D": ([1, end], 2 * [scores["grass"]["BM3D"]]),
}
alt = "PSNR on grass over iterations: single outputs rise slowly to little more than "
alt += "the noisy image; the average comes near BM3D, which is not far above either."
axes = dict(y_range=(14, 25), looks={"average": (0, 0), "single": (0, 1)})
show_curves(curves, "iteration", "PSNR on grass (dB)", alt, **axes)
grass_left = grass_alone / grass.var().item()
print(
    f"clean targets, left after 60 iterations: {grass_left:.2f} of the grass,", end=" "
)
print(f"{alone['photograph']:.2f} of the face")

# %% [markdown]
# The printed line repeats the measurement of section 5 on *clean* grass: the network resists it several times as much as the face, although less than noise. When the fine blades are being learned, a part of the noise has therefore been learned as well, so that no stopping point separates the two well: even at the best iteration, single outputs are only a decibel or two better than $y$. The average helps, but there is less to gain for every method, BM3D included.
#
# There are more ways to fail:
#
# - **The number of iterations is a parameter.** Too few give a blur, and too many give the noisy image. Here we chose 500, 300 and 300 after looking at such curves, that is, with the truth. Lesson 05 stops by rules that do without it.
# - **It is slow.** BM3D and NLM take seconds or less for such images, whereas this method takes hundreds of passes through a network, forward and back.
# - **It is random.** Another seed gives another estimate, often a few tenths of a decibel away.

# %% tags=["nbval-check-output"]
note_if_stopped(result)
gain = {
    image: scores[image]["deep image prior"] - psnr(cases[image][1], cases[image][0])
    for image in cases
}
print(
    "the gain on grass is less than a third of that on the cup:",
    gain["grass"] < gain["cup"] / 3,
)
print(
    "clean grass resists at least twice as much as the face:",
    grass_left > 2 * alone["photograph"],
)
print(
    "BM3D beats the deep image prior on all three images:",
    all(s["BM3D"] > s["deep image prior"] for s in scores.values()),
)

# %% [markdown]
# ## 9. Your eye against a rule
#
# When would you stop? The next cell is a game. It restores an image without showing you any curve. Press *Stop* when the image looks best to you.
# The run then goes on to its end, and a figure shows where you stopped, where a rule stopped, and where the oracle would have. The rule looks at how much the last outputs differ from one another (Wang et al.; lesson 05 takes it apart). While the network learns the image, its outputs still move, and when it learns the noise, they jitter; the rule stops where they moved least.
#
# The library runs here with its default network, `small_skip_network`: a relative of ours with 24 channels and cheaper parts, several times faster for about the same quality. [Why it is fast](../docs/why_it_is_fast.md) tells how it was found, with measurements.

# %%
from dil_course.fitting import stop_by_eye
from dil_course.fitting.stopping import WindowedVariance

hidden = picture("rocket", side=96).to(device)
steps = deep_image_prior(add_gaussian(hidden, sigma, seed=0), iterations=400)
rules = {"windowed variance": WindowedVariance()}
choice = await stop_by_eye(steps, truth=hidden, rules=rules)

# %% [markdown]
# Play it again with `seed=1` and `seed=2` for `add_gaussian`. Do you watch smooth areas, where noise is seen first, or fine detail, which comes last? Compare what each way of looking costs you.
# Without the truth, the rule stopped before the oracle and lost less than a decibel, with each of these three seeds. Not every image is so kind: on a gray photograph of the same size (`picture("camera", side=96)`, 500 iterations), it stopped late and lost one to one and a half. Lesson 05 asks when such a rule can be trusted.

# %% tags=["nbval-check-output"]
stops = {who: decibels for who, (_, decibels) in choice.stops.items()}
print(
    "the rule keeps a better image than the end of the run:",
    stops["windowed variance"] > stops["the end of the run"],
)
print(
    "it is within 1 dB of the oracle:",
    stops["windowed variance"] > stops["the oracle"] - 1,
)

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** A reviewer writes: "The network has more weights than the image has values, so that it can fit the noise as well. Hence it cannot denoise." What do you reply?
#
# <details><summary>A. It can fit the noise, but it needs more iterations for it than for the image.</summary>
#
# **Right.** The prior lies in what is reached *first*, and therefore in the network, the optimiser and the moment of stopping. If the run goes on, the reviewer is right in the end.
#
# </details>
# <details><summary>B. It cannot fit the noise, because convolutions produce smooth images only.</summary>
#
# **Wrong.** In section 4, with $z$ fixed, the grain came back until the output was within 2 dB of the noisy image. The network can produce noise.
#
# </details>
# <details><summary>C. It has fewer free parameters than it seems, because a convolution shares its weights.</summary>
#
# **Wrong.** The number of 121,779 weights already counts shared weights once. No counting of parameters explains why the image comes first.
#
# </details>
# <details><summary>D. It is protected by the random input, which contains no information about the noise.</summary>
#
# **Wrong.** A fixed random input gives every position an address, and this is just what allows the network to store a noise value at each of them.
#
# </details>
# <br>
#
# **2.** You shuffle the pixels of a photograph and fit the network to the result, with z fixed. How fast does the loss fall, in relation to the variance of the target?
#
# <details><summary>A. About as fast as for the photograph, because its histogram is the same</summary>
#
# **Wrong.** The prior is about neighbourhoods more than about colours. The histogram survives shuffling, and it helps little.
#
# </details>
# <details><summary>B. As slowly as for pure noise, because shuffled pixels are nothing but noise</summary>
#
# **Wrong.** The three channels of each pixel are still related as in the photograph, and this makes the shuffled pixels easier than noise.
#
# </details>
# <details><summary>C. Even more slowly than for pure noise, because its colours contradict its places</summary>
#
# **Wrong.** The network expects no particular colour at any place. Pure noise is the hardest of the four targets, because its values share nothing.
#
# </details>
# <details><summary>D. Far more slowly than for the photograph, and somewhat faster than for pure noise</summary>
#
# **Right.** Without neighbourhoods nothing distinguishes most of the target from noise. Only its three channels are still nearly proportional, so that there are fewer independent numbers to learn.
#
# </details>
# <br>
#
# **3.** On a detailed face, after 200 iterations, a network with wide skip branches is 1 dB ahead of one with thin ones. Both curves still rise. What may you conclude?
#
# <details><summary>A. Thin skips cannot represent the detail of this face, so that they should not be used.</summary>
#
# **Wrong.** That the curves still rise shows the opposite. The detail is within reach, and it only takes more iterations.
#
# </details>
# <details><summary>B. Wide skips are better for detailed images, and thin skips are better for smooth ones.</summary>
#
# **Wrong.** This is half of it. On the face, too, the network with thin skips reached a higher average later, so that the lead was one of speed.
#
# </details>
# <details><summary>C. Wide skips are the better architecture, because they carry the full resolution across.</summary>
#
# **Wrong.** On the smooth cup they end *worse*, because the full resolution lets the noise in sooner, too. There is no best architecture without an image and a number of iterations.
#
# </details>
# <details><summary>D. Wide skips learn fine detail sooner; which of the two becomes better is still open.</summary>
#
# **Right.** In section 7, the network with thin skips passed all others on the face after it had been run for longer. A table at one iteration mixes how fast a network is with how good it becomes.
#
# </details>
# <br>
#
# **4.** A report says: "The deep image prior (number of iterations chosen with the truth) beats non-local means (default strength) by 1 dB." What is the first thing to put right?
#
# <details><summary>A. Average the network over several seeds, because one run is a matter of luck.</summary>
#
# **Wrong.** This is needed for a ranking, but it makes the network stronger still and leaves non-local means untuned.
#
# </details>
# <details><summary>B. Compare the numbers of iterations, because non-local means is much faster.</summary>
#
# **Wrong.** The times are worth reporting. The claim, however, is one about decibels, and it remains unfair at any speed.
#
# </details>
# <details><summary>C. Give non-local means the best of several strengths, judged with the truth as well.</summary>
#
# **Right.** What one method is allowed to choose with the truth, the other has to be allowed, too. In section 8, non-local means at its best strength came close to the network.
#
# </details>
# <details><summary>D. Stop the network earlier, so that it has no advantage from its long run.</summary>
#
# **Wrong.** Stopping the network at a bad moment would be unfair in the other direction. Both methods should be shown at a setting that was chosen in the same way.
#
# </details>
# <br>
#
# **5.** In section 4 the output with z fixed is best near iteration 150. You repeat the run with noise of twice the standard deviation. When is the output best now?
#
# <details><summary>A. At the same iteration, because the network is the same.</summary>
#
# **Wrong.** The order in which things are learned stays the same. The best moment is a balance of gain and harm, and the harm has grown.
#
# </details>
# <details><summary>B. Earlier, because more of what is left to learn is noise.</summary>
#
# **Right.** The image is learned at about the same pace, but the harm done by the noise overtakes the gain sooner. One number of iterations therefore suits one noise level.
#
# </details>
# <details><summary>C. Later, because a larger loss takes longer to bring down.</summary>
#
# **Wrong.** The loss has a larger share of noise in it, and this share is not to be brought down. One should stop before it falls.
#
# </details>
# <details><summary>D. Later, because more noise has to be removed from the image.</summary>
#
# **Wrong.** The run does not remove noise step by step. It builds the image from nothing, and noise is added to it later.
#
# </details>

# %% [markdown]
# ## Exercises
#
# 1. **Without addresses.** Run `prior(small_noisy, 150, input_noise=1)`, in which the fresh noise drowns $z$: every iteration sees an input that is practically new. Predict the output and the loss before you run.
# 2. **More noise, less time.** Repeat the run with $z$ fixed from section 4 for $\sigma = 15/255$ and $50/255$: `run(prior(add_gaussian(small, s / 255, seed=0), 350, input_noise=0), truth=small)`. Does the peak come earlier or later with more noise, and why?
# 3. **One dimension.** The effect needs neither images nor skip connections. Fit a small 1-D network to a noisy step of 128 samples: three times convolution and doubling, starting from random numbers of length 16 in 16 channels, and one more convolution to a single channel. Follow the error against the clean step.
#
# <details><summary>Solution 1</summary>
#
# The output is a mottled patch of the mean colours, without a face, and most of the variance of $y$ remains in the loss. The network can learn only what is common to all inputs that it sees. A fixed $z$ gives every position an address; once the address changes in each iteration, nothing can be stored at it.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# It comes earlier with more noise. The photograph is learned at the same pace, but a larger part of what is left to learn is noise, so that the harm overtakes the gain sooner. In one run for each, the peak came about twice as early at each step from 15 to 25 to 50, and several decibels lower in all. A fixed number of iterations therefore suits one noise level only.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# ```python
# def brick(channels=16):
#     convolution = nn.Conv1d(channels, channels, 3, padding=1, padding_mode="reflect")
#     return nn.Sequential(convolution, nn.BatchNorm1d(channels), nn.LeakyReLU(0.2))
#
# def double():
#     return nn.Upsample(scale_factor=2, mode="linear")
#
# step = 0.2 + 0.6 * (torch.arange(128) >= 64).float()[None, None]
# noisy = step + 0.1 * torch.randn(1, 1, 128)
# parts = [part for _ in range(3) for part in (brick(), double())]
# line = nn.Sequential(*parts, brick(), nn.Conv1d(16, 1, 1))
# z, optimizer = torch.rand(1, 16, 16), torch.optim.Adam(line.parameters(), lr=0.01)
# for iteration in range(1, 2001):
#     estimate = line(z)
#     loss = (estimate - noisy).square().mean()
#     optimizer.zero_grad(); loss.backward(); optimizer.step()
#     if iteration in (20, 40, 80, 150, 300, 600, 1000, 2000):
#         error = (estimate - step).square().mean() / 0.1**2
#         print(iteration, f"loss {loss / 0.1**2:.2f}, error {error:.2f} noise variances")
# ```
#
# Within the first hundred iterations, the error falls to less than half of the noise variance, while the loss is still well above half of it. At the end the loss is close to zero, and the error is close to one noise variance: the network has learned the noise, sample by sample.
#
# </details>
#
# ## Summary
#
# 1. The deep image prior fits an untrained network to one noisy image. There is no training set.
# 2. It works because the network learns photographs in fewer iterations than noise, not because it is unable to learn noise.
# 3. So quality rises, peaks and falls, and the iteration at which you stop is part of the method.
# 4. Averaging the outputs gives decibels. Noise on the input, depth and thin skips slow down fine detail and noise together. On smooth images they help; on detailed ones they ask for more iterations.
# 5. BM3D, which knows $\sigma$, is better at plain denoising; what the network offers is a prior for any operator $A$.
# 6. **What breaks it:** fine texture, which is learned so late that noise comes with it, and too many iterations.
#
# **Papers.** D. Ulyanov, A. Vedaldi, V. Lempitsky, [*Deep Image Prior*](https://arxiv.org/abs/1711.10925), CVPR 2018, extended in IJCV 2020: the method, impedance, and the table quoted in section 8.
# K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, [*Image Denoising by Sparse 3-D Transform-Domain Collaborative Filtering*](https://doi.org/10.1109/TIP.2007.901238), IEEE Transactions on Image Processing 2007: BM3D, the baseline of section 8, where we use its version for colour, CBM3D.
# P. Chakrabarty, S. Maji, [*The Spectral Bias of the Deep Image Prior*](https://arxiv.org/abs/1912.08905), 2019: errors per frequency band, as in section 4.
# C. Bishop, [*Training with Noise is Equivalent to Tikhonov Regularization*](https://doi.org/10.1162/neco.1995.7.1.108), Neural Computation 1995: what noise on an input does, for small noise.
# H. Wang and others, [*Early Stopping for Deep Image Prior*](https://arxiv.org/abs/2112.06074), 2021: the rule of section 9.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning: Deep Learning from a Single Input*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the map of the field.
#
# **Next.** Lesson 04 puts an operator $A$ in front of the loss, and the same loop fills holes and sharpens images.
#
# **Problem set.** [Problem set 03](../exercises/ps03_deep_image_prior/ps03_deep_image_prior.ipynb): the loop with holes in the image, when to stop, four runs that fail.
