# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Generating from one image
#
# You have one photograph of some coins, and you want more images like it: other coins, in other places, that nobody has photographed.
# In 2019 this was done by a pyramid of networks that draw, the generators, each trained against a second network that judges its images, a critic or *adversary*. In 2022 it was done by looking up patches. This lesson builds both, and a diffusion model without training in between. Its question: **does drawing new images like this one need an adversary, or only its patches?**
#
# **What you will be able to do**
# - generate images from the patches of one image, coarse to fine, in about a second (GPNN);
# - say what the coarsest scale and the parameter $\alpha$ decide;
# - derive the best denoiser of an image's own patches, and run it backwards as a diffusion model that needs no training;
# - build SinGAN by hand, with critic, gradient penalty and reconstruction, and train it live;
# - tell a good sample from a copy, which the usual measures of quality cannot.
#
# **Before you start.** Lesson 02 (patches and their nearest neighbours), lesson 03 (fitting a network to one image) and lesson 08 (scales). Nothing about GANs or diffusion is assumed.
#
# **Time.** About two minutes of computing on 2 CPU cores, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import math

import torch
import torch.nn.functional as F
from torch import nn

from dil_course import runtime
from dil_course.checks import compare, note_if_stopped
from dil_course.figures import (
    Diagram,
    Film,
    explore,
    images_figure,
    show_curves,
    show_images,
)
from dil_course.fitting import run, watch
from dil_course.from_scratch import gpnn
from dil_course.from_scratch.gpnn import scales
from dil_course.signals import coherence, completeness, copied_share, diversity
from dil_course.signals import nearest, neighbour_field, patches, picture
from dil_course.signals import sliced_wasserstein

device = runtime.device()


def resized(x, *sides):
    return F.interpolate(x, size=sides, mode="bicubic", antialias=True).clamp(0, 1)


def scene(name, cut):
    return resized(picture(name, cut), 48, 48).to(device)


coins, coffee = scene("coins", 300), scene("coffee", 384)
rocket, face = scene("rocket", 400), scene("astronaut", 160)

# %% [markdown]
# ## 1. What does "like this one" mean?
#
# Below is the whole training set of this lesson, at 48 × 48 pixels. A new image of coins should differ from it as a whole, and yet look as if the same camera had taken it. Simakov, Caspi, Shechtman and Irani (2008) made "looks as if" precise by patches, in two halves:
#
# - **Coherence:** each patch of the new image occurs in the source. Nothing is there that does not belong.
# - **Completeness:** each patch of the source occurs in the new image. Nothing is left out.
#
# This suggests an algorithm without any network. Start from noise, replace every patch by its nearest neighbour among the patches of the source, and average where patches overlap. This makes the image a little more coherent, and we repeat it ten times.


# %%
def put_together(rows, sides, size):
    """The image whose patches are the rows; where they overlap, their mean."""
    votes = F.fold(torch.ones_like(rows[:, : size**2]).T[None], sides, size)
    return F.fold(rows.T[None], sides, size) / votes


def replaced(image, source, size=5):
    found = nearest(patches(image, size), patches(source, size))[1][:, 0]
    return put_together(patches(source, size)[found], image.shape[-2:], size)


# %% [markdown]
# **Predict before you run.** What will the image look like after ten rounds: coins, pieces of coins, or something else?

# %%
draw = torch.Generator().manual_seed(0)
image = torch.randn(coins.shape, generator=draw).to(coins)
rounds = {"the source": coins, "noise": image.clamp(0, 1)}
for number in range(1, 11):
    image = replaced(image, coins)
    if number in (1, 10):
        rounds[f"round {number}"] = image
