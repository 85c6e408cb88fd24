# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 07 · Self-supervised denoising
#
# Six tasks to [lesson 07](../../notebooks/07_self_supervised_denoising.ipynb) and one open question, for 20 points in all.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once, says *which* mistake it sees, and gives a hint.
#   **If you run it again, the hint says more**, and asking costs you no points.
# - The last line of that cell shows your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells.
# - The set takes about three hours, of which the computing takes about a minute in all.

# %%
import math

import torch

from dil_course import runtime
from dil_course.checks import ps07
from dil_course.figures import show_curves, show_images
from dil_course.fitting import run
from dil_course.from_scratch.self_supervised import (
    blind,
    noise2noise,
    noise2self,
    zero_shot_noise2noise,
)
from dil_course.networks import small_skip_network
from dil_course.signals import picture, psnr

# For such small pictures a second thread costs more than it brings.
torch.set_num_threads(1)
x = picture("camera", side=48).mean(1, keepdim=True)  # gray
sigma = 25 / 255
y = x + sigma * torch.randn(x.shape, generator=runtime.generator(0, "noise"))

# %% [markdown]
# ## Task 1. The loss that looks at hidden pixels (2 points, 20 minutes)
#
# You have one noisy image and no clean one, so that a network $f$ could minimise its loss by returning its input.
# To prevent this, we hide a few pixels from the network, let it guess them from the others, and evaluate the loss at the hidden pixels only:
#
# $$\frac{1}{C \, |M|} \sum_{i \in M} \, \sum_{c} \big( f(y')_{c,i} - y_{c,i} \big)^2 .$$
#
# Here $M$ is the set of hidden pixels, $|M|$ is their number, $C$ is the number of channels, and $y'$ is the image without the hidden pixels.
#
# Write `hidden_loss(estimate, y, hidden)`, where `estimate` and `y` are (1,C,H,W) and `hidden` is (1,1,H,W), True where a pixel is hidden. Return one number as a tensor, because a network will learn from it.


# %% nbgrader={"solution": true, "grade_id": "hidden_loss_answer"}
def hidden_loss(estimate, y, hidden):
    ### BEGIN SOLUTION
    return (hidden * (estimate - y) ** 2).sum() / (y.shape[1] * hidden.sum())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "hidden_loss", "points": 2}

ps07.hidden_loss(hidden_loss)
### BEGIN HIDDEN TESTS
ps07.hidden_loss(hidden_loss, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Does this loss recognise a good estimate? We try three candidates: `y` itself, the mean of the 3 × 3 pixels around each pixel, and the mean of the eight neighbours without the pixel.
# Hide a tenth of the pixels at random, compare your loss with the true error, which is the mean of (estimate - x)², and divide both by $\sigma^2$.
# **Predict before you run:** which candidate has the least loss, and which one has a loss that equals its error plus $\sigma^2$?


# %% nbgrader={"solution": true, "grade_id": "hidden_loss_seen"}
### BEGIN SOLUTION
def mean_of_nine(z):
    padded = torch.nn.functional.pad(z, [1] * 4, mode="reflect")
    return torch.nn.functional.avg_pool2d(padded, 3, stride=1)


def mean_of_eight(z):
    return (9 * mean_of_nine(z) - z) / 8


hidden = torch.rand(y.shape, generator=runtime.generator(0, "hidden")) < 0.1
candidates = {"y itself": y, "mean of nine": mean_of_nine(y)}
candidates["mean of eight"] = mean_of_eight(y)
for label, estimate in candidates.items():
    loss = hidden_loss(estimate, y, hidden) / sigma**2
    error = (estimate - x).square().mean() / sigma**2
    print(f"{label:13} loss {loss:.2f}, true error {error:.2f},", end=" ")
    print(f"difference {loss - error:+.2f}")
# The best loss belongs to the worst estimate: y was shown every pixel, and returns it.
# To mask the loss is not enough. The mean of eight never sees the pixel that it is
# judged at: its loss is about its error plus one sigma^2. Few pixels are judged, so
# only about.
### END SOLUTION

# %% [markdown]
# ## Task 2. A stranger in its place (3 points, 30 minutes)
#
# What should the network see where a pixel is hidden? **Noise2Void** shows a random other pixel from nearby. Its colour is plausible, so that the network cannot know which pixels are strangers.
#
# Write `disguise(y, hidden, radius, generator)`, where `y` is (1,C,H,W) and `hidden` is (1,1,H,W). Return `y`, changed where `hidden` is True:
#
# - a hidden pixel shows the colour, all channels, of **another** pixel of `y`: at most `radius` rows and at most `radius` columns away;
# - each hidden pixel draws anew, and so does each call. Where the whole window lies inside the image, every pixel of it except the middle one may be drawn, though not necessarily equally often;
# - it never shows itself. **Think of the border, too:** what do you do with a position outside the image?
# - all random numbers come from `generator`, as in `torch.randint(low, high, shape, generator=generator)`, where `high` is left out.
#
# A stranger may itself be one of the hidden pixels; in that case take its colour from the unchanged `y`.


# %% nbgrader={"solution": true, "grade_id": "disguise_answer"}
def disguise(y, hidden, radius, generator):
    ### BEGIN SOLUTION
    result, (height, width) = y.clone(), y.shape[-2:]
    for row, column in hidden[0, 0].nonzero().tolist():
        a, b = row, column
        while (a, b) == (row, column) or not (0 <= a < height and 0 <= b < width):
            down, right = torch.randint(
                -radius, radius + 1, (2,), generator=generator
            ).tolist()
            a, b = row + down, column + right
        result[..., row, column] = y[..., a, b]
    return result
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "disguise", "points": 3}
from dil_course.checks import ps07

