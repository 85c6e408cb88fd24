# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Adapting a trained denoiser to the picture at hand
#
# Until now each network began from nothing, and learned from one picture. Here begins the second direction of the field.
# A network was trained **elsewhere**, on many pictures. Then it meets *your* picture, which is unlike all of them. It can still learn: from that picture, at test time.
#
# **What you will be able to do**
# - say why a trained network fails on foreign pictures, and measure it;
# - adapt a denoiser by SURE, or by its own result, and never change the original;
# - choose how much of the network may change, and stop without the truth;
# - build IDBP, which solves inverse problems with any denoiser, and adapt the denoiser inside it;
# - say when adapting is worth its seconds, and when it does harm.
#
# **Before you start.** Lesson 06 (SURE) and lesson 07 (hidden pixels). Lesson 08 for super-resolution.
#
# **Time.** About a minute and a quarter of computing on one CPU core, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import copy

import bm3d
import torch
from torch import nn
from torch.nn.utils import parametrize

from dil_course import runtime
from dil_course.adaptation import adapt_super_resolution, idbp, tune_on_restored
from dil_course.adaptation.idbp import levels
from dil_course.checks import compare
from dil_course.figures import show_curves, show_images
from dil_course.fitting import Step, run, watch
from dil_course.fitting.risks import probe, sure
from dil_course.from_scratch.zero_shot_sr import restore as as_trained
from dil_course.networks.trained import trained
from dil_course.signals import BlurDownsample, Downsample, add_correlated, add_gaussian
from dil_course.signals import enlarge, gaussian_kernel, picture, psnr

# %% [markdown]
# We take windows of 96 pixels, with noise of $\sigma$ = 25/255, and denote by $f(y, \sigma)$ what a denoiser makes of $y$.

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


# %% [markdown]
# ## 1. A network from elsewhere
#
# `trained("denoiser_gray")` is a small network of ours: eight convolutions, with batch norm between them. It saw five photographs and some coins, with noise of every strength up to 60/255.
# It is called with the noisy picture *and* the noise level. Its card, `dil_course/networks/weights/denoiser_gray.md`, says what it was trained on, and with which command you can train it again.
# No picture of this lesson was among them.
#
# **Predict before you run.** Four pictures: a photograph, printed text, a brick wall, and a drawing of a head (the *phantom* of tomography).
# On which of them will it beat BM3D, the best classical method (lesson 02), which has learned nothing?

# %%
from dil_course.signals import to_tensor

scores = {}
for name in ("camera", "text", "brick", "shepp_logan_phantom"):
    x, y = observe(name)
    classical = to_tensor(
        bm3d.bm3d(y[0, 0].cpu().numpy(), sigma).clip(0, 1).astype("float32")
    ).to(device)
    scores[name] = psnr(classical, x), psnr(denoise(denoiser, y), x)
    print(
        f"{name:20} noisy {psnr(y, x):.2f}   BM3D {scores[name][0]:.2f}   trained "
        f"{scores[name][1]:.2f} dB"
    )

# %% [markdown]
# We observe that the network beats BM3D on the photograph, which is like its training set. On the three foreign pictures BM3D is ahead, by half a decibel up to two.
# The network was never shown letters, bricks or drawings. BM3D believes only that patches recur, and there they do.

# %%
wall, y = observe("brick")
elsewhere = denoise(denoiser, y)
alt = "A brick wall: noisy, denoised by the trained network with soft seams, and the "
alt += "truth."
show_images(
    {
        f"noisy: {psnr(y, wall):.1f} dB": y,
        f"trained: {psnr(elsewhere, wall):.1f} dB": elsewhere,
        "truth": wall,
    },
    alt,
)

# %% [markdown]
# The noisy picture is full of bricks, all alike. It is a training set, if only we had a loss that needs no truth. Lessons 06 and 07 built such losses.
#
# ## 2. How much may change?
#
# The network has more than 200,000 weights, the picture 9,216 pixels. Free all weights, and the network may learn the noise by heart.
# One answer is to free only a few numbers. **GainTuning** puts one factor on each output channel of each convolution, and learns only these:
#
# $$w_c \;\to\; g_c \, w_c , \qquad g_c = 1 \text{ at first.}$$
#
# The network keeps all patterns that it knows. It learns only how much each of them counts *here*.
#
# In torch this is a **parametrization**: the weight is computed from others each time that it is used.


