# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 12 · Adapting a denoiser
#
# Six tasks to [lesson 12](../../notebooks/12_adapting_a_denoiser.ipynb), and one open question. 20 points.
#
# - Write your lines in place of `raise NotImplementedError()`, and add cells of your own wherever you like.
# - The cell after each task checks your answer at once, says *which* mistake it sees, and gives a hint.
#   **Run it again, and the hint says more.** You lose nothing by asking.
# - The last line of that cell is your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells.
# - Plan about three and a half hours, of which the computing takes about a minute in all.

# %%
import copy
import math

import torch

from dil_course import runtime
from dil_course.adaptation import free, tune_by_sure
from dil_course.adaptation.freedom import count
from dil_course.checks import ps12
from dil_course.figures import show_images
from dil_course.fitting.risks import divergence, probe
from dil_course.from_scratch.zero_shot_sr import turn
from dil_course.networks.trained import trained
from dil_course.signals import (
    Downsample,
    add_gaussian,
    estimate_sigma,
    luma,
    picture,
    psnr,
)

# For such small pictures a second thread costs more than it brings.
torch.set_num_threads(1)

# %%
# Called with a picture and its noise level: denoiser(y, sigma)
denoiser = trained("denoiser_gray")
sigma = 25 / 255
# One picture like those that it was trained on, and one unlike them.
photograph, cloth = luma(picture("camera", 48)), ps12.cloth()
noisy = add_gaussian(cloth, sigma)
show_images(
    {"photograph": photograph, "cloth": cloth, "noisy cloth": noisy},
    "A part of a photograph, a face; a cloth with narrow slanted stripes; "
    "the same with noise.",
)

# %% [markdown]
# ## Task 1. One gain for each channel (3 points, 30 minutes)
#
# A trained network has many weights, and one noisy image is little to learn from, so that only a few numbers should learn.
# **GainTuning** gives each output channel of each convolution one factor, its **gain**, by which the weights of the channel are multiplied. At first all gains are 1.
#
# Write `with_gains(network, gains)`, which returns a **function of an image** `x`. Here `network` is an `nn.Sequential` of `nn.Conv2d`, `nn.BatchNorm2d` and `nn.ReLU`,
# and `gains` is a list with one tensor for each convolution, in their order, with one number for each output channel.
#
# - Only the weights of the convolutions are multiplied, whereas their biases and the batch norm stay as they are.
# - The batch norm takes the statistics of the training and not those of `x`, although `network` may come in any mode.
# - The gains are going to learn, so that gradients must reach them, and when Adam changes them, your function must follow.
# - **The network that you are given stays as it is**, because the next image needs it: its weights, its statistics, its mode, and which of its weights may learn.


# %% nbgrader={"solution": true, "grade_id": "with_gains_answer"}
def with_gains(network, gains):
    ### BEGIN SOLUTION
    twin = copy.deepcopy(network).eval()
    places = [
        number
        for number, module in enumerate(twin)
        if isinstance(module, torch.nn.Conv2d)
    ]

    def f(x):
        weights = {
            f"{n}.weight": gain[:, None, None, None] * twin[n].weight
            for n, gain in zip(places, gains)
        }
        return torch.func.functional_call(twin, weights, (x,))

    return f
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "with_gains", "points": 3}
from dil_course.checks import ps12

