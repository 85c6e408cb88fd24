# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 17 · Adapting reconstruction networks
#
# Six tasks to [lesson 17](../../notebooks/17_reconstruction_networks.ipynb), and one open question. 20 points.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once, and it says *which* mistake it sees and gives a hint. **If you run it again, the hint says more**, and you lose nothing by asking.
# - The last line of that cell is your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells, because your points are counted from them.
# - The set takes about three hours, of which the computer needs about a minute.
#
# A scanner measures one line of the Fourier plane in four, and the network that reconstructs the image has seen phantoms only, which are random ellipses. We work with the lesson's scans at half of the height, 48 × 96 pixels. `ps17.scan(x)` measures an image and returns $y$ and $A$, where `A.mask` marks the lines that were measured.

# %%
import copy

import torch

from dil_course.adaptation import adapt_by_splitting, adapt_reconstruction
from dil_course.checks import ps17
from dil_course.figures import show_curves, show_images
from dil_course.networks.trained import trained
from dil_course.signals import Fourier, line_mask, luma, mr_slice
from dil_course.signals import phantoms, picture, psnr

# For such small pictures a second thread costs more than it brings.
torch.set_num_threads(1)
network = trained("reconstruction_phantoms_joint")  # called with y and A
phantom = phantoms(1, 48, 96, seed=7)
abdomen = mr_slice()[..., 40:88, 16:112]


def score(estimate, x):
    """PSNR in dB, of the image clipped to [0,1]."""
    return psnr(estimate.detach().clamp(0, 1), x)


pictures = {}
for name, x in {"phantom": phantom, "abdomen": abdomen}.items():
    y, A = ps17.scan(x)
    pictures |= {name: x, f"{name}, zero-filled": A.pinv(y)}
    pictures[f"{name}, network"] = network(y, A).detach().clamp(0, 1)
show_images(
    pictures,
    "A phantom, crossed by its own ghosts in zero-filling, and without them by the "
    "network; an abdomen, blurred, and with margins that the network has put in.",
    columns=3,
)

# %% [markdown]
# ## Task 1. One unrolled step, and its adjoint (3 points, 35 minutes)
#
# An unrolled network repeats a gradient step on the data and a correction. Suppose that the correction $R$ is **linear**. Then one step is
#
# $$z = x - \eta \, A^T (A x - y) , \qquad x' = z + R z .$$
#
# To train such a network, one has to go back through its steps. Let $u$ be the gradient of some loss by $x'$, which is called the *upstream* gradient. Derive by hand the gradients of the loss by $x$ and by the length $\eta$.
#
# Write `unrolled_step(x, y, A, length, R, upstream)`, which returns three things, `after, by_x, by_length`: the image $x'$, the gradient by $x$, both of the shape of `x`, and the gradient by $\eta$, one number. `R` is called with an image and has `R.adjoint`, which is not the same as `R`. There may be several images in a batch. Please do without autograd.


# %% nbgrader={"solution": true, "grade_id": "unrolled_step_answer"}
def unrolled_step(x, y, A, length, R, upstream):
    ### BEGIN SOLUTION
    pull = A.adjoint(A(x) - y)
    z = x - length * pull
    back = upstream + R.adjoint(upstream)
    return z + R(z), back - length * A.adjoint(A(back)), -(back * pull).sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "unrolled_step", "points": 3}
from dil_course.checks import ps17

