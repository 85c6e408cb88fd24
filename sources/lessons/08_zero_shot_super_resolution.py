# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · Zero-shot super-resolution
#
# A picture is too small, and you want it twice as large. Networks learn that from thousands of pairs: small picture, large picture.
# You have one small picture, and no large one. It is enough. The picture itself becomes the training set.
#
# **What you will be able to do**
# - make a training set from a single picture;
# - build and train the network of zero-shot super-resolution (ZSSR), and watch what it adds;
# - say what each of its tricks gains, in decibels;
# - use the right kernel, and see what the wrong one costs;
# - tell beforehand on which pictures it fails.
#
# **Before you start.** Lesson 01 (operators). Lesson 03 helps: we compare with the deep image prior.
#
# **Time.** About two minutes of computing on 2 CPU cores, about an hour with reading and predicting.
# On a GPU: not measured.

# %%
import random

import torch
from torch import nn

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import show_images
from dil_course.fitting import Step, run, watch
from dil_course.signals import BlurDownsample, Downsample, add_gaussian, enlarge
from dil_course.signals import gaussian_kernel, picture, psnr, to_tensor

device = runtime.device()


def show(pictures, truth, alt):
    quality = {name: psnr(x, truth, shave=2) for name, x in pictures.items()}
    titles = {f"{name}, {quality[name]:.1f} dB": x for name, x in pictures.items()}
    show_images(titles | {"truth": truth}, alt)


# %% [markdown]
# ## 1. A training set of one picture
#
# The camera $A$ makes pictures twice smaller: $y = A(x)$. We see $y$ and want $x$.
#
# Here is the idea. We cannot undo $A$ on $y$, because we do not know $x$. But we can make $y$ smaller once more, and undo *that*:
#
# $$\underbrace{A(y)}_{\text{son}} \;\longrightarrow\; \underbrace{y}_{\text{father}} .$$
#
# For this step the answer is known: it is $y$. So a network can learn it, with no other picture. Then it takes the same step from $y$, and nobody has seen where that leads.
# The authors call it **zero-shot**: it has not seen a single example of the large picture.
#
# Our picture shows coins. They are of different sizes. **Predict:** what can a network learn from a small coin about a large one?

# %%
coins = picture("coins", side=144).to(device)
A = Downsample(2)
y = A(coins)
son = A(y)
alt = "Three versions of a picture of coins, each twice smaller than the one before; "
alt += "all are shown at the same size."
show_images(
    {
        "truth x (unknown), 144 px": coins,
        "what we have: y, 72 px": y,
        "its son A(y), 36 px": son,
    },
    alt,
)

# %% [markdown]
# Bicubic interpolation brings the son back to 72 pixels, and $y$ to 144. In both, the same kind of thing is missing: sharp rims, small figures.
# Look at what is missing, at both sizes.

# %%
missing_small, missing_large = y - enlarge(son, A), coins - enlarge(y, A)
shown = {
    "missing in the son: known": 0.5 + 2 * missing_small,
    "missing in y: unknown": 0.5 + 2 * missing_large,
}
alt = "Two maps, light and dark along the rims of the coins. "
alt += "The left one is coarser, and else they look alike."
show_images(shown, alt, columns=2)

# %% [markdown]
# We observe the same patterns: a rim leaves a dark and a bright line, at both sizes. The left map is our training set.
# The right one is what the network shall find. This works as far as small structures look like large ones, seen smaller: **recurrence across scales**.
#
# ## 2. The network
#
# The network gets the *enlarged* son, and adds what is missing. That is all it must learn: a **residual**. Eight convolutions of 3 × 3 pixels are enough.
# Each pixel of the result depends on the 17 × 17 pixels around it. There is not much to learn from, so the network must be small.


# %%
class Residual(nn.Module):
    def __init__(self, channels, width, depth=8):
        super().__init__()
        sides = [channels, *[width] * (depth - 1), channels]
        layers = []
        for a, b in zip(sides, sides[1:]):
            layers += [nn.Conv2d(a, b, 3), nn.ReLU()]
        self.depth, self.body = depth, nn.Sequential(*layers[:-1])
        for convolution in self.body[::2]:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
        self.body[-1].weight.data *= 0.1  # begin near bicubic: add little

    def forward(self, x):
        return x + self.body(nn.functional.pad(x, [self.depth] * 4, mode="reflect"))