# %%
class Gain(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.gain = nn.Parameter(torch.ones_like(weight[:, :1, :1, :1]))

    def forward(self, weight):
        return self.gain * weight


def with_gains(network):
    # Never touch the original
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d):
            parametrize.register_parametrization(module, "weight", Gain(module.weight))
    return network


# %% [markdown]
# Two things are easy to get wrong here. **Copy first**: the trained network serves the next picture, too. **Stay in evaluation mode**: batch norm must keep the statistics of its training.
#
# The library's `free(network, what)` does the same, and has three more choices: all weights; the norms (scale and shift of each batch norm); or a low-rank update $W + BA$ of each weight, known as LoRA.

# %%
from dil_course.adaptation import free
from dil_course.adaptation.freedom import FREEDOMS, count

for what in FREEDOMS:
    print(f"{what:10} {count(free(denoiser, what)):8,} numbers can change")
mine = with_gains(denoiser)
print(f"{'by hand':10} {count(mine):8,}")

# %% [markdown]
# ## 3. First idea: SURE as the loss
#
# SURE estimates the error of a denoiser on $y$ without the truth (lesson 06): $\;\|f(y) - y\|^2/n - \sigma^2 + 2\sigma^2 \,\mathrm{div} f / n$.
# So make it the loss. The loop has twelve lines.


# %%
def tune(y, network, sigma, iterations, learning_rate=1e-3, seed=0):
    generator = runtime.generator(seed, "probe", y.device)
    free = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(free, lr=learning_rate)

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
# Adding $\sigma^2$ changes nothing for the optimizer. It makes the loss the expected error to a *second* noisy picture.
#
# The library's version is `tune_by_sure`. Do the two agree?

# %%
from dil_course.adaptation import tune_by_sure

by_hand, by_library = (
    list(tune(y, mine, sigma, 5)),
    list(tune_by_sure(y, denoiser, sigma, "gain", iterations=5)),
)
same = [
    compare(f"estimate {i + 1}", by_hand[i].estimate, by_library[i].estimate)
    for i in (0, 4)
]

# %% [markdown]
# **Predict before you run.** We free the gains, then all weights. The loss needs no truth, and is unbiased. How many decibels will each bring on the wall?


# %%
def follow(steps, x, rule=None):
    losses, quality = [], []
    for step in steps:
        losses.append(float(step.loss))
        quality.append(psnr(step.estimate, x))
        if rule:
            rule.observe(step, step.estimate)
    return losses, [value - quality[0] for value in quality]


# %% [markdown]
# Two runs, with the gains free and with all weights free: the change of the quality, and the loss.

# %%
free_runs = {
    what: follow(tune_by_sure(y, denoiser, sigma, what, 80, 1e-3), wall)
    for what in ("gain", "all")
}
alt = "Change of the quality by iteration: "
alt += "with gains it stays near zero, with all weights it falls by a decibel or more."
qualities = {what: quality for what, (_, quality) in free_runs.items()}
show_curves(qualities, "iteration", "dB over the trained network", alt)
alt = "The loss by iteration: "
alt += "with gains it hardly moves, with all weights it falls steadily."
losses = {what: losses for what, (losses, _) in free_runs.items()}
show_curves(losses, "iteration", "SURE plus sigma squared", alt)

# %% [markdown]
# We observe two failures. The gains change almost nothing: 452 numbers cannot teach a network what a brick is. With all weights the loss falls, and **the picture gets worse**.
#
# How can that be, if SURE is unbiased? It is unbiased for a network that was fixed *before* the noise was drawn. Ours was fitted to this very noise. Among 227,204 weights there are some that make SURE small by luck,
# and the optimizer finds them. A measure that becomes a target is no measure any more. (Lesson 06 held that off with a tiny network. With large pictures luck counts for less: the authors of GainTuning report gains there.)

# %% tags=["nbval-check-output"]
(gain_losses, gain_quality), (losses, quality) = free_runs["gain"], free_runs["all"]
print("my loop and the library's are the same:", all(same))
print(
    "gains are less than one number in a hundred:",
    100 * count(mine) < count(free(denoiser, "all")),
)
print(
    "with all weights free, SURE falls while the picture gets worse:",
    sum(losses[-10:]) < sum(losses[:10]) and quality[-1] < -0.3,
)
print("gains alone do little harm, and little good:", abs(gain_quality[-1]) < 0.3)
print(
    "the trained network is as it was:",
    bool(torch.equal(denoise(denoiser, y), elsewhere)),
)