ps12.with_gains(with_gains)
### BEGIN HIDDEN TESTS
ps12.with_gains(with_gains, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# The library does the same: `free(denoiser, "gain")` is a copy in which only gains learn, and `count` says how many numbers learn. Print it for "all", "norm", "gain" and "low-rank", and compare with the number of pixels of an image of 48 × 48.
#
# A second question concerns **batch norm**. Multiply the gains of all convolutions that stand before a batch norm by 1.5, and measure how much the result on the noisy `cloth` changes (root mean square, in gray levels of 255).
# Do so in evaluation mode, and in training mode, where a batch norm takes the mean and the spread of the image itself. **Predict before you run:** in which mode is a gain of no use at all?
#
# In the copy, the gain of a convolution is called `conv.parametrizations.weight[0].gain`.

# %% nbgrader={"solution": true, "grade_id": "with_gains_seen"}
### BEGIN SOLUTION
for what in ("all", "norm", "gain", "low-rank"):
    print(
        f"{what:9} {count(free(denoiser, what)):7} numbers learn; the picture has "
        f"{cloth.numel()} pixels"
    )
louder = free(denoiser, "gain")
for conv, follower in zip(louder.body, louder.body[1:]):
    if isinstance(follower, torch.nn.BatchNorm2d):
        conv.parametrizations.weight[0].gain.data *= 1.5
with torch.no_grad():
    for mode in (False, True):
        before = copy.deepcopy(denoiser).train(mode)(noisy, sigma)
        change = louder.train(mode)(noisy, sigma) - before
        print(
            f"{'training' if mode else 'evaluation'} mode: the result changes by "
            f"{255 * change.square().mean().sqrt():.3f} gray levels"
        )
print(
    "In training mode the batch norm divides each channel by its own spread, and so "
    "by the gain. Nothing is left of it."
)
### END SOLUTION

# %% [markdown]
# ## Task 2. The best gains, without a run (3 points, 35 minutes)
#
# With gains in the last place, one need not even iterate. Suppose that we have a few guesses at the noise, $r_1(y), \dots, r_K(y)$, and subtract a mixture of them:
#
# $$f(y) = y - \sum_k g_k \, r_k(y) .$$
#
# **SURE** estimates the error of $f$ from $y$ alone: the mean of $(f(y) - y)^2$, less $\sigma^2$, plus $\frac{2 \sigma^2}{n} \, \mathrm{div} f(y)$, for $n$ numbers in the image. For which gains is it least?
#
# Write `best_gains(parts, divergences, sigma)`, which returns the $K$ gains. Here `parts` is (K,C,H,W) and holds the $r_k(y)$, and `divergences` is (K,) and holds the $\mathrm{div}\, r_k(y)$: the divergences of the **parts**, not of $f$.


# %% nbgrader={"solution": true, "grade_id": "best_gains_answer"}
def best_gains(parts, divergences, sigma):
    ### BEGIN SOLUTION
    # n SURE = |sum g r|^2 - 2 sigma^2 sum g div r + n sigma^2.
    # Its slope by g_k is zero where sum_l (r_k, r_l) g_l = sigma^2 div r_k.
    rows = parts.flatten(1)
    return torch.linalg.solve(rows @ rows.T, sigma**2 * divergences)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "best_gains", "points": 3}
from dil_course.checks import ps12

ps12.best_gains(best_gains)
### BEGIN HIDDEN TESTS
ps12.best_gains(best_gains, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Try it on the photograph and on the cloth, both with noise of `sigma`. As the three guesses at the noise, take what the denoiser removes when it assumes $\sigma / 2$, $\sigma$ and $2 \sigma$.
# The function `divergence(f, y, probes=4)` measures a divergence. Print the gains, and the PSNR of the denoiser that assumes $\sigma$ and of your mixture.
#
# Then give SURE a **wrong sigma**, half and twice the true one, with the same parts. **Predict before you run:** by which factor do the gains change, what does that do to the image, and which of the two errors is the worse one?

# %% nbgrader={"solution": true, "grade_id": "best_gains_seen"}
### BEGIN SOLUTION
for name, x in {"photograph": photograph, "cloth": cloth}.items():
    y = add_gaussian(x, sigma)
    guesses = [
        lambda z, told=told: z - denoiser(z, told)
        for told in (sigma / 2, sigma, 2 * sigma)
    ]
    with torch.no_grad():
        parts = torch.cat([guess(y) for guess in guesses])
        divergences = torch.stack([divergence(guess, y, probes=4) for guess in guesses])
        print(
            f"{name}: y {psnr(y, x):.2f} dB, denoiser "
            f"{psnr(denoiser(y, sigma), x):.2f} dB"
        )
    for told in (sigma / 2, sigma, 2 * sigma):
        gains = best_gains(parts, divergences, told)
        mixture = y - torch.tensordot(gains, parts, 1)[None]
        print(
            f"   SURE told {255 * told:4.1f} / 255: gains",
            " ".join(f"{g:5.2f}" for g in gains.tolist()),
            f"  PSNR {psnr(mixture, x):.2f} dB",
        )
print(
    "The gains grow with the square of what SURE was told: a quarter and four times. "
    "Half leaves most of the noise in; twice takes four times the noise off."
)
### END SOLUTION

# %% [markdown]
# ## Task 3. Pairs from a picture that is nearly clean (2 points, 25 minutes)
#
# SURE is one way to learn from the image itself. Another one needs a nearly clean version of it, such as the denoiser's own result, or $y$ itself where $y$ has next to no noise.
# From that version one makes pairs: a window with **fresh noise** is the source, and the same window without it is the target.
#
# Write `adaptation_pairs(x, sigma, windows, side, generator)`, where `x` is (1,C,H,W) and `windows` is a list of `(top, left, number)`. It returns two batches (N,C,side,side), `(sources, targets)`:
#
# - window by window, in order: rows `top` to `top + side - 1` and columns `left` to `left + side - 1` of `x`, turned by `turn(window, number)`;
# - the sources have Gaussian noise of standard deviation `sigma`, as the denoiser knows it, and the noise of one window says nothing about that of another one, **even where both show the same place**;
# - all random numbers come from `generator`, as in `torch.randn(shape, generator=generator)`.


# %% nbgrader={"solution": true, "grade_id": "adaptation_pairs_answer"}
def adaptation_pairs(x, sigma, windows, side, generator):
    ### BEGIN SOLUTION
    targets = torch.cat(
        [
            turn(x[..., top : top + side, left : left + side], number)
            for top, left, number in windows
        ]
    )
    return targets + sigma * torch.randn(targets.shape, generator=generator), targets
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "adaptation_pairs", "points": 2}
from dil_course.checks import ps12