ps07.disguise(disguise)
### BEGIN HIDDEN TESTS
ps07.disguise(disguise, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now you have Noise2Void. Train it on `y` alone: use `small_skip_network(1, 1)`, made inside `with runtime.seeded(0):`, and Adam with a learning rate of 0.01 for 200 iterations.
# At each iteration hide 5 % of the pixels anew, with a radius of 5, and take the mean of the last 50 outputs. Show `y`, one disguised image, and the estimate with their PSNR, and keep the network for task 3.

# %% nbgrader={"solution": true, "grade_id": "disguise_seen"}
### BEGIN SOLUTION
with runtime.seeded(0):
    network = small_skip_network(1, 1)
adam = torch.optim.Adam(network.parameters(), lr=0.01)
draw, outputs = runtime.generator(0, "hidden and strangers"), []
for _ in range(200):
    hidden = torch.rand(y.shape, generator=draw) < 0.05
    source = disguise(y, hidden, 5, draw)
    output = network(source)
    adam.zero_grad()
    hidden_loss(output, y, hidden).backward()
    adam.step()
    outputs.append(output.detach())
estimate = torch.stack(outputs[-50:]).mean(0)
shown = {f"y, {psnr(y, x):.1f} dB": y, "disguised": source}
shown |= {f"Noise2Void, {psnr(estimate, x):.1f} dB": estimate, "truth": x}
alt = (
    "The noisy photograph; the same with strangers in it, which one hardly sees; "
    "a smooth estimate; and the truth."
)
show_images(shown, alt=alt)
### END SOLUTION

# %% [markdown]
# ## Task 3. Does a pixel look at itself? (3 points, 25 minutes)
#
# A function $f$ of an image is **blind** if no pixel of $f(y)$ depends on the same pixel of $y$; in lesson 07 it is called $\mathcal J$-invariant for the partition $\mathcal J$ of the pixels. Then the loss to $y$ is honest, because each pixel was guessed and not copied.
# Whether a given $f$ is blind can be measured. Let $e_i$ be the image that is 1 at the pixel $i$ and 0 elsewhere, and measure the **self-influence**, a finite difference for the diagonal of the Jacobian:
#
# $$s_i = \frac{f(y + t \, e_i)_i - f(y)_i}{t} .$$
#
# Write `self_influence(f, y, places, step)`, where `y` is (1,1,H,W), `f` maps it to an image of the same shape, `places` is a list of pixels `(row, column)`, and `step` is $t$. Return their $s_i$ as a tensor, in the order of `places`.


# %% nbgrader={"solution": true, "grade_id": "self_influence_answer"}
def self_influence(f, y, places, step):
    ### BEGIN SOLUTION
    before, found = f(y), []
    for row, column in places:
        changed = y.clone()
        changed[..., row, column] += step
        found.append((f(changed) - before)[0, 0, row, column] / step)
    return torch.stack(found)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "self_influence", "points": 3}