# %% [markdown]
# ## 4. Second idea: its own result as the truth
#
# Take the network's own result, and pretend that it is clean. Cut patches from it, add **fresh** noise, and learn to remove that:
#
# $$\min_f \; \big\| f(p + \sigma n) - p \big\|_1 , \qquad p \text{ a patch of } f_0(y), \text{ with } f_0 \text{ as trained.}$$
#
# It sounds as if nothing could come of it: the network is asked for what it said already. **But fresh noise cannot be learned by heart**, since it is never the same twice.
# And the patches show bricks, nothing but bricks. The network unlearns all that never occurs here, faces and skies, and its prior narrows to this wall. Supervised training, on one picture.


# %%
def pairs(clean, sigma, generator, side=40, count=8):
    def draw(below):
        return int(torch.randint(below, (), generator=generator))

    patches = []
    for _ in range(count):
        top = draw(clean.shape[-2] - side + 1)
        left = draw(clean.shape[-1] - side + 1)
        patch = clean[..., top : top + side, left : left + side]
        patches.append(patch.rot90(draw(4), (-2, -1)))
    patches = torch.cat(patches)
    noise = torch.randn(patches.shape, generator=generator).to(patches)
    return patches + sigma * noise, patches


# %% [markdown]
# The library's `tune_on_restored` also mirrors the patches, and takes some of them from a copy at nine tenths of the size. All weights may change.
#
# **Predict before you run.** Will this, too, get worse after a while?

# %%
noisy_patches, clean_patches = pairs(elsewhere, sigma, runtime.generator(0, "patches"))
shown = {
    "a patch with fresh noise": noisy_patches[:1],
    "the patch, of its own result": clean_patches[:1],
}
alt = "A patch of brick wall with noise, and the same patch as the trained network "
alt += "restored it."
show_images(shown, alt)

# %%
tuned = await watch(
    tune_on_restored(y, denoiser, sigma, iterations=100), truth=wall, observed=y
)

# %% [markdown]
# Side by side with the result of the trained network:

# %%
both = {
    f"trained: {psnr(elsewhere, wall):.2f} dB": elsewhere,
    f"adapted: {psnr(tuned.estimate, wall):.2f} dB": tuned.estimate,
    "truth": wall,
}
alt = "A brick wall: the adapted network's stones are smoother than the trained "
alt += "one's, and its seams as clear; the truth has fine grain."
show_images(both, alt)

# %% [markdown]
# We observe that the curve rises and stays. Stones come out smoother, seams stay clear. There is no cliff as in lesson 03, because the noise of $y$ is never a target.
#
# ## 5. When to stop, and when to leave it
#
# On which picture will it help? We cannot look at the truth. But now **SURE may be the judge**: it was not the target this time, so nobody has had a chance to fool it.
#
# The rule `LeastRisk` looks at SURE now and then, always with the same probes. It judges the trained network first. If nothing beats it, it stays.
#
# **Predict before you run.** Which of the four pictures gains the most, and which one the least?

# %%
from dil_course.fitting.stopping import LeastRisk

chosen, best = {}, {}
for name in scores:
    x, y = observe(name)
    rule = LeastRisk(y, sigma, patience=1000)
    _, quality = follow(tune_on_restored(y, denoiser, sigma, iterations=80), x, rule)
    chosen[name], best[name] = quality[rule.iteration - 1], max(quality)
    print(
        f"{name:20} the rule chose iteration {rule.iteration:2}: {chosen[name]:+.2f} "
        f"dB; the best was {best[name]:+.2f}, the last {quality[-1]:+.2f}"
    )

# %% [markdown]
# We observe decibels where the picture was foreign, and next to nothing on the photograph: the network knew such pictures before. There the rule may send you home with the trained network's own result, at iteration 1.
# It costs some of the gain, and it guards against harm.

# %% tags=["nbval-check-output"]
foreign = [chosen[name] for name in scores if name != "camera"]
print(
    "its own result as the truth: the wall gains a third of a decibel or more:",
    psnr(tuned.estimate, wall) > psnr(elsewhere, wall) + 1 / 3,
)
print(
    "the mean gain on foreign pictures is half a decibel or more:",
    sum(foreign) / len(foreign) > 0.5,
)
print("the photograph gains less than any of them:", chosen["camera"] < min(foreign))
print("and loses no more than a tenth of a decibel:", chosen["camera"] > -0.1)

