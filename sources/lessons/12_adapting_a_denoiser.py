# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Adapting a trained denoiser to the image at hand
#
# So far each network started from random weights and learned from one image. Here begins the second direction of the field:
# a network has been trained **elsewhere**, on many images, and then meets *your* image, which may be unlike all of them. At test time it can go on learning, from that image alone.
#
# **What you will be able to do**
# - measure what a trained denoiser loses on unfamiliar images, against the best classical method;
# - build the three ways to limit what may change: gains, a low-rank update, all weights;
# - adapt a denoiser by SURE and by its own result, and say how much of SURE's promise is true;
# - build IDBP, which solves inverse problems with any denoiser, and adapt the denoiser inside it;
# - correct the input instead of the network, and name cases in which adapting does harm.
#
# **Before you start.** Lesson 02 (BM3D), lesson 04 (the pseudo-inverse $A^+$ and back-projection), lesson 06 (SURE), and lesson 08 for super-resolution.
#
# **Time.** About two minutes of computing on one CPU core, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import copy
import time

import bm3d
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from dil_course import runtime
from dil_course.adaptation import adapt_super_resolution, correction_filter, free, idbp
from dil_course.adaptation import tune_by_sure, tune_on_restored
from dil_course.adaptation.freedom import count
from dil_course.checks import compare
from dil_course.figures import Film, show_curves, show_error_map, show_figure
from dil_course.figures import show_images
from dil_course.fitting import Step, run, watch
from dil_course.fitting.risks import probe, sure
from dil_course.fitting.stopping import LeastRisk
from dil_course.from_scratch.internal_pairs import turn
from dil_course.networks.trained import trained
from dil_course.signals import BlurDownsample, Downsample, add_correlated, add_gaussian
from dil_course.signals import consistent, enlarge, estimate_sigma, gaussian_kernel
from dil_course.signals import picture, psnr, to_tensor

# %% [markdown]
# We take windows of 96 pixels with Gaussian noise of $\sigma = 25/255$, and write $f(y, \sigma)$ for what a denoiser makes of $y$. All scores are of clipped images.

# %%
device = runtime.device()
sigma = 25 / 255
denoiser = trained("denoiser_gray").to(device)


def observe(name, side=96, seed=0):
    x = picture(name, side).to(device)
    return x, add_gaussian(x, sigma, seed=seed)


@torch.no_grad()
def denoise(network, y, sigma=sigma):
    return network(y, sigma)


def score(estimate, x, shave=0):  # shave: border pixels left out
    return psnr(estimate.clamp(0, 1), x, shave=shave)


def block_matching(y, sigma=sigma):
    estimate = bm3d.bm3d(y[0, 0].cpu().numpy(), sigma)
    return to_tensor(estimate.clip(0, 1).astype("float32")).to(y)


# %% [markdown]
# ## 1. A network from elsewhere
#
# `trained("denoiser_gray")` is a small network of ours: eight convolutions, batch normalization after each of the middle six, and 64 channels in between. They work at half of the size, with the four pixels of each cell as channels (an idea of FFDNet). It has seen five photographs and an image of coins, with noise of every level up to $60/255$.
# It is called with the noisy image *and* the noise level. Its card, `dil_course/networks/weights/denoiser_gray.md`, lists its training images and the command that trains it again; no image of this lesson was among them.
#
# **Predict before you run.** Four images: a photograph, handwriting, a brick wall, and the *phantom* of tomography, a drawing of a head.
# On which of them will the network beat BM3D, which has learned nothing?

