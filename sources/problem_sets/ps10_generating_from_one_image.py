# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 10 · Generating from one image
#
# Six tasks on [lesson 10](../../notebooks/10_generating_from_one_image.ipynb) and one open question, for 20 points in all.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once, says *which* mistake it sees, and gives a hint.
#   **If you run it again, the hint says more**, and nothing is lost by asking.
# - The last line of that cell is your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells, because they are marked.
# - The set takes about three and a quarter hours, of which the computing is less than a minute.

# %%
import torch

from dil_course import runtime
from dil_course.checks import ps10
from dil_course.figures import show_curves, show_images
from dil_course.fitting import run
from dil_course.from_scratch import gpnn
from dil_course.from_scratch.zero_shot_sr import turn
from dil_course.signals import (
    coherence,
    copied_share,
    patches,
    picture,
)

# For such small images a second thread costs more than it brings.
torch.set_num_threads(1)
coffee, gravel, rocket = (picture(name, 48) for name in ("coffee", "gravel", "rocket"))

# %% [markdown]
# ## Task 1. One window, many scales (2 points, 20 minutes)
#
# The critic of SinGAN is the same small stack of convolutions at each scale, so that it judges windows of the same number of pixels everywhere.
# At the coarsest scale such a window holds a large part of the scene, whereas at the finest it holds a detail. All that the method knows about arrangement comes from the first, and all that it knows about texture from the last.
#
# Write `seen(kernels, sides)`. The list `kernels` holds the sides of the kernels, in their order, and all convolutions move by one pixel. The list `sides` holds the side of the square image at each scale, coarsest first.
# Return a list with an entry for each scale, the share of the image's **area** on which one value behind all these convolutions depends. It is at most 1.


# %% nbgrader={"solution": true, "grade_id": "seen_answer"}
def seen(kernels, sides):
    ### BEGIN SOLUTION
    field = 1 + sum(kernel - 1 for kernel in kernels)
    return [min(1, (field / side) ** 2) for side in sides]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "seen", "points": 2}

ps10.seen(seen)
### BEGIN HIDDEN TESTS
ps10.seen(seen, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# SinGAN has five kernels of 3 and begins at 25 pixels. The patches of our `gpnn` have 5 pixels, as if they were seen through a single kernel of 5, and it begins at 14.
# Print the share at the coarsest scale for both.
#
# Then let `gpnn` draw three samples of `gravel` from each of the coarsest scales 8, 14 and 28, and print the share that a patch covers there beside `copied_share(sample, gravel)`, the part of the sample that is a copy in one piece.
# **Predict before you run:** which of the three gives copies, and which gives samples that have lost the arrangement of the stones?

# %% nbgrader={"solution": true, "grade_id": "seen_tried"}
### BEGIN SOLUTION
print(f"SinGAN at 25 pixels: {seen([3] * 5, [25])[0]:.0%} of the area")
print(f"gpnn at 14 pixels:   {seen([5], [14])[0]:.0%} of the area")
shown = {"source": gravel}
for coarsest in (8, 14, 28):
    steps = [gpnn(gravel, coarsest=coarsest, seed=seed) for seed in range(3)]
    samples = torch.cat([run(step).estimate for step in steps])
    copied = [copied_share(sample, gravel) for sample in samples.split(1)]
    print(f"from {coarsest:2} pixels: a patch covers", end=" ")
    print(f"{seen([5], [coarsest])[0]:.0%};", end=" ")
    print("copied in one piece:", ", ".join(f"{share:.2f}" for share in copied))
    shown[f"from {coarsest} pixels"] = samples[:1]
alt = (
    "Gravel, and three samples: a copy, an arrangement of large parts, and one of "
    "small parts without large stones."
)
show_images(shown, alt=alt)
print("A patch that covers a large share has few places in the image where it can be.")
### END SOLUTION

# %% [markdown]
# ## Task 2. The denoiser that needs no training (3 points, 35 minutes)
#
# A patch $p$ was drawn from the rows $p_1, p_2, \dots$ of a database, where row $j$ has the probability $\pi_j$. We see $q = p + n$, with white Gaussian noise $n$ of standard deviation $\sigma$.
# Which estimate of $p$ has the least mean squared error? Derive it: write down the probability of each row given $q$, by Bayes' rule, and remember which statistic of a distribution minimises the squared error.
#
# Write `posterior_mean(queries, database, shares, sigma)`, with `queries` (Q,D), `database` (N,D), and `shares`, the $\pi_j$, (N,). It returns the estimates (Q,D).
# It has to work for a small `sigma`, too, and for a query that is far from all rows.


# %% nbgrader={"solution": true, "grade_id": "posterior_mean_answer"}
def posterior_mean(queries, database, shares, sigma):
    ### BEGIN SOLUTION
    # P(p_j | q) is proportional to pi_j exp(-|q - p_j|^2 / (2 sigma^2)).
    squared = torch.cdist(queries, database) ** 2
    exponents = shares.log() - squared / (2 * sigma**2)
    return torch.softmax(exponents, 1) @ database
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "posterior_mean", "points": 3}
from dil_course.checks import ps10