# %% [markdown]
# ## 6. One denoiser, many problems: IDBP
#
# A denoiser knows what pictures look like. The forward model $A$ knows what was measured. **IDBP** (iterative denoising and backward projections) lets them speak in turn:
#
# 1. denoise: $\; \tilde x = D(x; \, s)$, where $D$ is told a noise level $s$;
# 2. project back: $\; x = \tilde x + A^+ (y - A \tilde x)$, so that $x$ explains the data again.
#
# The level $s$ falls from round to round: first coarse errors go, then fine ones. Nothing is trained for the problem. The same denoiser serves for super-resolution, deblurring, and holes.


# %%
def restore(y, A, denoiser, rounds=30):
    x = A.pinv(y)
    for level in levels(49 / 255, 2 / 255, rounds):
        estimate = denoise(denoiser, x, level)
        x = estimate + A.pinv(y - A(estimate))
    return x.clamp(0, 1)


# %% [markdown]
# And when the levels are low, adapt the denoiser to the picture as it stands, by the second idea. That is **IDBP-CNN-IA** (image-adapted).
#
# **Predict before you run.** The wall, half as large. In lesson 08 zero-shot super-resolution *lost* to bicubic there. What will a denoiser from elsewhere do? And an adapted one?

# %%
A = Downsample(2)
small = A(wall)
restored = {
    "bicubic": enlarge(small, A).clamp(0, 1),
    "IDBP": run(idbp(small, A, denoiser)).estimate,
    "IDBP, adapted": run(idbp(small, A, denoiser, adapt="all")).estimate,
}
mine = restore(small, A, denoiser)
agree = compare("IDBP, by hand", mine, restored["IDBP"], tolerance=1e-4)
alt = "A brick wall, enlarged twice: "
alt += "soft by bicubic, with clear seams by IDBP, and the truth."
wall_scores = {name: psnr(z, wall, shave=2) for name, z in restored.items()}
titles = {f"{name}: {wall_scores[name]:.2f} dB": z for name, z in restored.items()}
show_images(titles | {"truth": wall}, alt)

# %% [markdown]
# We observe that IDBP beats bicubic by more than a decibel, with a network that was never trained to enlarge anything. Adapted to the wall, it gains half a decibel more.
# The back-projection keeps it honest: each result explains the small picture exactly.
#
# ## 7. Another kernel
#
# A network for super-resolution was trained on pictures that the field's bicubic filter had shrunk. Your camera blurs in another way. Then the network is lost: it undoes a blur that never happened.
#
# Two mends, and both need the kernel. **Back-projection** makes the result explain $y$. **Adapting** trains the network on $y$ and its own smaller version, as in lesson 08. But it does not begin from nothing: 150 iterations are enough.

# %%
cat = picture("chelsea", side=96).to(device)
camera = BlurDownsample(gaussian_kernel(15, (2.5, 0.8), angle=45), 2)
y, enlarger = camera(cat), trained("super_resolution").to(device)
ways = {
    "bicubic": enlarge(y, camera),
    "trained": as_trained(enlarger, y, camera, corrected=False).detach(),
}
ways["and back-projected"] = as_trained(enlarger, y, camera).detach()
steps = adapt_super_resolution(y, camera, enlarger, iterations=150)
ways["adapted"] = run(steps).estimate
alt = "A cat's eye, enlarged: "
alt += "blurred by bicubic and by the trained network, sharp where the kernel was used."
cat_scores = {name: psnr(z.clamp(0, 1), cat, shave=6) for name, z in ways.items()}
titles = {f"{name}: {cat_scores[name]:.2f} dB": z for name, z in ways.items()}
show_images(titles | {"truth": cat}, alt)

# %% [markdown]
# We observe that the trained network alone is hardly better than bicubic: it was never told of this kernel. Back-projection, which is told, gains most of what can be had.
# Adapting adds some tenths on top, for a few seconds.

