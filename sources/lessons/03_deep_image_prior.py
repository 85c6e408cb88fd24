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
# We take a network that has never seen a picture. We give it one noisy photograph and nothing else.
# It hands back a cleaner one. In this lesson you build that, watch it happen, and find out why it must be stopped.
#
# **What you will be able to do**
# - build an encoder-decoder with skip connections, and fit it to a single picture;
# - show by measurement that such a network takes in pictures sooner than noise;
# - read the curve of quality over iterations, and say why it rises and falls;
# - say what averaging, noise on the input, depth and skip width each contribute;
# - name a picture on which the method fails, and why.
#
# **Before you start.** You have trained a small network in PyTorch. From lesson 01 you need `y = A(x) + n` and the PSNR.
#
# **Time.** About 3 minutes of computing on 2 CPU cores, about an hour with reading and predicting.
# On a GPU: not measured.

# %%
import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import show_curves, show_images
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
# ## 1. A question about pictures
#
# We observe $y = x + n$: a photograph plus Gaussian noise with standard deviation $\sigma = 25/255$.
# Our operator $A$ is the identity, so this is *denoising*. We want $x$.
#
# Lesson 01 ended here: the data alone do not decide, so we need a **prior**, some idea of what pictures look like.
# The usual way is to learn the prior from many clean pictures. Suppose that we have none.
#
# **The idea of the deep image prior.** Do not search among all pictures. Search among the pictures that a certain
# network can *easily* produce. Fix a random input $z$, and look for weights $\theta$ with
#
# $$\min_\theta \; \| f_\theta(z) - y \|^2 , \qquad \hat x = f_\theta(z) .$$
#
# No training set appears in this formula. The weights start at random, and the only target is the noisy $y$.
# It looks like a mistake: is the best answer not $y$ itself, noise and all? Keep that objection in mind.

# %% [markdown]
# ## 2. Build the network
#
# The network is built from one brick: a convolution, batch normalization, and a LeakyReLU.
# Batch normalization gives each channel mean 0 and variance 1. Here the "batch" is the pixels of the one picture.
# Padding by reflection keeps the picture's size without a dark frame.
# `inplace=True` changes numbers where they lie, which saves memory and time.


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
# The bricks form a ladder. At each rung the picture is halved (stride 2), handed to the coarser rungs, and enlarged again.
# A thin **skip branch** of 4 channels carries fine detail past all that.
#
# Rungs sit inside one another: `coarser` is the next rung. That is the whole architecture.


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
# At the end a 1x1 convolution makes three colours, and a sigmoid squeezes them into $[0, 1]$.
# The paper uses 5 scales of 128 channels: 2.2 million weights. We use 4 scales of 32 channels, for a laptop.


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
print(
    f"{sum(p.numel() for p in network.parameters()):,} weights for {y.numel():,} "
    "numbers in the picture"
)

# %% [markdown]
# There are more than twice as many weights as numbers in the picture.
# So the network *can* produce the noise exactly. The objection above is right, in the end.
#
# What does the network produce before any fitting? Four random draws of the weights, beside white noise:

# %%
z = 0.1 * torch.rand(1, 32, 128, 128, generator=torch.Generator().manual_seed(0))
draws = {}
for seed in range(3):
    torch.manual_seed(seed)
    draw = Network()(z).detach()
    draws[f"random weights, seed {seed}"] = (draw - draw.min()) / (
        draw.max() - draw.min()
    )
draws["white noise"] = torch.rand(1, 3, 128, 128)
alt = "Three outputs of untrained networks, cloudy and smooth in places, beside white "
alt += "noise without structure."
show_images(draws, alt=alt)

# %% [markdown]
# We observe clouds with structure at several scales, not white noise (each draw is stretched to full contrast).
# Convolutions tie neighbours together, and the coarse rungs tie distant pixels. That is already a statement about pictures.

# %% [markdown]
# ## 3. The loop
#
# The method is a loop of a dozen lines. Three details come from the paper:
#
# - $z$ is uniform noise in $[0, 0.1]$ with 32 channels. It stays fixed.
# - At each iteration a little fresh noise (standard deviation 1/30) is added to $z$. We test below what it does.
# - Adam with learning rate 0.01.
#
# `runtime.generator` makes random numbers for $z$ that are unrelated to the noise in $y$, even with equal seeds.
# Without that care $z$ would *contain* the noise, and the network would fit it at once. We fell into this trap once: it cost 2 dB.
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
# **Predict before you run.** The loss falls all the time. Will the PSNR against the clean picture also improve all the time?
# Sketch both curves. Then watch: the picture is a running average of the outputs, more on that below.
# *Stop* ends the run and keeps the estimate.