# %% [markdown]
# The convolutions have no borders of their own: each makes the picture two pixels smaller. So we mirror the picture at its edges once, by eight pixels.
#
# The library's `ResidualNetwork` is this class. Do both give the same numbers from the same seed?

# %%
from dil_course.networks import ResidualNetwork

networks = []
for make in (Residual, ResidualNetwork):
    with runtime.seeded(0):
        networks.append(make(1, 32).to(device))
same_network = compare("output", networks[0](y), networks[1](y))
print("weights:", sum(weights.numel() for weights in networks[0].parameters()))

# %% [markdown]
# ## 3. The loop
#
# One pair of pictures is little. We make more of it:
#
# - each iteration sees another **window** of 32 × 32 pixels;
# - it is **turned and mirrored** at random. A picture seen in a mirror is still a picture, and $A$ does not mind.
#
# The loss is the mean *absolute* difference. Squares would let a few hard pixels rule.


# %%
def turn(x, number):
    turned = x.rot90(number % 4, (-2, -1))
    return turned.flip(-1) if number > 3 else turned


def fit(y, A, network, iterations, side=32, learning_rate=1e-3):
    pair, draw = torch.cat([enlarge(A(y), A), y]), random.Random(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    for iteration in range(1, iterations + 1):
        top = draw.randint(0, y.shape[-2] - side)
        left = draw.randint(0, y.shape[-1] - side)
        window = pair[..., top : top + side, left : left + side]
        son, father = turn(window, draw.randrange(8)).split(1)
        loss = (network(son) - father).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration % 20 == 1:
            with torch.no_grad():
                estimate = network(enlarge(y, A))  # the step into the unknown
        yield Step(iteration, iterations, loss.detach(), estimate, averaged=True)


# %% [markdown]
# Every 20 iterations we look at what the network makes of $y$. `averaged=True` tells the viewer to show that picture as it is.
#
# **Predict before you run.** Draw the PSNR over the iterations. Will it fall in the end, as in lesson 03?

# %%
first = await watch(
    fit(y, A, networks[0], iterations=runtime.pick(quick=400, full=1500)), truth=coins
)
bicubic = enlarge(y, A).clamp(0, 1)
alt = "Coins: blurred by bicubic interpolation, with crisp rims from the network, and "
alt += "the truth."
show({"bicubic": bicubic, "network": first.estimate}, coins, alt)

# %% [markdown]
# We observe that the curve rises steeply, and then stays, with jitter. There is no cliff as in lesson 03: $y$ has no noise to learn.
# The network never saw a picture of 144 pixels, and it beats the classical method by more than a decibel.
#
# What does it add? Look at the residual, the network's output minus bicubic, as it grew, beside what was really missing.

# %%
early = [first.snapshots[number] for number in (1, len(first.snapshots) // 2)]
added = {
    f"added, iteration {number}": to_tensor(array).to(device) - bicubic
    for number, array in early
}
added |= {
    "added, at the end": first.estimate - bicubic,
    "really missing": coins - bicubic,
}
alt = "Four maps: dark blurred coins at first, then clear lines along their rims. "
alt += "The last one, what was missing, has fine grain besides."
show_images({name: 0.5 + 2 * map_ for name, map_ in added.items()}, alt)
residual, wanted = (first.estimate - bicubic).flatten(), (coins - bicubic).flatten()
alike = torch.corrcoef(torch.stack([residual, wanted]))[0, 1]
print(f"correlation of the two: {alike:.2f}")

# %% [markdown]
# We observe that the network begins with nonsense, which its random weights make. Soon the rims are there.
# The grain inside the coins never comes: it does not recur, so nothing could teach it.

# %% tags=["nbval-check-output"]
gain = psnr(first.estimate, coins, shave=2) - psnr(bicubic, coins, shave=2)
print("my network and the library's are the same:", same_network)
print(
    "trained on one small picture, it beats bicubic by more than a decibel:", gain > 1
)
print("what it adds is much like what was missing:", bool(alike > 0.4))

# %% [markdown]
# ## 4. The tricks, and what each is worth
#
# The paper adds four things:
#
# - **More fathers.** Each smaller version of $y$ has a son, too. Windows come from all of them.
# - **A falling learning rate.** Now and then the network restores $y$ from its own son: that error is known. A line is laid through the last five errors.
#   If it does not fall clearly, the learning rate is divided by 1.5. When the rate is very small, the run ends. The truth is never asked.
# - **Eight views.** At the end, turn $y$ in all eight ways, enlarge each, turn back, take the mean. Errors that depend on the direction average out.
# - **Back-projection.** The result must shrink to $y$. So add what is missing, ten times: $\hat x \leftarrow \hat x + \text{enlarge}(y - A(\hat x))$.
#
# All of it is in the library's `zero_shot_sr`. We run it once, and take the last two apart.

# %%
from dil_course.from_scratch import zero_shot_sr
from dil_course.from_scratch.zero_shot_sr import restore, turns_of

with runtime.seeded(0):
    network = ResidualNetwork(1, 32).to(device)
whole = await watch(
    zero_shot_sr(
        y, A, network=network, iterations=runtime.pick(quick=500, full=1500), gradual=1
    ),
    truth=coins,
)

# %%
variants = {
    "bicubic": bicubic,
    "one view": restore(network, y, A, corrected=False),
    "eight views": restore(network, y, A, turns_of(A), corrected=False),
    "one view, back-projected": restore(network, y, A),
    "both": restore(network, y, A, turns_of(A)),
}
for name, estimate in variants.items():
    misfit = 255 * (A(estimate) - y).square().mean().sqrt()
    print(
        f"{name:26} {psnr(estimate, coins, shave=2):.2f} dB, misfit to y "
        f"{misfit:.2f}/255"
    )

# %% [markdown]
# We observe that both help, by tenths of a decibel, and that back-projection makes the misfit to $y$ almost vanish. They cost a second, not a training.
#
# **Sanity.** A method that enlarges must not *move* anything. Half a pixel costs decibels and is hard to see.
# A round dot goes in, and its centre of mass must come out where it was.

# %%
steps = torch.arange(48.0)
dot = torch.exp(-((steps[:, None] - 22.5) ** 2 + (steps - 24.5) ** 2) / 18)[
    None, None
].to(device)
enlarged_dot = run(zero_shot_sr(Downsample(2)(dot), iterations=60)).estimate
centres = [
    [float((x[0, 0].sum(1 - axis).cpu() * steps).sum() / x.sum()) for axis in (0, 1)]
    for x in (dot, enlarged_dot)
]
print(
    "centre before:",
    [f"{c:.3f}" for c in centres[0]],
    " after:",
    [f"{c:.3f}" for c in centres[1]],
)

# %% tags=["nbval-check-output"]
scores = {name: psnr(estimate, coins, shave=2) for name, estimate in variants.items()}
print("eight views are better than one:", scores["eight views"] > scores["one view"])
print("back-projection gains, too:", scores["both"] > scores["eight views"])
print(
    "with it, the result explains the data:",
    float((A(variants["both"]) - y).abs().max()) < 0.01,
)
print(
    "nothing moved, to a twentieth of a pixel:",
    all(abs(a - b) < 0.05 for a, b in zip(*centres, strict=True)),
)

# %% [markdown]
# ## 5. A photograph: three ways to enlarge
#
# Now a photograph in colour. We race bicubic interpolation, the deep image prior of lesson 04, and ZSSR.
#
# **Predict before you run.** Both networks see only $y$. Which one is better, and which one is faster?

# %%
from dil_course.from_scratch import deep_image_prior
from dil_course.signals import consistent

astronaut = picture("astronaut", side=144).to(device)
small = A(astronaut)
prior = run(deep_image_prior(small, A, iterations=runtime.pick(quick=350, full=1800)))
zero_shot = await watch(
    zero_shot_sr(small, A, iterations=runtime.pick(quick=300, full=1500), gradual=1),
    truth=astronaut,
)
race = {
    "bicubic": enlarge(small, A),
    "deep image prior": consistent(prior.estimate, small, A),
    "zero-shot": zero_shot.estimate,
}
alt = "A face in a space suit, enlarged in three ways, and the truth. "
alt += "Zero-shot has the clearest eyes and stripes."
show(race, astronaut, alt)
print(
    f"seconds: deep image prior {prior.seconds:.0f}, zero-shot {zero_shot.seconds:.0f}"
)

# %% [markdown]
# We observe that ZSSR wins here. The deep image prior knows only that pictures are smooth and made of structures. ZSSR has been *shown* what its steps do to this picture.
# On Set5, the field's five test pictures, the figures stand in `benchmarks/RESULTS.md`, beside the published ones.

# %% tags=["nbval-check-output"]
quality = {name: psnr(estimate, astronaut, shave=2) for name, estimate in race.items()}
print(
    "zero-shot beats bicubic by a decibel or more:",
    quality["zero-shot"] > quality["bicubic"] + 1,
)
print(
    "and it beats the deep image prior:",
    quality["zero-shot"] > quality["deep image prior"],
)

# %% [markdown]
# ## 6. The right kernel
#
# Until now $A$ was the field's bicubic shrinking, and the network knew it. Real cameras blur in ways of their own: out of focus, or moved.
# A network that was trained on a thousand *bicubic* pairs is lost then. ZSSR is not. It makes its sons with **whatever kernel you tell it**.
#
# Here the camera moved along a slanted line: a Gaussian blur, long in one direction and short in the other. We tell the truth to one run, and "bicubic" to another.
# With a kernel of its own nothing is turned or mirrored: the kernel would turn, too.

# %%
kernel = gaussian_kernel(15, (2.5, 0.8), angle=45)
camera = BlurDownsample(kernel, 2)
cat = picture("chelsea", side=144).to(device)
blurred = camera(cat)
iterations = runtime.pick(quick=300, full=1500)
told = {}
for name, B in {"told bicubic": A, "told the kernel": camera}.items():
    steps = zero_shot_sr(blurred, B, iterations=iterations, gradual=1)
    told[name] = run(steps).estimate
alt = "A cat's face enlarged: "
alt += "blurred by bicubic and where bicubic was told, sharp where the kernel was told."
show({"bicubic": enlarge(blurred, A)} | told, cat, alt)
for name, estimate in told.items():
    print(
        f"{name:16} misfit of A(estimate) to y, with the true A: "
        f"{255 * (camera(estimate) - blurred).square().mean().sqrt():.2f}/255"
    )

# %% [markdown]
# We observe decibels between the two. The method is the same, the network is the same, only the sons differ.
# The misfit tells which result explains $y$. So you can compare two kernels without the truth, as long as one of them is right.
# Finding the kernel from $y$ alone is the subject of lesson 09.
#
# ## 7. A noisy picture
#
# Real small pictures have noise. Shrinking takes the mean over several pixels, so **a son has less noise than its father**.
# The network learns that sons are clean and fathers are noisy. It does not expect noise in what it gets. Then it gets $y$, which *is* noisy, and sharpens the noise.
#
# The mend is simple: add noise to the sons. And leave back-projection out, it would put the noise of $y$ back.
#
# **Predict before you run.** Will the run with noise on its sons be better than plain bicubic?

# %%
noisy = add_gaussian(A(cat), 8 / 255)
cleaned = {}
for name, noise in {"clean sons": 0.0, "noisy sons": 8 / 255}.items():
    cleaned[name] = run(
        zero_shot_sr(noisy, A, iterations=iterations, noise=noise, gradual=1)
    ).estimate
alt = "A noisy cat's face enlarged: "
alt += "grainy by bicubic, grainier with clean sons, smooth with noisy sons."
show({"bicubic": enlarge(noisy, A)} | cleaned, cat, alt)

# %% [markdown]
# We observe that clean sons make it *worse* than bicubic. Noisy sons teach the network that grain is nothing to sharpen.

# %% tags=["nbval-check-output"]
right, assumed = (
    psnr(told[name], cat, shave=8) for name in ("told the kernel", "told bicubic")
)
print("the right kernel gains a decibel or more:", right > assumed + 1)
dirty = {name: psnr(estimate, cat, shave=2) for name, estimate in cleaned.items()}
print(
    "on noisy input clean sons are worse than bicubic:",
    dirty["clean sons"] < psnr(enlarge(noisy, A), cat, shave=2),
)
print(
    "noisy sons are better than clean ones by a decibel or more:",
    dirty["noisy sons"] > dirty["clean sons"] + 1,
)

# %% [markdown]
# ## 8. Where it fails
#
# ZSSR stands on recurrence across scales. A brick wall looks like the best case there is: brick after brick, all alike.
#
# **Predict before you run.** How much will it gain on the wall?

# %%
wall = picture("brick", side=128).to(device)
small_wall = A(wall)
built = run(zero_shot_sr(small_wall, A, iterations=iterations, gradual=1)).estimate
alt = "A brick wall enlarged by bicubic and by zero-shot, and the truth: "
alt += "fine grain on flat stones."
show({"bicubic": enlarge(small_wall, A), "zero-shot": built}, wall, alt)

# %% [markdown]
# We observe that it *loses* against bicubic. The bricks recur **at the same size** (lesson 02 measured it), and there are no small bricks.
# What is missing is mostly the grain of the stone. If grain does not look the same at half the size, then the sons teach the wrong lesson.
#
# - **No smaller copies**, as here. Recurrence at one scale does not help.
# - **Large factors.** For a factor of 4, a son has 16 times fewer pixels than $y$. Too little is left of it. Take several steps: `gradual=3`.
# - **A wrong kernel**, as in section 6.
# - **Invented detail.** A letter that is not readable in $y$ may come out sharp and wrong. Sharp is not true.

# %% tags=["nbval-check-output"]
loss = psnr(enlarge(small_wall, A), wall, shave=2) - psnr(built, wall, shave=2)
print("on the brick wall bicubic is better:", loss > 0)

# %% [markdown]
# ## 9. Your own small picture
#
# Press the button and choose a small picture, or run the next cell without: then it takes a rocket.
# It is enlarged to twice its sides, and saved beside this notebook.

# %%
import ipywidgets

from dil_course.signals import load_image, save_image, uploaded

upload = ipywidgets.FileUpload(
    accept="image/*", multiple=False, description="Choose a picture"
)
upload

# %% [markdown]
# Is it a photograph from a telephone, or a JPEG? Then it has noise: keep `noise=0.0125`, as the authors do. Is it a clean drawing? Then put 0.

# %%
chosen = uploaded(upload)
own = (
    load_image(chosen[1], max_side=256) if chosen else picture("rocket", side=96)
).to(device)
large = await watch(
    zero_shot_sr(own, Downsample(2), noise=0.0125, iterations=iterations, gradual=1),
    observed=own,
)
save_image(large.estimate, "my_picture_enlarged.png")
print(
    f"from {own.shape[-2]}x{own.shape[-1]} to "
    f"{large.estimate.shape[-2]}x{large.estimate.shape[-1]} pixels: "
    "my_picture_enlarged.png"
)

# %% [markdown]
# ## Summary
#
# 1. Shrink $y$ once more, and you know how to undo *that*: the training set is the picture itself.
# 2. A small residual network learns it in a minute, and then takes the same step from $y$.
# 3. More fathers, a rate that falls with the reconstruction error, eight views and back-projection each add something.
# 4. The sons must be made as $y$ was made: with the right kernel, and with noise if $y$ has some.
# 5. **What breaks it:** structure that does not recur at a smaller size, large factors in one step, a wrong kernel.
#
# **Papers.** A. Shocher, N. Cohen, M. Irani, *"Zero-Shot" Super-Resolution Using Deep Internal Learning*, CVPR 2018 (the method).
# D. Glasner, S. Bagon, M. Irani, *Super-Resolution from a Single Image*, ICCV 2009 (recurrence across scales).
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, *Deep Internal Learning*, IEEE Signal Processing Magazine 2024.
#
# **Next.** Lesson 09 finds the kernel from $y$ alone.
#
# **Problem set.** [Problem set 08](../exercises/ps08_zero_shot_super_resolution/ps08_zero_shot_super_resolution.ipynb): fathers and sons with their turns, how often to correct, the half pixel, why a son is cleaner than his father, four runs that fail.