ps17.unrolled_step(unrolled_step)
### BEGIN HIDDEN TESTS
ps17.unrolled_step(unrolled_step, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now train a network by your own gradients. It has **two** steps from a black image, no correction at all (`Nothing` below), and learns its two lengths only. Take four phantoms of 24 × 32 pixels with `A = Fourier(line_mask(24, 32, 3))` and no noise, half the summed squared error as the loss, and 200 steps of gradient descent at a rate of 0.01. Start once with the lengths 1 and 1.2, and once with 1 and 1.
#
# **Predict before you run.** Of a real image, $A^T A$ multiplies each frequency by 1, by 1/2 or by 0, as both, one or none of a pair of opposite frequencies are measured. Which two lengths will be learned? How many steps of length 1 come as near to $A^+ y$ as these two? And what goes wrong where both lengths start equal?


# %% nbgrader={"solution": true, "grade_id": "unrolled_step_learned"}
class Nothing:
    def __call__(self, z):
        return torch.zeros_like(z)

    adjoint = __call__


### BEGIN SOLUTION
few, A = phantoms(4, 24, 32).double(), Fourier(line_mask(24, 32, 3))
y = A(few)


def states_of(lengths):
    """The images before the first step, and after each."""
    states = [torch.zeros_like(few)]
    for length in lengths:
        x = states[-1]
        states.append(unrolled_step(x, y, A, length, Nothing(), x)[0])
    return states


def learned(lengths, rate=0.01):
    lengths = torch.tensor(lengths, dtype=torch.float64)
    for _ in range(200):
        states, slopes = states_of(lengths), torch.zeros_like(lengths)
        upstream = states[-1] - few
        for k in reversed(range(len(lengths))):
            _, upstream, slopes[k] = unrolled_step(
                states[k], y, A, lengths[k], Nothing(), upstream
            )
        lengths = lengths - rate * slopes
    return lengths


### END SOLUTION


# %% nbgrader={"solution": true, "grade_id": "unrolled_step_seen"}
### BEGIN SOLUTION
def distance(lengths):
    away = states_of(lengths)[-1] - A.pinv(y)
    return away.norm() / A.pinv(y).norm()


for start in ([1.0, 1.2], [1.0, 1.0]):
    lengths = learned(start)
    texts = ", ".join(f"{length:.3f}" for length in lengths)
    print(f"from {start}: lengths {texts}; distance {distance(lengths):.1g}")
for count in (2, 5, 10):
    print(f"{count} steps of length 1: distance {distance([1.0] * count):.1g}")
print(
    "The lengths go to 1 and 2, whose factors 1 - length * eigenvalue are zero for the "
    "eigenvalue 1 and for 1/2: two trained steps are A^+, which plain descent takes "
    "ten steps to reach. Without R the order does not matter, so that equal lengths "
    "have equal gradients for ever, and no pair of equal lengths removes both."
)
### END SOLUTION

# %% [markdown]
# ## Task 2. Zero-filling is a minimum (2 points, 25 minutes)
#
# Test-time training goes down the misfit of the scan at hand,
#
# $$\ell(x) = \frac{\| A x - y \|_1}{\| y \|_1} , \qquad x = f_\theta(y) .$$
#
# Write `k_space_loss(x, y, A)`, which returns the pair `loss, slope`: the number $\ell(x)$ and its gradient by the image, $\nabla_x \ell$, of the shape of `x`. Where a misfit is exactly zero, take 0 for the slope of its absolute value. Please do without autograd.


# %% nbgrader={"solution": true, "grade_id": "k_space_loss_answer"}
def k_space_loss(x, y, A):
    ### BEGIN SOLUTION
    misfit, size = A(x) - y, y.abs().sum()
    return misfit.abs().sum() / size, A.adjoint(torch.sign(misfit)) / size
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "k_space_loss", "points": 2}
from dil_course.checks import ps17