ps10.posterior_mean(posterior_mean)
### BEGIN HIDDEN TESTS
ps10.posterior_mean(posterior_mean, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Draw 500 patches of 5 × 5 pixels from `coffee`, all of them equally likely, and add noise. Compare four estimates: the noisy patch itself, the nearest patch of `coffee`, your posterior mean, and the mean of all patches.
# Draw their errors (root mean square) for $\sigma$ from 0.01 to 3, with both axes logarithmic.
#
# **Predict before you run:** near which of the other three does your curve lie at the left end, and near which at the right end? Can it ever lie above one of them?

# %% nbgrader={"solution": true, "grade_id": "posterior_mean_seen"}
### BEGIN SOLUTION
database, draw = patches(coffee, 5), runtime.generator(0, "noisy patches")
equal = torch.full((len(database),), 1 / len(database))
clean = database[torch.randint(len(database), (500,), generator=draw)]
sigmas = (0.01, 0.03, 0.1, 0.3, 1, 3)
errors = {"noisy patch": [], "nearest": [], "posterior mean": [], "mean of all": []}
for sigma in sigmas:
    q = clean + sigma * torch.randn(clean.shape, generator=draw)
    nearest = database[torch.cdist(q, database).argmin(1)]
    estimates = (q, nearest, posterior_mean(q, database, equal, sigma))
    estimates += (database.mean(0).expand_as(q),)
    for found, estimate in zip(errors.values(), estimates):
        found.append((estimate - clean).square().mean().sqrt().clamp(min=1e-4).item())
curves = {name: (sigmas, found) for name, found in errors.items()}
alt = (
    "Four curves. The posterior mean is the lowest everywhere: at the left it meets "
    "the nearest patch, and at the right it comes near the mean of all."
)
show_curves(curves, "sigma", "error (rms)", alt, log_x=True, log_y=True)
print(
    "With little noise all weight is on one patch, which is GPNN's nearest neighbour "
    "(alpha large). With much noise all patches weigh nearly the same. In between, "
    "the nearest patch is a guess, and the mean over the likely ones is the better bet."
)
### END SOLUTION

# %% [markdown]
# ## Task 3. How steep may a critic be? (3 points, 35 minutes)
#
# The critic $f$ of a Wasserstein GAN is to give real images a high value and generated ones a low value. Its difference of means is a distance between the two only if its slope is nowhere above 1. Otherwise the critic could double the difference by doubling the weights of its last layer.
# Gulrajani and others (2017) hold the slope with a penalty on images between the two kinds. SinGAN uses a form of it, whose norm is taken at each pixel of the image; here is the original:
#
# $$\frac1N \sum_{i=1}^{N} \big( \| \nabla_x f(x_i) \|_2 - 1 \big)^2 , \qquad x_i = t_i \, \text{real}_i + (1 - t_i) \, \text{fake}_i .$$
#
# Write `gradient_penalty(critic, real, fake, t)` for images (N,C,H,W) and `t` (N,1,1,1). The critic returns a map (N,1,h,w), as SinGAN's does, and the value $f$ of an image is the **mean** of its map.
# The norm is taken over all values of one image's gradient. Return the penalty as a tensor from which the critic's weights can get their gradient.


# %% nbgrader={"solution": true, "grade_id": "gradient_penalty_answer"}
def gradient_penalty(critic, real, fake, t):
    ### BEGIN SOLUTION
    x = (t * real + (1 - t) * fake).requires_grad_()
    values = critic(x).mean((1, 2, 3))
    # The sum: no image changes the value of another one.
    gradient = torch.autograd.grad(values.sum(), x, create_graph=True)[0]
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gradient_penalty", "points": 3}
from dil_course.checks import ps10

ps10.gradient_penalty(gradient_penalty)
### BEGIN HIDDEN TESTS
ps10.gradient_penalty(gradient_penalty, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now use it on images of a single pixel. The real ones have the values $0.7 + 0.05 \, n$ and the fake ones $0.2 + 0.05 \, n$, with a new standard normal $n$ in each iteration, so that their Wasserstein distance is 0.5.
# The critic below descends $-(\text{mean } f(\text{real}) - \text{mean } f(\text{fake})) + \lambda \cdot \text{penalty}$.
#
# **Predict before you run:** suppose that the critic has the same slope $s$ everywhere between the two. What does it gain by $s$, what does it pay, and at which $s$ does it come to rest for $\lambda$ = 10 (the paper's value), 0.1 (SinGAN's) and 0?
# Then train it for 300 iterations with each $\lambda$ (Adam, learning rate 0.001, 64 images of each kind in an iteration), and draw the difference of means.


# %%
def tiny_critic():
    with runtime.seeded(0):
        return torch.nn.Sequential(
            torch.nn.Conv2d(1, 32, 1),
            torch.nn.LeakyReLU(0.2),
            torch.nn.Conv2d(32, 32, 1),
            torch.nn.LeakyReLU(0.2),
            torch.nn.Conv2d(32, 1, 1),
        )


# %% nbgrader={"solution": true, "grade_id": "gradient_penalty_seen"}
### BEGIN SOLUTION
def differences(weight):
    """The difference of means in each of 300 iterations."""
    critic, draw = tiny_critic(), runtime.generator(0, "pixels")
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
    found = []
    for _ in range(300):
        noise = 0.05 * torch.randn(2, 64, 1, 1, 1, generator=draw)
        real, fake = 0.7 + noise[0], 0.2 + noise[1]
        t = torch.rand(64, 1, 1, 1, generator=draw)
        difference = critic(real).mean() - critic(fake).mean()
        loss = weight * gradient_penalty(critic, real, fake, t) - difference
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(difference.item())
    return found


curves = {}
for weight in (10, 0.1, 0):
    found = differences(weight)
    curves[f"lambda = {weight}"] = (range(1, 301), found)
    rest = f"{0.5 * (1 + 0.5 / (2 * weight)):.2f}" if weight else "none"
    print(f"lambda = {weight}: at rest by hand {rest},", end=" ")
    print(f"measured {sum(found[-50:]) / 50:.2f}")
alt = (
    "Three curves: with lambda 10 the difference levels off near a half, with 0.1 "
    "three times as high, and without a penalty it grows without end."
)
show_curves(curves, "iteration", "mean f(real) - mean f(fake)", alt, log_y=True)
# It gains 0.5 s and pays lambda (s - 1)^2: the slope at rest is 1 + 0.5 / (2 lambda).
print(
    "Only a large lambda measures the distance. With SinGAN's 0.1 the critic is a few "
    "times too steep: it still shows the generator which way to go, but its value is "
    "no Wasserstein distance any more."
)
### END SOLUTION

# %% [markdown]
# ## Task 4. Nothing strange in it, nothing missing from it (2 points, 20 minutes)
#
# Two questions about a sample have two different answers. *Coherence* asks each patch of the sample whether the source has one like it, and *completeness* asks each patch of the source whether the sample has one like it.
# The distance of two patches is here the mean squared difference of all their values. We take the least over the other image, and then the mean over all patches of the asking one.
#
# Write `both_ways(sample, source, size)`, which returns the pair `(coherence, completeness)` for images (1,C,h,w) and (1,C,H,W) that may differ in size. `patches(x, size)` gives all overlapping patches of an image, one a row.


# %% nbgrader={"solution": true, "grade_id": "both_ways_answer"}
def both_ways(sample, source, size):
    ### BEGIN SOLUTION
    rows, columns = patches(sample, size), patches(source, size)
    distances = torch.cdist(rows, columns) ** 2 / rows.shape[1]
    return distances.min(1).values.mean(), distances.min(0).values.mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "both_ways", "points": 2}
from dil_course.checks import ps10

ps10.both_ways(both_ways)
### BEGIN HIDDEN TESTS
ps10.both_ways(both_ways, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Make five candidates from `rocket`: its left half, a circular shift by 13 rows and 17 columns, noise with its mean and standard deviation, and two narrower versions by
# `gpnn(rocket, shape=(48, 32), noise=0, alpha=...)`, with `alpha` 0.005 and 1000.
# **Write down before you run**, for each of the five, which of the two numbers is zero or small and which is large. Which of the candidates do the two numbers praise although nobody would call it new?

# %% nbgrader={"solution": true, "grade_id": "both_ways_seen"}
### BEGIN SOLUTION
noise = torch.randn(rocket.shape, generator=runtime.generator(0, "noise"))
candidates = {
    "left half": rocket[..., :24],
    "shifted": rocket.roll((13, 17), (-2, -1)),
    "noise": rocket.mean() + rocket.std() * noise,
}
for alpha in (0.005, 1000):
    steps = gpnn(rocket, shape=(48, 32), noise=0, alpha=alpha)
    candidates[f"alpha {alpha}"] = run(steps).estimate
for name, candidate in candidates.items():
    pair = [float(value) for value in both_ways(candidate, rocket, 5)]
    print(f"{name:12} coherence {pair[0]:.4f}, completeness {pair[1]:.4f}")
alt = (
    "A rocket's left half, the rocket shifted in a circle, noise, and two narrower "
    "versions of the scene."
)
show_images(candidates, alt=alt, columns=5, zoom=3)
print(
    "The half is coherent and incomplete, and noise is neither. A small alpha makes "
    "the narrow version more complete. The shift does well in both, but it is a copy."
)
### END SOLUTION

# %% [markdown]
# ## Task 5. A call for what is missing (2 points, 25 minutes)
#
# GPNN makes a sample more complete by a change of one line. It does not take the key $j$ that is nearest to the query $i$, but the one with the least **normalised score**
#
# $$\frac{d_{ij}}{\alpha + \min_k d_{kj}} ,$$
#
# where $k$ runs over all queries. The divisor of a key is large if no query is near it, so that a missing patch becomes cheap for the queries that are not too far from it.
#
# Write `chosen(distances, alpha)`, in which `distances` (Q,K) holds $d_{ij}$, with queries along the rows. It returns the number of the key for each query, (Q,), counted from 0.


# %% nbgrader={"solution": true, "grade_id": "chosen_answer"}
def chosen(distances, alpha):
    ### BEGIN SOLUTION
    closest = distances.min(0).values  # of each key: its distance to the nearest query
    return (distances / (alpha + closest)).argmin(1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "chosen", "points": 2}
from dil_course.checks import ps10

ps10.chosen(chosen)
### BEGIN HIDDEN TESTS
ps10.chosen(chosen, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# How many different keys are used, and how does that depend on $\alpha$? Take the patches of `coffee` as keys, and two sets of queries: the patches of a finished sample, `run(gpnn(coffee, alpha=1000)).estimate`,
# and the patches of `coffee` under noise of standard deviation 2, which is the kind of image that GPNN starts from. For both, draw the share of keys that are used, for $\alpha$ from $10^{-5}$ to 100.
#
# **Predict before you run:** a small $\alpha$ is meant to make the result more complete. Will both curves fall from left to right?

# %% nbgrader={"solution": true, "grade_id": "chosen_seen"}
### BEGIN SOLUTION
keys, curves = patches(coffee, 5), {}
noise = 2 * torch.randn(coffee.shape, generator=runtime.generator(0, "first guess"))
sets = {"a finished sample": run(gpnn(coffee, alpha=1000)).estimate}
sets["noise"] = coffee + noise
alphas = [10.0**power for power in range(-5, 3)]
for name, image in sets.items():
    distances = torch.cdist(patches(image, 5), keys) ** 2 / keys.shape[1]
    used = [len(chosen(distances, alpha).unique()) / len(keys) for alpha in alphas]
    curves[name] = (alphas, used)
    closest = distances.min(0).values
    print(
        f"{name}: a key's closest query is at {closest.mean():.4f} in the mean;",
        end=" ",
    )
    print(f"used with the least alpha {used[0]:.2f}, with the largest {used[-1]:.2f}")
alt = (
    "For queries from a finished sample the share of used keys falls as alpha grows, "
    "and for queries of noise it rises."
)
show_curves(curves, "alpha", "share of keys that are used", alt, log_x=True)
print(
    "The call is heard where queries are near the keys: then the divisors differ by "
    "large factors, and alpha has to be small beside the typical distance. From noise "
    "all keys are far. No key is missing more than the others, and the few with the "
    "largest divisors win most of the queries: the result is the opposite. So the "
    "score can only do its work in later iterations, where the queries are near."
)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 30 minutes)
#
# `ps10.failing_run("A")` is a run of GPNN on a small photograph, with one thing wrong, and "B", "C" and "D" are runs with another fault each.
# Of a good sample here, the library's `coherence(sample, source, 5)` is below 0.01, and less than half is a copy in one piece (`copied_share(sample, source)`). Each of these runs misses one of the two. A run is a dictionary:
#
# - `source` and `sample` (1,3,48,48);
# - three lists with an image for each scale, coarsest first: `starts`, the first guess; `keys`, with which it was compared at first; `values`, from which the patches were taken that were put in;
# - the settings `patch`, `alpha` and `iterations`.
#
# Look at the images and at the numbers before you guess. The two numbers above need not say *why* a sample is bad, but you can also ask them about a single channel.

# %%
runs = {letter: ps10.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps10.CAUSES.items():
    print(f"{cause:22} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
for letter, r in runs.items():
    x, sample = r["source"], r["sample"]
    shown = {f"{letter}: sample": sample, "last values": r["values"][-1], "source": x}
    alt = f"Run {letter}: the sample, the image its patches came from, and the source."
    show_images(shown, alt=alt)
    single = [coherence(sample[:, [c]], x[:, [c]], 5) for c in range(3)]
    steps = sample.diff(dim=-1).abs().mean((0, 1, 2))
    steps = steps[:45].reshape(9, 5).mean(0)  # of the columns 0, 5, 10, ..., and so on
    spread = (r["starts"][0] - r["keys"][0]).std()
    print(f"{letter}: coherence {coherence(sample, x, 5):.4f},", end=" ")
    print(f"single channels {sum(single) / 3:.4f};", end=" ")
    print(f"copied {copied_share(sample, x):.2f};", end=" ")
    print(f"steps at each fifth column / others {steps[4] / steps[:4].mean():.2f};")
    print(f"   first guess - small source {spread:.2f};", end=" ")
    gap = (r["values"][-1] - x).abs().max()
    print(f"last values - source at most {gap:.2f}; {len(r['starts'])} scales")
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "channels apart",
    "B": "too little noise",
    "C": "soft patches pasted",
    "D": "patches side by side",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps10

ps10.causes(causes)

# %% [markdown]
# ## Open question (4 points, 35 minutes)
#
# What does it mean that an image is **new**? `source, images = ps10.suspects(seed)` gives a small texture or photograph, and seven images that may pass for new ones: some are cheats, one is noise, and one is a sample of `gpnn`.
#
# Choose a number that you can compute from `source` and one image, and that is larger the newer the image is, where "new" also has to mean "still of the same kind". You may build on any measure of the lesson.
# **Before you look, write down the order of the seven**, and which of them your number should refuse. Then compute it for the seeds 0 to 3, and find the cheat that deceives it best. It may be one of your own.
#
# You will be marked on this:
#
# | points | for |
# | --- | --- |
# | 1 | a definition of "new" in words, and a number that follows from it |
# | 1 | the predicted order, written before the measurement |
# | 1 | the table for four seeds, and where it departs from the prediction |
# | 1 | the cheat that passes, what it says about the definition, and one weakness of your own experiment |

# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
LIMIT = 0.05  # above it, patches are no longer those of the source


def newness(image, source):
    """1 less the largest part copied in one piece, from any turn of the source."""
    copied = max(copied_share(image, turn(source, number), 7) for number in range(8))
    kind = min(coherence(image, z, 7) for z in (source, source.flip(-1)))
    return 1 - copied if kind < LIMIT else 0.0


table = {}
for seed in range(4):
    source, images = ps10.suspects(seed)
    for name, image in images.items():
        table.setdefault(name, []).append(newness(image, source))
for name, row in table.items():
    print(f"{name:32}", "  ".join(f"{value:.2f}" for value in row))
source, images = ps10.suspects(0)
alt = (
    "Gravel seven times: itself, shifted, mirrored, in quarters, with a little noise, "
    "noise alone, and a sample."
)
show_images(images, alt=alt)
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 4}
# ### BEGIN SOLUTION
# **A good answer, measured** with `ps10.suspects` and the seeds 0 to 3, which are gravel, grass, brick and a photograph.
#
# *Definition.* An image is new if no large part of it can be had by copying one part of the source, where a turned or mirrored part is a copy as well. It is of the same kind if its patches are those of the source.
# So the number is 1 less the largest share that was copied in one piece, over all eight turns of the source and with patches of 7 pixels. It is 0 if the coherence is above 0.05, a limit that lies between the sample and the noise of seed 0.
#
# *Prediction* (here it follows from the definition and was written down after the measurement, whereas yours comes before it). The sample comes first, at about 0.8 for all four seeds. The quarters follow at 0.75, because the largest piece is a quarter, and the shift at about 0.25, because only the patches across its seams are no copies.
# The source, its mirror image and the source with a little noise get 0, and noise alone is refused by its coherence.
#
# *Measured*:
#
# | | gravel | grass | brick | camera |
# | --- | --- | --- | --- | --- |
# | the source, mirrored, noise alone | 0 | 0 | 0 | 0 |
# | a little noise added | 0 | 0 | 0.52 | 0 |
# | shifted in a circle | 0.27 | 0.27 | 0.27 | 0.27 |
# | its quarters in another order | 0.78 | 0.76 | 0.78 | 0.81 |
# | a sample of `gpnn` | 0.82 | 0.76 | 0.15 | 0.18 |
#
# *Where it departs.* The sample leads by a little on gravel, it ties with the quarters on grass, and on brick and on the photograph it is a large copy, which hardly anybody sees without the number. And a noise of 0.02 passes for new on brick, where flat patches differ by less than that noise, so that each finds another neighbour.
#
# *The cheat that passes* is the mosaic of quarters, which anybody makes in one line, and a mosaic of sixteen parts would do better still. Its seams are few, so that the mean over all patches does not notice them.
# So the number measures how small the parts are, not whether they fit together. An arrangement is only worth being called new if its seams cannot be found, and a number for that would have to look at the worst patches rather than at the mean.
# There is no last word on this: what a texture may do, to repeat its parts in another order, would be a fault in a face.
#
# *Weakness.* There is one sample for each source, and how much it copies is a matter of the draw. Three other seeds of `gpnn` on brick copied 0.08, 0.25 and 0.35 in one piece, where this one copied 0.85. The limit of 0.05 was not tried on images of another contrast.
# ### END SOLUTION