from dil_course.checks import ps07

ps07.self_influence(self_influence)
### BEGIN HIDDEN TESTS
ps07.self_influence(self_influence, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Measure it at 60 random pixels with a step of 0.1, for the mean of nine, the mean of eight, your Noise2Void network, and `blind(f)` of this network.
# The function `blind` hides a grid of pixels from $f$, takes the outputs at these pixels alone, and does so for 16 grids. Print the mean and the largest of $|s_i|$.
# **Predict before you run:** your network was trained on hidden pixels, but is it blind when you show it all of `y`?

# %% nbgrader={"solution": true, "grade_id": "self_influence_seen"}
### BEGIN SOLUTION
places = torch.randint(48, (60, 2), generator=runtime.generator(0, "places")).tolist()
with torch.no_grad():
    for label, f in {
        "mean of nine": mean_of_nine,
        "mean of eight": mean_of_eight,
        "network": network,
        "blind(network)": blind(network),
    }.items():
        influence = self_influence(f, y, places, 0.1).abs()
        print(f"{label:15} mean {influence.mean():.4f}, largest {influence.max():.4f}")
# The network is not quite blind. It trusts a pixel little, because it may be a
# stranger; but nothing makes its trust zero. Its training was blind.
# The mean of eight is blind, up to rounding. So is blind(network), whatever the
# network does.
### END SOLUTION

# %% [markdown]
# ## Task 4. What does the loss measure? (3 points, 35 minutes)
#
# Near one pixel, an estimate is a weighted mean of the noisy values that it sees: $\hat x = \sum_i w_i \, (x + \delta_i + n_i)$, with $\sum_i w_i = 1$. The truth is $x$, and $\delta_i$ is the difference between the true neighbour and the truth.
# The estimate is compared with a noisy **target** $x + m$. All noises have mean zero and the standard deviation $\sigma$, and they may be correlated:
#
# - `alike[i, j]` is the correlation of $n_i$ and $n_j$, so that the mean of $n_i n_j$ is $\sigma^2$ times it, and `alike[i, i]` is 1;
# - `with_target[i]` is the correlation $\rho_i$ of $n_i$ and $m$.
#
# Write `loss_and_risk(differences, weights, alike, with_target, sigma)`, where `differences` holds the $\delta_i$. Return two numbers: the expected **loss**, which is the mean of $(\hat x - x - m)^2$, and the **risk**, which is the mean of $(\hat x - x)^2$.


# %% nbgrader={"solution": true, "grade_id": "loss_and_risk_answer"}
def loss_and_risk(differences, weights, alike, with_target, sigma):
    ### BEGIN SOLUTION
    # x^ - x is a fixed part, sum w delta, plus a noise, sum w n.
    # The target takes off m.
    risk = (weights @ differences) ** 2 + sigma**2 * weights @ alike @ weights
    return risk + sigma**2 - 2 * sigma**2 * weights @ with_target, risk
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loss_and_risk", "points": 3}
from dil_course.checks import ps07

ps07.loss_and_risk(loss_and_risk)
### BEGIN HIDDEN TESTS
ps07.loss_and_risk(loss_and_risk, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# So the loss is the risk plus $\sigma^2$, minus twice what the estimate has in common with the target's noise. Where nothing is in common, the least loss is the least risk, and that is all of **Noise2Noise**.
#
# Take a flat place ($\delta_i = 0$), $\sigma = 1$, and the three candidates of task 1 as weights of the nine pixels, and add a fourth one, the mean of the four corners. Print loss and risk in four situations: for white noise and for noise that neighbours share, each with `y` as the target and with a second image.
# For the shared noise let the correlation of two pixels be $(3 - a)(3 - b) / 9$ if they are $a$ rows and $b$ columns apart. **Predict before you run:** in which situations does the least loss choose the least risk, among all four candidates and among the two blind ones?

# %% nbgrader={"solution": true, "grade_id": "loss_and_risk_seen"}
### BEGIN SOLUTION
row, column = torch.arange(9) // 3, torch.arange(9) % 3
rows, columns = (row[:, None] - row).abs(), (column[:, None] - column).abs()
noises = {"white": torch.eye(9), "shared": (3 - rows) * (3 - columns) / 9}
own = torch.eye(9)[4]
candidates = {"y itself": own, "mean of nine": torch.full((9,), 1 / 9)}
candidates["mean of eight"] = (1 - own) / 8
candidates["corners"] = torch.tensor([1.0, 0, 1, 0, 0, 0, 1, 0, 1]) / 4
for kind, alike in noises.items():
    targets = {"y": alike[4], "a second picture": torch.zeros(9)}
    for target, with_target in targets.items():
        print(f"{kind} noise, target {target}:", end=" ")
        for label, weights in candidates.items():
            flat = torch.zeros(9)
            loss, risk = loss_and_risk(flat, weights, alike, with_target, 1.0)
            print(f"{label} {loss:.2f} (risk {risk:.2f})", end="; ")
        print()
# A second picture chooses well in both noises. Against y, the copy always has no loss,
# so y can judge blind estimates only. In white noise it judges these well: the loss is
# the risk + 1. In shared noise it prefers the mean of eight, and the corners have the
# smaller risk: neighbours know the noise of the pixel, and the loss rewards who
# guesses it.
### END SOLUTION

# %% [markdown]
# ## Task 5. A pair made of one picture (2 points, 20 minutes)
#
# If there is no second image, **Recorrupted-to-Recorrupted** makes a pair from one noisy image $y = x + n$ by adding noise $z$ of its own:
#
# $$\text{source} = y + \alpha z , \qquad \text{target} = y - z / \alpha .$$
#
# The noise $n$ has the standard deviation $\sigma$, whereas $z$ has the standard deviation $\tau$ that we pass to the method (the argument `told`). Both have mean zero, and they are independent.
#
# Write `recorrupted(sigma, told, alpha)`, which returns three numbers for one pixel: the variance of the source's noise, the variance of the target's noise, and the **covariance** of the two.


# %% nbgrader={"solution": true, "grade_id": "recorrupted_answer"}
def recorrupted(sigma, told, alpha):
    ### BEGIN SOLUTION
    # The noises are n + alpha z and n - z / alpha. In their product n n and z z stay,
    # and alpha cancels.
    source = sigma**2 + (alpha * told) ** 2
    target = sigma**2 + (told / alpha) ** 2
    return source, target, sigma**2 - told**2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "recorrupted", "points": 2}
from dil_course.checks import ps07

ps07.recorrupted(recorrupted)
### BEGIN HIDDEN TESTS
ps07.recorrupted(recorrupted, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Draw the **correlation** of the two noises for $\tau / \sigma$ from 1/4 to 4, over the logarithm of this ratio, for $\alpha$ = 0.5 and 1, and test one point on 100,000 random numbers.
# By task 4, what does the network learn if $\tau$ is too small, and what if it is too large? And why not take a tiny $\alpha$, which leaves the source nearly as clean as `y`?

# %% nbgrader={"solution": true, "grade_id": "recorrupted_seen"}
### BEGIN SOLUTION
powers, curves = [k / 8 for k in range(-16, 17)], {}
for alpha in (0.5, 1):
    moments = [recorrupted(1, 2**power, alpha) for power in powers]
    alike = [common / math.sqrt(source * target) for source, target, common in moments]
    curves[f"alpha {alpha}"] = (powers, alike)
alt = (
    "Two falling curves: positive where too little was told, "
    "zero where it is right, negative beyond."
)
show_curves(curves, "log2 of tau / sigma", "correlation", alt)
n, z = torch.randn(2, 100_000, generator=runtime.generator(0, "pairs"))
measured = torch.cov(torch.stack([n + 0.5 * 0.5 * z, n - 0.5 / 0.5 * z]))
measured = (measured[0, 0], measured[1, 1], measured[0, 1])
for value, found in zip(recorrupted(1, 0.5, 0.5), measured, strict=True):
    print(f"told a half: {value:.2f}, measured {found:.2f}", end="; ")
print(
    f"\nwith alpha = 0.1 the target has {recorrupted(1, 1, 0.1)[1]:.0f} times the noise"
)
# With tau too small, the noises are correlated, and the loss rewards noise that stays.
# With tau too large, it rewards the opposite of the noise: where the image has little
# power, the best estimate keeps the negative share (sigma^2 - tau^2) / (sigma^2 +
# alpha^2 tau^2) of it. The result is not too smooth: it is noise with its sign changed.
# A tiny alpha makes the target very noisy. That noise has mean zero, but so much of it
# must be averaged away.
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 30 minutes)
#
# In `ps07.failing_run("A")` a network learns from one noisy photograph, and one thing is wrong; in "B", "C" and "D" it is another thing each time. Good runs reach 26 dB here, whereas none of these reaches 23.5. A run is a dictionary:
#
# - `truth`, `y` and `estimate` (1,1,48,48), and `sigma`, the true standard deviation of the noise;
# - from the last iteration, all of this shape: `source`, what the network got; `target`, what its output was compared with; `judged`, True where the loss looked.
#
# One of them is Recorrupted-to-Recorrupted, whose loss should look at all pixels, and the others are Noise2Void, which hides a tenth of them. Compare the images with each other before you guess.

# %%
runs = {letter: ps07.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps07.CAUSES.items():
    print(f"{cause:30} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
for letter, r in runs.items():
    noise, judged = r["y"] - r["truth"], r["judged"]
    pairs = torch.stack([noise[..., 1:].flatten(), noise[..., :-1].flatten()])
    themselves = (r["source"] == r["y"])[judged].double().mean()
    added = {name: (r[name] - r["y"]).std() / sigma for name in ("source", "target")}
    print(f"{letter}: {psnr(r['estimate'], r['truth']):.1f} dB;", end=" ")
    print(f"the loss looks at {judged.double().mean():.0%} of the pixels,", end=" ")
    print(f"and {themselves:.0%} of these show themselves;", end=" ")
    print(f"neighbours correlate by {torch.corrcoef(pairs)[0, 1]:.2f};", end=" ")
    print("; ".join(f"added to {name} {s:.2f} sigma" for name, s in added.items()))
    if letter == "C":
        # alpha z is added to the source, z / alpha taken off the target: the product
        # of both spreads is the square of the sigma that the run was told.
        told = math.sqrt(added["source"] * added["target"])
        print(f"C was told {told:.2f} sigma")
    shown = {f"{letter}: y": r["y"], "source - y": 0.5 + r["source"] - r["y"]}
    shown |= {"target - y": 0.5 + r["target"] - r["y"], "estimate": r["estimate"]}
    alt = f"Run {letter}: the noisy picture, what was done to source and target, and a "
    show_images(shown, alt=alt + "noisy estimate.")
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "hidden pixels show themselves",
    "B": "noise that neighbours share",
    "C": "half of sigma",
    "D": "loss over all pixels",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps07

ps07.causes(causes)

# %% [markdown]
# ## Open question (3 points, 35 minutes)
#
# `ps07.three_noises(seed)` returns three noises of the same $\sigma$ by name: "white"; "shared", where each value is proportional to a mean of 3 × 3 white ones; and "stripes", where all pixels of a row have the same value. Each name holds a pair, the noise of a first image and that of a second one, which you add to `x`.
#
# Three methods: `noise2noise(y, second, iterations=100)`; `noise2self(y, iterations=120)`, which guesses hidden pixels from all others; and `zero_shot_noise2noise(y, iterations=200)`, which predicts the mean of one diagonal of each cell of 2 × 2 pixels from the mean of the other.
# The estimate of a method is `run(...).estimate`.
#
# For each method ask how much of the **target's noise** can be predicted from the noise that the network sees, and answer with numbers, from the noises alone. **Write down the nine gains that you expect** (PSNR after, minus PSNR before), and then measure them for three seeds.
#
# You will be marked on this:
#
# | points | for |
# | --- | --- |
# | 1 | a number for each method and noise, and nine predicted gains that follow from it, written before the measurement |
# | 1 | the nine gains, measured on three seeds, beside the prediction |
# | 1 | where the prediction fails, and why; or which change to a method would save it from one of the noises |


# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
def explained(seen, target, blind_spot=False):
    """The share of the target noise's variance that 5 x 5 numbers of `seen` explain.

    It is that of the best weighted sum; a blind spot leaves the middle one out.
    """
    inputs = torch.nn.functional.unfold(seen, 5)[0].T.double()
    inputs = inputs[:, [index for index in range(25) if index != 12 or not blind_spot]]
    target = target[..., 2:-2, 2:-2].flatten().double()
    # A driver that may meet equal columns.
    weights = torch.linalg.lstsq(inputs, target[:, None], driver="gelsd").solution
    left = target - (inputs @ weights)[:, 0]
    return 1 - left.square().mean() / target.square().mean()


def diagonals(n):
    first = (n[..., ::2, 1::2] + n[..., 1::2, ::2]) / 2
    return first, (n[..., ::2, ::2] + n[..., 1::2, 1::2]) / 2


### END SOLUTION


# %% nbgrader={"solution": true, "grade_id": "open_question_gains"}
### BEGIN SOLUTION
for seed in range(3):
    for kind, (first, second) in ps07.three_noises(seed).items():
        z, other = x + first, x + second
        methods = {
            "Noise2Noise": (noise2noise(z, other, iterations=100), (first, second)),
            "Noise2Self": (noise2self(z, iterations=120), (first, first, True)),
            "Zero-Shot": (zero_shot_noise2noise(z, iterations=200), diagonals(first)),
        }
        print(f"seed {seed}, {kind:8}", end=" ")
        for name, (steps, noises) in methods.items():
            gain = psnr(run(steps).estimate, x) - psnr(z, x)
            print(
                f"{name}: share {explained(*noises):.2f}, gain {gain:5.2f} dB", end="; "
            )
        both = psnr((z + other) / 2, x) - psnr(z, x)
        print(f"mean of the two images {both:.2f} dB")
    # Of the last noise, the stripes:
    padded = torch.nn.functional.pad(z, (0, 0, 1, 1), mode="reflect")
    rows = (padded[..., :-2, :] + padded[..., 2:, :]) / 2
    print(f"seed {seed}, stripes, mean of the rows above and below:", end=" ")
    print(f"{psnr(rows, x) - psnr(z, x):.2f} dB")
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 3}
# ### BEGIN SOLUTION
# **A good answer, measured.** The seeds are 0, 1 and 2, and the ranges are over the seeds.
#
# *The number.* We use the share of the target noise's variance that a weighted sum of 5 × 5 noises which the network sees can explain.
# By task 4 the loss rewards a network for this part, so that a network which minimises the loss keeps it. If the share is $s$, at most about $-10 \log_{10} s$ dB can be gained.
# For Noise2Noise it is 0.01 to 0.06 for white and shared noise and 0.09 to 0.19 for stripes, all of it by chance, because there are few rows. For Noise2Self it is 0.01 for white noise, 0.88 for shared noise and 1.00 for stripes.
# For Zero-Shot Noise2Noise it is 0.06 to 0.08 (by chance again, since 25 weights are fitted to 400 values), 0.88 to 0.90, and 1.00, because both diagonals hold the same two rows.
#
# *Prediction, in dB.* Shares of 0.88 and 1 allow gains of 0.5 and 0. Where the share is only chance, the neighbours set the limit: for white noise I expect 6 dB from them, and 3 more for Noise2Noise, which has a second image.
# In shared noise the neighbours help less, and in stripes only those of other rows help, so that I expect 3 + 2 and 3 + 3 for Noise2Noise.
#
# | | Noise2Noise | Noise2Self | Zero-Shot |
# | --- | --- | --- | --- |
# | white: predicted, measured | 9, 8.5 to 8.6 | 6, 4.2 to 5.1 | 6, 4.1 to 4.9 |
# | shared | 5, 4.3 to 5.2 | 0.5, 0.5 to 0.6 | 0.5, 0.2 to 0.3 |
# | stripes | 6, 2.1 to 3.0 | 0, -0.1 to 0.0 | 0, 0.0 to 0.1 |
#
# *Where it fails.* The prediction fails for Noise2Noise in stripes. Its assumption holds, and yet it gains no more than the plain mean of the two images, which is 2.1 to 2.9 dB. I think that it memorises the pair, because
# 48 values per image are soon learned, and they are always the same 48. The assumption is about the mean over many draws of the noise, and here we have only one. More images should help, which would be the test.
# Noise2Self gains a little more in shared noise than its share allows. That is no contradiction, because the limit holds for the least loss, which a short run has not reached yet.
#
# *A change.* In the stripes, different rows are independent, so that an estimate must be blind to its whole row. The mean of the rows above and below is blind in this sense, and it gains 0.9 to 1.6 dB, where Noise2Self gains nothing.
# ### END SOLUTION