# %% tags=["nbval-check-output"]
print("my IDBP and the library's are the same:", agree)
print(
    "IDBP beats bicubic by a decibel or more:",
    wall_scores["IDBP"] > wall_scores["bicubic"] + 1,
)
print(
    "with a denoiser that is adapted on the way it is better still:",
    wall_scores["IDBP, adapted"] > wall_scores["IDBP"],
)
print(
    "a network for another kernel gains less than a decibel over bicubic:",
    cat_scores["trained"] < cat_scores["bicubic"] + 1,
)
print(
    "told the kernel, the adapted one gains three decibels or more:",
    cat_scores["adapted"] > cat_scores["bicubic"] + 3,
)
print(
    "and is ahead of back-projection alone:",
    cat_scores["adapted"] > cat_scores["and back-projected"],
)

# %% [markdown]
# ## 8. Where it fails
#
# Adapting believes two things: that the noise is white, and that its strength is known. **Predict before you run.** What happens on the wall when neighbours share the noise? And when we tell half of the true $\sigma$?

# %%
shared = add_correlated(wall, sigma, gaussian_kernel(5, 0.7))
cases = {
    "as it should be": (add_gaussian(wall, sigma), sigma),
    "shared noise": (shared, sigma),
    "told half of sigma": (add_gaussian(wall, sigma), sigma / 2),
}
failures = {}
for name, (y, told) in cases.items():
    before = denoise(denoiser, y, told)
    steps = tune_on_restored(y, denoiser, told, iterations=60)
    after = run(steps, stop=LeastRisk(y, told)).estimate
    failures[name] = psnr(before, wall), psnr(after, wall)
    print(
        f"{name:20} trained {failures[name][0]:.2f} dB, adapted "
        f"{failures[name][1]:.2f} dB"
    )

# %% [markdown]
# We observe that both cost many decibels, and adapting hardly changes that. The network takes for structure what noise it was not told of: then "its own result" contains that noise, and teaches it.
# The judge is misled as well: SURE believes the same two things.
#
# **Cost against benefit.** The trained network answers in a hundredth of a second. Adapting it takes several seconds here: hundreds of times as long, for half a decibel on foreign pictures and next to nothing on familiar ones.
# Do it where the picture is foreign and matters, as in microscopy, astronomy or medicine. Leave it where the training set was made of pictures like yours.

# %% tags=["nbval-check-output"]
right = failures["as it should be"][1]
print(
    "shared noise costs three decibels or more, and adapting does not bring them back:",
    max(failures["shared noise"]) < right - 3,
)
print("so does half of sigma:", max(failures["told half of sigma"]) < right - 3)

# %% [markdown]
# ## Summary
#
# 1. A network trained elsewhere can learn from the one picture at hand, where that is unlike its training set. Copy it first.
# 2. What may change is a choice: all weights, norms, gains, or a low-rank update.
# 3. SURE as the *loss* of 200,000 weights learns the noise; as the *judge* of another loss it says when to stop, and when to leave the network alone.
# 4. Its own result with fresh noise is a training set. On foreign pictures that gains half a decibel and more.
# 5. **What breaks it:** noise that neighbours share, a wrong $\sigma$, familiar pictures, and too much freedom for too long.
#
# **Papers.** T. Tirer, R. Giryes, *Image Restoration by Iterative Denoising and Backward Projections*, IEEE Transactions on Image Processing 2019 (IDBP), and *Super-Resolution via Image-Adapted Denoising CNNs*, IEEE Signal Processing Letters 2019.
# S. Mohan and others, *Adaptive Denoising via GainTuning*, NeurIPS 2021. G. Vaksman, M. Elad, P. Milanfar, *LIDIA: Lightweight Learned Image Denoising with Instance Adaptation*, CVPR Workshops 2020.
# S. Lee and others, *Restore-from-Restored*, 2020. E. J. Hu and others, *LoRA: Low-Rank Adaptation of Large Language Models*, ICLR 2022. A. Shocher, N. Cohen, M. Irani, *"Zero-Shot" Super-Resolution*, CVPR 2018.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, *Deep Internal Learning*, IEEE Signal Processing Magazine 2024.
#
# **Next.** Lesson 13 adapts a network that has to name what it sees.
#
# **Problem set.** [Problem set 12](../exercises/ps12_adapting_a_denoiser/ps12_adapting_a_denoiser.ipynb): gains, SURE as a loss, pairs with fresh noise, a round of IDBP, a judge without truth, runs that fail.