ps12.adaptation_pairs(adaptation_pairs)
### BEGIN HIDDEN TESTS
ps12.adaptation_pairs(adaptation_pairs, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# From which image should the pairs be cut? Take the noisy `cloth`, `y`, and adapt all weights, `free(denoiser, "all")`, with Adam and a learning rate of 0.0003, for 40 iterations of 8 windows of 24 pixels, by the mean squared error.
# Write that as a function of the image from which the windows are cut.


# %% nbgrader={"solution": true, "grade_id": "adaptation_pairs_adapted"}
### BEGIN SOLUTION
def adapted_to_pairs(source):
    adapted, draw = free(denoiser, "all"), runtime.generator(0, "pairs")
    adam = torch.optim.Adam(adapted.parameters(), lr=3e-4)
    for _ in range(40):
        numbers = torch.randint(25, (8, 3), generator=draw).tolist()
        windows = [(top, left, number % 8) for top, left, number in numbers]
        given, wanted = adaptation_pairs(source, sigma, windows, 24, draw)
        adam.zero_grad()
        (adapted(given, sigma) - wanted).square().mean().backward()
        adam.step()
    return adapted


def share_left(restored, y):
    """The share of the noise of y that is left in a restored cloth."""
    return ((restored - cloth) * (y - cloth)).mean() / (y - cloth).square().mean()


### END SOLUTION

# %% [markdown]
# Cut the pairs from three images: from the denoiser's result on `y`, from `y` itself, and, as nobody could in practice, from the truth. Then denoise `y` with each adapted network,
# and print the PSNR and the share of the noise of `y` that is left in the result.
#
# **Predict before you run.** With `y` as the target, the source has two noises, that of `y` and the fresh one, which are equally strong. The target still has the first, whereas the network sees only their sum.
# Which part of the noise that it sees will it learn to remove?

# %% nbgrader={"solution": true, "grade_id": "adaptation_pairs_seen"}
### BEGIN SOLUTION
y = add_gaussian(cloth, sigma)
with torch.no_grad():
    restored = denoiser(y, sigma)
print(
    f"y {psnr(y, cloth):.2f} dB; trained network {psnr(restored, cloth):.2f} dB, "
    f"share of the noise left in: {share_left(restored, y):.2f}"
)
sources = {"its own result": restored, "y itself": y, "the truth": cloth}
for name, source in sources.items():
    adapted = adapted_to_pairs(source)
    with torch.no_grad():
        result = adapted(y, sigma)
    print(
        f"pairs from {name:14}: {psnr(result, cloth):.2f} dB, share of the "
        f"noise left in: {share_left(result, y):.2f}"
    )
print(
    "With y as the target the fresh noise is to go, and the other one to stay. "
    "Nobody can tell them apart in the sum, so it learns to take off half of what it "
    "sees."
)
### END SOLUTION

# %% [markdown]
# ## Task 4. One round of denoising and back-projection (2 points, 20 minutes)
#
# A denoiser can restore more than noise. **IDBP** takes an image that agrees with $y = A x + n$, denoises it, makes the result agree with $y$ again, and so on:
#
# $$\hat x = D(x, \, s) , \qquad x \leftarrow \hat x + A^+ (y - A \hat x) .$$
#
# Which noise level $s$ should the denoiser assume? The image has two errors. One is the scheme's own, whose standard deviation is called `level` and falls from round to round.
# The other is the noise of $y$, of standard deviation `sigma`, which the back-projection reintroduces each time. Assume here that the two are independent, so that their *variances* add.
# (The published algorithm adds the standard deviations, $s = \sigma + \delta$, with one fixed $\delta$ found by experiment. That is a design choice and no mistake; under the assumption of this task it is a larger level than the one asked for.)
#
# Write `idbp_round(x, y, A, denoiser, level, sigma)`, which returns both images: the denoised one, and the one that was back-projected after that. The pseudo-inverse $A^+$ is `A.pinv`.


# %% nbgrader={"solution": true, "grade_id": "idbp_round_answer"}
def idbp_round(x, y, A, denoiser, level, sigma):
    ### BEGIN SOLUTION
    estimate = denoiser(x, math.sqrt(level**2 + sigma**2))
    return estimate, estimate + A.pinv(y - A(estimate))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "idbp_round", "points": 2}