# %%
iterations = runtime.pick(quick=600, full=1800)
result = await watch(fit(y, network, iterations), truth=x, observed=y)

# %% [markdown]
# We observe three things.
#
# - First the cup, its large shapes and its colours; then edges; then fine detail. Noise comes last.
# - The loss falls all the way. The PSNR of single outputs (dashed) rises, **peaks, and falls** again.
# - The average (solid) is well above the single outputs.
#
# No clean picture was used. The PSNR curves look at the truth, but only to draw themselves.

# %% tags=["nbval-check-output"]
history = result.history
print(
    "the estimate beats the noisy picture by at least 6 dB:",
    psnr(result.estimate, x) > psnr(y, x) + 6,
)
print(
    "the average beats the single output at the end by at least 1 dB:",
    history["psnr_average"][-1] > history["psnr"][-1] + 1,
)
smooth = torch.tensor(history["psnr"]).unfold(0, 9, 1).mean(1)
print(
    "single outputs peak, then lose at least half a decibel:",
    bool(smooth.max() > smooth[-1] + 0.5),
)

# %% [markdown]
# ## 4. The library's version
#
# `deep_image_prior` in the library is the loop above, plus an operator $A$ and checks of its input. `SkipNetwork` is our network.
# From now on we import them. First we make sure that they are nothing else: same seed, same numbers.
#
# `fast=False` switches off what the library does for speed. The appendix tells what that is.

# %%
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import SkipNetwork, small_skip_network


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
# ## 5. Why the noise waits: impedance
#
# The network can fit anything. But does it fit everything *equally fast*? Give it four targets of 64x64 pixels:
#
# 1. a photograph;
# 2. the photograph plus noise;
# 3. the photograph with its pixels shuffled: the same colours, no neighbours;
# 4. pure noise.
#
# **Predict before you run.** Put the four in the order in which the loss will fall.

# %%
small = picture("coffee", side=64).to(device)
small_noisy = add_gaussian(small, sigma, seed=0)
order = torch.randperm(64 * 64, generator=torch.Generator().manual_seed(0)).to(device)
targets = {
    "photograph": small,
    "photograph + noise": small_noisy,
    "shuffled pixels": small.flatten(2)[..., order].view_as(small),
    "pure noise": add_gaussian(torch.full_like(small, 0.5), 0.2, seed=1).clamp(0, 1),
}
alt = "The four targets: a detail of a coffee cup, the same with noise, its pixels "
alt += "shuffled, pure noise."
show_images(targets, alt=alt)

# %%
iterations_small = runtime.pick(quick=240, full=2000)
fits = {
    name: run(prior(target, iterations_small), truth=small)
    for name, target in targets.items()
}
curves = {
    name: (fit.history["iteration"], fit.history["loss"]) for name, fit in fits.items()
}
alt = "Loss over iterations for the four targets. "
alt += "The photograph falls fastest and lowest; pure noise falls slowest."
show_curves(curves, "iteration", "loss (mean squared error)", alt, log_y=True)

# %% [markdown]
# We observe that the photograph goes in almost without resistance, and pure noise against a high one.
# The paper calls this **impedance**: low for pictures, high for noise.
# Photograph + noise falls fast to a shelf near $\sigma^2 \approx 0.0096$: by then the photograph is in and the noise is still outside.
#
# Shuffled pixels fall at first because the network learns the mean colour. Then they resist: the colours are the same, the *neighbours* are gone.
# So the prior is about neighbourhoods, not about colours.