alt = "The source with four rows of coins; noise; a dull mottled gray; and a dozen "
alt += "blobs of several sizes, scattered over a dark field, without any rows."
show_images(rounds, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Soft blobs, scattered at random, in front of much dark ground. Most people expect coins in rows, because each patch that is put in comes from the coins. But a patch of 5 × 5 pixels is smaller than a coin, which measures seven or more, so that no patch knows where the next coin should be. The ground is dark because our noise has the mean 0, to which dark patches are nearest. And it is plain because neighbouring choices contradict each other: their mean is blurred, and in the next round the plain patches are nearest to it.
# What the patches lack is an *arrangement*, and an arrangement is what a smaller version of the image has: at 14 pixels a patch of 5 × 5 holds two or three coins.
#
# </details>
#
# ## 2. Coarse to fine
#
# So we draw the arrangement first and the detail later. The source is shrunk to a **pyramid**: 14 pixels a side at the coarsest of its scales, then larger by up to 4/3 each time. At 14 pixels we start from noise, and replace patches as above. Then the result is enlarged and serves as the start for the next scale, up to 48 pixels. This is **GPNN**, of the paper "Drop the GAN" (Granot, Feinstein, Shocher, Bagon and Irani, 2022), and it has two subtleties.
#
# First, an enlarged image is *blurred*, and a blurred patch must be compared with blurred patches. So a look-up has three parts, as in a dictionary: the **query** is a patch of the enlarged result, the **keys** are those of the equally blurred source (the coarser source, enlarged), and the **value** that goes into the new image is the *sharp* patch at the place of the best key. From the second round of a scale on, the result is sharp, so that the keys are sharp patches, too.
#
# Second, completeness. Plain nearest neighbours care for coherence only. GPNN divides the distance of query $q_i$ and key $k_j$ by the distance from $k_j$ to the query that is closest to it, and each query takes the key with the *smallest* score:
#
# $$S_{ij} = \frac{d(q_i, k_j)}{\alpha + \min_{i'} d(q_{i'}, k_j)} , \qquad d(q,k) = \text{mean squared difference} .$$
#
# Take $\alpha$ = 0.005, a key A with a query at the distance 0.001, and a key B whose closest query is at 0.020. If that closest query is at 0.006 from A, then A is nearer to it, but its scores are 0.006 / 0.006 = 1 for A and 0.020 / 0.025 = 0.8 for B. So it takes B: a patch that is missing so far is called in. With a large $\alpha$ all divisors are equal, and the nearest key wins. Section 4 turns this knob.

# %%
diagram = Diagram(11.4, 2.3)
diagram.box(0.1, 1.25, 2.5, 0.9, "query: result,\nenlarged (blurred)", 0)
diagram.box(4.4, 1.25, 2.5, 0.9, "key: coarser source,\nenlarged (blurred)", 1)
diagram.box(8.6, 1.25, 2.5, 0.9, "value: source of\nthis scale (sharp)", 2)
diagram.arrow((2.6, 1.7), (4.4, 1.7), "best score")
diagram.arrow((6.9, 1.7), (8.6, 1.7), "same place")
diagram.arrow((9.85, 1.25), (9.85, 0.7), "")
diagram.text(9.85, 0.4, "put together: the result")
diagram.show(
    "A query patch of the enlarged result finds the key of best score; the value at "
    "the key's place goes into the result."
)

# %% [markdown]
# The score, and the rounds at one scale:


# %%
def neighbours(queries, keys, alpha):
    size, middle = keys.shape[1], keys.mean(0)
    queries, keys = queries - middle, keys - middle  # fewer digits are lost
    products = torch.addmm(keys.square().sum(1), queries, keys.T, alpha=-2)
    distances = (products + queries.square().sum(1, keepdim=True)) / size
    return (distances / (alpha + distances.amin(0).clamp(min=0))).argmin(1)


def improved(image, keys, source, alpha, size=5, rounds=10):
    for _ in range(rounds):
        found = neighbours(patches(image, size), patches(keys, size), alpha)
        values = patches(source, size)[found]
        image, keys = put_together(values, image.shape[-2:], size), source
    return image


# %% [markdown]
# And from scale to scale; `scales` lists by how much each scale is shrunk, the coarsest first.


# %%
def enlarged(x, side):  # as `resized`, but values outside of [0,1] are kept
    return F.interpolate(x, size=(side, side), mode="bicubic", antialias=True)


def drawn(x, draw, noise=2.0, alpha=0.005, coarsest=14):
    sides = [round(shrink * x.shape[-1]) for shrink in scales(x, coarsest, 0.75)]
    sources = [resized(x, side, side) for side in sides[:-1]] + [x]
    image = enlarged(x, sides[0])
    image = image + noise * torch.randn(image.shape, generator=draw).to(x)
    image = improved(image, sources[0], sources[0], alpha)
    for coarser, source in zip(sources, sources[1:]):
        side = source.shape[-1]
        keys = enlarged(coarser, side)
        image = improved(enlarged(image, side), keys, source, alpha)
    return image.clamp(0, 1)


# %% [markdown]
# That is the whole method. The paper takes patches of 7 × 7 pixels and noise of standard deviation 0.75 on the source at the coarsest scale; here they have 5 × 5 pixels and the noise is 2, because our images are so small (section 3 says more). The library's `gpnn` is the same with blocks that save memory, and it shows the scales as they come. In its live figure an "iteration" is one of six scales, and the "loss" the mean squared difference between the queries and their keys:

# %%
film, samples = Film(), []
first = await watch(film.record("seed 0", gpnn(coins)))
samples.append(first.estimate)
for seed in (1, 2, 3):
    steps = film.record(f"seed {seed}", gpnn(coins, seed=seed))
    samples.append(run(steps).estimate)
mine = drawn(coins, runtime.generator(0, "gpnn"))
same_image = compare("my image and the library's", mine, first.estimate)

# %%
film.show(
    "Four samples of coins, scale by scale: blurred blobs at first, then sharp coins "
    "in rows; three differ from the source, and seed 1 is the source itself.",
    at=(1, 2, 3, 4, 6),
)
shares = [copied_share(sample, coins) for sample in samples]
print(f"the first took {first.seconds:.1f} s; copied in one piece:", end=" ")
print(", ".join(f"{share:.0%}" for share in shares))

# %% [markdown]
# These are new images of coins, drawn from one. Each coin is sharp, because its pixels are those of the source wherever overlapping patches agree, and yet some coins are new, joined from parts of two. Only along such seams are different patches averaged. No weight was trained.
#
# Now look at seed 1, though, and compare it with the source. It *is* the source. The percentages below the film say how much was copied in one piece: for each patch of 3 × 3 pixels we note by how many rows and columns its nearest neighbour in the source is displaced, and take the share of patches with the commonest displacement. With seed 1 that was nearly the whole image. How does a copy come about, starting from noise?
#
# ## 3. The coarsest scale
#
# At 14 pixels a patch of 5 × 5 covers an eighth of the image, and there are only 100 patches. If one patch finds its neighbour at some place of the source, then the patches that overlap it are likely to find theirs beside that place, and after ten rounds all of them may agree: a jigsaw with huge pieces has one solution only.
#
# **Predict before you run.** Move the coarsest scale from 8 to 24 pixels. Where is the share that is copied largest? And what is lost at the other end?

# %%
sizes, seeds = (8, 10, 12, 14, 16, 18, 20, 24), range(4)
grid = {
    (size, seed): run(gpnn(coins, coarsest=size, seed=seed)).estimate
    for size in sizes
    for seed in seeds
}
copied = {key: copied_share(sample, coins) for key, sample in grid.items()}


def sample_of(coarsest, seed):
    title = f"{copied[coarsest, seed]:.0%} in one piece"
    return images_figure({title: grid[coarsest, seed]})


# %%
alt = (
    "Samples over the coarsest scale: at 8 pixels the source itself, at 14 and 18 new "
)
alt += "rows of coins, at 24 coins of odd shapes and rows that break off."
static = {"coarsest": [8, 14, 18, 24], "seed": [2]}
explore(sample_of, alt, static=static, coarsest=list(sizes), seed=list(seeds))
means = [sum(copied[size, seed] for seed in seeds) / len(seeds) for size in sizes]
alt = (
    "The share that is copied in one piece falls from nearly 1 at 8 pixels to about a "
)
alt += "tenth from 18 pixels on; between them single runs scatter from a tenth to 1."
curves = {"mean of four seeds": (sizes, means)}
for seed in seeds:
    curves[f"seed {seed}"] = (sizes, [copied[size, seed] for size in sizes])
looks = {name: (number, number) for number, name in enumerate(curves)}
show_curves(curves, "coarsest scale (px)", "copied in one piece", alt, looks=looks)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Small coarsest scales copy: at 8 pixels the patches are so large, compared with the image, that the coins can hardly be put together in any way but the source, at times a little shifted. (On gravel two seeds of three copy only about half even there, `benchmarks/RESULTS.md`.) At 24 pixels hardly anything is copied in one piece, but the arrangement goes: rows break off, and coins melt into each other, because a patch of 5 × 5 out of 24 is again too small to know what a row is.
# Between these ends the runs scatter: at 14 pixels one copies everything and another a tenth, so that even the mean of four seeds is no smooth curve. One sample would have taught us nothing here.
#
# </details>
#
# So what counts is the size of the patch *relative to the coarsest scale*. Between copying and disorder lies a range in which the arrangement is new and still an arrangement. In SinGAN the patch is what its networks see, their **receptive field**; in section 6 it covers 11 of 18 pixels. The samples that GPNN and patch diffusion draw in sections 4, 5 and 7, and the numbers printed about them, start from 16 pixels, chosen by looking at these images; the large table at the end of section 7 and the exercises keep the default of 14.
#
# The second knob is the noise. It has to hide where a patch of the coarsest scale came from. With the paper's 0.75, added to the source, GPNN returned the source of section 4, a cup, in two seeds of three at 14 pixels, and with 0.25 in each seed at each coarsest scale. That is the worst of four images: at 14 pixels 0.75 also copied more than our 2 on the coins, but less on gravel and on the rocket, by the medians of three seeds (`benchmarks/RESULTS.md`).
#
# %% tags=["nbval-check-output"]
note_if_stopped(first)
print("my image and the library's are the same:", same_image)
print(
    "rounds at full size alone are less complete than coarse to fine:",
    completeness(image, coins) > 1.5 * completeness(first.estimate, coins),
)
print(
    "at 8 pixels each of four samples is a copy:",
    min(copied[8, seed] for seed in seeds) > 0.9,
)
print(
    "from 18 pixels on no sample copies a third of the source:",
    max(copied[size, seed] for size in (18, 20, 24) for seed in seeds) < 1 / 3,
)

# %% [markdown]
# ## 4. Nothing left out
#
# What does $\alpha$ do? With $\alpha$ = 1000 the divisors are all equal, and the score is plain nearest neighbours. A small $\alpha$ is meant to call in what is missing. We try it on a cup of coffee, because it has parts that occur only once, such as the two shining objects in front of it.
#
# On the right we draw the *source*, and darken what is missing in the sample: each patch of 5 × 5 pixels by its distance to the nearest one in the sample. This is completeness as an image; the number above it is the mean distance for patches of 7 × 7.
#
# **Predict before you run.** What will be missing at $\alpha$ = 1000, and which parts of the source will be used most?


# %%
def missing(sample, source, size=5):
    """The source, darker where its patches do not occur in the sample."""
    far = nearest(patches(source, size), patches(sample, size))[0]
    far = put_together(far.expand(-1, size**2), source.shape[-2:], size)
    return source * (1 - 0.9 * (far / 0.12).clamp(max=1))


alphas, cups = (1e-3, 5e-3, 5e-2, 1e3), range(3)
made = {
    (alpha, seed): run(gpnn(coffee, alpha=alpha, coarsest=16, seed=seed)).estimate
    for alpha in alphas
    for seed in cups
}


def cup_of(alpha, seed):
    left_out = completeness(made[alpha, seed], coffee)
    share = copied_share(made[alpha, seed], coffee)
    titles = {f"{share:.0%} in one piece": made[alpha, seed]}
    titles[f"left out: {left_out:.3f}"] = missing(made[alpha, seed], coffee)
    return images_figure(titles, columns=2)


# %%
alt = "Samples of the cup, and the source darkened where it is missing in them: with "
alt += (
    "alpha 1000 the objects in front and parts of the rim are black, with 0.005 only "
)
alt += "spots are dark."
static = {"alpha": [5e-3, 1e3], "seed": [0, 1, 2]}
explore(cup_of, alt, static=static, alpha=list(alphas), seed=list(cups))

# %% [markdown]
# <details><summary>Answer</summary>
#
# With plain nearest neighbours one or both of the objects in front of the cup are missing, with the dark ground around them, or parts of the rim; plain red and brown cover large areas instead. With $\alpha$ = 0.005 most of this comes back.
# It is easy to think that coherence is enough, because each sample looks clean. But an image of nothing but red saucer would be perfectly coherent.
#
# </details>
#
# Two reservations belong to this figure. Part of the completeness is copying, for the sample that leaves least out is nearly the source. And other images gain less: from 16 pixels with $\alpha$ = 0.005 in place of 1000, the median of three seeds falls from 0.051 to 0.046 on the coins and from 0.062 to 0.050 on gravel, but it rises from 0.024 to 0.031 on a rocket (`benchmarks/RESULTS.md`). Nor does it fall steadily as $\alpha$ does: 0.05 leaves more out than 1000 on the coins and on gravel, whereas 0.001 leaves less out than 1000 on all four images.
#
# Nor does a small $\alpha$ force completeness by itself, as we can see by counting which share of the source's patches is used in each round of the coarsest scale.
#
# **Predict before you run.** The first round starts from noise. Which $\alpha$ uses more patches there, and which after ten rounds?


# %%
def used(alpha, seed, rounds=10):
    """The share of the source's patches that is used, after each round at 16 px."""
    source = resized(coffee, 16, 16)
    draw = runtime.generator(seed, "gpnn")  # the noise of the samples above
    image = source + 2 * torch.randn(source.shape, generator=draw).to(source)
    values, shares = patches(source, 5), []
    for _ in range(rounds):
        found = neighbours(patches(image, 5), values, alpha)
        image = put_together(values[found], (16, 16), 5)
        shares.append(len(found.unique()) / len(values))
    return shares


use = {alpha: [used(alpha, seed) for seed in cups] for alpha in (5e-3, 1e3)}
for alpha, runs in use.items():
    for number in (0, 1, 9):
        shares = ", ".join(f"{shares[number]:.2f}" for shares in runs)
        print(f"alpha {alpha:g}, patches used in round {number + 1}: {shares}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the first round the small $\alpha$ uses *fewer* patches, and only in later rounds more. From noise all keys are far away, so that the divisors say little about what is missing, and the few keys with the largest ones win nearly everywhere. The call is heard only where queries are near the keys, as they come to be in later rounds. Most people expect the small $\alpha$ to use more patches from the start; task 5 of the problem set follows this up.
#
# </details>
#
# Keep the cup in mind for the next section: a method that looks at each patch alone cannot know what is missing.

# %% tags=["nbval-check-output"]
left_out = {key: completeness(sample, coffee) for key, sample in made.items()}
same_back = run(gpnn(coins, noise=0, alpha=1e-6)).estimate
print(
    "in each of three seeds the small alpha leaves less out:",
    all(left_out[5e-3, seed] < left_out[1e3, seed] for seed in cups),
)
print(
    "from noise it uses fewer patches in the first round:",
    all(few[0] < many[0] for few, many in zip(use[5e-3], use[1e3])),
)
print(
    "and more in the tenth:",
    all(many[9] > few[9] for many, few in zip(use[5e-3], use[1e3])),
)
print(
    "without noise and with a tiny alpha the source comes back:",
    bool((same_back - coins).abs().max() < 1e-3),
)

# %% [markdown]
# ## 5. A diffusion model without training
#
# Replacing a patch by its nearest neighbour is a hard decision, taken at once, from pure noise. **Diffusion models** decide step by step: noise of growing $\sigma$ turns an image $x$ into $z = x + \sigma n$, and they run this backwards. They need one thing only, a denoiser for every level of noise, and for the patches of one image the best denoiser can be written down.
#
# Suppose that a clean patch $p$ is one of the patches $p_1, \dots, p_N$ of the source, each with the same probability, and that we see $q = p + \sigma n$ with white Gaussian noise $n$. Which estimate $e$ of $p$ has the least mean squared error? Let $m = \mathrm{E}[p \mid q]$ be the mean of $p$ once $q$ is known, the **posterior mean**. Then
#
# $$\mathrm{E}\big[\|p - e\|^2 \mid q\big] = \mathrm{E}\big[\|p - m\|^2 \mid q\big] + \|m - e\|^2 ,$$
#
# because the cross term $2\,(m - e)^\top \mathrm{E}[p - m \mid q]$ vanishes; so $e = m$ is best. By Bayes' rule the probability of $p_j$ given $q$ is that of the noise $q - p_j$ which would be needed, a Gaussian, divided by the sum over all $k$. The prior $1/N$ and the constant of the Gaussian cancel:
#
# $$m = \sum_j w_j\, p_j , \qquad w_j = \frac{\tfrac1N \exp(-\|q - p_j\|^2 / 2\sigma^2)}{\sum_k \tfrac1N \exp(-\|q - p_k\|^2 / 2\sigma^2)} .$$
#
# The weights are a **softmax** of the negative squared distances. (Problem set 10 gives the patches unequal probabilities.) This is the best estimate of a patch by itself; the image is then put together by averaging overlaps, which is no longer the posterior mean of the image. In code:


# %%
def posterior_mean(queries, database, sigma):
    squared = torch.cdist(queries, database).square()
    return torch.softmax(-squared / (2 * sigma**2), 1) @ database


def denoised(z, source, sigma, size=7):
    means = posterior_mean(patches(z, size), patches(source, size), sigma)
    return put_together(means, z.shape[-2:], size)


# %% [markdown]
# We test the formula by **Monte Carlo**, without any theory: draw many clean pairs of neighbouring pixels, add noise, and keep those whose noisy version happens to fall close to a given $q$. The mean of their *clean* versions must be what the formula gives for $q$.

# %%
pairs = patches(coins, 2)[:, :2]  # two neighbouring pixels: a patch in the plane
draw, sigma, count = torch.Generator().manual_seed(0), 0.1, 2_000_000
clean = pairs[torch.randint(len(pairs), (count,), generator=draw)]
noisy = clean + sigma * torch.randn(clean.shape, generator=draw).to(clean)
agreement = []
for q in ([0.3, 0.3], [0.5, 0.2], [0.8, 0.6]):
    q = torch.tensor(q).to(pairs)
    close = (noisy - q).abs().amax(1) < 0.01
    counted, formula = clean[close].mean(0), posterior_mean(q[None], pairs, sigma)[0]
    agreement.append(float((counted - formula).abs().max()))
    print(f"q = ({q[0]:.1f}, {q[1]:.1f}), {int(close.sum())} draws:", end=" ")
    print(f"mean ({counted[0]:.3f}, {counted[1]:.3f}),", end=" ")
    print(f"formula ({formula[0]:.3f}, {formula[1]:.3f})")

# %% [markdown]
# The softmax has a **temperature**, $2\sigma^2$, with two limits. If it is high, all weights are equal, and the estimate is the mean patch, whatever $q$ was. As it goes to 0, the nearest patch takes all of the weight, and the denoiser *is* the nearest neighbour of section 1. So the hard look-up (GPNN with a large $\alpha$) is the zero-temperature limit of this denoiser.
#
# To see it, we add noise of standard deviation 1 to the coins, which hides them, and let the denoiser assume another $\sigma$.
#
# **Predict before you run.** Which $\sigma$ gives the image that looks best, and which gives the least error?

# %%
noise = torch.randn(coins.shape, generator=torch.Generator().manual_seed(3)).to(coins)
z, assumed = coins + noise, [0.03, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 6.0]


def error_of(image):
    return float((image - coins).square().mean().sqrt())


def at_temperature(sigma):
    image = denoised(z, coins, sigma)
    return images_figure({f"assumed {sigma:g}: error {error_of(image):.3f}": image})


show_images({"coins": coins, "noisy, sigma 1": z.clamp(0, 1)}, "Coins; only noise.")
alt = "What the denoiser makes of the noise: hard blotches, some like coins, for 0.03; "
alt += "softer for 0.7 and grayer for 1; nearly plain gray for 3."
explore(at_temperature, alt, static={"sigma": [0.03, 0.7, 1.0, 3.0]}, sigma=assumed)
means = [posterior_mean(patches(z, 7), patches(coins, 7), sigma) for sigma in assumed]
errors = [float((mean - patches(coins, 7)).square().mean().sqrt()) for mean in means]
best = assumed[errors.index(min(errors))]
print(f"least error of a patch, {min(errors):.3f}, at sigma {best:g};", end=" ")
print(f"at the lowest temperature {errors[0]:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The true $\sigma$ has the least error of a patch, as it must on average. But its image is soft and gray, and the hard decisions of a low temperature look livelier, although each is a worse estimate. The titles give the error of the whole image, where averaging overlaps helps the hard decisions. Most people expect the best denoiser to give the best-looking image.
# It returns the *mean* of all clean patches that are possible, and the mean of many images of coins is no image of coins. The best denoiser is not yet a generator.
#
# </details>
#
# A generator comes of many small steps. Start at a large $\sigma$, and denoise. If $D$ is the denoised image, then $(z - D) / \sigma$ is an estimate of the noise $n$, so that we can go back only *part* of the way and put this noise in again at a smaller level $\sigma'$:
#
# $$z \leftarrow D + \sigma'\,\frac{z - D}{\sigma} , \qquad \sigma' < \sigma ,$$
#
# the deterministic rule of DDIM (Song, Meng and Ermon, 2021). Early steps settle what is coarse, and each decision makes the next one easier. Again we go through the pyramid: the coarsest scale starts from $\sigma$ = 3, and each finer one from as much noise as hides what enlarging has blurred, the root mean square difference of the source and its enlarged coarser version. This idea is from SinDDM (Kulikov, Yadin, Kleiner and Michaeli, 2023), where a small network takes the place of our posterior mean.


# %%
def diffused(x, draw, coarsest=16, steps=10, last=0.01):
    sides = [round(shrink * x.shape[-1]) for shrink in scales(x, coarsest, 0.75)]
    image, sigma, coarser = x.mean().expand(1, 1, sides[0], sides[0]), 3.0, None
    for side in sides:
        source = resized(x, side, side) if side < x.shape[-1] else x
        if coarser is not None:
            image, blurred = enlarged(image, side), enlarged(coarser, side)
            sigma = max(float((blurred - source).square().mean().sqrt()), 2 * last)
        z = image + sigma * torch.randn(image.shape, generator=draw).to(x)
        # From sigma down to `last`, each level the same fraction of the one before.
        levels = torch.logspace(0, 1, steps, base=last / sigma) * sigma
        for sigma, lower in zip(levels.tolist(), [*levels.tolist()[1:], 0.0]):
            image = denoised(z, source, sigma)
            z = image + lower / sigma * (z - image)
        coarser = source
    return image.clamp(0, 1)


# %% [markdown]
# Three samples by the library's version, and one by ours to compare:

# %%
from dil_course.from_scratch import optimal_denoiser, patch_diffusion

diffusion_film, dreams = Film(), []
for seed in (0, 1, 2):
    steps = patch_diffusion(coins, coarsest=16, seed=seed)
    dreams.append(run(diffusion_film.record(f"seed {seed}", steps)).estimate)
mine = diffused(coins, runtime.generator(0, "patch diffusion"))
same_dream = compare("my image and the library's", mine, dreams[0], tolerance=1e-2)

# %%
alt = "Coins emerge from gray by diffusion: a gray field, two rows of blobs, and then "
alt += "four or five rows of coins, most of them round."
diffusion_film.show(alt, at=(1, 6, 10, 25, 50))
left_out = [completeness(dream, coins) for dream in dreams]
print("left out:", ", ".join(f"{value:.3f}" for value in left_out), end="; ")
values = [completeness(grid[16, seed], coins) for seed in (0, 1, 2)]
print("by GPNN:", ", ".join(f"{value:.3f}" for value in values))
theirs = optimal_denoiser(z, coins, 1.0)
same_step = compare("one step", denoised(z, coins, 1.0), theirs, tolerance=1e-3)

# %% [markdown]
# Here is a diffusion model in twenty lines, without a single weight. It draws coins as the look-up does. Does it leave more out, because it treats each patch alone and has no term for completeness? These three seeds are too few to tell, but in the large table of section 7 (from 14 pixels, medians of three seeds for each image) it leaves more out than GPNN on each of four images, and about as much as GPNN with $\alpha$ = 1000, namely more on two and less on two. This is what section 4 leads us to expect, although the patches differ as well: 7 × 7 pixels here, because with 5 × 5 the images blur.
#
# There is a deeper lesson here. If we had taken the *whole image* as the patch, the database would hold one entry, and the best denoiser would return the source at every $\sigma$: a perfect denoiser that can only copy. What makes this model creative is that its denoiser is *worse* than it could be, because it looks at 7 × 7 pixels only. Kamb and Ganguli (2025) explain in this way what trained convolutional diffusion models create.

# %% tags=["nbval-check-output"]
rows, database = patches(coins + 0.2 * noise, 7), patches(coins, 7)
closest = database[nearest(rows, database)[1][:, 0]]
cold = posterior_mean(rows, database, 1e-3)
no_copies = max(copied_share(dream, coins) for dream in dreams) < 0.5
print("my denoiser and the library's are the same:", same_step)
print("and so are the images that they draw:", same_dream)
print("the formula agrees with Monte Carlo:", max(agreement) < 0.02)
print("the true sigma has the least error of a patch:", best == 1.0)
print(
    "at a tiny sigma nearly all patches become their nearest neighbour:",
    bool(((cold - closest).abs().amax(1) < 1e-3).float().mean() > 0.98),
)
print("its samples are no copies:", no_copies)

# %% [markdown]
# ## 6. With an adversary: SinGAN
#
# The first network that learned from a single image, beyond textures, to draw new ones out of noise was **SinGAN** (Shaham, Dekel and Michaeli, 2019). It does not look patches up. A network $G$ makes an image of noise, and a second network $D$, the **critic**, learns to tell it from the source; $G$ then learns to deceive $D$. Both see patches of 11 × 11 pixels only, since each consists of five convolutions of 3 × 3. If the critic saw the whole image, the only way to deceive it would be a copy.
#
# Again there is a pyramid. Each scale has its own pair $G_n$, $D_n$, trained when the coarser ones are done. $G_n$ receives the enlarged result of the scale before, plus fresh noise $z_n$, and adds detail:
#
# $$x_n = \uparrow x_{n-1} + G_n(\uparrow x_{n-1} + a_n z_n) .$$

# %%
diagram = Diagram(11.4, 2.6)
for number, (left, name) in enumerate(((0.1, "G0"), (3.9, "G1"), (7.7, "G2"))):
    diagram.box(left + 1.1, 0.2, 1.0, 0.7, name, number)
    diagram.text(left + 0.4, 0.75, f"noise {number}")
    diagram.arrow((left + 0.2, 0.5), (left + 1.1, 0.5), "")
    diagram.box(left + 1.0, 1.7, 1.2, 0.7, f"critic D{number}", 3)
    diagram.arrow((left + 1.6, 0.9), (left + 1.6, 1.7), f"{(18, 29, 48)[number]} px")
diagram.arrow((2.2, 0.4), (5.0, 0.4), "enlarged")
diagram.arrow((6.0, 0.4), (8.8, 0.4), "enlarged")
diagram.show(
    "Three generators in a row, from 18 to 48 pixels: each receives noise and the "
    "enlarged result of the one before, and has a critic of its own."
)

# %% [markdown]
# The critic makes a map $D$, with a score for each patch, and the mean $\overline D$ is its score of an image. It should score the source high and samples low, but not without limit. In a **Wasserstein GAN** its slope should be at most 1: among all such critics, the largest difference of mean scores *is* the Wasserstein distance of the two distributions of patches. The best of them has a slope of exactly 1 between the two, so that the **gradient penalty** (Gulrajani et al., 2017) pulls it towards 1 at a random mixture of source and sample. Gulrajani et al. take the length of the whole gradient of a score, and $\lambda$ = 10; SinGAN's code, which we follow, sums the map and takes the length at each pixel $i$, over the channels:
#
# $$L_D = \overline D(\text{sample}) - \overline D(\text{source}) + \lambda\, \operatorname{mean}_i \Big( \Big\| \frac{\partial}{\partial x_i} \sum D(x) \Big\| - 1 \Big)^2 , \quad x = \text{mixture} , \quad \lambda = 0.1 .$$
#
# So weak a penalty hardly bounds the slope. The difference of scores is then no distance any more (problem set 10 measures this), but it still shows the generator which way to go. The gradient is one with respect to the *image*, and then the penalty is differentiated with respect to the weights; hence `create_graph=True`.


# %%
def patch_network(inputs, outputs, width=24):
    sides = [inputs, width, width, width, width, outputs]
    layers = []
    for a, b in zip(sides, sides[1:]):
        layers += [nn.Conv2d(a, b, 3), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


def gradient_penalty(critic, real, fake, mix):
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    total = critic(between).sum()
    (gradient,) = torch.autograd.grad(total, between, create_graph=True)
    return (gradient.norm(dim=1) - 1).square().mean()


# %% [markdown]
# Two more ideas make SinGAN stable. One **fixed code**, that is one noise image at the coarsest scale and zeros at all others, must give the source back. This is the **reconstruction**, and its squared error is part of the loss of the generator:
#
# $$L_G = 10 \cdot \operatorname{mean}\, (\text{reconstruction} - \text{source})^2 - \overline D(\text{sample}) .$$
#
# So the networks can make the source, although nothing makes a *sample* complete, as $\alpha$ does in GPNN. And the error of the reconstruction, once it is enlarged to the next scale, says how much detail is missing there. The noise of that scale is set to a tenth of it, $a_n = 0.1 \cdot \text{RMSE}$, which is little enough for the layout to stay.
#
# All values are on $[-1, 1]$ in here.


# %%
def refine(network, base, code):
    padded = F.pad(base + code, [5] * 4)
    return base + torch.tanh(network(padded))


def grow(networks, amounts, codes):
    """Through the scales so far: each enlarges and adds detail."""
    image = torch.zeros_like(codes[0])
    for network, amount, code in zip(networks, amounts, codes):
        image = refine(network, enlarged(image, code.shape[-1]), amount * code)
    return image


def update(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# %% [markdown]
# One scale of training. Here `kept` is the reconstruction of the scale before, enlarged, and `fixed` the code of this scale. Each iteration updates the critic once and the generator once, and the learning rate falls to a tenth after four fifths of them. **This is a much shortened SinGAN:** we take 400 iterations a scale, three scales and 24 channels. The paper has 2000 iterations with three updates each, fifteen times as many, and more scales and channels.


# %%
def train_scale(n, critic, networks, amounts, real, sides, kept, fixed, settings):
    iterations, rate, draw = settings
    optimizers = [
        torch.optim.Adam(network.parameters(), rate, (0.5, 0.999))
        for network in (critic, networks[n])
    ]
    for iteration in range(iterations):
        if iteration == iterations * 4 // 5:
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] /= 10
        codes = [torch.randn(s, generator=draw).to(real) for s in sides[: n + 1]]
        with torch.no_grad():
            coarser = grow(networks[:n], amounts, codes[:n]) if n else 0 * real
            base = enlarged(coarser, real.shape[-1])
        fake = refine(networks[n], base, amounts[n] * codes[n])
        mix = torch.rand((), generator=draw).item()
        loss = critic(fake.detach()).mean() - critic(real).mean()
        penalty = gradient_penalty(critic, real, fake, mix)
        update(optimizers[0], loss + 0.1 * penalty)
        error = (refine(networks[n], kept, fixed) - real).square().mean()
        update(optimizers[1], 10 * error - critic(fake).mean())


# %% [markdown]
# And all scales. Each generator starts from the weights of the one before, and the critic is simply trained on:


# %%
def train(networks, sources, code, iterations, rate, draw):
    reals, amounts = [2 * x - 1 for x in sources], [1.0] + [0.0] * (len(sources) - 1)
    with runtime.seeded(torch.randint(2**31, (1,), generator=draw).item()):
        critic = patch_network(reals[0].shape[1], 1).to(code)
    for n, real in enumerate(reals):
        kept, fixed = torch.zeros_like(real), code if n == 0 else torch.zeros_like(real)
        if n:
            networks[n].load_state_dict(networks[n - 1].state_dict())
            with torch.no_grad():
                codes = [code] + [torch.zeros_like(r) for r in reals[1:n]]
                rough = grow(networks[:n], amounts, codes)
            clipped = enlarged(rough.clamp(-1, 1), real.shape[-1])
            amounts[n] = 0.1 * float((clipped - real).square().mean().sqrt())
            kept = enlarged(rough, real.shape[-1])
        sides, settings = [r.shape for r in reals], (iterations, rate, draw)
        train_scale(n, critic, networks, amounts, real, sides, kept, fixed, settings)
    return amounts


# %% [markdown]
# The library has the same in `SinGAN`, which holds the networks, and `singan`, which trains them. With equal weights and equal noise, both must make the same image after a few iterations:

# %%
import copy

from dil_course.from_scratch import SinGAN, singan

theirs = SinGAN(coins)
networks = copy.deepcopy(theirs.generators)
draw = runtime.generator(0, "singan")
amounts = train(networks, theirs.sources, theirs.code, 5, 2e-3, draw)
run(singan(theirs, 5, 2e-3))
codes = [torch.zeros_like(source) for source in theirs.sources]
with torch.no_grad():
    made_by_mine = (grow(networks, amounts, [theirs.code, *codes[1:]]) + 1) / 2
made_by_theirs = theirs.reconstruction()
same_gan = compare("reconstruction", made_by_mine.clamp(0, 1), made_by_theirs)

# %% [markdown]
# Now the live run. The image is a sample of the scales that exist so far, from the same noise each time, enlarged. The loss in the figure is the squared error of the reconstruction only, for the two other terms have no level that would mean anything; it jumps where a new scale begins.
#
# **Predict before you run.** GPNN copies pixels, so that its coins are as sharp as the source. Will SinGAN's coins be as sharp, and as round? Will any of its patches be *in* the source?

# %%
singan_film, model = Film(), SinGAN(coins)
adversarial = await watch(singan_film.record("a sample", singan(model)))

# %%
total = adversarial.history["iteration"][-1]
third = total // 3
singan_film.show(
    "A sample of SinGAN in training: gray, then coarse blobs; at the second scale "
    "rows of coins, and at the third coins with edges and grain.",
    at=(1, 50, third, 2 * third, total),
)
tales = [model.sample(seed=seed) for seed in range(4)]
pictures = {"source": coins, "reconstruction": model.reconstruction()}
pictures |= {f"sample {seed}": tale for seed, tale in enumerate(tales)}
alt = "The source, its reconstruction, slightly blurred, and four samples: rows of "
alt += "coins, some round, some long or melted together."
show_images(pictures, alt, columns=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The edges are about as crisp, and most rows are there, but many shapes are no coins: some are long, some melt into their neighbours, and parts of a row are smeared. Whether longer training would cure this, our run cannot say. No patch is in the source exactly, since a network makes every pixel anew. The images of GPNN consist of patches of the source, apart from the means where these overlap, for better (hardly any artefacts) and for worse (no new coin, except by cutting and joining). SinGAN's network is free to make any patch that its critic lets pass, and some of these are coins, and some are not.
#
# </details>
#
# After training, a sample is one pass through three small networks. And one can start at any scale: if scale 0 is left to the source, its arrangement stays and only detail is drawn anew.

# %%
starts = {f"noise from scale {first}": model.sample(first=first) for first in (0, 1, 2)}
alt = "Samples with noise from scale 0, 1 and 2: a new arrangement, the arrangement of "
alt += "the source with other coins, and nearly the source."
show_images({"source": coins} | starts, alt)

# %% tags=["nbval-check-output"]
note_if_stopped(adversarial)
back, unready = model.reconstruction(), theirs.sample()
distances = [float((x - coins).square().mean()) for x in (*starts.values(), back)]
print("my training and the library's give the same image:", same_gan)
print(
    "the fixed code gives the source back, within a tenth:",
    bool((back - coins).square().mean().sqrt() < 0.1),
)
print(
    "the later the noise begins, the more of the source stays:",
    distances[0] > 2 * distances[1] > 2 * distances[2],
)
print(
    "by sliced Wasserstein distance it is far nearer than when hardly trained:",
    sliced_wasserstein(tales[0], coins) < 0.5 * sliced_wasserstein(unready, coins),
)

# %% [markdown]
# ## 7. Good, or only a copy?
#
# Which of the three is best? Papers often report SIFID, a distance between features of a classifier trained on ImageNet, which we do not have here; none of the following measures is SIFID. The first two compare patches of 7 × 7 pixels:
#
# - **coherence** and **completeness**, as distances: the root mean square difference of a patch to its nearest one in the other image, averaged over the patches of the sample, or of the source. They are 0 at best;
# - the **sliced Wasserstein distance** of all patches (used for generation by Elnekave and Weiss, 2022): project the patches of both images on random directions, sort, and average the differences. Unlike the first two it counts *how often* patches occur, and 0 is best again;
# - **diversity** (from SinGAN's paper): the standard deviation of each pixel over samples, divided by that of the source. It is 0 if all samples are the same, and has no best value, since noise has the largest.
#
# One more contestant takes part: the source, shifted in a circle by a third of its width and half of its height, with another shift for each sample.
#
# **Predict before you run.** Where will the shift come in, on each measure?

# %%
shifts = ((16, 24), (17, 23), (31, 9))
draw = torch.Generator().manual_seed(0)
contest = {
    "uniform noise": [
        torch.rand(coins.shape, generator=draw).to(coins) for _ in shifts
    ],
    "shift in a circle": [coins.roll(shift, (-2, -1)) for shift in shifts],
    "GPNN": [grid[16, seed] for seed in (0, 1, 2)],
    "patch diffusion": dreams,
    "SinGAN": tales[:3],
}
measures = {
    "coherence": coherence,
    "completeness": completeness,
    "sliced W.": lambda a, b: sliced_wasserstein(a, b, seed=1000),
}
table = {}
print(f"{'':18}" + "".join(f"{name:>14}" for name in [*measures, "diversity"]))
for name, images in contest.items():
    values = [
        sum(measure(image, coins) for image in images) / 3
        for measure in measures.values()
    ]
    table[name] = [*values, diversity(torch.cat(images), coins)]
    print(f"{name:18}" + "".join(f"{value:14.3f}" for value in table[name]))

# %% [markdown]
# <details><summary>Answer</summary>
#
# On the coins the shift comes in first or nearly first by all three distances, and its diversity is about that of the serious methods. It costs nothing and makes nothing. Most people trust a table with four measures more than one with a single measure, but here none of the four notices: the three distances ask whether patches are right, and a copy has the right patches; diversity asks only whether the samples differ from each other, and copies with different shifts do.
#
# </details>
#
# What a copy gives away is *where* its patches come from. The **nearest-neighbour field** notes for each patch of the sample the place of its nearest neighbour in the source. Here we draw the place as a colour: the more red, the farther down, and the more green, the farther to the right.


# %%
def origins(sample, source):
    """Where each patch comes from, as a colour; the source itself gives the key."""
    field = neighbour_field(sample, source).float()
    height, width = field.shape[:2]
    rows = torch.arange(height).to(field)[:, None].expand(height, width)
    columns = torch.arange(width).to(field).expand(height, width)
    places = field + torch.stack([rows, columns], -1)
    places = places / torch.tensor([height - 1, width - 1]).to(field)
    blue = 0.35 * torch.ones_like(rows)[..., None]
    return torch.cat([places, blue], -1).movedim(-1, 0)[None]


pictures = {"source": coins}
pictures |= {name: images[0] for name, images in list(contest.items())[1:]}
fields = {f"{name}: origins": origins(x, coins) for name, x in pictures.items()}
alt = "Five images and their fields of origins: a smooth gradient for the source, four "
alt += "smooth rectangles for the shift, a mosaic of small pieces for GPNN and patch "
alt += "diffusion, and speckle for SinGAN."
show_images(pictures | fields, alt, columns=5, zoom=3)

# %% [markdown]
# Now the shift is exposed at once: four large rectangles, each a smooth piece of the key. GPNN and patch diffusion are mosaics; their pieces are what was copied in one go. SinGAN's field is speckle, because its patches are copied from nowhere.
#
# Two numbers say the same. `copied_share` is the share of patches with the commonest offset, which we have used since section 2. Offsets that differ by the whole height or width of the source count as equal, so that the four rectangles of the shift are one piece; this measure was made with such shifts in mind, and without that rule they would have about two fifths. `field_complexity` compresses the field with zlib, as a file would be, and gives the compressed part: long runs of equal offsets need few bytes (Nikankin, Haim and Irani, 2023).

# %%
from dil_course.signals import field_complexity

newness = {}
print(f"{'':18}{'copied in one piece':>22}{'field complexity':>20}")
for name, images in contest.items():
    copied_of = sum(copied_share(image, coins) for image in images) / 3
    complex_of = sum(field_complexity(image, coins) for image in images) / 3
    newness[name] = copied_of, complex_of
    print(f"{name:18}{copied_of:22.3f}{complex_of:20.3f}")

# %% [markdown]
# GPNN's row is of seeds 0 to 2; seed 3 of section 3 copies about a third at 16 pixels. More is not better, however: noise has the most complex field of all. A good sample is one with a *low* distance and a field that is *not* trivial, and no single number says that. `benchmarks/RESULTS.md` has this contest on four images with three seeds each, and two more contestants. They are the networks of section 6 with another loss: the reconstruction alone, and the reconstruction with the sliced Wasserstein distance of patches of 11 × 11 pixels in place of the critic. Here are the medians. Each entry holds coherence, completeness and sliced Wasserstein distance, in thousandths, and the share in one piece.
#
# | | coins | gravel | coffee | rocket | seconds |
# | --- | --- | --- | --- | --- | --- |
# | shift in a circle | 30, 21, 13; 92 % | 30, 29, 6; 92 % | 31, 21, 25; 92 % | 21, 14, 22; 92 % | 0 |
# | GPNN | 33, 34, 7; 35 % | 30, 39, 9; 31 % | 33, 47, 36; 19 % | 8, 7, 20; 22 % | 0.3 to 0.4 |
# | GPNN, $\alpha$ = 1000 | 21, 33, 20; 31 % | 40, 56, 14; 21 % | 33, 72, 74; 16 % | 4, 14, 24; 19 % | 0.3 to 0.4 |
# | patch diffusion | 27, 54, 40; 17 % | 31, 48, 11; 41 % | 34, 65, 66; 17 % | 4, 16, 17; 14 % | 0.3 to 0.5 |
# | SinGAN, shortened | 82, 79, 18; 1 % | 101, 102, 9; 0 % | 106, 108, 24; 1 % | 31, 28, 11; 2 % | 31 to 33 |
# | its networks without critic | 88, 103, 72; < 1 % | 91, 99, 27; < 1 % | 103, 125, 71; < 1 % | 34, 38, 23; < 1 % | 7 to 8 |
# | with sliced W. for critic | 109, 98, 14; < 1 % | 106, 105, 9; < 1 % | 136, 123, 24; < 1 % | 38, 34, 9; < 1 % | 20 to 24 |
#
# All methods have their defaults, so that the look-ups start from 14 pixels, not from 16 as above. Patch diffusion leaves more out than GPNN on each image, and a small $\alpha$ leaves less out than a large one on three, though it copies a little more on all four.
#
# **Does it need an adversary?** Before you read on, answer it from the table: which columns speak for the patches, and which for SinGAN?

# %% tags=["nbval-check-output"]
print(
    "the shift is more complete than each of the three methods:",
    all(
        table["shift in a circle"][1] < table[name][1]
        for name in ("GPNN", "patch diffusion", "SinGAN")
    ),
)
print(
    "SinGAN is less coherent than GPNN by half or more:",
    table["SinGAN"][0] > 1.5 * table["GPNN"][0],
)
print(
    "but by sliced Wasserstein distance it is nearer than patch diffusion:",
    table["SinGAN"][2] < table["patch diffusion"][2],
)
print(
    "patch diffusion leaves more out than GPNN:",
    table["patch diffusion"][1] > table["GPNN"][1],
)
print(
    "by the copied share the shift is exposed:",
    newness["shift in a circle"][0] > 2 * max(v[0] for v in list(newness.values())[2:]),
)
print(
    "and its field is the simplest of all:",
    newness["shift in a circle"][1] == min(v[1] for v in newness.values()),
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# - *By coherence and completeness* the patch methods are ahead of SinGAN on every image. But these two measures reward copies, which have 0, and the patch methods have 14 to 41 % in one piece, SinGAN 2 % at most. How much of the lead is copying, they cannot say.
# - *By sliced Wasserstein distance*, SinGAN is nearer to the source than patch diffusion on all four images. Against GPNN it is nearer on coffee and rocket, level on gravel, and farther on the coins. This measure can be deceived as well: on the coins and on gravel it is smaller for the shift than for SinGAN, and the networks that were trained on it come out as near as SinGAN or nearer, although their coins (not shown here) are blobs in no rows.
# - *What the critic buys* is seen against the same networks without it, which then have no use for fresh noise in training. Coherence hardly changes, and completeness improves on three images. But the sliced Wasserstein distance falls to between a quarter and a half on every image: the critic teaches *how often* patches occur, which is what its loss asks for. A fixed distance in its place reaches this as well, at one weight that we did not tune, but its patches are the least coherent of all on each image.
# - *Three things do not need it*: other sizes and starting from a drawing, for GPNN can do both (section 8); further images in milliseconds, for the networks without critic are as fast; and a trained network as such, for SinDDM trains one without an adversary.
#
# </details>
#
# For images like this one, then, an adversary is not needed: copied patches give coins that look rounder, in a fraction of a second and without training. A critic is a way to train a *network* to make patches of its own, about as often as they should occur. And SinGAN's rank holds for a fifteenth of the paper's updates; it says nothing about the full one. What "new" should mean is the open question of problem set 10.
#
# ## 8. What it is good for
#
# All of these methods can start from something else than noise. Then they change an image into one that consists of the source's patches, and keep its layout. Two examples follow, by GPNN and, with the networks of section 6, by SinGAN.
#
# **A drawing becomes a photograph.** We paint ten gray discs, a ring with one in the middle, and let the coarsest scale start from that. A larger coarsest scale keeps more of the drawing.

# %%
rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
drawing = 0.42 - 0.25 * rows / 47
places = [(23.5, 23.5)]
for number in range(9):
    angle = 2 * math.pi * number / 9
    places.append((23.5 + 17 * math.sin(angle), 23.5 + 17 * math.cos(angle)))
for row, column in places:
    inside = (rows - row) ** 2 + (columns - column) ** 2 < 16
    drawing = torch.where(inside, torch.tensor(0.62), drawing)
drawing = drawing[None, None].to(coins)
ring = {"drawing": drawing}
for size in (18, 32, 40):
    steps = gpnn(coins, start=drawing, noise=0, coarsest=size)
    ring[f"GPNN from {size} px"] = run(steps).estimate
for first in (1, 2):
    ring[f"SinGAN from scale {first}"] = model.sample(start=drawing, first=first)
alt = "Ten gray discs; by GPNN from 18 pixels ordinary rows of coins, from 40 pixels a "
alt += "ring of real coins; by SinGAN a ring with grain, and marks along the border."
show_images(ring, alt, columns=3)

# %% [markdown]
# From 18 pixels GPNN ignores the drawing, for the coins want to stand in rows; from 40 pixels the discs have become coins. SinGAN keeps the ring from both of its finer scales. The paper calls this paint-to-image.
#
# **An edit is harmonised.** We paste the rocket twice into its own sky, with a rectangle of sky around it that does not fit. GPNN starts from the edited image at 32 pixels. The same works for **retargeting**, which is another aspect ratio without stretching.
#
# **Predict before you run.** What will become of the rectangles? And if the sky is to become half as wide again, what happens to the rocket, and what to the masts?

# %%
edited = rocket.clone()
for left in (6, 34):
    edited[..., 14:48, left : left + 8] = rocket[..., 14:48, 21:29]
harmonised = run(gpnn(rocket, start=edited, noise=0, coarsest=32)).estimate
wide = run(gpnn(rocket, shape=(48, 72), noise=0, alpha=1e-3)).estimate
pictures = {"source": rocket, "edited": edited, "harmonised": harmonised}
alt = "A rocket between two masts; two more rockets pasted over the masts, each in a "
alt += "visible rectangle; three rockets in an even sky."
show_images(pictures, alt, crop=(10, 0, 24))
stretched = resized(rocket, 48, 72)
coins_wide = model.sample(shape=(48, 72))
pictures = {"stretched": stretched, "retargeted by GPNN": wide}
pictures["new coins by SinGAN, wide"] = coins_wide
alt = (
    "The rocket stretched to a wider frame; retargeted, with more masts and lights but "
)
alt += "a rocket as slim as before; a wide sample of coins by SinGAN."
show_images(pictures, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The edges of the rectangles disappear into the sky, whereas the rockets stay; the foot of a mast is left over. In the wider image the rocket stays as slim as it was, and there are more masts and more lights. Stretching makes everything wider, whereas patches cannot become wider; so there must be more of them.
#
# </details>
#
# ## 9. Where it fails
#
# **Predict before you run.** A face is smooth, and its patches recur (lesson 02). What will a new image like this face look like?

# %%
faces = {"source": face}
for size in (12, 18, 26):
    sample = run(gpnn(face, coarsest=size, seed=1)).estimate
    title = f"from {size} px: coherence {coherence(sample, face):.3f}, "
    faces[title + f"{copied_share(sample, face):.0%} in one piece"] = sample
alt = "A woman's face; from 12 pixels the same face with a blot by the mouth; from 18 "
alt += (
    "pixels pieces of faces stacked on each other; from 26 pixels hair and skin in no "
)
alt += "order."
show_images(faces, alt, columns=4)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Either the same face, or a nightmare. The patches are nearly right, as the coherence above each image says (one seed for each size). But a face has one mouth, below one nose, between two eyes: a *global* structure, which no patch of the source tells, and of which one image shows one example only. None of these three sizes lies in between.
#
# </details>
#
# Three ways to fail, then, and the first two come from the one decision how large a patch is, relative to the image:
#
# - **Too large**: the source comes back, at times shifted a little.
# - **Too small**: the arrangement is lost, although each patch is right.
# - **An arrangement that must not change**: faces, letters, anything of which there is exactly one. Here only starting from a finer scale helps, and then little is new.
#
# GPNN adds a cost: all pairs of patches are compared, so that an image with twice the side takes sixteen times as long at its last scale. At 96 px the coins took 6 seconds of one core here, and the cup 9.
#
# ## 10. Relatives
#
# **InGAN** (Shocher, Bagon, Isola and Irani, 2019) came at the same time as SinGAN; its generator maps the *image* to another size and shape, and does not draw from noise. **ConSinGAN** (Hinz, Fisher, Wang and Wermter, 2021) trains the last three scales of SinGAN *together*, and needs fewer of them.
# **SinDiffusion** (Wang et al., 2022) replaces the adversary by a trained diffusion model at a *single* scale with a limited receptive field, and **SinFusion** (Nikankin, Haim and Irani, 2023) trains one on large random crops of one image or one video.
#
# ## Exercises
#
# 1. **Fewer rounds.** Draw ten samples by `gpnn(coins, coarsest=14, iterations=..., seed=...)`, with at most 1, 3 and 10 rounds at each scale, and compare their coherence and their copied share. What does the repetition gain, and what does it cost?
# 2. **A better denoiser.** Call `patch_diffusion(coins, patch=13, coarsest=14, seed=...)` for three seeds, and then with `patch=3`. Predict the copied share and the coherence of both. Then measure, by `optimal_denoiser(coins + 0.3 * noise, coins, 0.3, patch=...)`, which patch size denoises best.
# 3. **A cheat that passes.** Find a rule that makes images of coins with a low coherence, a low completeness, *and* a small copied share, without any search: for example, cut the source into blocks and permute or mirror them. Does `field_complexity` notice? What would?
#
# <details><summary>Solution 1</summary>
#
# The mean of ten coherence distances falls from 0.056 with one round to 0.048 with three and 0.033 with ten, so that the seams between the parts close. But they close by copying: the mean share in one piece rises from 4 % to 12 % and 33 %, and one sample of the ten becomes a copy. Better coherence and less novelty are the same process here.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# With 13 of 14 pixels, each seed gives the source back (96 % or more in one piece). With 3 pixels the coins dissolve: coherence is 0.06, and completeness 0.10.
# As a denoiser the large patch is by far the best: its root mean square error is below 0.02, against about 0.07 for 7 pixels and 0.11 for 3. So the best denoiser of the three is no generator of new images, as the end of section 5 said: it can only copy.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# One line does it: `coins.flip(-1)`, the mirror image. Its coherence and completeness are both 0.06, less than SinGAN's, its copied share is 6 %, and its field is *more* complex than that of GPNN (0.39 against 0.23), because an offset changes from each column to the next.
# The measure would have to look for neighbours among the turned and mirrored patches of the source as well. Nine blocks of 16 pixels in another order have coherence 0.05, completeness 0.04 and a copied share of 20 %; here the complexity, 0.11, is half of GPNN's and tells. Each measure of copying knows the ways of copying that its author had in mind.
#
# </details>
#
# ## Summary
#
# 1. "Like this one" means patches: each of mine occurs in the source (coherence), and each of the source's in mine (completeness). Replacing patches by their nearest neighbours, coarse to fine, is a generator without any training.
# 2. The size of the patch relative to the coarsest scale decides what is new: large patches copy the source, small ones lose its arrangement. A small $\alpha$ calls in what is left out, in the later rounds and in part by copying.
# 3. The best denoiser of an image's patches is a softmax-weighted mean of them; its limit at zero temperature is the nearest neighbour, and run backwards it is a diffusion model without weights. It can create because it looks at patches only.
# 4. SinGAN trains networks against critics of patches. Shortened as it is here, it is less coherent than the patch methods and takes nearly a hundred times longer, but its patches are its own, and thanks to the critic they occur about as often as they should.
# 5. Distances between patches reward copies, and cannot tell a sample from a shifted source; the nearest-neighbour field can, but a mirrored source deceives its numbers in turn (exercise 3).
# 6. **What breaks it:** global structure of which there is one example, such as a face; a coarsest scale that is too coarse or too fine for the patch; and measures that praise copies.
#
# **Papers.** T. Rott Shaham, T. Dekel, T. Michaeli, [*SinGAN: Learning a Generative Model from a Single Natural Image*](https://arxiv.org/abs/1905.01164), ICCV 2019: the pyramid of generators and critics, with [the authors' code](https://github.com/tamarott/SinGAN).
# N. Granot, B. Feinstein, A. Shocher, S. Bagon, M. Irani, [*Drop the GAN*](https://arxiv.org/abs/2103.15545), CVPR 2022: GPNN.
# D. Simakov, Y. Caspi, E. Shechtman, M. Irani, *Summarizing Visual Data Using Bidirectional Similarity*, CVPR 2008: coherence and completeness.
# I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville, [*Improved Training of Wasserstein GANs*](https://arxiv.org/abs/1704.00028), NeurIPS 2017: the gradient penalty.
# J. Song, C. Meng, S. Ermon, [*Denoising Diffusion Implicit Models*](https://arxiv.org/abs/2010.02502), ICLR 2021: the deterministic rule.
# V. Kulikov, S. Yadin, M. Kleiner, T. Michaeli, [*SinDDM*](https://arxiv.org/abs/2211.16582), ICML 2023: diffusion on the pyramid of one image.
# M. Kamb, S. Ganguli, [*An Analytic Theory of Creativity in Convolutional Diffusion Models*](https://arxiv.org/abs/2412.20292), ICML 2025: why denoisers that see patches create.
# A. Elnekave, Y. Weiss, *Generating Natural Images with Direct Patch Distributions Matching*, ECCV 2022: the sliced Wasserstein distance of patches.
# Y. Nikankin, N. Haim, M. Irani, [*SinFusion*](https://arxiv.org/abs/2211.11743), ICML 2023: the compressed neighbour field.
# A. Shocher, S. Bagon, P. Isola, M. Irani, *InGAN*, ICCV 2019. T. Hinz, M. Fisher, O. Wang, S. Wermter, *Improved Techniques for Training Single-Image GANs*, WACV 2021: ConSinGAN. W. Wang et al., *SinDiffusion*, 2022: section 10.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the survey that this course follows.
#
# **Next.** Lesson 11 leaves images for electrocardiograms, videos and scans.
#
# **Problem set.** [Problem set 10](../exercises/ps10_generating_from_one_image/ps10_generating_from_one_image.ipynb): receptive field against scale, the best patch denoiser derived, the gradient penalty, completeness, four runs that fail, and what "new" means.