ps17.k_space_loss(k_space_loss)
### BEGIN HIDDEN TESTS
ps17.k_space_loss(k_space_loss, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Prove three things in code, on the abdomen.
#
# 1. Without noise, $A^+ y$ has the least loss that there can be.
# 2. At any image, the slope has no part in the null space of $A$: compare the slope with $A^+ A$ of itself.
# 3. Whatever image one starts from, $x - A^+ (A x - y)$ has the same least loss. Take the network's result, a black image and the *phantom* as starts.
#
# Then measure the abdomen with noise, `ps17.scan(abdomen)`. **Predict before you run:** which has the smaller loss, the true image or $A^+ y$? And can the loss tell the three images of the third proof apart?

# %% nbgrader={"solution": true, "grade_id": "k_space_loss_seen"}
### BEGIN SOLUTION
noisy, A = ps17.scan(abdomen)
y = A(abdomen)
loss, _ = k_space_loss(A.pinv(y), y, A)
print(f"1. without noise, loss of zero-filling: {loss:.1g}")
starts = {
    "the network's result": network(y, A).detach(),
    "black": torch.zeros_like(abdomen),
    "a phantom": phantom,
}
for name, x in starts.items():
    loss, slope = k_space_loss(x, y, A)
    hidden = (slope - A.pinv(A(slope))).abs().max() / slope.abs().max()
    explains = x - A.pinv(A(x) - y)
    print(
        f"{name}: loss {loss:.2f}; 2. in the null space {hidden:.1g} of its slope; "
        f"3. made to explain y, loss {k_space_loss(explains, y, A)[0]:.1g}, "
        f"PSNR {score(explains, abdomen):.1f} dB"
    )
for name, x in {"the truth": abdomen, "zero-filling": A.pinv(noisy)}.items():
    print(f"with noise, loss of {name}: {k_space_loss(x, noisy, A)[0]:.4f}")
print(
    "A loss that is never negative is least where it is zero, and zero-filling is "
    "there. So are all other images that explain y, a phantom with the right lines "
    "among them. In noise the loss even prefers zero-filling to the truth, which does "
    "not contain the noise of y."
)
### END SOLUTION

# %% [markdown]
# ## Task 3. The share that no line sees (2 points, 25 minutes)
#
# Of the error of a reconstruction, a part lies at frequencies about which the scan says nothing. How large is it? Mind that an image is **real**: its Fourier coefficients at opposite frequencies are conjugate, so that a frequency is known where it *or its opposite* is measured.
#
# Write `unseen_share(estimate, truth, mask)`, in which the images are (1,1,H,W) and `mask` is (1,1,H,W) with the zero frequency at (H // 2, W // 2), as in `Fourier(mask)`. The points that are measured need not be whole lines, and the sides may be odd. It returns one number: the energy (the sum of the squares) of the error at the frequencies that are unknown, divided by the energy of the whole error.
#
# You will need the mirror image of a mask about the zero frequency once more in task 4.


# %% nbgrader={"solution": true, "grade_id": "unseen_share_answer"}
def opposite(mask):
    """1 where the opposite frequency is measured."""
    ### BEGIN SOLUTION
    height, width = mask.shape[-2:]
    return mask.flip((-2, -1)).roll((1 - height % 2, 1 - width % 2), (-2, -1))
    ### END SOLUTION


def unseen_share(estimate, truth, mask):
    ### BEGIN SOLUTION
    coefficients = torch.fft.fftshift(torch.fft.fft2(estimate - truth), dim=(-2, -1))
    energy, known = coefficients.abs() ** 2, mask.maximum(opposite(mask))
    return ((1 - known) * energy).sum() / energy.sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "unseen_share", "points": 2}
from dil_course.checks import ps17