from dil_course.checks import ps12

ps12.idbp_round(idbp_round)
### BEGIN HIDDEN TESTS
ps12.idbp_round(idbp_round, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Enlarge the photograph from half of its size, `Downsample(2)`, in 12 rounds from `A.pinv(y)`, with levels that fall geometrically from 49/255 to 2/255. Do it for `y` without noise, and with noise of 10/255,
# and print the PSNR of both images at the end, and the largest difference between `y` and `A` of the second one.
# Then do it again with `A.adjoint` in place of `A.pinv`, by means of a class whose `pinv` is the adjoint.
#
# **Predict before you run:** which of the two images is better without noise, and which with noise? What is wrong with the adjoint, which was good enough for gradient descent?


# %% nbgrader={"solution": true, "grade_id": "idbp_round_seen"}
### BEGIN SOLUTION
class ByAdjoint(Downsample):
    def pinv(self, r):
        return self.adjoint(r)


levels = torch.linspace(math.log(49 / 255), math.log(2 / 255), 12).exp().tolist()
for A in (Downsample(2), ByAdjoint(2)):
    for strength in (0, 10 / 255):
        y = add_gaussian(A(photograph), strength)
        x = A.pinv(y)
        start = psnr(x, photograph)
        with torch.no_grad():
            for level in levels:
                estimate, x = idbp_round(x, y, A, denoiser, level, strength)
        print(
            f"{type(A).__name__:10} sigma {255 * strength:2.0f} / 255: "
            f"start {start:.2f} dB, denoised {psnr(estimate, photograph):.2f} dB, "
            f"back-projected {psnr(x, photograph):.2f} dB, "
            f"A x - y at most {(A(x) - y).abs().max():.1g}"
        )
print(
    "Without noise the back-projection is right by definition. With noise it puts "
    "the noise of y in, and the denoised picture is the better one."
)
print(
    "The adjoint points the right way, and goes a quarter of it: it spreads each "
    "number over four pixels. A descent takes many steps; here is one a round."
)
### END SOLUTION

# %% [markdown]
# ## Task 5. Better, or lucky? (3 points, 35 minutes)
#
# An adapted network is not always better than the trained one, which therefore stays a candidate. Let an estimate of the error decide, namely SURE with random probes $b$,
#
# $$S_b(f) = \mathrm{mean}\,(f(y) - y)^2 - \sigma^2 + 2 \sigma^2 \, \mathrm{mean}\Big( b \, \frac{f(y + \epsilon b) - f(y)}{\epsilon} \Big) .$$
#
# Each probe gives another number, so that with probes of its own for each network the luckier one would win. All networks therefore see **the same** probes, and what counts is the difference $S_b(f_k) - S_b(f_0)$ to the trained network, probe by probe.
#
# Write `worth_it(networks, y, sigma, probes, epsilon)`. Here `networks` is a list of functions of an image, of which `networks[0]` is the trained one, `y` is (1,C,H,W), and `probes` is (B,C,H,W). It returns three things:
#
# - the **differences** to the trained network, one for each network, each the mean over the probes, so that the first one is zero;
# - their **standard errors** over the probes: the sample standard deviation (that of `torch.std`), divided by $\sqrt B$;
# - the **choice**: of all networks whose difference is below minus two standard errors, the one with the least difference, and 0 if there is none.
#
# Mind what this statistic can show and what it cannot. With more probes the standard error vanishes, but the spread of SURE over the *noise* of $y$ does not, because there is only one $y$. "Sure" here means that other probes would say the same, and not that another noise would.


# %% nbgrader={"solution": true, "grade_id": "worth_it_answer"}
def worth_it(networks, y, sigma, probes, epsilon):
    ### BEGIN SOLUTION
    def risks(f):
        output = f(y)
        slopes = torch.stack(
            [
                (b * (f(y + epsilon * b) - output)).mean() / epsilon
                for b in probes.split(1)
            ]
        )
        return (output - y).square().mean() - sigma**2 + 2 * sigma**2 * slopes

    each = torch.stack([risks(f) for f in networks])
    each = each - each[0]
    differences, errors = each.mean(1), each.std(1) / math.sqrt(len(probes))
    clear = torch.where(differences < -2 * errors, differences, 0.0)
    return differences, errors, int(clear.argmin())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "worth_it", "points": 3}