# %%
names = ("camera", "text", "brick", "shepp_logan_phantom")
classical, first = {}, {}
for name in names:
    x, y = observe(name)
    classical[name] = score(block_matching(y), x)
    first[name] = score(denoise(denoiser, y), x)
    print(f"{name:20} noisy {score(y, x):.2f}", end="   ")
    print(f"BM3D {classical[name]:.2f}   trained {first[name]:.2f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The network is slightly ahead on the photograph, whereas BM3D leads on the other three, by half a decibel to two. People often conclude that familiar images are won and unfamiliar ones lost.
# These four windows suggest it, but more data do not support it in general. In `benchmarks/RESULTS.md` BM3D is also ahead on two of four *photographs*, and the network is ahead on the image of distant galaxies.
# A network that was trained on six images for nine minutes is not only unfamiliar with bricks but also small, so that the two causes are mixed. BM3D assumes merely that patches recur, and on text, bricks and drawings they do.
#
# </details>

# %%
wall, noisy = observe("brick")
elsewhere = denoise(denoiser, noisy)
show_images(
    {
        f"noisy: {score(noisy, wall):.1f} dB": noisy,
        f"trained: {score(elsewhere, wall):.1f} dB": elsewhere,
        f"BM3D: {classical['brick']:.1f} dB": block_matching(noisy),
        "truth": wall,
    },
    alt="A brick wall: noisy; denoised by the network, with a smudge at the corner "
    "of the joint; by BM3D, with a clean corner; and the truth.",
    crop=(30, 30, 32),
)

# %% [markdown]
# The noisy image shows joints and stones many times over. It could serve as a training set, if only we had a loss that needs no truth, and lesson 06 has given us one.
#
# ## 2. How much may change?
#
# The network has more than 200,000 weights, the image 9,216 pixels, so that all weights together could fit the noise. One remedy is to free only a few numbers.
# **GainTuning** (Mohan and others, 2021) puts one factor on each output channel of each convolution, and learns only these:
#
# $$w_c \;\to\; g_c \, w_c , \qquad g_c = 1 \text{ at first.}$$
#
# The network keeps all the patterns that it knows, and learns only how much each of them counts *here*. Another remedy, from the fine-tuning of language models, is **LoRA** (Hu and others, 2022): each weight matrix gets an update of low rank,
#
# $$W \;\to\; W + BA , \qquad A \text{ random of size } r \times n, \quad B = 0 \text{ of size } m \times r \text{ at first.}$$
#
# Why is $B$ zero, and why not $A$ as well? With $B = 0$ the product vanishes, so that the first estimate is exactly the trained network's. The gradient of $B$ is that of $W$ times $A^T$, and hence not zero, so that $B$ moves at once.
# If $A$ were zero too, both gradients would vanish and nothing could ever move. (These letters are LoRA's own; from section 6 on, $A$ is a forward model again.)
#
# In torch both are a **parametrization**: a weight that is computed from other numbers each time it is used.


# %%
class Gain(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.gain = nn.Parameter(torch.ones_like(weight[:, :1, :1, :1]))

    def forward(self, weight):
        return self.gain * weight


class LowRank(nn.Module):
    def __init__(self, weight, rank=4):
        super().__init__()
        outputs, inputs = weight.flatten(1).shape
        A = torch.randn(rank, inputs, device=weight.device)
        self.A = nn.Parameter(A / inputs**0.5)
        self.B = nn.Parameter(torch.zeros(outputs, rank, device=weight.device))

    def forward(self, weight):
        return weight + (self.B @ self.A).view_as(weight)


# %% [markdown]
# Two mistakes are easy to make. **Copy first**, because the next image needs the trained network as it was. **Stay in evaluation mode**, because batch normalization must keep the statistics of its training. (With statistics of the image itself it would also divide most gains out again.)


# %%
def freed(network, change, seed=0):
    network = copy.deepcopy(network).eval().requires_grad_(False)
    with runtime.seeded(seed):
        for module in list(network.modules()):
            if isinstance(module, nn.Conv2d):
                update = change(module.weight)
                parametrize.register_parametrization(module, "weight", update)
    return network


by_gains, by_rank = freed(denoiser, Gain), freed(denoiser, LowRank)
for what in ("all", "norm", "gain", "low-rank"):
    print(f"{what:10} {count(free(denoiser, what)):8,} numbers can change")
print(f"by hand: gains {count(by_gains):,}, low rank {count(by_rank):,}")

# %% [markdown]
# The library's `free(network, what)` does the same, and offers two more choices: all weights, or only the scale and shift of each batch normalization. Note that LoRA is no small number here. Rank 4 frees twice as many numbers as the image has pixels,
# since the layers of this network are themselves small. What it saves in a language model, it does not save in a denoiser of eight layers.
#
# ## 3. First loss: SURE
#
# SURE estimates the mean squared error of a denoiser on $y$ without the truth (lesson 06):
#
# $$\mathrm{SURE} = \tfrac{1}{N} \| f(y) - y \|^2 - \sigma^2 + \tfrac{2\sigma^2}{N} \, \mathrm{div} f (y) .$$
#
# The plan is to make it the loss. We add $\sigma^2$, which changes nothing for the optimiser but gives the loss a meaning of its own: for a second noisy image $y' = x + n'$ of the same scene, whose noise is independent of $f(y)$,
#
# $$\mathbb{E} \, \tfrac1N \| f(y) - y' \|^2 = \mathbb{E} \, \tfrac1N \| f(y) - x \|^2 + \sigma^2 ,$$
#
# because the cross term has mean zero. So SURE plus $\sigma^2$ is the expected error to a second noisy image.


# %%
def tune(y, network, sigma, iterations, learning_rate=1e-3, seed=0):
    generator = runtime.generator(seed, "probe", y.device)
    free_numbers = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(free_numbers, lr=learning_rate)

    def f(x):
        return network(x, sigma)

    for iteration in range(1, iterations + 1):
        estimate = f(y)
        risk = sure(f, y, sigma, probe(y, generator), output=estimate)
        loss = risk + sigma**2
        yield Step(iteration, iterations, loss.detach(), estimate.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# %% [markdown]
# The library's version is `tune_by_sure`. We compare the two, once with gains and once with the low-rank update.

# %%
same = []
for what, mine in {"gain": by_gains, "low-rank": by_rank}.items():
    mine = list(tune(noisy, mine, sigma, 4))[-1].estimate
    library = list(tune_by_sure(noisy, denoiser, sigma, what, iterations=4))[-1]
    same.append(compare(f"{what}, iteration 4", mine, library.estimate))

# %% [markdown]
# ### What SURE promises, and what is true
#
# The learning rate deserves care. A rate of $10^{-3}$ suits a few gains; for all weights it is far too large, as we shall see below. We first take the library's own for all weights, $10^{-4}$, on windows of 64 pixels:
# the photograph, which is familiar, the brick wall, and a cloth with narrow slanted stripes, unlike anything in the training set. SURE of a single probe is noisy, so that all curves are averaged over eight iterations.
#
# **Predict before you run.** SURE is unbiased. Will the true error fall as SURE does, on all three?


# %%
def follow(steps, x):
    # The true squared error and SURE, times 10^-4, and the network's quality in dB
    errors, risks, quality = [], [], []
    for step in steps:
        errors.append(1e4 * float((step.estimate - x).square().mean()))
        risks.append(1e4 * (float(step.loss) - sigma**2))
        quality.append(score(step.estimate, x))
    return errors, risks, [value - quality[0] for value in quality]


def smooth(values, width=8):
    kernel = torch.ones(1, 1, width) / width
    return F.conv1d(torch.tensor(values)[None, None], kernel).flatten()


place = torch.arange(64, device=device)
stripes = ((place[:, None] + place) // 2 % 2)[None, None].float()
cloth = 0.2 + 0.6 * stripes
small = {"cloth": cloth, "brick": observe("brick", 64)[0]}
small["photograph"] = observe("camera", 64)[0]
show_images(small, "A cloth of slanted stripes, a brick wall, and a man at a camera.")

# %%
curves, looks, change, begin = {}, {}, {}, {}
for colour, (name, x) in enumerate(small.items()):
    steps = tune_by_sure(add_gaussian(x, sigma), denoiser, sigma, "all", 60, 1e-4)
    for style, values in enumerate(follow(steps, x)[:2]):
        label = f"{name}: {('true error', 'SURE')[style]}"
        smoothed = smooth(values)
        curves[label] = smoothed - smoothed[0]
        looks[label] = (colour, style)
        begin[label] = float(smoothed[0])
        change[label] = float(smoothed[-1] - smoothed[0])
        print(f"{label:24} begins at {begin[label]:5.1f},", end=" ")
        print(f"changes by {change[label]:+.1f}")
alt = "On the cloth SURE and the true error fall together; on the brick and the "
alt += "photograph SURE falls and the true error does not."
labels = ("iteration", "change of the squared error, 1e-4", alt)
show_curves(curves, *labels, looks=looks)

# %% [markdown]
# <details><summary>Answer</summary>
#
# On the cloth the truth falls almost as far as SURE says: the network really learns stripes. On the photograph SURE falls by most of the whole error, and on the wall by more than the whole, so that it ends *below zero*, while the true error of both stays where it was or grows a little (its two curves cover each other).
# People expect either that an unbiased loss must work or that 200,000 weights must overfit. Neither is right: it depends on how much the image has left to teach.
#
# SURE is unbiased for a network that was fixed *before* the noise was drawn, and ours was fitted to this very noise. Among so many weights there are always some that lower SURE through the noise. A likely reading of the three curves is that a large true descent, where one exists, is the steepest and is taken first, and that elsewhere
# only the noise remains to be fitted. When a measure becomes a target, it ceases to be a good measure (Goodhart's law).
#
# </details>
#
# The harm at this rate is small, two tenths of a decibel at most. The false promise is the larger danger, because somebody without the truth sees only the dashed curve. (Two more noise seeds agree on the cloth and on the photograph, see `benchmarks/RESULTS.md`; the wall was run once.)
#
# **Predict before you run.** What does a learning rate ten times as large do on the wall, and will SURE notice?

# %%
probes = [probe(noisy, runtime.generator(s, "fixed", device)) for s in range(8)]


@torch.no_grad()
def judged(network, y=noisy):
    risks = [sure(lambda z: network(z, sigma), y, sigma, b) for b in probes]
    return 1e4 * float(torch.stack(risks).mean())


def error(estimate):
    return 1e4 * float((estimate - wall).square().mean())


rates, alarm = {}, {}
for rate in (1e-4, 3e-4, 1e-3):
    for step in tune_by_sure(noisy, denoiser, sigma, "all", 2, rate):
        if step.iteration == 2:  # after one update
            rates[rate] = score(step.estimate, wall) - first["brick"]
            alarm[rate] = judged(step.network) - judged(denoiser)
            harm = error(step.estimate) - error(elsewhere)
    print(f"rate {rate:.0e}: after one step {rates[rate]:+.2f} dB,", end=" ")
    print(f"true error {harm:+.2f}e-4, SURE {alarm[rate]:+.2f}e-4")

# %% [markdown]
# <details><summary>Answer</summary>
#
# One single step of $10^{-3}$ costs decibels, because Adam moves each of the 227,204 weights by about the learning rate, whatever its gradient. SURE rises by about as much as the true error does: at that moment it is honest. So this damage is no overfitting, but a step that was too long.
# A run at this rate does not recover within 60 iterations (`benchmarks/RESULTS.md`), and one could easily take it for proof that SURE as a loss is useless. Always compare methods at rates that suit them.
#
# </details>

# %% tags=["nbval-check-output"]
print("my loops and the library's are the same:", all(same))
print(
    "cloth: SURE lowers the true error by a quarter or more:",
    change["cloth: true error"] < -begin["cloth: true error"] / 4,
)
print(
    "photograph: SURE promises much, and nothing of it is true:",
    change["photograph: SURE"] < -4 and change["photograph: true error"] > -0.5,
)
print(
    "brick wall: the same:",
    change["brick: SURE"] < -3 and change["brick: true error"] > -0.5,
)
print(
    "one step at the large rate costs a decibel, at the small one next to nothing:",
    rates[1e-3] < -1 and abs(rates[1e-4]) < 0.2,
)
print("SURE notices the step that is too long:", alarm[1e-3] > 1)
print(
    "the trained network is as it was:",
    torch.equal(elsewhere, denoise(denoiser, noisy)),
)

# %% [markdown]
# ## 4. Second loss: its own result as the truth
#
# Take the network's own result and pretend that it is clean. Cut patches from it, add **fresh** noise, and learn to remove that noise:
#
# $$\min_f \; \big\| f(p + \sigma n) - p \big\|_1 , \qquad p \text{ a patch of } f_0(y), \text{ with } f_0 \text{ as trained.}$$
#
# The idea is that of *LIDIA* (Vaksman, Elad and Milanfar, 2020) and of *Restore-from-Restored* (Lee and others, 2020). It seems that nothing could come of it, because the network is asked for what it has said already.
# But fresh noise cannot be memorised, since it is never the same twice, and the patches show bricks and nothing else. So the network gives up what never occurs here, such as faces and skies, and its prior narrows to this wall: supervised training, on one image.
#
# The patches are turned and mirrored, and half of them come from a copy at nine tenths of the size, because structures recur at slightly smaller scales (lesson 02).


# %%
def pairs(sources, sigma, generator, side=40, patches=8):
    def draw(end):
        device = generator.device
        return int(torch.randint(end, (), generator=generator, device=device))

    clean = []
    for _ in range(patches):
        x = sources[draw(len(sources))]
        top, left = (draw(length - side + 1) for length in x.shape[-2:])
        patch = x[..., top : top + side, left : left + side]
        clean.append(turn(patch, draw(4) + 4 * draw(2)))
    clean = torch.cat(clean)
    noise = torch.randn(clean.shape, generator=generator, device=clean.device)
    return clean + sigma * noise, clean


# %% [markdown]
# The loop around it is ordinary training. It starts from a copy of the trained weights, has a rate of $3 \cdot 10^{-4}$, and returns the adapted network. (That rate is the one of Tirer and Giryes for adapting on patches. It was too large for SURE above; look how this loss copes with it.) We will need the function again in section 6, with another source for the patches.


# %%
def adapted_to(clean, network, sigma, iterations=100, seed=0):
    network = free(network, "all")
    generator = runtime.generator(seed, "patches", clean.device)
    smaller = F.interpolate(clean, scale_factor=0.9, mode="bicubic", antialias=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-4)
    for _ in range(iterations):
        given, wanted = pairs([clean, smaller], sigma, generator)
        loss = (network(given, sigma) - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


for step in tune_on_restored(noisy, denoiser, sigma, iterations=5):
    pass  # step.network is the network as it stands
mine = denoise(adapted_to(elsewhere, denoiser, sigma, 5), noisy)
loop = compare("after 5 updates", mine, denoise(step.network, noisy), tolerance=1e-4)

# %% [markdown]
# **Predict before you run.** Will the quality fall after a peak here, too, as it did in lesson 03?

# %%
film = Film(truth=wall)
steps = tune_on_restored(noisy, denoiser, sigma, iterations=80)
tuned = await watch(film.record("own result", steps), truth=wall, observed=noisy)
film.show("The stones become smoother, step by step.", at=(1, 5, 20, 50, 80))

# %%

last = tuned.estimate
titles = {"trained": elsewhere, "adapted": last, "BM3D": block_matching(noisy)}
titles = {f"{name}: {score(x, wall):.2f} dB": x for name, x in titles.items()}
alt = "The corner of a joint: smudged by the trained network, cleaner once adapted, "
alt += "and cleanest from BM3D."
show_images(titles | {"truth": wall}, alt, crop=(30, 30, 32))
show_error_map(
    titles,
    wall,
    "Error maps: all three err along the joints; BM3D least on the stones.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Within 80 iterations it does not fall. The first few steps zigzag and leave a faint pattern of dots at iteration 5, because Adam's first steps have full length here as well, but this run recovers, as each step meets fresh noise and other patches. The peak of lesson 03 came from a target that contains the noise of $y$, and here that noise is never a target. What *is* a target are the mistakes of the first result, so that the gain is bounded: structure that the trained network has erased does not come back.
# Look at the crop: the smudge at the corner of the joint fades, and the stones lose some of their grain. In the error maps BM3D is darker still on the stones, where almost nothing but noise was to be removed.
#
# </details>
#
# (The score of the run is that of the average of its last outputs, which `watch` keeps as in lesson 03. It is a little above that of single outputs, which the table of section 5 uses.)
#
# ### The same few gains, with this loss
#
# The authors of GainTuning report that gains tuned by a loss on $y$, such as SURE, improve nearly every image of their test sets, and far more those unlike the training set. Their images are larger than our window, so that there is less noise to fit for each gain. On our wall, gains tuned by SURE will turn out to gain next to nothing. Is it because 452 numbers are too few, or because of the loss?
#
# **Predict before you run.** Order four runs on the wall by their gain: all weights, low rank and gains, each on the own result, and gains by SURE. (The rate is $3 \cdot 10^{-4}$ for all weights and $10^{-3}$ for the others.)

# %%
runs = {
    "own result, all weights": tune_on_restored(noisy, denoiser, sigma, "all", 60),
    "own result, low rank": tune_on_restored(noisy, denoiser, sigma, "low-rank", 60),
    "own result, gains": tune_on_restored(noisy, denoiser, sigma, "gain", 60),
    "SURE, gains": tune_by_sure(noisy, denoiser, sigma, "gain", 60),
}
gained = {name: follow(steps, wall)[2] for name, steps in runs.items()}
alt = "Three curves on the own result rise, all weights highest; gains by SURE stay "
alt += "near zero."
show_curves(gained, "iteration", "dB over the trained network", alt)
ends = {name: sum(values[-10:]) / 10 for name, values in gained.items()}
print("last ten:", ", ".join(f"{name} {value:+.2f} dB" for name, value in ends.items()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The three runs on the own result end well above zero, all weights first; gains by SURE end near zero. So the *same* 452 numbers teach the network a good part of what it can learn about bricks: the gains can, and on so small a window, at this rate, it is the loss that cannot.
# Over all images and seeds of the next section, gains on the own result earn about two thirds of what all weights do (`benchmarks/RESULTS.md`). Low rank behaves much like gains, at forty times their number.
#
# </details>

# %% tags=["nbval-check-output"]
print("my training loop and the library's are the same:", loop)
print(
    "the wall gains a third of a decibel or more from its own result:",
    score(tuned.estimate, wall) > first["brick"] + 1 / 3,
)
print("gains alone earn a fifth of a decibel:", ends["own result, gains"] > 0.2)
print(
    "and with SURE as the loss they gain less than half of that:",
    ends["own result, gains"] > 0.2
    and ends["SURE, gains"] < ends["own result, gains"] / 2,
)
print("low rank gains as well:", ends["own result, low rank"] > 0.2)

# %% [markdown]
# ## 5. When to stop, when to leave it, and is it worth it?
#
# On which image will it help? We cannot look at the truth, but **SURE may be the judge**, now that it is no longer the target. The adapted network does depend on $y$, because its patches come from $f_0(y)$, and so SURE is not strictly unbiased for it.
# But nothing in the training *searches* for a low SURE. The judge is less tempted, though not innocent, and the least of seventeen looks is always a little optimistic.
#
# The rule `LeastRisk` looks at SURE every five iterations, always with the same probes. It judges the trained network first, and where nothing beats it, keeps it.
#
# **Predict before you run.** Which of the four images gains the most, which the least, and will any of them pass BM3D?

# %%
chosen = {}
print(f"{'gain in dB:':20} rule at   rule   best   last   after   BM3D  gap closed")
for name in names:
    x, y = observe(name)
    rule, quality = LeastRisk(y, sigma, patience=1000), []  # looks until the end
    for step in tune_on_restored(y, denoiser, sigma, iterations=80):
        quality.append(score(step.estimate, x) - first[name])
        rule.observe(step, step.estimate)
    gain, gap = quality[rule.iteration - 1], classical[name] - first[name]
    chosen[name] = gain
    closed = f"{100 * gain / gap:3.0f} %" if gap > 0 else "ahead"
    print(f"{name:20} {rule.iteration:7}  {gain:+.2f}  {max(quality):+.2f}", end="")
    print(f"  {quality[-1]:+.2f}   {first[name] + gain:.2f}", end="")
    print(f"  {classical[name]:.2f}  {closed}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The phantom gains most and the photograph least. The rule gives away a part of the gain: on these four images, running to the end would have been as good or better. So at the right noise level the rule is an insurance that nothing here made use of; section 8 tests it at a wrong one. And **BM3D stays ahead** on the three unfamiliar images. Adapting closes a part of the gap, printed in the last column, and never all of it.
# People who have seen the curve rise usually expect the network to win in the end. If you need the best result on such an image, run BM3D, which is faster and has no learning rate.
#
# </details>
#
# One window and one seed are no result. The figure shows eleven images, photographs above the line and unfamiliar ones below it (`tissue` and `galaxies` are `immunohistochemistry` and `hubble_deep_field`), the mean of three noise seeds each, measured by `python benchmarks/adaptation.py denoising --settings "restored, all"` with the same rule. Colour images use the colour denoiser.

# %%
# Gain by the rule: mean (least, most) of three seeds; BM3D less the trained network
measured = {
    "astronaut": (0.02, 0.00, 0.03, -0.16),
    "coffee": (0.49, 0.44, 0.53, 0.98),
    "chelsea": (0.00, 0.00, 0.00, 0.20),
    "camera": (0.01, 0.00, 0.03, -0.10),
    "text": (0.23, 0.12, 0.30, 0.48),
    "brick": (0.59, 0.56, 0.63, 1.29),
    "phantom": (0.94, 0.86, 1.04, 1.60),
    "page": (0.59, None, None, 0.62),
    "retina": (1.16, None, None, 2.16),
    "tissue": (0.31, None, None, 0.39),
    "galaxies": (-0.03, None, None, -0.35),
}
figure = Figure(figsize=(7.6, 3.8), layout="constrained")
axes = figure.subplots()
for place, (mean, least, most, lead) in enumerate(measured.values()):
    if least is not None:
        axes.plot([least, most], [place, place], color="C0", linewidth=5, alpha=0.5)
    axes.plot(mean, place, "o", color="C0", label=None if place else "adapted")
    axes.plot(lead, place, "D", color="C1", label=None if place else "BM3D")
axes.set_yticks(range(len(measured)), list(measured))
axes.axvline(0, color="gray", linestyle=":")
axes.axhline(3.5, color="gray", linewidth=0.5)
axes.set_xlabel("dB over the trained network; bars: least to most of three seeds")
axes.legend(loc="lower right")
axes.invert_yaxis()
alt = (
    "Gains by image, from zero on most photographs to above one decibel on the retina;"
)
alt += " BM3D lies further to the right on six of seven unfamiliar images."
show_figure(figure, alt)

# %%
for kind, rows in {"photographs": (0, 4), "unfamiliar": (4, 11)}.items():
    rows = list(measured.values())[slice(*rows)]
    gain, lead = (sum(row[column] for row in rows) / len(rows) for column in (0, 3))
    behind = [row for row in rows if row[3] > 0]  # where there is a gap to close
    share = sum(row[0] for row in behind) / sum(row[3] for row in behind)
    ahead = sum(row[3] > row[0] for row in rows)
    print(f"{kind:12} gain {gain:+.2f} dB, BM3D {lead:+.2f} dB,", end=" ")
    print(f"ahead on {ahead} of {len(rows)}; gap closed by {100 * share:.0f} %")

# %% [markdown]
# Four of the unfamiliar images have only their mean here. Over all 21 runs on unfamiliar images the gains range from $-0.08$ to $1.48$ dB, and no run on a photograph loses anything.
# The cup of coffee gains half a decibel although it is a photograph, so that "unfamiliar" is a matter of degree: what counts is how much the network leaves to gain. Where BM3D leads on unfamiliar images, adapting closes somewhat more than half of the gap on average. (Images on which the network leads anyway are left out of that share, since they have no gap.)

# %% tags=["nbval-check-output"]
unfamiliar = [chosen[name] for name in names if name != "camera"]
print(
    "the mean gain on the unfamiliar images is half a decibel or more:",
    sum(unfamiliar) / len(unfamiliar) > 0.5,
)
print(
    "the photograph gains less than any of them, and loses almost nothing:",
    -0.1 < chosen["camera"] < min(unfamiliar) - 0.1,
)
print(
    "adapting closes a fifth or more of each gap to BM3D, and none of them whole:",
    all(
        0.2 < chosen[name] / (classical[name] - first[name]) < 1
        for name in names
        if name != "camera"
    ),
)

# %% [markdown]
# ## 6. One denoiser, many problems: IDBP
#
# A denoiser knows what images look like, and the forward model $A$ knows what was measured. **IDBP**, iterative denoising and backward projections (Tirer and Giryes, 2019), lets them take turns. Start from $x = A^+ y$ and repeat:
#
# 1. denoise: $\; \tilde x = D(x; \, s)$, where $D$ assumes the noise level $s$;
# 2. project back: $\; x = \tilde x + A^+ (y - A \tilde x)$, so that $x$ explains the data again (lesson 04).
#
# The errors of $x$ are not noise, but a denoiser that assumes level $s$ removes what does not look like an image at that scale. Nothing is trained for the task, so one denoiser serves for super-resolution, deblurring and inpainting alike; we show super-resolution.
#
# **The paper and here.** In the paper's main algorithm the level is fixed, $\sigma$ plus a constant, for 30 iterations. The authors' code for super-resolution lets it fall geometrically, which is from $24/255$ to $2/255$ at scale 2. Here the level falls from $49/255$, the start in IRCNN (Zhang and others, 2017), to $2/255$. All three kinds are compared below.
# For noisy data the paper's $A^+$ becomes $A^T(AA^T + \varepsilon I)^{-1}$, because the plain one amplifies the noise; our data have none.


# %%
def falling(strongest=49 / 255, weakest=2 / 255, rounds=30):
    return [
        strongest * (weakest / strongest) ** (i / (rounds - 1)) for i in range(rounds)
    ]


def restore(y, A, denoiser, levels, adapt=None):
    x, network = A.pinv(y), denoiser
    for level in levels:
        if adapt and level < 12 / 255:
            network, adapt = adapt(x, level), None  # once
        estimate = denoise(network, x, level)
        x = estimate + A.pinv(y - A(estimate))
    return x.clamp(0, 1)


# %% [markdown]
# The argument `adapt` makes it **image-adapted**, once, for the last and weakest levels, as in the paper: by then $x$ is nearly an image. *What* is the denoiser adapted to? **The paper** (IDBP-CNN-IA, the same authors) cuts its patches from the small image $y$ itself, since structures recur across scales, and adds noise that is $1/255$ stronger than the level.
# **Here**, the patches come from the estimate as it stands, denoised. This suits any $A$, also one whose $y$ is no image.

# %%
A = Downsample(2)
half = A(wall)


def to_estimate(x, level):
    return adapted_to(denoise(denoiser, x, level), denoiser, level)


def to_observation(x, level):
    return adapted_to(half, denoiser, level + 1 / 255)


# %% [markdown]
# **Predict before you run.** The wall at half its size. In lesson 08 zero-shot super-resolution *lost* by decibels to back-projected bicubic interpolation on this wall, so this baseline is here, too. Order these: bicubic, made consistent; IDBP with our levels, with the authors', and with a fixed one ($5/255$, and $1/255$, which is the best of six on this wall, found with the truth); adapted to patches of $y$; adapted to the estimate.

# %%
ways = {
    "bicubic": enlarge(half, A),
    "bicubic, consistent": consistent(enlarge(half, A), half, A),
    "IDBP": restore(half, A, denoiser, falling()),
    "IDBP, authors' levels": restore(half, A, denoiser, falling(24 / 255)),
    "IDBP, fixed 5/255": restore(half, A, denoiser, [5 / 255] * 30),
    "IDBP, fixed 1/255": restore(half, A, denoiser, [1 / 255] * 30),
    "adapted to y": restore(half, A, denoiser, falling(), to_observation),
    "adapted to estimate": restore(half, A, denoiser, falling(), to_estimate),
}
wall_scores = {name: score(x, wall, shave=2) for name, x in ways.items()}
for name, value in wall_scores.items():
    misfit = float((A(ways[name].clamp(0, 1)) - half).abs().max())
    print(f"{name:24} {value:.2f} dB, largest misfit {misfit:.5f}")
agree = [
    compare(name, mine, run(idbp(half, A, denoiser, adapt=adapt)).estimate, 1e-3)
    for name, adapt, mine in (
        ("IDBP", None, ways["IDBP"]),
        ("IDBP, adapted", "all", ways["adapted to estimate"]),
    )
]

# %%
titles = {
    f"{name.removeprefix('IDBP, ')}: {wall_scores[name]:.1f} dB": ways[name].clamp(0, 1)
    for name in ("IDBP", "adapted to y", "adapted to estimate", "IDBP, fixed 1/255")
}
alt = "Error maps of the enlarged wall by four kinds of IDBP: all err along the upper "
alt += "joints, least where the level was fixed at 1/255."
show_error_map(titles, wall, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Once bicubic interpolation is made consistent, IDBP with our levels leads by only two tenths of a decibel, not by the decibel and a half that a comparison without that step would show. At the same levels, patches of the estimate add half a decibel, whereas **patches of $y$, the published source, do harm**.
# A likely reason is that the joints of the small wall are half as wide as those of the large one, so that its patches teach the wrong scale. Our budget is smaller, too, 100 iterations of 8 patches, where the paper takes 320 of 32.
#
# Few expect the levels to matter as much as the network. The authors' are better than ours on the wall, $5/255$ all the way comes close to the adapted network, and $1/255$ is ahead of it by nearly a decibel, *without* any adapting (the darkest error map). The latter was chosen with the truth and would be too weak for the other images. But one number gains more here than 227,204 weights do, and at a fixed $3/255$ adapting adds nothing (`benchmarks/RESULTS.md`). Compare an adapted method with a baseline that was tuned as carefully.
#
# </details>
#
# This is not a verdict against the paper, whose experiments are on photographs and on images with unknown kernels. On the phantom, whose edges look the same at every scale, patches of $y$ are the better source: `benchmarks/RESULTS.md` has 39.5 dB, against 39.0 for the estimate and 38.8 for IDBP without adapting, falling or fixed.
# On the photograph both sources *lose* a tenth of a decibel or more to plain IDBP, so that adapting within IDBP is no free gain.

# %% tags=["nbval-check-output"]
print("my IDBP, plain and adapted, and the library's are the same:", all(agree))
print(
    "consistency alone lifts bicubic by a decibel:",
    wall_scores["bicubic, consistent"] > wall_scores["bicubic"] + 1,
)
print(
    "IDBP is ahead of bicubic with the same post-processing:",
    wall_scores["IDBP"] > wall_scores["bicubic, consistent"] + 0.1,
)
print(
    "at the same levels, adapted to the estimate it is better still:",
    wall_scores["adapted to estimate"] > wall_scores["IDBP"] + 0.2,
)
print(
    "adapted to patches of y it does harm on the wall:",
    wall_scores["adapted to y"] < wall_scores["IDBP"] - 0.3,
)
print(
    "a fixed level, chosen with the truth, gains more without adapting:",
    wall_scores["IDBP, fixed 1/255"] > wall_scores["adapted to estimate"] + 0.3,
)

# %% [markdown]
# ## 7. Another kernel: adapt the network, or the input?
#
# A network for super-resolution was trained on images that bicubic downsampling had made small. Your camera blurs in another way. Then the network is lost, because it undoes a blur that never happened. Suppose that the kernel is known. There are three remedies:
#
# - **Back-projection** makes the result explain $y$, whatever the network did (lesson 04).
# - **Adapting the network** trains it on $y$ and a smaller version of $y$ made with the true kernel, as in lesson 08, but from the trained weights.
# - **Correcting the input** leaves the network alone, and filters $y$ until it looks as if bicubic downsampling had made it. This is the **correction filter** of Abu-Hussein, Tirer and Giryes (2020).
#
# The filter follows from one assumption. Let $S$ be the camera, and let $R$ enlarge by the bicubic kernel, so that $R^T$ is bicubic downsampling. If the image were $x = R z$ for some small $z$, then $y = S R z$ would give $z = (S R)^{-1} y$,
# and the bicubic camera would have seen
#
# $$R^T x = R^T R \, (S R)^{-1} y .$$
#
# $S R$ enlarges, blurs, and keeps every second pixel. Shift the small image by one pixel: the large one shifts by two, and the result by one. So with circular borders $S R$ is a convolution of *small* images. Its kernel is the convolution of both kernels, of which every second value is kept, and the same holds for $R^T R$.
# With their spectra $\hat q$ and $\hat r$ the whole correction is one filter, $\hat h = \hat r\, \overline{\hat q} / (|\hat q|^2 + \varepsilon)$, where $\varepsilon$ keeps the division from growing without bound.


# %%
def bicubic(scale=2):
    # Keys' cubic, widened by the scale: the kernel of antialiased downsampling
    t = ((torch.arange(4.0 * scale) - 2 * scale + 0.5) / scale).abs()
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    line = torch.where(t <= 1, near, far)
    return torch.outer(line, line) / line.sum() ** 2


def corrected(y, camera, epsilon=1e-6):
    shrink = BlurDownsample(bicubic(), 2)  # R^T; its adjoint is R
    impulse = torch.zeros_like(y[:, :1]).double()
    impulse[..., 0, 0] = 1
    q = torch.fft.rfft2(camera(shrink.adjoint(impulse)))  # S R
    r = torch.fft.rfft2(shrink(shrink.adjoint(impulse)))  # R^T R
    h = r * q.conj() / (q.abs() ** 2 + epsilon)
    return torch.fft.irfft2(torch.fft.rfft2(y) * h.to(torch.complex64), s=y.shape[-2:])


# %% [markdown]
# In code, an impulse sent through $SR$ shows its kernel. The network, `sharper`, sharpens a bicubic enlargement of its input.
#
# **Predict before you run.** A cat's eye, a slanted blur. Which remedy comes out ahead, and what remains of the differences once *all* results are made consistent with $y$?

# %%
cat = picture("chelsea", side=96).to(device)
camera = BlurDownsample(gaussian_kernel(15, (2.5, 0.8), angle=45), 2)
seen, enlarger = camera(cat), trained("super_resolution").to(device)


@torch.no_grad()
def sharper(y):
    return enlarger(enlarge(y, camera))


filtered = corrected(seen, camera)
filters = compare("filter", filtered, correction_filter(seen, camera), 1e-3)
steps = adapt_super_resolution(seen, camera, enlarger, iterations=150)
eyes = {
    "bicubic": enlarge(seen, camera),
    "trained": sharper(seen),
    "adapted": run(steps).estimate,
    "corrected input": sharper(filtered),
}
cat_scores = {name: score(x, cat, shave=6) for name, x in eyes.items()}
exact = {name: consistent(x, seen, camera) for name, x in eyes.items()}
exact_scores = {name: score(x, cat, shave=6) for name, x in exact.items()}
for name in eyes:
    print(
        f"{name:16} {cat_scores[name]:.2f} dB, consistent {exact_scores[name]:.2f} dB"
    )
target = Downsample(2)(cat)
before, after = (score(z, target, shave=3) for z in (seen, filtered))
print(f"input against a bicubic one: {before:.1f} dB, corrected {after:.1f} dB")

# %%
titles = {f"{name}: {cat_scores[name]:.2f} dB": x for name, x in eyes.items()}
alt = (
    "A cat's eye: blurred by bicubic interpolation and by the trained network, sharper "
)
alt += "once adapted, and sharpest with the corrected input."
titles = {name: x.clamp(0, 1) for name, x in titles.items()}
show_images(titles | {"truth": cat}, alt, columns=5, crop=(36, 36, 24))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Alone, the trained network is hardly better than bicubic interpolation. Adapting it gains more than five decibels, and **the corrected input gains a further decibel**, with one filter and no training at all: filtered, the input is nearly what bicubic downsampling would have given (last line). Once all results are made consistent, *even bicubic interpolation* is level with the best of them.
# People usually credit the network. But for noiseless data and a known kernel, knowing $y$ exactly is worth more here than any of these priors. (On a cup of coffee in `benchmarks/RESULTS.md` the corrected input keeps a lead of about a decibel. And the data are kind: our camera wraps around at its borders, exactly as the inverse assumes.)
#
# </details>
#
# So is all this in vain? The exact inverse needs exact data. With noise of only $2/255$ it divides noise by small numbers. The filter has its $\varepsilon$ against this, and for a fair comparison back-projection gets one as well, as in section 6: $x + A^T (A A^T + \varepsilon I)^{-1} (y - A x)$, where $A A^T$ is again a convolution of small images.
#
# **Predict before you run.** Which of the remedies survives noise of $2/255$?


# %%
def nearly_consistent(x, y, A, epsilon=1e-2):
    impulse = torch.zeros_like(y[:, :1])
    impulse[..., 0, 0] = 1
    seen = torch.fft.rfft2(A(A.adjoint(impulse))).real  # A A^T
    misfit = torch.fft.rfft2(y - A(x)) / (seen + epsilon)
    return x + A.adjoint(torch.fft.irfft2(misfit, s=y.shape[-2:]))


# %%
grainy = add_gaussian(seen, 2 / 255)
steps = adapt_super_resolution(grainy, camera, enlarger, iterations=150, noise=2 / 255)
blurred = sharper(grainy)
robust = {
    "trained": blurred,
    "consistent": consistent(blurred, grainy, camera),
    "nearly consistent": nearly_consistent(blurred, grainy, camera),
    "bicubic, nearly consistent": nearly_consistent(
        enlarge(grainy, camera), grainy, camera
    ),
    "adapted": run(steps).estimate,
    "filter, epsilon 1e-6": sharper(correction_filter(grainy, camera)),
    "filter, epsilon 1e-3": sharper(correction_filter(grainy, camera, 1e-3)),
}
robust = {name: score(x, cat, shave=6) for name, x in robust.items()}
for name, value in robust.items():
    print(f"{name:28} {value:.2f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Exact consistency and the unregularised filter fall far below doing nothing, because both invert the camera without regard for noise. Regularised, both survive, and even bicubic interpolation comes within half a decibel of the best. But each $\varepsilon$ was found with the truth.
# The adapted network reaches the same level and needs only the noise level, because it was trained with noise in its inputs. On this image that is all; over two images and two kernels it is ahead of the better of the other two by 0.0 to 1.1 dB (`benchmarks/RESULTS.md`). This is where adapting the network earns its time.
#
# </details>

# %% tags=["nbval-check-output"]
print("my correction filter and the library's are the same:", filters)
print(
    "a network for another kernel gains less than a decibel over bicubic:",
    cat_scores["trained"] < cat_scores["bicubic"] + 1,
)
print(
    "adapted, it gains three decibels or more:",
    cat_scores["adapted"] > cat_scores["trained"] + 3,
)
print(
    "the corrected input is better by half a decibel, without any training:",
    cat_scores["corrected input"] > cat_scores["adapted"] + 0.5,
)
print(
    "made consistent, all four are within half a decibel:",
    max(exact_scores.values()) - min(exact_scores.values()) < 0.5,
)
print(
    "with noise the exact inverses lose three decibels:",
    max(robust["consistent"], robust["filter, epsilon 1e-6"]) < robust["trained"] - 3,
)
regularised = (robust["nearly consistent"], robust["filter, epsilon 1e-3"])
print(
    "regularised, both gain a decibel and a half:",
    min(regularised) > robust["trained"] + 1.5,
)
print(
    "the adapted network is level with them or better:",
    robust["adapted"] > max(regularised) - 0.3,
)

# %% [markdown]
# ## 8. Where it fails
#
# The recommended method, own result plus rule, assumes that the noise is white and its level is known. Neither is certain in practice. On textured images `estimate_sigma` takes texture for noise, and cameras correlate the noise of neighbouring pixels when they interpolate colours.
#
# **Predict before you run.** Grass, with three seeds of noise. We pass the estimated level, as one has to where the camera's is unknown. Will the rule prevent harm?

# %%
grass, harms = picture("grass", 96).to(device), []
for seed in range(3):
    y = add_gaussian(grass, sigma, seed=seed)
    assumed = estimate_sigma(y)
    rule, qualities = LeastRisk(y, assumed), []
    for step in tune_on_restored(y, denoiser, assumed, iterations=40, seed=seed):
        qualities.append(score(step.estimate, grass))
        rule.observe(step, step.estimate)
    promise = 1e4 * (rule.least - rule.first)
    gain = qualities[rule.iteration - 1] - qualities[0]
    errors = [10 ** (4 - quality / 10) for quality in qualities]
    truth = errors[rule.iteration - 1] - errors[0]
    harms.append((gain, promise, truth))
    print(f"assumed {255 * assumed:.1f}/255: the rule chose {rule.iteration},", end=" ")
    print(f"promises {promise:+.1f}e-4, true {truth:+.1f}e-4, {gain:+.2f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# It does not. The level is estimated nearly a fifth too high, and the recommended method makes all three results *worse*, by tenths of a decibel, while its judge promises an improvement each time. A denoiser that assumes too much noise erases grass; the erased image becomes the target, so that adapting erases more; and SURE, which assumes the same level,
# applauds. With the true level, runs like these gain a few hundredths (`benchmarks/RESULTS.md`). A judge that shares the error of what it judges is no protection against it.
#
# </details>
#
# **Correlated noise** breaks the second assumption. The wall again, with noise of the same strength that neighbours share, and for comparison half of the true level. BM3D is given the same wrong level.

# %%
correlated = add_correlated(wall, sigma, gaussian_kernel(5, 0.7))
cases = {"as assumed": (noisy, sigma), "correlated": (correlated, sigma)}
cases["half of sigma"] = (noisy, sigma / 2)
failures = {}
for name, (y, assumed) in cases.items():
    before = score(denoise(denoiser, y, assumed), wall)
    steps = tune_on_restored(y, denoiser, assumed, iterations=30)
    after = run(steps, stop=LeastRisk(y, assumed)).estimate
    failures[name] = before, score(after, wall)
    matched = score(block_matching(y, assumed), wall)
    print(
        f"{name:16} trained {before:.2f} dB, adapted {failures[name][1]:.2f} dB,",
        end=" ",
    )
    print(f"BM3D {matched:.2f} dB")

# %% [markdown]
# Both cost about ten decibels, for BM3D as well, and adapting does not bring them back. Noise that the denoiser does not expect looks like structure, so it survives in the network's output and becomes part of the target. On the photograph and the grass, adapting to correlated noise even loses a third of a decibel (`benchmarks/RESULTS.md`).

# %% tags=["nbval-check-output"]
print(
    "grass, level estimated: adapting does harm with each seed:",
    all(gain < -0.05 for gain, _, _ in harms),
)
print(
    "and each time the judge promises an improvement:",
    all(promise < -0.5 and truth > 0.5 for _, promise, truth in harms),
)
gains = {name: after - before for name, (before, after) in failures.items()}
print(
    "correlated noise or half of sigma: adapting gains less than half as much:",
    gains["as assumed"] > 0.3
    and max(gains["correlated"], gains["half of sigma"]) < gains["as assumed"] / 2,
)

# %% [markdown]
# **Cost and benefit.** The times of this machine are printed below.

# %%
start = time.perf_counter()
denoise(denoiser, noisy)
once = time.perf_counter() - start
start = time.perf_counter()
block_matching(noisy)
matched = time.perf_counter() - start
print(f"network {once:.2f} s, BM3D {matched:.1f} s, adapting", end=" ")
print(f"{tuned.seconds:.1f} s for 80 iterations")

# %% [markdown]
# Adapting takes hundreds of times as long as the network alone. For single images of a kind that the network rarely saw, BM3D is the first choice in this course's own tables. Adapting is worth its time in three cases: where a network is used that classical methods cannot match, as in the papers;
# where the network is part of a scheme such as IDBP; and where a *set* of similar images, from one microscope or one scanner, shares the cost.
#
# ## Exercises
#
# 1. **A larger wall.** SURE as the loss failed on 64 pixels. Predict and measure: does the promise come nearer to the truth on the wall at 128 and 192 pixels? `picture("brick", 128)`, all weights, rate $10^{-4}$, 30 iterations.
# 2. **Twice its own result.** After adapting, denoise $y$ again, cut new patches from the better result, and adapt the trained network to them. Does the second round gain as much as the first?
# 3. **A filter that does nothing.** What is the correction filter for a camera that blurs with the bicubic kernel itself? Answer from the formula, then test it with `BlurDownsample(bicubic(), 2)`.
#
# <details><summary>Solution 1</summary>
#
# In our run SURE fell by 4.3, 2.6 and 1.7 (times $10^{-4}$) at 64, 128 and 192 pixels, and the true error by 0.03, 0.07 and 0.10. The false part shrinks, because nine times as many pixels have to be fitted by the same weights, and the truth begins to follow. This is one reason why SURE as the loss can work on the larger images of the GainTuning paper.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# ```python
# second = adapted_to(denoise(adapted_to(elsewhere, denoiser, sigma), noisy), denoiser, sigma)
# print(score(denoise(second, noisy), wall))
# ```
#
# It gains hardly anything: 33.09, 33.87 and 33.88 dB in our run. The targets are a little better, but what the first result had erased is still missing from them, and the network is now even surer that it does not exist.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# Then $S = R^T$, so that $R^T R (S R)^{-1}$ is the identity. With $\varepsilon = 10^{-6}$ the filtered image equals $y$ to about five digits: `compare("y", corrected(y, camera), y, 1e-4)`.
#
# </details>
#
# ## Summary
#
# 1. A network trained elsewhere can go on learning from the image at hand. Copy it first, keep evaluation mode, and choose what may change: gains, a low-rank update, or all weights, each at its own learning rate.
# 2. SURE as the *loss* is right where the image has much to teach, and elsewhere it promises what is not true; as the *judge* of another loss it is less tempted, but it was not needed at the right noise level and is deceived by a wrong one.
# 3. Its own result with fresh noise is a training set. On unfamiliar images that gains about half a decibel on average, which closes somewhat more than half of the gap to BM3D where there is one.
# 4. IDBP turns any denoiser into a solver of inverse problems; adapting the denoiser helps or harms by tenths, as the source of the patches decides, and the choice of levels counts as much. For another kernel and exact data, a filter on the input or exact consistency does without adapting; with noise, the adapted network needs no parameter that the truth has to choose.
# 5. **What breaks it:** a wrong noise level, correlated noise, steps that are too long, and a judge who shares the error of the judged.
#
# **Papers.**
# T. Tirer, R. Giryes, [*Image Restoration by Iterative Denoising and Backward Projections*](https://arxiv.org/abs/1710.06647), IEEE Transactions on Image Processing 2019: IDBP.
# T. Tirer, R. Giryes, [*Super-Resolution via Image-Adapted Denoising CNNs*](https://arxiv.org/abs/1811.12866), IEEE Signal Processing Letters 2019: the denoiser adapted within IDBP.
# S. Mohan and others, [*Adaptive Denoising via GainTuning*](https://arxiv.org/abs/2107.12815), NeurIPS 2021: one gain for each channel.
# G. Vaksman, M. Elad, P. Milanfar, [*LIDIA: Lightweight Learned Image Denoising with Instance Adaptation*](https://arxiv.org/abs/1911.07167), CVPR Workshops 2020, and S. Lee and others, [*Restore from Restored*](https://arxiv.org/abs/2003.04279), 2020: the own result as the truth.
# E. J. Hu and others, [*LoRA: Low-Rank Adaptation of Large Language Models*](https://arxiv.org/abs/2106.09685), ICLR 2022: low-rank updates.
# S. Abu Hussein, T. Tirer, R. Giryes, [*Correction Filter for Single Image Super-Resolution*](https://arxiv.org/abs/1912.00157), CVPR 2020: adapt the input.
# A. Shocher, N. Cohen, M. Irani, [*"Zero-Shot" Super-Resolution using Deep Internal Learning*](https://arxiv.org/abs/1712.06087), CVPR 2018: pairs from $y$ itself.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the survey that this course follows.
#
# **Next.** Lesson 13 adapts a network that has to name what it sees.
#
# **Problem set.** [Problem set 12](../exercises/ps12_adapting_a_denoiser/ps12_adapting_a_denoiser.ipynb): gains, SURE as a loss, pairs with fresh noise, a round of IDBP, a judge without truth, runs that fail.