# %% tags=["nbval-check-output"]
remaining = {}
for name, fit_result in fits.items():
    losses = fit_result.history["loss"]
    remaining[name] = losses[len(losses) // 2] / targets[name].var().item()
print(
    "halfway, less than a fiftieth of the photograph is left:",
    remaining["photograph"] < 0.02,
)
print(
    "halfway, more than a third of the pure noise is left:",
    remaining["pure noise"] > runtime.pick(quick=1 / 3, full=0.05),
)
print(
    "shuffled pixels resist at least five times as much as the photograph:",
    remaining["shuffled pixels"] > 5 * remaining["photograph"],
)

# %% [markdown]
# ## 6. Averaging the outputs
#
# Late in the run the output jitters: each iteration holds a slightly different part of the noise.
# What is common to all outputs is the picture. So we average them, with a weight of 0.99 for the past:
#
# $$\bar x_i = w_i \, \bar x_{i-1} + (1 - w_i) \, \hat x_i , \qquad w_i = \min\left(0.99, \tfrac{i}{i + 10}\right) .$$
#
# This is an **exponential moving average**. The second term in the minimum forgets the gray start sooner.

# %%
average = None
for step in prior(small_noisy, iterations_small):
    weight = min(0.99, step.iteration / (step.iteration + 10))
    new = step.estimate
    average = new if average is None else weight * average + (1 - weight) * new
pictures = {"noisy": small_noisy, "last output": step.estimate, "average": average}
shown = {f"{name}, {psnr(p, small):.1f} dB": p for name, p in pictures.items()}
shown["truth"] = small
alt = "A detail of the cup: noisy, last output, average of outputs, truth. "
alt += "The average is the smoothest estimate."
show_images(shown, alt=alt)
same_average = compare("average", average, fits["photograph + noise"].estimate)

# %% [markdown]
# We observe that the average is better than the last output it contains. It costs one line and no computing.
# `run` and `watch` compute the same average for every method: that is the estimate in their result.

# %% tags=["nbval-check-output"]
print("the average by hand equals the one of run:", same_average)
print(
    "the average beats the last output by at least 1 dB:",
    psnr(average, small) > psnr(step.estimate, small) + 1,
)

# %% [markdown]
# ## 7. What each part does
#
# We change one thing at a time, and keep the picture, the seed and the number of iterations.
#
# **Predict before you run.** For each change: better or worse at the end?
#
# - no noise on $z$;
# - one scale instead of four;
# - no skip branches;
# - skip branches of 32 channels, as wide as the network itself.

# %%
changes = {
    "no noise on z": {"input_noise": 0},
    "one scale": {"scales": 1},
    "no skip": {"skip": 0},
    "wide skip": {"skip": 32},
}
# We have made the first run already
variants = {"as in the paper": fits["photograph + noise"]}
variants |= {
    name: run(prior(small_noisy, iterations_small, **change), truth=small)
    for name, change in changes.items()
}

# %%
for name, r in variants.items():
    print(
        f"{name:16} at the end {r.history['psnr_average'][-1]:.2f} dB   oracle peak "
        f"{max(r.history['psnr_average']):.2f} dB"
    )
curves = {
    name: (r.history["iteration"], r.history["psnr_average"])
    for name, r in variants.items()
}
alt = "PSNR of the average over iterations for five variants. Without noise on z and "
alt += "with wide skips it falls early; without skips it rises longest."
show_curves(curves, "iteration", "PSNR of the average (dB)", alt)

# %% [markdown]
# "Oracle peak" is the best value on the way. You cannot stop there without knowing the truth, so it is a yardstick and no result.
#
# We observe:
#
# - **Noise on $z$ matters most.** Without it the network learns the noise of $y$ pixel by pixel. With it, each iteration sees another $z$, and fine detail that depends on $z$ cannot settle.
# - **Depth matters.** One scale sees small neighbourhoods, so little keeps noise from picture.
# - **Wide skips hurt.** They let $z$ through at full resolution, and the coarse scales are no longer needed. This is why a U-Net is a worse prior than this ladder.
# - **No skips** slows everything down: the noise waits longer, and so does fine detail. Here the curve is still rising at the end, where the others fall.
#
# None of these is a law. They hold for this picture, this noise and this number of iterations.

# %% tags=["nbval-check-output"]
end = {name: r.history["psnr_average"][-1] for name, r in variants.items()}
print(
    "without noise on z the end is at least 2 dB worse:",
    end["no noise on z"] < end["as in the paper"] - 2,
)
print(
    "one scale is at least half a decibel worse:",
    end["one scale"] < end["as in the paper"] - 0.5,
)
print(
    "wide skips are at least 1 dB worse:", end["wide skip"] < end["as in the paper"] - 1
)

# %% [markdown]
# ## 8. Where it fails
#
# The prior says: *neighbours belong together, at all scales*. Grass does not agree: seen this closely, it is nearly noise.
#
# **Predict before you run.** How many decibels will the method gain on grass? On the cup it gained more than ten.
#
# We put a classical method beside it, non-local means (NLM) from scikit-image. It averages similar patches, and it is told $\sigma$.

# %%
from skimage.restoration import denoise_nl_means


def nlm(y):
    array = y[0].permute(1, 2, 0).cpu().numpy()
    settings = dict(
        patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma, channel_axis=-1
    )
    denoised = denoise_nl_means(array, **settings).reshape(array.shape)
    return torch.from_numpy(denoised).permute(2, 0, 1)[None].to(y)


grass = picture("grass", side=64).to(device)
grass_noisy = add_gaussian(grass, sigma, seed=0)
grass_result = run(prior(grass_noisy, iterations_small), truth=grass)

# %%
pictures = {"noisy": grass_noisy, "NLM": nlm(grass_noisy)}
pictures["deep image prior"] = grass_result.estimate
shown = {f"{name}, {psnr(p, grass):.1f} dB": p for name, p in pictures.items()}
shown["truth"] = grass
alt = "Grass: noisy, denoised by NLM, by the deep image prior, and the truth. "
alt += "The prior's estimate is washed out."
show_images(shown, alt=alt)
print(
    f"cup, 128 px: noisy {psnr(y, x):.2f}, NLM {psnr(nlm(y), x):.2f}, deep image "
    f"prior {psnr(result.estimate, x):.2f} dB"
)

# %% [markdown]
# We observe that the gain on grass is a fraction of the gain on the cup. Fine texture and noise go in at the same time, so no stopping point separates them.
#
# There are more ways to fail:
#
# - **The number of iterations is a parameter.** Too few is a blur, too many is the noisy picture. We fixed it beforehand here. Lesson 05 stops by rule, without the truth.
# - **It is slow.** NLM took a fraction of a second, this took most of a minute, for one picture. The appendix mends some of that.
# - **It is random.** Another seed gives another estimate, often a few tenths of a decibel apart.

# %% tags=["nbval-check-output"]
gain_grass = psnr(grass_result.estimate, grass) - psnr(grass_noisy, grass)
gain_cup = psnr(fits["photograph + noise"].estimate, small) - psnr(small_noisy, small)
print(
    "the gain on grass is less than half of that on the cup:", gain_grass < gain_cup / 2
)

# %% [markdown]
# ## 9. Appendix: why is it slow, and what did we do about it?
#
# The paper's network, 5 scales of 128 channels, takes 0.4 seconds an iteration on our two cores: twelve minutes for this one cup.
# Our narrow copy above took a minute. We want to wait for seconds.
#
# Look before you mend. How much arithmetic is there in an iteration, and how much of it does the processor get done each second?
# The yardstick is a product of two large matrices: hardly any program does arithmetic faster.

# %%
import time
from statistics import median

from torch.utils.flop_counter import FlopCounterMode


def seconds(work, times=8):
    marks = [time.perf_counter()]
    for _ in range(times):
        float(work())  # reading a number makes a GPU finish
        marks.append(time.perf_counter())
    return median(after - before for before, after in zip(marks[2:], marks[3:]))


def arithmetic(network, z):
    with FlopCounterMode(display=False) as counter:
        network(z).sum().backward()
    return counter.get_total_flops()


# %%
matrix = torch.rand(1536, 1536, device=device)
peak = 2 * 1536**3 / seconds(lambda: (matrix @ matrix).sum())
networks = {
    "128 channels": SkipNetwork().to(device),
    "32 channels": SkipNetwork(width=32, scales=4).to(device),
}
for name, net in networks.items():
    steps = deep_image_prior(y, network=net, iterations=10, fast=False)
    time_taken = seconds(lambda: next(steps).loss)
    work = arithmetic(net, torch.rand(1, 32, 128, 128, device=device))
    print(
        f"{name:13} {1000 * time_taken:4.0f} ms   {work / 1e9:5.1f} billion "
        f"operations   {work / time_taken / peak:4.0%} of the peak"
    )

# %% [markdown]
# We observe: the narrow network does a fourteenth of the arithmetic, but takes about a sixth of the time (on our machine).
# It leaves most of the processor idle.
# So something other than arithmetic takes the time.
#
# **Predict before you run.** We time each kind of brick at full resolution, forward and backward.
# Only the convolution does arithmetic worth the name. How long will the others take beside it?

# %%
features = torch.rand(1, 32, 128, 128, device=device, requires_grad=True)
half = torch.rand(1, 32, 64, 64, device=device, requires_grad=True)
bricks = {
    "convolution 3x3": (nn.Conv2d(32, 32, 3, padding=1), features),
    "batch norm": (nn.BatchNorm2d(32), features),
    "LeakyReLU": (nn.LeakyReLU(0.2), features),
    "padding by reflection": (nn.ReflectionPad2d(1), features),
    "upsampling, bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), half),
    "upsampling, nearest": (nn.Upsample(scale_factor=2, mode="nearest"), half),
}


def there_and_back(brick, given):
    made = brick(given).sum()
    made.backward()
    return made.detach()


for name, (brick, given) in bricks.items():
    brick = brick.to(device)
    time_taken = seconds(lambda: there_and_back(brick, given), times=20)
    print(f"{name:22} {1000 * time_taken:5.1f} ms")

# %% [markdown]
# We observe that bricks without arithmetic take a good part of a convolution's time each, and an iteration has many of them.
# They move numbers about, and memory is slow.
#
# So we change the design where it costs most. Each change was measured for its time *and* its picture:
#
# - **Nearest-neighbour upsampling** and **zeros as padding**: no interpolation, no copies. The picture also comes in fewer iterations.
# - **No batch norm where the branches join**: it came right after other batch norms.
# - **24 channels and 8 in the skip branch.** They meet as 32, and processors compute on eight numbers at a time. 16 channels of $z$ are enough.
#
# This is `small_skip_network`, which the library takes by default in the quick profile.
# What we tried and dropped stands in `benchmarks/RESULTS.md`.

# %% [markdown]
# ### Memory that comes and goes
#
# A second cost hides below PyTorch. Each iteration frees picture-sized tensors and asks for new ones.
# Linux takes the memory back and hands it out again page by page, filled with zeros: a **page fault** each.
# The library asks it to let us keep the memory (`fitting/engine.py`). We count page faults with and without, in a fresh process: once kept, always kept.

# %%
import subprocess
import sys

script = """
from resource import RUSAGE_SELF, getrusage
from dil_course import from_scratch, networks, signals
for fast in (False, True):
    network = networks.SkipNetwork(width=32, scales=4)
    options = dict(network=network, iterations=30, fast=fast)
    steps = from_scratch.deep_image_prior(signals.picture("coffee", 128), **options)
    faults = [getrusage(RUSAGE_SELF).ru_minflt for step in steps]
    print(f"fast={fast!s:5} page faults an iteration: {(faults[-1] - faults[9]) // 20}")
"""
if sys.platform != "win32":
    print(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.strip()
    )

# %% [markdown]
# We observe that the page faults go away. On our machine that takes about a tenth off an iteration; a busy machine hides it.
# No number in the picture is computed otherwise. On a Mac or on Windows there is nothing to gain here.
#
# Now everything together, on the cup from the start of this lesson. Compare the seconds.

# %%
quick_result = await watch(deep_image_prior(y), truth=x, observed=y)
for name, r in {
    "the network we built": result,
    "the library's default": quick_result,
}.items():
    print(f"{name:22} {psnr(r.estimate, x):.1f} dB after {r.seconds:.0f} s")

# %% tags=["nbval-check-output"]
small_work = arithmetic(
    small_skip_network().to(device), torch.rand(1, 16, 128, 128, device=device)
)
paper_work = arithmetic(
    SkipNetwork().to(device), torch.rand(1, 32, 128, 128, device=device)
)
print(
    "the small network needs less than a tenth of the paper's arithmetic:",
    small_work < paper_work / 10,
)
print(
    "its picture is as good, within 1 dB:",
    psnr(quick_result.estimate, x) > psnr(result.estimate, x) - 1,
)

# %% [markdown]
# ## Summary
#
# 1. The deep image prior fits an untrained network to one noisy picture. There is no training set.
# 2. It works because the network takes in pictures sooner than noise, not because it cannot take in noise.
# 3. So quality rises, peaks and falls. The iteration at which you stop is part of the method.
# 4. Averaging the outputs and noise on the input give decibels; wide skips and shallow networks take them away.
# 5. **What breaks it:** fine texture, too many iterations, and impatience. Against the last, look where the time goes.
#
# **Papers.** D. Ulyanov, A. Vedaldi, V. Lempitsky, *Deep Image Prior*, CVPR 2018 (the method, impedance).
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, *Deep Internal Learning: Deep Learning from a Single Input*, IEEE Signal Processing Magazine 2024 (the map of the field).
#
# **Next.** Lesson 04 puts an operator $A$ in front of the network, and the same loop fills holes and sharpens pictures.
#
# **Problem set.** [Problem set 03](../exercises/ps03_deep_image_prior/ps03_deep_image_prior.ipynb): the loop with holes in the picture, when to stop, four runs that fail.