from dil_course.checks import ps12

ps12.worth_it(worth_it)
### BEGIN HIDDEN TESTS
ps12.worth_it(worth_it, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Let it judge a run, in which all weights are adapted to the noisy photograph by SURE: `tune_by_sure(y, denoiser, sigma, what="all", learning_rate=3e-4, iterations=60)` gives Steps, in which
# `step.network` is the network as it stands. Keep a copy of it at iterations 1, 21, 41 and 60, and use 8 probes. (What would happen without `copy.deepcopy`?)
#
# %% nbgrader={"solution": true, "grade_id": "worth_it_networks"}
### BEGIN SOLUTION
y, second = (add_gaussian(photograph, sigma, seed=seed) for seed in (0, 1))
kept = {}
for step in tune_by_sure(
    y, denoiser, sigma, what="all", learning_rate=3e-4, iterations=60
):
    if step.iteration in (1, 21, 41, 60):
        kept[step.iteration] = copy.deepcopy(step.network)
networks = [lambda z, f=f: f(z, sigma) for f in kept.values()]
probes = torch.cat([probe(y, runtime.generator(seed, "judge")) for seed in range(8)])
print("Without a copy all four would be one network: the last one.")
### END SOLUTION

# %% [markdown]
# Compare with the true difference of the errors. Then judge the same four networks on a **second** noisy image of the scene, with the same `sigma`. **Predict before you run:** will the judge agree with the truth on the first image, and on the second?

# %% nbgrader={"solution": true, "grade_id": "worth_it_seen"}
### BEGIN SOLUTION
with torch.no_grad():
    for name, z in {"first picture": y, "second picture": second}.items():
        differences, errors, chosen = worth_it(networks, z, sigma, probes, 1e-3)
        squares = [((f(z) - photograph) ** 2).mean() for f in networks]
        true = [square - squares[0] for square in squares]
        print(f"{name}: iteration {list(kept)[chosen]} is chosen")
        for iteration, difference, error, truth in zip(kept, differences, errors, true):
            print(
                f"   iteration {iteration:2}: difference {1e4 * difference:6.2f} with "
                f"error {1e4 * error:.2f}, truth {1e4 * truth:6.2f}   (all times 10^-4)"
            )
print(
    "On the picture that the networks learned from, the judge praises what is worse, "
    "and is sure of it. On the second picture he is right."
)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 30 minutes)
#
# `ps12.failing_run("A")` is a run that adapts all weights of the denoiser to a noisy page of a book, by SURE, with one thing wrong. So are "B", "C" and "D", each with another one.
# The page is not so unlike the training images, so that a good run ends within 0.1 dB of the trained network, whereas each of these loses more than a decibel. A run is a dictionary:
#
# - `truth`, `y` and `estimate` (1,1,48,48); the noise of `y` has the standard deviation 25/255, and `told` is the level that the run **assumed**;
# - `given`, the network that the run was given, and `adapted`, the network at the end, as the estimate was made with it;
# - the lists `said`, the value of SURE, and `error`, the true error, a number an iteration.
#
# Look at the images, the networks and the curves before you guess, because some causes leave a trace in one of them only. **For which of the four would you have found the cause without the truth?**

