# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 11 · Beyond images
#
# Six tasks to [lesson 11](../../notebooks/11_beyond_images.ipynb), and one open question. 20 points.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once, and it says *which* mistake it sees and gives a hint. **If you run it again, the hint says more**, and you lose nothing by asking.
# - The last line of that cell is your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells, because your points are counted from them.
# - The set takes about three and a half hours, of which the computer needs about a minute.
#
# Lesson 11 took priors of images to scans, signals and layers. Here one question runs through all tasks: what does a prior add that the data do not hold, and how would we notice that it adds nothing?

# %%
import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch.nn.functional import avg_pool2d

from dil_course import runtime
from dil_course.checks import ps11
from dil_course.figures import show_curves, show_images
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior, tv
from dil_course.signals import (
    Fourier,
    Mask,
    ecg,
    line_mask,
    luma,
    mr_slice,
    picture,
    psnr,
)

# For such small signals a second thread costs more than it brings.
torch.set_num_threads(1)

# %% [markdown]
# ## Task 1. What does a turned scan see? (3 points, 35 minutes)
#
# A Fourier mask measures some coefficients of a real image. If a scan that is turned by a quarter is as plausible as the scan itself, then the same mask also sees the turned image, and so more of the unknown. How much more is the rank of the two systems of equations, one below the other.
# The lesson counted it by building the matrix. That ends at small images, so that we now count **frequencies** instead, without any matrix.
#
# Write `dimensions_seen(mask, turns)`. The mask (1,1,S,S) is 1 where a coefficient is measured, and its zero frequency stands at row and column `S // 2`. The tuple `turns` lists by how many quarters the image is turned, so that `(0,)` is the scan alone and `(0, 1)` is the scan together with its quarter turn.
# Return the number of dimensions, of the $S^2$ that a real image has, which are seen by at least one of these views. Two facts suffice:
#
# - the coefficients of opposite frequencies, $(u, v)$ and $(-u, -v)$, of a real image are conjugate, so that a pair of them holds two real numbers, and a frequency that is its own opposite holds one;
# - a quarter turn of the image turns its frequencies, $(u, v) \to (v, -u)$, up to a phase. All frequencies count modulo $S$.


# %% nbgrader={"solution": true, "grade_id": "dimensions_seen_answer"}
def dimensions_seen(mask, turns):
    ### BEGIN SOLUTION
    side = mask.shape[-1]
    seen = set()
    for row, column in mask[0, 0].nonzero().tolist():
        u, v = row - side // 2, column - side // 2
        for quarters in range(4):
            # The opposite is half a turn, and one of a pair tells of the other.
            if quarters in turns or (quarters + 2) % 4 in turns:
                seen.add((u % side, v % side))
            u, v = v, -u
    return len(seen)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "dimensions_seen", "points": 3}
from dil_course.checks import ps11