ps17.unseen_share(unseen_share)
### BEGIN HIDDEN TESTS
ps17.unseen_share(unseen_share, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Adapt the network to the scan of the phantom, which is like its training, and to that of the abdomen, which is not: `adapt_reconstruction(y, A, network, iterations=12, learning_rate=1e-3)` gives Steps with a `loss` and an `estimate`. Print for the first and the last Step the loss, the PSNR, and the energy of the error in two parts, seen and unseen, and the same of zero-filling.
#
# **Predict before you run.** The loss falls in both runs. What does the PSNR do? In which of the two parts is the gain, or the harm? By task 2 the slope has no part in the null space. Why can the unseen part change all the same?


# %% nbgrader={"solution": true, "grade_id": "unseen_share_seen"}
### BEGIN SOLUTION
def say(name, estimate, x, y, A):
    energy = (estimate - x).square().sum()
    unseen = energy * unseen_share(estimate, x, A.mask)
    print(
        f"{name:24} loss {k_space_loss(estimate, y, A)[0]:.4f}, "
        f"{score(estimate, x):.2f} dB, error seen {energy - unseen:.2f}, "
        f"unseen {unseen:.2f}"
    )


for name, x in {"phantom": phantom, "abdomen": abdomen}.items():
    y, A = ps17.scan(x)
    steps = list(adapt_reconstruction(y, A, network, iterations=12, learning_rate=1e-3))
    say(f"{name}, trained", steps[0].estimate, x, y, A)
    say(f"{name}, adapted", steps[-1].estimate, x, y, A)
    say(f"{name}, zero-filled", A.pinv(y), x, y, A)
print(
    "Both runs move toward zero-filling, up on the abdomen and down on the phantom, "
    "and nearly all of the change is unseen. The slope says nothing about the unseen "
    "frequencies, but the weights that it changes make these as well. What happens to "
    "them is a side effect that no measurement judges."
)
### END SOLUTION

# %% [markdown]
# ## Task 4. A split that does not leak (3 points, 35 minutes)
#
# An honest judge compares a reconstruction with lines that had no part in it. To be honest, it takes more than to leave the lines out of the loss: a network that was *given* a line can copy it. So it can, since the image is real, if it was given the line on the other side of the zero frequency.
#
# Write `held_out_error(network, y, mask, held_out)`, in which `y` is (1,2,H,W), `mask` marks the measured lines and `held_out` those of them that judge, both (1,1,H,W) and made of whole columns. It returns the pair `given, error`:
#
# - `given` is the mask of the lines that the network may be given: those that are measured, but neither held out nor the mirror image of one that is held out;
# - `error` is one number. The network, called as `network(data, A)`, reconstructs an image from the given lines, with the forward model of these lines. The error is $\| M (F x - y) \|_1 / \| M y \|_1$, in which $M$ picks the held-out lines and $F$ is the Fourier transform.


# %% nbgrader={"solution": true, "grade_id": "held_out_error_answer"}
def held_out_error(network, y, mask, held_out):
    ### BEGIN SOLUTION
    mirrored = held_out.flip(-1).roll(1 - held_out.shape[-1] % 2, -1)
    given = mask * (1 - held_out) * (1 - mirrored)
    missed = Fourier(held_out)(network(y * given, Fourier(given))) - held_out * y
    return given, missed.abs().sum() / (held_out * y).abs().sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "held_out_error", "points": 3}
from dil_course.checks import ps17