# %%
runs = {letter: ps12.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps12.CAUSES.items():
    print(f"{cause:29} {meaning}")


# %% nbgrader={"solution": true, "grade_id": "causes_weights"}
### BEGIN SOLUTION
def moved(a, b):
    """By how much the weights of two networks differ, as a share of the weights."""
    pairs = [(p - q, q) for p, q in zip(a.parameters(), b.parameters())]
    return math.sqrt(
        sum(d.square().sum().item() for d, _ in pairs)
        / sum(q.square().sum().item() for _, q in pairs)
    )


for letter, r in runs.items():
    print(
        f"{letter}: weights: given to trained {moved(r['given'], denoiser):.3f}, "
        f"adapted to given {moved(r['adapted'], r['given']):.3f}; "
        f"training mode: {r['adapted'].training}"
    )
### END SOLUTION

# %% [markdown]
# Then look at the images, and at the noise that they still contain.

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
show_images(
    {letter: run["estimate"] for letter, run in runs.items()},
    alt="Four estimates of a page: A, B and C are grainy, D is smooth, "
    "and its letters are pale.",
)
for letter, r in runs.items():
    with torch.no_grad():
        before = psnr(denoiser(r["y"], sigma), r["truth"])
    print(
        f"{letter}: PSNR {psnr(r['estimate'], r['truth']) - before:+.2f} dB; "
        f"SURE {1e4 * r['said'][-1]:.0f} x 10^-4; told {255 * r['told']:.0f}, "
        f"measured {255 * (r['y'] - r['truth']).std():.0f}, "
        f"estimated from y {255 * estimate_sigma(r['y']):.0f}"
    )
print(
    "A, C and D can be found in the networks, without the truth. For B there is a "
    "hint: a squared error below zero, by far. The noise level from y alone is no "
    "proof here:"
)
print(
    "the letters make it too large. It says that 40 is too much, and that 25 is too "
    "little."
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "started elsewhere",
    "B": "wrong noise level",
    "C": "steps too large",
    "D": "batch statistics",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps12

ps12.causes(causes)

# %% [markdown]
# ## Open question (3 points, 35 minutes)
#
# SURE is an unbiased estimate of the error of **one** $f$ that was chosen before $y$ was seen, and a network that was adapted to $y$ was not.
#
# **How far can its promise be trusted, and what could judge honestly from $y$ alone?** The *promise* is SURE after adapting less SURE before, and the *truth* is the true error after less the true error before.
# Compare them on the photograph and on the cloth with noise of `sigma`, when gains learn and when all weights do (`tune_by_sure` with 25 iterations), for the noise seeds 0 to 2.
# **Write down, before you run, which of the four promises comes nearest to the truth, and which is the farthest off.**
#
# Then build a judge of your own that sees no truth and only one noisy image, and compare it with the truth in the same way. (Problem set 07 makes a pair of images out of one.)
#
# You will be marked on this:
#
# | points | for |
# | --- | --- |
# | 1 | the prediction, written before the measurement, and its reason; promise and truth over three seeds |
# | 1 | a judge, why it should be honest, and its comparison with the truth |
# | 1 | what the honest judge costs, or where it would fail; one weakness of your own experiment |


# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
def adapted_by_sure(y, told, what):
    for step in tune_by_sure(y, denoiser, told, what=what, iterations=25):
        network = step.network
    return network


def better(adapted, y, told, target):
    """What adapting changes in the squared error to a target, times 10^-4:
    negative is better.
    """
    with torch.no_grad():
        after, before = adapted(y, told), denoiser(y, told)
    change = (after - target).square().mean() - (before - target).square().mean()
    return 1e4 * change.item()


probes = torch.cat(
    [probe(photograph, runtime.generator(seed, "judge")) for seed in range(4)]
)


def promised(adapted, y):
    """What SURE promises of adapting, times 10^-4."""
    networks = [lambda z: denoiser(z, sigma), lambda z: adapted(z, sigma)]
    with torch.no_grad():
        differences, _, _ = worth_it(networks, y, sigma, probes, 1e-3)
    return 1e4 * differences[1].item()


### END SOLUTION

# %% [markdown]
# Now the judge of your own, and the comparison of both judges with the truth:


# %% nbgrader={"solution": true, "grade_id": "open_question_judged"}
### BEGIN SOLUTION
def measured(x, what, seed):
    y = add_gaussian(x, sigma, seed=seed)
    adapted = adapted_by_sure(y, sigma, what)
    # The pair of problem set 07: the noises of the two are independent. One is
    # learned from, the other one judges.
    z = sigma * torch.randn(y.shape, generator=runtime.generator(seed, "pair"))
    first, second, told = y + z / 2, y - 2 * z, sigma * math.sqrt(1.25)
    other = adapted_by_sure(first, told, what)
    return {
        "SURE": promised(adapted, y),
        "truth": better(adapted, y, sigma, x),
        "pair": better(other, first, told, second),
        "its truth": better(other, first, told, x),
        "the pair's network on y": better(other, y, sigma, x),
    }


### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "open_question_compared"}
### BEGIN SOLUTION
for name, x in {"photograph": photograph, "cloth": cloth}.items():
    for what in ("gain", "all"):
        rows = [measured(x, what, seed) for seed in range(3)]
        lists = {
            label: ", ".join(f"{row[label]:.1f}" for row in rows) for label in rows[0]
        }
        print(
            f"{name}, {what}:",
            "; ".join(f"{label} {values}" for label, values in lists.items()),
        )
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 3}
# ### BEGIN SOLUTION
# **A good answer, measured.** Both images, 25 iterations of `tune_by_sure`, noise seeds 0, 1 and 2. All numbers are changes of the mean squared error, times 10^-4, where below zero is better, and the ranges are over the seeds.
#
# *Prediction.* The more numbers learn, the better they can fit the noise of this one $y$, and SURE does not know that they did. Moreover, the less there is to gain, the larger is the part of the promise that is noise.
# So I expect gains on the cloth to be nearest to the truth, and all weights on the photograph to be farthest from it. For all weights on the cloth I expect a promise that is too large, by as much as on the photograph.
#
# *A judge.* The pair $y + z/2$ and $y - 2z$, with noise $z$ of my own, of standard deviation $\sigma$. The noises of the two are independent, so the first may be learned from, and the second may judge:
# the mean of $(f(y + z/2) - (y - 2z))^2$ is the error of $f$ plus a constant, whatever $f$ has learned from the first. In the difference to the trained network the constant drops out.
#
# | | promise of SURE | truth | the pair's judge | its truth |
# | --- | --- | --- | --- | --- |
# | photograph, gains | -2.4 to -1.7 | -0.1 to 0.0 | -0.4 to 0.4 | 0.0 |
# | photograph, all | -8.0 to -7.5 | 0.4 | -0.4 to 1.3 | 0.5 to 1.0 |
# | cloth, gains | -4.6 to -4.1 | -4.5 to -4.2 | -5.3 to -4.6 | -5.2 to -4.8 |
# | cloth, all | -15.3 to -14.0 | -15.4 to -12.4 | -16.7 to -14.7 | -18.2 to -14.4 |
#
# On the photograph all weights are promised nearly half of the error (which is 17), and they make it larger. The nearest and the farthest are as predicted, but all weights on the cloth are not, since their promise is off by 1.6 at most.
# I think that the steepest way down leads through the stripes first, and to the noise later. To test that, I continued the run: after 100 iterations SURE promises 5.5 to 7.4 too much, of a truth of -30 to -34, which fits.
# The judge of the pair agrees with its truth within 2.2 on the cloth and within 0.9 on the photograph, where it once has the wrong sign: -0.4 instead of 0.5.
#
# *Costs and weakness.* The network learns from a noisier image. On $y$ itself it then gains 11.2 to 14.9 on the cloth, where the other one gained 12.4 to 15.4, so that little is lost. The judge's noise is twice as strong as that of $y$, so
# it cannot see gains below about one. It also needs the true sigma and white noise, because with a wrong sigma the two noises are not independent, and the judge is biased again. My cloth is artificial, and as easy as can be.
# ### END SOLUTION