ps11.dimensions_seen(dimensions_seen)
### BEGIN HIDDEN TESTS
ps11.dimensions_seen(dimensions_seen, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Equivariant imaging asks a reconstruction $f$ for more than agreement with the data. With $x_1 = f(y)$ it also wants $f(A\,T x_1) = T x_1$ for each transformation $T$.
# Take $f = A^+$ (`A.pinv`), which knows no prior at all and leaves zeros where nothing was measured, and a 48 × 48 part of the MR slice seen by `line_mask(48, 48, 4)`.
# **Predict before you run:** how large is the root mean square of $f(A\,T x_1) - T x_1$ for a shift, a half turn, and a quarter turn? Compare it with what `dimensions_seen` gives for the turns, and say what a network could learn from each.

# %% nbgrader={"solution": true, "grade_id": "dimensions_seen_seen"}
### BEGIN SOLUTION
mask = line_mask(48, 48, 4)
A, x = Fourier(mask), mr_slice()[..., 40:88, 40:88]
first = A.pinv(A(x))
moves = {
    "shift": lambda z: z.roll((5, 3), (-2, -1)),
    "half turn": lambda z: z.rot90(2, (-2, -1)),
    "quarter turn": lambda z: z.rot90(1, (-2, -1)),
}
for name, move in moves.items():
    gap = A.pinv(A(move(first))) - move(first)
    print(f"{name:12} {gap.square().mean().sqrt():.4f}")
for turns in ((0,), (0, 2), (0, 1), (0, 1, 2, 3)):
    print(f"turns {turns}: {dimensions_seen(mask, turns)} of {48**2} dimensions")
print(
    "A shift only multiplies each coefficient by a phase, and half a turn only "
    "takes conjugates: the mask sees the same frequencies as before. The image "
    "with zeros in its gaps already fulfils what these two ask, so that they "
    "teach nothing. A quarter turn asks for frequencies that were never measured, "
    "and adds dimensions; but it does not add all of them, and further turns "
    "bring no more."
)
### END SOLUTION

# %% [markdown]
# ## Task 2. A split that does not leak (3 points, 30 minutes)
#
# A scan has no second measurement to test an estimate on, so we hold out some of its own lines: we fit the others, and compare the estimate with what was held out. That is honest only if the fitted lines do not already contain the answers.
# Our slice is a *real* image, in which the line at frequency $-u$ is the conjugate of the line at $u$. Whoever fits one of them knows the other.
#
# The lesson imported such a split; here you write one. `split_without_leak(mask, inner, count, generator)` returns two masks like the first, `(fitted, held_out)`. The mask (1,1,H,W) measures whole columns, and column $c$ has the frequency $u = c - W // 2$.
#
# - Each measured column is in exactly one of the two masks, and so is nothing else.
# - Columns with $|u| \le$ `inner` are always fitted, because nothing works without the centre.
# - A column and its opposite are never separated. A pair of both, or a single column whose opposite was not measured, counts as **one** group. (The first column of an even $W$ is its own opposite.)
# - Exactly `count` of the groups outside the centre are held out, and they are drawn at random with `generator`, such as `torch.randperm(n, generator=generator)`.


# %% nbgrader={"solution": true, "grade_id": "split_without_leak_answer"}
def split_without_leak(mask, inner, count, generator):
    ### BEGIN SOLUTION
    width = mask.shape[-1]
    distance = (torch.arange(width) - width // 2).abs()
    groups = distance[(mask[0, 0, 0] > 0) & (distance > inner)].unique()
    drawn = groups[torch.randperm(len(groups), generator=generator)[:count]]
    held_out = mask * torch.isin(distance, drawn)
    return mask - held_out, held_out
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "split_without_leak", "points": 3}
from dil_course.checks import ps11

ps11.split_without_leak(split_without_leak)
### BEGIN HIDDEN TESTS
ps11.split_without_leak(split_without_leak, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# A scan that was read at both $u$ and $-u$, with some noise, and a split of it that leaks: of four pairs, one line each is held out.

# %%
clean = mr_slice()[..., 32:96, 32:96]
noisy = clean + 0.05 * torch.randn(clean.shape, generator=runtime.generator(0, "noise"))
columns = torch.zeros(64)
columns[29:36] = 1
for u in (5, 8, 11, 14, 19, 25):
    columns[[32 + u, 32 - u]] = 1
both_sides = columns.expand(1, 1, 64, 64).clone()
one_side = torch.zeros_like(both_sides)
one_side[..., [32 + 5, 32 - 8, 32 + 14, 32 - 19]] = 1
splits = {"leaky split": (both_sides - one_side, one_side)}

# %% [markdown]
# Add a split by your function with `inner=3` and two groups. For both splits, fit total variation to the fitted lines, `run(tv(y, A, weight, iterations=150)).estimate` with the weights 0.0003, 0.003, 0.01, 0.03, 0.1, 0.3, and draw two things over the weight:
# the error on the held-out lines (the norm of the difference, divided by the norm of what was held out), and the PSNR against `clean`.
# **Predict before you run:** which weight does each of the two splits choose? Print the error of `A.pinv` as well, which uses no prior.

# %% nbgrader={"solution": true, "grade_id": "split_without_leak_seen"}
### BEGIN SOLUTION
splits["split_without_leak"] = split_without_leak(
    both_sides, 3, 2, runtime.generator(0, "split")
)
weights, errors = (0.0003, 0.003, 0.01, 0.03, 0.1, 0.3), {}


def error_at(held_out, estimate):
    test = Fourier(held_out)
    return ((test(estimate - noisy)).norm() / test(noisy).norm()).item()


for name, (fitted, held_out) in splits.items():
    A, qualities = Fourier(fitted), []
    y, errors[name] = A(noisy), (weights, [])
    for weight in weights:
        estimate = run(tv(y, A, weight, iterations=150)).estimate
        errors[name][1].append(error_at(held_out, estimate))
        qualities.append(psnr(estimate, clean))
    chosen = int(np.argmin(errors[name][1]))
    print(
        f"{name}: chooses {weights[chosen]}, PSNR {qualities[chosen]:.1f} dB;", end=" "
    )
    print(
        f"best is {weights[int(np.argmax(qualities))]}, {max(qualities):.1f} dB;",
        end=" ",
    )
    print(f"error of pinv: {error_at(held_out, A.pinv(y)):.4f}")
alt = (
    "With the leaky split the error grows with the weight, from nearly zero. With "
    "the other split it stays near one, and has a shallow valley in the middle."
)
show_curves(errors, "weight of TV", "error on the lines held out", alt, log_x=True)
print(
    "The leaky split rewards whatever repeats the data, noise included: its "
    "answers stand in the fitted lines, so that A.pinv without any prior scores a "
    "perfect 0, and the weight that it chooses costs far more than that of the "
    "other split. There A.pinv scores 1, because it says zero where it knows "
    "nothing. The valley is shallow since high frequencies are mostly "
    "unpredictable, so that its lowest point is only roughly the best weight."
)
### END SOLUTION

# %% [markdown]
# ## Task 3. Fourier features as a kernel (3 points, 35 minutes)
#
# Features $\cos(2 \pi b_k \cdot v)$ and $\sin(2 \pi b_k \cdot v)$ of a place $v$, with frequencies $b_k$ drawn from a Gaussian of standard deviation `scale` in each coordinate, are what a network on Fourier features sees.
# Put one linear layer on $K$ such frequencies, and only the inner products of features matter. Divided by $K$, they tend to a **kernel** $k(v, w)$ as $K$ grows, which depends on the distance of the two places.
#
# Derive it: which function of $b \cdot (v - w)$ is the sum of the two products, and what is its mean over the Gaussian? Then write `predicted(places, values, queries, scale, ridge)`, which returns what ridge regression on these features predicts,
#
# $$f(q) = k(q, X) \, \big( K_X + \lambda I \big)^{-1} \, z ,$$
#
# where $X$ are the `places` (N,D), $z$ the `values` (N,), $K_X$ the kernel of all pairs of places, and $\lambda$ is `ridge`. There are M `queries` (M,D), and the result is (M,). No random features, please, but their limit.


# %% nbgrader={"solution": true, "grade_id": "predicted_answer"}
def predicted(places, values, queries, scale, ridge):
    ### BEGIN SOLUTION
    # cos cos + sin sin = cos(2 pi b (v - w)), and the mean of cos(t g) over a
    # standard normal g is exp(-t^2 / 2), here with t = 2 pi scale distance.
    def kernel(v, w):
        distances = (v[:, None] - w[None]).square().sum(-1)
        return torch.exp(-2 * (np.pi * scale) ** 2 * distances)

    gram = kernel(places, places) + ridge * torch.eye(len(places)).to(places)
    return kernel(queries, places) @ torch.linalg.solve(gram, values)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "predicted", "points": 3}
from dil_course.checks import ps11

ps11.predicted(predicted)
### BEGIN HIDDEN TESTS
ps11.predicted(predicted, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# One heartbeat, `ecg()[0, 0, 0, 160:225]`, has 65 samples. Let every other one be known, with places from 0 to 1, and predict the others with a ridge of 0.001 and the scales 1, 8 and 60. (Subtract the mean of the known values first, because this kernel falls back to zero.)
# Draw the predictions, and print the root mean square error at known and at unknown samples, beside that of a cubic spline. **Predict before you run:** which scale underfits, which overfits, and what does the overfitted curve do between two known samples? From which scale on do you expect the trouble, in view of the sampling theorem?

# %% nbgrader={"solution": true, "grade_id": "predicted_seen"}
### BEGIN SOLUTION
beat = ecg()[0, 0, 0, 160:225].double()
places = torch.linspace(0, 1, 65, dtype=torch.float64)
known, mean = beat[::2], beat[::2].mean()
curves = {"truth": (places.tolist(), beat.tolist())}
for scale in (1, 8, 60):
    curve = mean + predicted(
        places[::2, None], known - mean, places[:, None], scale, 1e-3
    )
    off = (curve - beat).square()
    curves[f"scale {scale}"] = (places.tolist(), curve.tolist())
    print(f"scale {scale:2}: known {off[::2].mean().sqrt():.4f},", end=" ")
    print(f"unknown {off[1::2].mean().sqrt():.4f}")
spline = torch.from_numpy(CubicSpline(places[::2], known)(places[1::2]))
print(f"cubic spline: unknown {(spline - beat[1::2]).square().mean().sqrt():.4f}")
alt = (
    "A heartbeat. Scale 1 is a flat bump, scale 8 covers the truth, and scale 60 "
    "drops to the mean between any two known samples."
)
show_curves(curves, "place", "ECG", alt)
print(
    "Scale 1 knows only slow curves and misses the known samples as well. With "
    "scale 60 the kernel is narrower than the gap between two samples, so that "
    "each known value stands alone and the curve returns to the mean between "
    "them. 32 intervals carry frequencies up to 16, and a Gaussian of standard "
    "deviation 8 has most of its frequencies below that. A spline, which is "
    "another such prior, does as well."
)
### END SOLUTION

# %% [markdown]
# ## Task 4. A prior that a spline does not have (2 points, 20 minutes)
#
# A spline fills a gap from its two ends, because all it assumes is smoothness. A heartbeat that falls into a long gap is lost to it. But beats recur, and the same stretch stands elsewhere in the signal, one period away.
#
# The lesson took the lag at which known samples differ least in the mean square. A drift of the baseline spoils that, because it makes every difference at a lag larger by the same amount, whatever the beats do. So we judge a lag by how much the differences $y_t - y_{t - \text{lag}}$ **vary**: by the mean of their squared deviations from their own mean at that lag, over all pairs of which **both** samples are known.
#
# Write `best_lag(y, known, lags)`, which returns that one of the numbers in `lags` for which this is smallest. Here `y` and `known` are (N,), `known` is 1 or 0, and `y` is zero where it is not known. Each lag has at least a few such pairs.


# %% nbgrader={"solution": true, "grade_id": "best_lag_answer"}
def best_lag(y, known, lags):
    ### BEGIN SOLUTION
    def difference(lag):
        both = (known[lag:] > 0) & (known[:-lag] > 0)
        return (y[lag:] - y[:-lag])[both].var(correction=0).item()

    return min(lags, key=difference)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "best_lag", "points": 2}
from dil_course.checks import ps11

ps11.best_lag(best_lag)
### BEGIN HIDDEN TESTS
ps11.best_lag(best_lag, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now fill gaps in the ECG in two ways: by a cubic spline (`CubicSpline`) through the known samples, and by copying from one period earlier and one later, `best_lag(y, known, range(200, 500))`. Where both of these are known take their mean, where one is known take that, and where neither is known interpolate linearly (`np.interp`).
# A quarter of the samples is missing, as single samples in `ps11.gaps(1)` and in blocks of 32 in `ps11.gaps(32)`, masks (1,1,1,1024). **Predict before you run** which way wins in which case, and draw the samples 100 to 300 with the longer gaps.

# %% nbgrader={"solution": true, "grade_id": "best_lag_ways"}
### BEGIN SOLUTION
signal, time = ecg()[0, 0, 0].double(), np.arange(1024)


def by_spline(y, known):
    return torch.from_numpy(CubicSpline(time[known > 0], y[known > 0])(time))


def by_copying(y, known):
    lag = best_lag(y, known, range(200, 500))
    total, count = torch.zeros_like(y), torch.zeros_like(y)
    # One period later, then one period earlier.
    for to, of in (
        (slice(None, -lag), slice(lag, None)),
        (slice(lag, None), slice(None, -lag)),
    ):
        total[to] += y[of]
        count[to] += known[of]
    line = torch.from_numpy(np.interp(time, time[known > 0], y[known > 0]))
    return torch.where(count > 0, total / count.clamp(min=1), line)


def error_in_gaps(estimate, known):
    return (estimate - signal)[known == 0].square().mean().sqrt().item()


### END SOLUTION

# %% [markdown]
# Both ways on both kinds of gaps:

# %% nbgrader={"solution": true, "grade_id": "best_lag_seen"}
### BEGIN SOLUTION
ways = {"spline": by_spline, "copying": by_copying}
for length in (1, 32):
    known = ps11.gaps(length)[0, 0, 0].double()
    filled = {name: way(known * signal, known) for name, way in ways.items()}
    for name, estimate in filled.items():
        print(f"gaps of {length:2}, {name:7}: {error_in_gaps(estimate, known):.4f}")
shown, curves = range(100, 300), {"truth": (range(100, 300), signal[100:300].tolist())}
for name, estimate in filled.items():
    mixed = torch.where(known > 0, signal, estimate)
    curves[name] = (shown, mixed[100:300].tolist())
alt = (
    "A heartbeat with gaps. In the gaps the spline swings away from the truth, "
    "and the copy keeps the shape of a beat, at a slightly wrong height."
)
show_curves(curves, "sample", "ECG", alt)
print(
    "Single samples are no task for a copy: two beats differ by more than a "
    "spline errs over one sample. In long gaps it is the other way round, because "
    "a spline has no idea of a beat, and swings."
)
### END SOLUTION

# %% [markdown]
# ## Task 5. The exclusion loss, and what it cannot do (2 points, 25 minutes)
#
# Double-DIP separates a mixture into two layers, and asks that an edge belong to one layer only. Its **exclusion loss**, which goes back to Zhang, Ng and Chen (2018), compares the steps between neighbours in the two images. With $\partial_d$ the difference of neighbours, down or across (no padding: one row or column fewer),
#
# $$E = \frac{1}{2 L} \sum_{\ell = 1}^{L} \; \sum_{d \in \{\text{down, across}\}} \Big( \text{mean of } \tanh^2\!\big(\tfrac12 \partial_d a_\ell\big) \, \tanh^2\!\big(\tfrac12 \partial_d b_\ell\big) \Big)^{1/4} .$$
#
# On the first level $a_1 = a$ and $b_1 = b$, and from each level to the next both images are halved by means over blocks of 2 × 2 pixels. The paper's code takes colour images and all pairs of their channels; here there is one channel.
#
# Write `exclusion(a, b, levels)` for images (1,1,H,W) whose sides can be halved that often.


# %% nbgrader={"solution": true, "grade_id": "exclusion_answer"}
def exclusion(a, b, levels):
    ### BEGIN SOLUTION
    total = 0
    for _ in range(levels):
        for axis in (-2, -1):
            p, q = (torch.tanh(z.diff(dim=axis) / 2) for z in (a, b))
            total = total + (p * q).square().mean() ** 0.25
        a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
    return total / (2 * levels)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "exclusion", "points": 2}
from dil_course.checks import ps11

ps11.exclusion(exclusion)
### BEGIN HIDDEN TESTS
ps11.exclusion(exclusion, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Mix two small photographs, `luma(picture("chelsea", 96))` and `luma(picture("rocket", 96))`, half and half, into $y$. Each of these splits reproduces $y$ exactly: the true layers; $y$ and $y$; and $2 y - \frac12$ with a constant gray of $\frac12$.
# **Predict before you run** which one has the least exclusion loss (three levels), and say what a method finds that fits $y$ and minimises it.
#
# Then take two mixtures, $0.7 a + 0.3 b$ and $0.4 a + 0.6 b$. For each guess $(p, q)$ of the two shares of $a$, with $p > q$ in steps of 0.05, solve for the layers, and print the guess with the least loss, and its distance from the truth.

# %% nbgrader={"solution": true, "grade_id": "exclusion_seen"}
### BEGIN SOLUTION
a, b = (luma(picture(name, 96)) for name in ("chelsea", "rocket"))
y = (a + b) / 2
splits = {
    "the true layers": (a, b),
    "y and y": (y, y),
    "y and gray": (2 * y - 0.5, torch.full_like(y, 0.5)),
}
for name, layers in splits.items():
    print(f"{name:16} {exclusion(*layers, 3):.4f}")
one, two = 0.7 * a + 0.3 * b, 0.4 * a + 0.6 * b
guesses = {}
for p in (k / 20 for k in range(21)):
    for q in (k / 20 for k in range(21)):
        if p > q + 0.01:
            layers = (
                ((1 - q) * one - (1 - p) * two) / (p - q),
                (p * two - q * one) / (p - q),
            )
            guesses[p, q] = exclusion(*layers, 3).item(), layers
best = min(guesses, key=lambda guess: guesses[guess][0])
loss, layers = guesses[best]
print(f"two mixtures: {loss:.4f} at {best}; {guesses[0.7, 0.4][0]:.4f} at the truth")
alt = "Two mixtures of a cat and a rocket, and the two layers, which are nearly pure."
show_images({"mixture": one, "other mixture": two, "a": layers[0], "b": layers[1]}, alt)
print(
    "A gray layer has no edges at all, so that it beats the truth: with one "
    "mixture the best split is not to separate. A second mixture forbids that, "
    "because no gray layer explains both, and the least loss is near the truth, "
    "if not at it: some edges of two photographs do coincide."
)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 30 minutes)
#
# In `ps11.failing_run("A")` a network on Fourier features is fitted to half of the pixels of a small photograph, and predicts the others; one thing is wrong. "B", "C" and "D" are runs with another fault each.
# A good run reaches more than 28 dB, and none of these reaches 26. A run is a dictionary:
#
# - `truth`, `y` (0 where a pixel is not known), `mask` and `estimate`, all (1,1,32,32);
# - `places` (1,2,32,32), rows and columns as the network got them, and `B` (64,2), its frequencies; a good run has places from -1 to 1, and frequencies of standard deviation 3;
# - `loss`, a list with one entry an iteration.

# %%
runs = {letter: ps11.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps11.CAUSES.items():
    print(f"{cause:27} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
shown = {"truth": runs["A"]["truth"], "y": runs["A"]["y"]}
for letter, r in runs.items():
    shown[letter] = r["estimate"]
    known = r["mask"] > 0
    misfit = (r["estimate"] - r["truth"]).square()
    print(
        f"{letter}: {psnr(r['estimate'], r['truth']):.1f} dB; "
        f"error {misfit[known].mean().sqrt():.3f} at known pixels, "
        f"{misfit[~known].mean().sqrt():.3f} at the others; "
        f"last loss {r['loss'][-1]:.5f}; "
        f"places {r['places'].min():.0f} to {r['places'].max():.0f}; "
        f"frequencies {r['B'].std():.1f}; "
        f"mean {r['estimate'][known].mean():.2f} and {r['estimate'][~known].mean():.2f}"
    )
alt = (
    "A small photograph, half of its pixels, and four estimates: grain, a dark "
    "grid, a blurred picture, and a picture that lies on its side."
)
show_images(shown, alt)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "places in pixels",
    "B": "holes count as zeros",
    "C": "scale too small",
    "D": "rows and columns exchanged",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps11

ps11.causes(causes)

# %% [markdown]
# ## Open question (3 points, 35 minutes)
#
# Smoothness fills short gaps and recurrence fills long ones. **Where do they change places, and can a network, which was given neither prior, do without the choice?**
#
# Take gaps of 1, 4, 8, 16 and 32 samples (`ps11.gaps(length, seed)`, seeds 0, 1 and 2), and three ways: the spline, the copy of task 4, and `deep_image_prior(y, Mask(mask), iterations=200, seed=seed)` for the signal (1,1,1,1024). For each length, **write down which way you expect to win**, and why, before you measure.
#
# Your answer will be marked by these three criteria:
#
# | points | for |
# | --- | --- |
# | 1 | five predictions that follow from a reason, written before the measurement |
# | 1 | the errors on three draws of the gaps, with their range, beside the predictions, and where the ranking is not settled |
# | 1 | what each prior adds that the data do not hold, what no prior can add, and one weakness of your own experiment |

# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
for length in (1, 4, 8, 16, 32):
    errors = {"spline": [], "copying": [], "network": []}
    for seed in range(3):
        mask = ps11.gaps(length, seed)
        known, y = mask[0, 0, 0].double(), ecg() * mask
        for name, way in ways.items():
            errors[name].append(error_in_gaps(way(known * signal, known), known))
        steps = deep_image_prior(y, Mask(mask), iterations=200, seed=seed)
        estimate = run(steps).estimate[0, 0, 0].double()
        errors["network"].append(error_in_gaps(estimate, known))
    print(f"gaps of {length:2}:", end=" ")
    for name, values in errors.items():
        print(f"{name}", *(f"{value:.3f}" for value in values), end="; ")
    print()
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 3}
# ### BEGIN SOLUTION
# **A good answer, measured** on the gaps of the seeds 0, 1 and 2.
#
# *Prediction* (here it follows from a reason and was written down after the measurement, whereas yours comes before it). The known samples resolve whatever changes slowly over a gap. The peak of a beat is about 15 samples wide at its foot, so that a spline should win at 1 and 4. Two beats differ by about 0.05, which is the floor of a copy, and this should win as soon as a gap can swallow a peak: at 16 and 32. At 8 I expect a draw. The network prefers smooth signals, so that it should follow the spline and never win clearly.
#
# *Measured.* The table shows the smallest and the largest root mean square error in the gaps over the three draws:
#
# | gap | spline | copy | network | best in each draw |
# | --- | --- | --- | --- | --- |
# | 1 | 0.005 to 0.006 | 0.055 to 0.058 | 0.015 to 0.022 | spline, three times |
# | 4 | 0.011 to 0.021 | 0.045 to 0.054 | 0.024 to 0.029 | spline, three times |
# | 8 | 0.036 to 0.156 | 0.049 to 0.125 | 0.023 to 0.152 | copy twice, network once |
# | 16 | 0.092 to 0.104 | 0.054 to 0.059 | 0.065 to 0.114 | copy, three times |
# | 32 | 0.066 to 0.142 | 0.051 to 0.113 | 0.066 to 0.166 | copy, three times |
#
# They change places at about 8, where nothing is settled: the range of one way over the draws is larger than the difference between the ways, because it matters most whether a peak lies in a gap. I was wrong about the network at one point, since it is the best of three in one draw at 8. At no length could it replace the choice, and in three of the six draws at 16 and 32 it was worse than even the spline.
#
# *What is added.* The spline adds that the signal is smooth, and the copy that beats recur with one period. Both are true of this ECG, at different lengths, and neither comes from the samples next to the gap. No prior can know in what a beat differs from its neighbours. In a patient that difference may be the finding, and a copy would hide it behind a healthy beat.
#
# *Weakness.* This is one signal with three beats of nearly equal period, and 200 iterations of the network are a setting that nobody tuned. Where a draw of the gaps takes the source of the copy as well, the copy falls back to a straight line, which says nothing about recurrence.
# ### END SOLUTION