ps17.held_out_error(held_out_error)
### BEGIN HIDDEN TESTS
ps17.held_out_error(held_out_error, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Three judges watch a network that is adapted to the scan of the *phantom*, where there is nothing to gain. The lines below are held out from the loss of all three. The honest judge's network is given what your function says, the second judge's network has the mirror images as well, and the third judge's network is given all lines.
#
# Adapt a copy of the network for 12 iterations by Adam with a learning rate of 0.001. The loss is the one of task 2, on all lines that were not held out (without their mirror images for the honest judge), and each judge measures the relative error on the held-out lines. Draw the three errors over the iterations, and print at the start and at the end also the PSNR of what the adapted network makes of *all* lines.
#
# **Predict before you run:** at which iteration will each of the three judges stop?

# %%
y, A = ps17.scan(phantom)
held_out = torch.zeros_like(A.mask)
held_out[..., [33, 45, 46]] = 1  # their mirror images are measured as well


# %% nbgrader={"solution": true, "grade_id": "held_out_error_judges"}
### BEGIN SOLUTION
def relative(lines, estimate):
    missed = Fourier(lines)(estimate) - lines * y
    return missed.abs().sum() / (lines * y).abs().sum()


def watched(given, fitted, iterations=12):
    """(error on the held-out lines, PSNR from all lines), one pair an iteration."""
    adapted, rows = copy.deepcopy(network), []
    adam = torch.optim.Adam(adapted.parameters(), lr=1e-3)
    for _ in range(iterations):
        estimate = adapted(y * given, Fourier(given))
        with torch.no_grad():
            judged = relative(held_out, estimate).item()
            rows.append((judged, score(adapted(y, A), phantom)))
        adam.zero_grad()
        relative(fitted, estimate).backward()
        adam.step()
    return rows


### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "held_out_error_seen"}
### BEGIN SOLUTION
honest, _ = held_out_error(network, y, A.mask, held_out)
others = A.mask - held_out
judges = {
    "honest": watched(honest, honest),
    "given the mirror images": watched(others, others),
    "given all lines": watched(A.mask, others),
}
curves = {
    name: (range(1, 13), [row[0] for row in rows]) for name, rows in judges.items()
}
show_curves(
    curves,
    "iteration",
    "error on the held-out lines",
    "The honest error is large and rises from the first iteration on; the errors of "
    "the two judges whose networks are given too much stay small and nearly constant.",
)
for name, rows in judges.items():
    errors = [row[0] for row in rows]
    print(
        f"{name}: least at iteration {1 + errors.index(min(errors))}; PSNR from all "
        f"lines {rows[0][1]:.1f} dB at the start, {rows[-1][1]:.1f} dB at the end"
    )
print(
    "The honest judge stops at once, and rightly: all three networks lose decibels "
    "from the first iteration on. The errors of the two others are small and hardly "
    "change, so that they see nothing of the harm: a network that copies what it is "
    "given also predicts the lines that it was given, or those whose mirror images it "
    "was given. The third judge's lines were never in the loss, which did not help."
)
### END SOLUTION

# %% [markdown]
# ## Task 5. A gradient without a Jacobian (3 points, 40 minutes)
#
# Plug-and-play repeats $x \leftarrow W \big( x - \eta \, A^T (A x - y) \big)$ until $x$ does not change any more. Here the denoiser is a matrix, $W = \sum_k g_k W_k$, whose **gains** $g_k$ are adapted by the loss $\frac12 \| A x - y \|^2$ at the fixed point $x$.
#
# The exact gradient has to take into account that $x$ is a fixed point: a gain changes $W$, which changes $x$, which changes what $W$ is applied to, and so on. The **Jacobian-free** gradient (Fung and others, 2022) leaves this out. It differentiates the last application of $W$ only, as if the image that came into it were a constant.
#
# Write `fixed_point_gradients(parts, gains, A, y, length)`, in which `parts` (K,n,n) holds the $W_k$, `gains` has K numbers, `A` is (m,n), `y` has m numbers and `length` is $\eta$. It returns `x, exact, jacobian_free`: the fixed point with n numbers, and the two gradients by the gains with K numbers each. Please do without autograd.


# %% nbgrader={"solution": true, "grade_id": "fixed_point_gradients_answer"}
def fixed_point_gradients(parts, gains, A, y, length):
    ### BEGIN SOLUTION
    W, unity = torch.tensordot(gains, parts, 1), torch.eye(A.shape[1]).to(A)
    turn = W @ (unity - length * A.T @ A)  # x = turn x + length W A^T y
    x = torch.linalg.solve(unity - turn, length * W @ A.T @ y)
    pull = A.T @ (A @ x - y)
    changes = parts @ (x - length * pull)  # of the last application, a row a gain
    return x, changes @ torch.linalg.solve((unity - turn).T, pull), changes @ pull
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fixed_point_gradients", "points": 3}
from dil_course.checks import ps17

ps17.fixed_point_gradients(fixed_point_gradients)
### BEGIN HIDDEN TESTS
ps17.fixed_point_gradients(fixed_point_gradients, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Compare the two on a signal of 24 numbers, of which every second one is measured. The denoiser mixes the signal itself with two smoothed versions of it. A fourth part smooths as well, but it changes the numbers that are **not** measured only. Take the gains `c * [0.3, 0.3, 0.2, 0.2]` for c = 0.5, 0.8 and 0.95 and $\eta = 0.5$. Print both gradients, the cosine of the angle between them, and the ratio of their lengths.
#
# **Predict before you run:** how does the ratio change when c grows, so that the iteration converges more slowly? And what is the Jacobian-free gradient by the fourth gain?

# %%
place = torch.arange(24, dtype=torch.float64)
apart = (place[:, None] - place).abs()
apart = torch.minimum(apart, 24 - apart)


def smoother(width):
    weights = torch.exp(-((apart / width) ** 2) / 2)
    return weights / weights.sum(1)


unity = torch.eye(24, dtype=torch.float64)
every_second, hidden = unity[::2], torch.diag(place % 2)
four = torch.stack([unity, smoother(1.0), smoother(3.0), hidden @ smoother(3.0)])
draw = torch.Generator().manual_seed(0)
signal = smoother(2.0) @ torch.randn(24, generator=draw, dtype=torch.float64)
data = every_second @ signal / signal.std()
data = data + 0.1 * torch.randn(12, generator=draw, dtype=torch.float64)

# %% nbgrader={"solution": true, "grade_id": "fixed_point_gradients_seen"}
### BEGIN SOLUTION
shape = torch.tensor([0.3, 0.3, 0.2, 0.2], dtype=torch.float64)
for c in (0.5, 0.8, 0.95):
    _, exact, free = fixed_point_gradients(four, c * shape, every_second, data, 0.5)
    cosine = exact @ free / (exact.norm() * free.norm())
    print(f"c = {c}: cosine {cosine:.3f}, ratio {free.norm() / exact.norm():.2f}")
    for name, gradient in {"exact": exact, "Jacobian-free": free}.items():
        print(f"   {name:14}", " ".join(f"{value:6.2f}" for value in gradient.tolist()))
print(
    "Both point nearly the same way, and the Jacobian-free one is the shorter, the "
    "more so the more applications count. Its fourth number is zero: what the last "
    "application writes where nothing is measured, the loss does not see. In the "
    "exact gradient it comes back through the next application, which mixes it into "
    "the measured places."
)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 30 minutes)
#
# In `ps17.failing_run("A")` the network is adapted to the scan of the abdomen. It learns to predict lines that it is not given from others that it is given, drawn anew at each iteration, while a quarter of the lines takes no part and judges. The network that the judge likes best is kept, and makes the estimate from all lines. One thing is wrong, and the runs "B", "C" and "D" suffer from another fault each.
# A good run gains more than three decibels on the trained network, and none of these four gains even two. A run is a dictionary:
#
# - `truth` and `estimate`; `y` and `mask`, the data and the measured lines; `fit` and `judge`, the two parts of `mask`;
# - `started` and `network`: the network at the start, and the one that was kept;
# - `given` and `wanted`: for each iteration, the data that went into the network, and the mask of the lines that it had to predict;
# - `losses` and `judged`: for each iteration, the loss and the relative error on the lines that judge.
#
# Find for each run the measurement that proves your cause. **Which of the four could you have found without the truth?**

# %%
runs = {letter: ps17.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps17.CAUSES.items():
    print(f"{cause:20} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_pictures"}
### BEGIN SOLUTION
shown = {}
for letter, r in runs.items():
    reached = score(r["estimate"], r["truth"])
    shown[f"{letter}, {reached:.1f} dB"] = r["estimate"].clamp(0, 1)
show_images(
    shown,
    "Four estimates of an abdomen: A is covered by a fine grid, B is blurred and has "
    "bright and dark margins, C is black in the middle, and D has vertical stripes.",
    columns=2,
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
weights = list(network.parameters())
for letter, r in runs.items():
    pairs = zip(r["network"].parameters(), r["started"].parameters())
    moved = max((after - before).abs().max() for after, before in pairs)
    first = list(r["started"].parameters())
    other = max((p - q).abs().max() for p, q in zip(first, weights))
    leaked = (r["given"][3] * r["wanted"][3]).abs().max()
    mirrors = (r["fit"] * opposite(r["judge"])).max()
    print(
        f"{letter}: judged {r['judged'][0]:.2f} to {min(r['judged']):.2f}; weights at "
        f"the start off by {other:.1g}, moved by {moved:.3f}; wanted lines given: "
        f"{leaked:.2g}; mirrors of the judge fitted: {mirrors:.0f}; largest number "
        f"given / of y: {r['given'][3].abs().max() / r['y'].abs().max():.1f}; "
        f"brightest column {r['y'].square().sum((0, 1, 2)).argmax()}; y against the "
        f"truth: {(Fourier(r['mask'])(r['truth']) - r['y']).abs().max():.2g}"
    )
print(
    "A moved its weights several times as far as the others, B was given what it had "
    "to predict, D was given a tenth of what was measured. In C the brightest column "
    "of y stands one to the right of the zero frequency, which is column 48. All four "
    "show without the truth, in what went in and not in the curves alone."
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "steps too large",
    "B": "lines not withheld",
    "C": "centre off by one",
    "D": "other units",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps17

ps17.causes(causes)

# %% [markdown]
# ## Open question (3 points, 40 minutes)
#
# A scan comes in, and nobody has its truth. There are four ways to reconstruct it: zero-filling, the network as trained, the network adapted by the loss of task 2, and the network adapted by predicting lines, as in task 6. **When should one adapt, and how can one know?**
#
# Each way is a function of $y$ and $A$, in which the adapting takes place, so that `held_out_error(way, y, A.mask, held_out)` judges it without a leak. Hold out about a quarter of the lines, and take three scans: the phantom, the abdomen, and a photograph, `luma(picture("camera", 96))[..., 24:72, :]`. Adapt by `adapt_reconstruction` with 10 iterations at 0.001, and by `adapt_by_splitting` with 12 iterations at 0.0005.
#
# **Write down, before you run, which way is best for each of the three scans, and what the held-out error of zero-filling is.** Then let the judge choose, and measure the **regret**: how many decibels its choice lies below the best of the four.
#
# Your answer will be marked by these three criteria:
#
# | points | for |
# | --- | --- |
# | 1 | predictions for the three scans that follow from a reason, written before the measurement |
# | 1 | the judged errors, the PSNR and the regret for three scans and four ways, with two draws of held-out lines at least |
# | 1 | a rule for when to adapt that follows from the figures, where the judge errs and why, and one weakness of your experiment |


# %% nbgrader={"solution": true, "grade_id": "open_question_ways"}
### BEGIN SOLUTION
def by_loss(y, A):
    steps = adapt_reconstruction(y, A, network, iterations=10, learning_rate=1e-3)
    return list(steps)[-1].estimate


def by_splitting(y, A):
    steps = adapt_by_splitting(y, A, network, iterations=12, learning_rate=5e-4)
    return list(steps)[-1].estimate


WAYS = {
    "zero-filling": lambda y, A: A.pinv(y),
    "trained": lambda y, A: network(y, A).detach(),
    "k-space loss": by_loss,
    "splitting": by_splitting,
}


def drawn(mask, number):
    """Every third line away from the middle, beginning with this number."""
    columns = mask[0, 0, 0].nonzero()[:, 0]
    lines = torch.zeros_like(mask)
    lines[..., columns[(columns - mask.shape[-1] // 2).abs() > 2][number::3]] = 1
    return lines


### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
camera = luma(picture("camera", 96))[..., 24:72, :]
for name, x in {"phantom": phantom, "abdomen": abdomen, "camera": camera}.items():
    y, A = ps17.scan(x)
    reached = {way: score(f(y, A), x) for way, f in WAYS.items()}
    print(name, *(f"{way} {value:.2f} dB" for way, value in reached.items()), sep=", ")
    for number in (0, 1):
        judged = {
            way: held_out_error(f, y, A.mask, drawn(A.mask, number))[1].item()
            for way, f in WAYS.items()
        }
        choice = min(judged, key=judged.get)
        texts = ", ".join(f"{way} {value:.2f}" for way, value in judged.items())
        regret = max(reached.values()) - reached[choice]
        print(f"   judge {number}: {texts}; chooses {choice}, regret {regret:.2f} dB")
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 3}
# ### BEGIN SOLUTION
# **A good answer, measured** on three scans, with two draws of held-out lines (every third line away from the middle, two different thirds). The network was trained on phantoms, jointly with the loss of task 2.
#
# *Prediction.* The phantom is like the training, so that there is nothing to gain: I expect the trained network to be best. The abdomen and the photograph are not, and by task 3 the loss of task 2 can only lead toward zero-filling, so that zero-filling itself should be ahead of it. Predicting lines is the one way that can learn something about unseen lines, and I expect it to be best on both.
# Zero-filling predicts zero on the held-out lines, because neither they nor their mirror images are given. Its error there is exactly 1 for every scan, without any measurement. An error above 1 means that a network does worse than to say nothing.
#
# | scan | | zero-filling | trained | k-space loss | splitting | choice | regret, dB |
# | --- | --- | --- | --- | --- | --- | --- | --- |
# | phantom | PSNR, dB | 18.97 | **27.64** | 24.39 | 24.04 | | |
# | | held-out error | 1.00, 1.00 | 0.59, 0.56 | 0.87, 0.83 | 0.52, 0.47 | splitting, splitting | 3.60, 3.60 |
# | abdomen | PSNR, dB | 24.42 | 19.96 | 22.95 | **24.62** | | |
# | | held-out error | 1.00, 1.00 | 1.21, 1.19 | 1.05, 1.05 | 1.03, 0.98 | zero-filling, splitting | 0.20, 0.00 |
# | photograph | PSNR, dB | **20.81** | 16.36 | 20.54 | 17.70 | | |
# | | held-out error | 1.00, 1.00 | 1.14, 1.13 | 1.00, 1.00 | 1.04, 1.00 | k-space loss, k-space loss | 0.27, 0.27 |
#
# *What came out.* The phantom and the abdomen are as predicted, and the photograph is not: there, 12 iterations of predicting lines gain only a decibel on a start that is four decibels below zero-filling. I did not try more of them.
# What the network does to the abdomen can be seen in the first figure: all phantoms lie on a black ground, so that it draws dark margins where the abdomen reaches the border. The trained network reveals the shift by itself, since its held-out error is below 1 on the phantom only. The choice by the least error, however, loses 3.6 dB on the phantom.
#
# *Where the judge errs.* It judges a network that is given fewer lines than the one that is used. Predicting lines teaches the network to work with fewer lines, at which it is then judged better than the trained one, whereas with all lines it is worse. Moreover, the judge counts absolute values on lines away from the middle and sees nothing of the middle of the Fourier plane, where most of the energy of an image is.
#
# *A rule.* Keep the trained network where its own held-out error is clearly below 1, and adapt, or leave it, where it is above. Where no way is clearly below 1, take zero-filling, or total variation, which the lesson finds ahead of all of these. With this rule the regret is at most 0.2 dB on the three scans. I found it after I had seen the figures, so that it has to be tried on other scans before anybody relies on it.
#
# *Weakness.* Three images, one mask, one network, and numbers of iterations that nobody stopped: a run that stops by held-out lines would lose less on the phantom. All measurements were computed from finished images.
# ### END SOLUTION
