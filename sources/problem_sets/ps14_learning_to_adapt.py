# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 14 · Learning to adapt
#
# Six tasks to [lesson 14](../../notebooks/14_learning_to_adapt.ipynb), and one open question. 20 points.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once, and it says *which* mistake it sees and gives a hint. **If you run it again, the hint says more**, and you lose nothing by asking.
# - The last line of that cell is your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells, because your points are counted from them.
# - The set takes about three and a half hours, of which the computer needs about a minute.
#
# A learned start is judged by where a few steps lead from it. Everything here follows from that one sentence: a second derivative in the gradient, the different places at which MAML and Reptile come to rest, and most of the ways in which a meta-training fails without any error message.

# %%
import math
import time

import torch
from torch.func import grad, vmap

from dil_course import runtime
from dil_course.adaptation import mzsr
from dil_course.adaptation.meta_learning import learn_start, meta_gradient
from dil_course.adaptation.sinusoid import sine_network, sinusoids, squared_error
from dil_course.checks import ps14
from dil_course.figures import show_curves
from dil_course.from_scratch.internal_pairs import pair
from dil_course.from_scratch.zero_shot_sr import back_projected
from dil_course.networks import ResidualNetwork
from dil_course.networks.trained import trained
from dil_course.signals import (
    BlurDownsample,
    enlarge,
    gaussian_kernel,
    luma,
    picture,
    psnr,
)

# For such small networks a second thread costs more than it brings.
torch.set_num_threads(1)

# %% [markdown]
# ## Task 1. The gradient through one inner step (3 points, 40 minutes)
#
# A linear model predicts $X w$ from the rows of $X$, and its loss is the mean squared error $L(w) = \frac1n \, \lVert X w - y \rVert^2$. One step on the support leads from the start $w$ to
#
# $$w' = w - a \, \nabla L_s(w) ,$$
#
# and the start is judged by the query loss $L_q(w')$. Derive the gradient of $L_q(w')$ **with respect to the start** $w$, and remember that $w'$ depends on $w$ in two ways.
#
# Write `gradient_through_step(w, support, query, rate)`, in which `w` has the shape (d,), `rate` is $a$, and `support` and `query` are pairs $(X, y)$ of shapes (n,d) and (n,). The number of points $n$ differs between the two pairs.
# Please do without autograd, which would give the numbers and hide the second derivative.


# %% nbgrader={"solution": true, "grade_id": "gradient_through_step_answer"}
def gradient_through_step(w, support, query, rate):
    ### BEGIN SOLUTION
    def slope(w, X, y):
        return 2 / len(y) * X.T @ (X @ w - y)

    X, _ = support
    after = slope(w - rate * slope(w, *support), *query)
    # (I - rate H) times the query's gradient, with H = 2/n X^T X
    return after - rate * 2 / len(X) * X.T @ (X @ after)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gradient_through_step", "points": 3}
from dil_course.checks import ps14

ps14.gradient_through_step(gradient_through_step)
### BEGIN HIDDEN TESTS
ps14.gradient_through_step(gradient_through_step, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# First-order MAML leaves the second derivative out and uses $\nabla L_q(w')$ alone. To see what that costs, take support and query that are both the pair $(X, y)$ below. Its curvature is 2 along the first weight and 0.2 along the second, and its optimum is $w = (1, 1)$.
# Begin at $w = (0, 0)$, and draw the first component of both gradients for rates from 0 to 1.
#
# **Predict before you run:** at the rate 0.5 one step solves the first weight exactly. Which of the two gradients changes its sign there, what does the other one do, and what follows for a start that is trained with a larger rate?

# %% nbgrader={"solution": true, "grade_id": "gradient_through_step_seen"}
X = torch.diag(torch.tensor([2.0, 0.2]).sqrt())
y, w = X @ torch.ones(2), torch.zeros(2)
### BEGIN SOLUTION
rates, exact, first_order = [k / 50 for k in range(51)], [], []
for rate in rates:
    exact.append(gradient_through_step(w, (X, y), (X, y), rate)[0].item())
    # A rate of zero for the second step: the query's gradient where the first one ended
    after = w - rate * X.T @ (X @ w - y)
    first_order.append(gradient_through_step(after, (X, y), (X, y), 0)[0].item())
show_curves(
    {"exact": (rates, exact), "first order": (rates, first_order)},
    "rate of the inner step",
    "gradient by the first weight",
    "Two curves that begin at minus two: a parabola that touches zero at a half and "
    "returns, and a straight line that crosses zero there and goes on to plus two.",
)
print(
    "The first-order gradient changes its sign. Beyond 0.5 the step overshoots, so "
    "that w' lies on the far side of the optimum and the query asks for a smaller w'. "
    "Only the factor 1 - a h, negative as well, says that a smaller w' needs a "
    "*larger* w. The exact gradient touches zero, because the step solves this weight "
    "from wherever it begins, and keeps its sign. With a larger rate a first-order "
    "start moves away from the optimum along the steepest direction, and nothing but "
    "a rising loss shows it."
)
### END SOLUTION

# %% [markdown]
# ## Task 2. Reptile, and what is left of it at k = 1 (3 points, 35 minutes)
#
# Reptile needs neither a query nor a second derivative. For each task it takes $k$ steps of gradient descent from the start, one on each of $k$ batches of data of this task, and then the start moves a share $\varepsilon$ of the way to the mean of the ends:
#
# $$w \leftarrow w + \varepsilon \, \Big( \frac1T \sum_{t=1}^{T} w_t^{(k)} - w \Big) .$$
#
# Write `reptile_update(gradient, w, tasks, rate, outer_rate)`, which returns the new start. Here `gradient(w, batch)` is the gradient of the loss, `tasks` is a list with one entry for each task, each of which is a list of $k$ batches, and `outer_rate` is $\varepsilon$.


# %% nbgrader={"solution": true, "grade_id": "reptile_update_answer"}
def reptile_update(gradient, w, tasks, rate, outer_rate):
    ### BEGIN SOLUTION
    ends = []
    for batches in tasks:
        end = w
        for batch in batches:
            end = end - rate * gradient(end, batch)
        ends.append(end)
    return w + outer_rate * (torch.stack(ends).mean(0) - w)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "reptile_update", "points": 3}
from dil_course.checks import ps14

ps14.reptile_update(reptile_update)
### BEGIN HIDDEN TESTS
ps14.reptile_update(reptile_update, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Joint training descends the mean loss of all tasks at once, without any inner step. The cell below makes a small network for sines whose 61 weights are one vector, and eight tasks of two batches each.
#
# 1. For $k$ = 1 (the first batch of each task), print the cosine between Reptile's move and the direction of joint training on the same batches, $-\nabla L$. **Predict it before you run.**
# 2. For $k$ = 2, subtract from Reptile's move what joint training on both batches would have done, and divide the rest by $\varepsilon a^2$. Derive, to first order in the rate $a$, what this rest is for one task with the batches 1 and 2. Average your measurement over both orders of the batches, and compare it with $\frac12 \nabla \, (g_1 \cdot g_2)$, the gradient of the inner product of the two gradients. What does Reptile therefore reward, and joint training not?


# %%
def sine_loss(w, batch):
    """Mean squared error of a network 1-20-1, whose weights are a vector (61,)."""
    x, y = batch
    hidden = torch.tanh(x * w[:20] + w[20:40])
    return (hidden @ w[40:60, None] + w[60] - y).square().mean()


start = torch.randn(61, generator=runtime.generator(0, "61 weights"))
support, query = sinusoids(8, runtime.generator(0, "eight sines"))
tasks = [
    [tuple(values[number] for values in batch) for batch in (support, query)]
    for number in range(8)
]

# %% nbgrader={"solution": true, "grade_id": "reptile_update_seen"}
### BEGIN SOLUTION
gradient, rate, outer = grad(sine_loss), 1e-3, 1.0


def move(tasks):
    return reptile_update(gradient, start, tasks, rate, outer) - start


def joint(tasks):
    """The sum over the batches of the mean gradient over the tasks."""
    return sum(gradient(start, b) for batches in tasks for b in batches) / len(tasks)


def cosine(a, b):
    return torch.nn.functional.cosine_similarity(a, b, dim=0).item()


ones = [batches[:1] for batches in tasks]
print(f"k = 1: cosine to joint training {cosine(move(ones), -joint(ones)):.6f}")


def agreement(w, batches):
    one, two = (gradient(w, batch) for batch in batches)
    return one @ two


moves = [move(tasks), move([batches[::-1] for batches in tasks])]
rest = (sum(moves) / 2 + rate * outer * joint(tasks)) / (outer * rate**2)
expected = sum(grad(agreement)(start, batches) for batches in tasks) / 2 / len(tasks)
print(
    "k = 2: cosine of the rest to half the gradient of g1 . g2: "
    f"{cosine(rest, expected):.3f}, "
    f"lengths {rest.norm():.1f}, {expected.norm():.1f}"
)
print(
    "With one step, w - a g is all that there is, so that Reptile is joint training "
    "with the rate epsilon a. The second step sees g2(w - a g1) = g2 - a H2 g1 + ..., "
    "so that the rest is + a^2 H2 g1. Over both orders it is a^2 / 2 times H2 g1 + "
    "H1 g2, the gradient of g1 . g2. Reptile moves to where the gradients of two "
    "batches of one task agree, because there a step on one batch helps the other."
)
### END SOLUTION

# %% [markdown]
# ## Task 3. Support and query (2 points, 30 minutes)
#
# In MZSR a task is a blur kernel: support and query are *different images* with the *same kernel*. In MLSR a task is one image. There the query is the pair that is wanted in the end, from the small image $y$ to the large one $x$.
# The support is the pair that exists at test time, when $x$ is unknown: from $y$ made smaller once more to $y$. The network maps an enlarged image to one of the same size.
#
# Write `picture_task(x, shrink, enlarge)`, which returns `(support, query)`, each a pair `(input, target)`. Here $y$ is `shrink(x)`, and `shrink` and `enlarge` are functions of an image (1,C,H,W) that halve and double its sides.


# %% nbgrader={"solution": true, "grade_id": "picture_task_answer"}
def picture_task(x, shrink, enlarge):
    ### BEGIN SOLUTION
    y = shrink(x)
    return (enlarge(shrink(y)), y), (enlarge(y), x)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "picture_task", "points": 2}
from dil_course.checks import ps14

ps14.picture_task(picture_task)
### BEGIN HIDDEN TESTS
ps14.picture_task(picture_task, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# What happens if support and query are confused? Here is a meta-training on sines whose five points are noisy. Run it twice: once with `tasks` as they are, and once with the support in place of the query, so that the start is judged on the very points that the step has seen.
# Print the mean of the last 50 losses of each training. Then test both starts, before and after one step with the rate 0.02 on the noisy support of 300 new tasks, by the error at *clean* query points.
#
# **Predict before you run:** which training reports the lower loss, by what factor, and which start is better after one step?


# %%
def noisy_sines(count, draw, noise=3.0):
    """(support, clean query), five points of each: the support has noise."""
    (x, y), query = sinusoids(count, draw, points=5)
    return (x, y + noise * torch.randn(y.shape, generator=draw)), query


def trained_start(tasks, updates=400):
    """MAML's start, with one inner step of the rate 0.02, and the losses on the way."""
    losses, settings = [], {"rate": 0.02, "meta_rate": 1e-2}
    for start, loss in learn_start(
        "maml", squared_error, sine_network(), tasks, updates, **settings
    ):
        losses.append(loss.item())
    return start, losses


training_draw = runtime.generator(0, "noisy sines")


def noisy_tasks():
    """Sixteen tasks, whose query is as noisy as the support."""
    support, (x, y) = noisy_sines(16, training_draw)
    return support, (x, y + 3 * torch.randn(y.shape, generator=training_draw))


# %% nbgrader={"solution": true, "grade_id": "picture_task_seen"}
### BEGIN SOLUTION
def confused_tasks():
    support, _ = noisy_tasks()
    return support, support


def stepped(start, support):
    slopes = grad(squared_error)(start, support)
    return {name: value - 0.02 * slopes[name] for name, value in start.items()}


support, query = noisy_sines(300, runtime.generator(1, "noisy sines"))
for name, tasks in {"fresh query": noisy_tasks, "support": confused_tasks}.items():
    start, losses = trained_start(tasks)
    ends = vmap(stepped, in_dims=(None, 0))(start, support)
    before = vmap(squared_error, in_dims=(None, 0))(start, query).mean()
    after = vmap(squared_error)(ends, query).mean()
    print(
        f"judged on the {name:11}: training reports {sum(losses[-50:]) / 50:.2f}; "
        f"tested: {before:.2f} before the step, {after:.2f} after it"
    )
print(
    "A start that is judged on its own support learns to fit the noise of these five "
    "points in one step. Its training therefore reports about half of the loss, "
    "although its step does harm at other points of the same sine. Only a query that "
    "the step has not seen measures what adaptation is for."
)
### END SOLUTION

# %% [markdown]
# ## Task 4. Where four methods come to rest (3 points, 40 minutes)
#
# Let each task be a parabola, $L_t(w) = \frac{h_t}{2} (w - c_t)^2$, with its own curvature $h_t$ and optimum $c_t$, the same for support and query. Then the start at which each method comes to rest has a formula:
#
# $$w^* = \frac{\sum_t q_t \, c_t}{\sum_t q_t} .$$
#
# Derive the weights $q_t$ for the four methods. MAML and first-order MAML judge the start by the loss after $k$ inner steps of the rate $a$, Reptile moves the start to the mean of the ends of $k$ such steps, and joint training takes no inner step.
#
# Write `resting_start(method, curvatures, optima, rate, steps)`, which returns $w^*$. Here `method` is "maml", "first-order", "reptile" or "joint", `curvatures` and `optima` are $h_t$ and $c_t$ of all tasks, (T,), `rate` is $a$, and `steps` is $k$.


# %% nbgrader={"solution": true, "grade_id": "resting_start_answer"}
def resting_start(method, curvatures, optima, rate, steps):
    ### BEGIN SOLUTION
    left = (1 - rate * curvatures) ** steps  # of the distance to the optimum
    weights = {
        "maml": curvatures * left**2,
        "first-order": curvatures * left,
        "reptile": 1 - left,
        "joint": curvatures,
    }[method]
    return (weights * optima).sum() / weights.sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "resting_start", "points": 3}
from dil_course.checks import ps14

ps14.resting_start(resting_start)
### BEGIN HIDDEN TESTS
ps14.resting_start(resting_start, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Take two tasks: a steep one with $h$ = 2 and $c$ = 1, and a flat one with $h$ = 0.2 and $c$ = −1. Draw $w^*$ of the four methods for five steps and rates from 0.01 to 0.5. **Predict before you run:** near which of the two optima does each method end, at the smallest and at the largest rate?
#
# Then verify your formula: print the library's `meta_gradient(method, loss, {"w": ...}, (tasks, tasks), rate, steps)` at your $w^*$ for the rate 0.2, in which `loss(weights, task)` is the loss of one parabola.

# %% nbgrader={"solution": true, "grade_id": "resting_start_seen"}
curvatures, optima = torch.tensor([2.0, 0.2]), torch.tensor([1.0, -1.0])
### BEGIN SOLUTION
rates, methods = [k / 100 for k in range(1, 51)], ("joint", "first-order", "maml")
show_curves(
    {
        method: (
            rates,
            [resting_start(method, curvatures, optima, a, 5).item() for a in rates],
        )
        for method in (*methods, "reptile")
    },
    "rate of the inner steps",
    "start at rest",
    "A level line near 0.8, two curves that fall from there to minus one, that of MAML "
    "first, and one that falls slowly from there to four tenths.",
)


def loss(weights, task):
    h, c = task
    return h / 2 * (weights["w"] - c).square()


for method in (*methods, "reptile"):
    rest = {"w": resting_start(method, curvatures, optima, 0.2, 5)}
    both = ((curvatures, optima), (curvatures, optima))
    left, _ = meta_gradient(method, loss, rest, both, 0.2, 5)
    print(f"{method:11}: start {rest['w']:6.3f}, meta-gradient there {left['w']:.1e}")
print(
    "With a small rate all four stand near the optimum of the steep task, where the "
    "mean loss is least. With a larger one the steps solve the steep task from "
    "anywhere, so that MAML leaves it to them and waits at the flat optimum, where "
    "the steps hardly move. Reptile asks for a short way to all ends: its steep task "
    "counts as one full way, and the flat one as the part of it that five steps go, so "
    "that it ends on the side of the steep one. With very many steps it would end at "
    "the plain mean of the optima, zero."
)
### END SOLUTION

# %% [markdown]
# ## Task 5. After how many images is a training repaid? (2 points, 25 minutes)
#
# A learned start saves updates for every image, but its training costs seconds once. Write `images_until_repaid(training, plain, learned, target)`:
#
# - `training` is the time of the meta-training in seconds;
# - `plain` and `learned` are pairs `(seconds, scores)` of the two starts: the time of one update, and the list of the PSNR after 0, 1, 2, … updates. An image is finished as soon as its score reaches `target`, which the plain start always does;
# - the result is the least number of images, one or more, for which training and updates from the learned start together take **no longer** than the updates from the plain start. If there is no such number, it is `math.inf`.


# %% nbgrader={"solution": true, "grade_id": "images_until_repaid_answer"}
def images_until_repaid(training, plain, learned, target):
    ### BEGIN SOLUTION
    def needed(seconds, scores):
        for updates, score in enumerate(scores):
            if score >= target:
                return updates * seconds
        return math.inf

    saved = needed(*plain) - needed(*learned)
    return max(math.ceil(training / saved), 1) if saved > 0 else math.inf
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "images_until_repaid", "points": 2}
from dil_course.checks import ps14

ps14.images_until_repaid(images_until_repaid)
### BEGIN HIDDEN TESTS
ps14.images_until_repaid(images_until_repaid, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Apply it to super-resolution. The cell below blurs and halves an image of 96 × 96 pixels. Measure on it
#
# - **plain:** `ResidualNetwork(1, 32, 5, cells=2)` with random weights, seed 0, trained by Adam with the rate 0.003 and the mean absolute error on `pair(y, A)`, the pair of $y$ and its own smaller version, for 120 updates;
# - **learned:** the start that MZSR learned, `mzsr(y, A, trained("meta_kernels"), updates=10)`, whose first step is the start itself;
# - **joint:** the start `trained("meta_joint")`, from which that meta-training began, without any update;
# - the classical **baseline**, `back_projected(enlarge(y, A), y, A, rounds)`, with 1, 2, 4, 8, 16 and 32 rounds.
#
# The target is what the plain start reaches after 80 updates, and the learned start took about 240 seconds of training on one core: 90 for the joint training, and 150 for the meta-training that began where it ended. **Predict before you run** the order of magnitude of the number of images. Then say against which of the three competitors the training is repaid.


# %%
x = luma(picture("chelsea", 96))
A = BlurDownsample(gaussian_kernel(16, (1.8, 1.2), angle=30), 2)
y = A(x)


def score(estimate):
    """PSNR without the outer 8 pixels, at which an estimate has no neighbours."""
    inside = (..., slice(8, -8), slice(8, -8))
    return psnr(estimate.clamp(0, 1)[inside], x[inside])


# %% nbgrader={"solution": true, "grade_id": "images_until_repaid_seen"}
### BEGIN SOLUTION
with runtime.seeded(0):
    network = ResidualNetwork(1, 32, 5, cells=2)
(son, father), adam = pair(y, A), torch.optim.Adam(network.parameters(), lr=3e-3)
plain_scores, spent = [score(network(enlarge(y, A)).detach())], 0.0
for _ in range(120):
    begun = time.perf_counter()
    adam.zero_grad()
    (network(son) - father).abs().mean().backward()
    adam.step()
    spent += time.perf_counter() - begun
    plain_scores.append(score(network(enlarge(y, A)).detach()))
seconds, target = spent / 120, plain_scores[80]
steps = mzsr(y, A, trained("meta_kernels"), updates=10)
learned_scores = [score(step.estimate) for step in steps]
images = images_until_repaid(
    240.0, (seconds, plain_scores), (seconds, learned_scores), target
)
print(f"target {target:.2f} dB, learned start {learned_scores[0]:.2f} dB unadapted")
print(f"an update takes {1000 * seconds:.0f} ms: repaid after {images} images")
joint = score(trained("meta_joint")(enlarge(y, A)).detach())
print(f"joint training alone, without any update: {joint:.2f} dB")
for rounds in (1, 2, 4, 8, 16, 32):
    estimate = back_projected(enlarge(y, A), y, A, rounds)
    print(f"back-projection, {rounds:2} rounds: {score(estimate):.2f} dB")
print(
    "Against training from random weights it is repaid after some hundreds of images. "
    "But joint training alone, for less than half of the time, begins no lower, so "
    "that on this image the meta-training adds nothing. Against "
    "back-projection no training is ever repaid: with the kernel known and no noise, "
    "a few rounds reach the target, and some more of them exceed it."
)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 40 minutes)
#
# In `ps14.failing_run("A")` MAML learns a start for sines, in 500 updates of five tasks, and then adapts it by one step to each of 100 test tasks. One thing is wrong in it, and the runs "B", "C" and "D" suffer from another fault each.
# After the step a good run has a mean error below 1.8 on the test tasks, and each of these has one above 2.2. No run has stopped with an error message. A run is a dictionary:
#
# - `first` and `start`: the weights before and after the meta-training; `losses`: a number for each update;
# - `tasks`: a pair `(support, query)` for each update, each `(x, y)` of the shape (5,10,1); `meta_gradient`: that of the first update;
# - `test`: a dictionary for each test task, with its `support` and `query`, the weights `before` and `after` the step, and the `error` on the query after it.

# %%
runs = {letter: ps14.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps14.CAUSES.items():
    print(f"{cause:26} {meaning}")


# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
def wave(points):
    """The features with which a sine of any amplitude and phase is linear."""
    x, _ = points
    return torch.cat([x.sin(), x.cos()], -1)


def misfit(support, query):
    """How far a query lies from the sine through its support."""
    fitted = torch.linalg.lstsq(wave(support), support[1]).solution
    return (wave(query) @ fitted - query[1]).abs().max().item()


for letter, r in runs.items():
    errors, test = [t["error"] for t in r["test"]], r["test"][1]
    slopes = grad(squared_error)(test["before"], test["support"])["bias 2"]
    step = test["before"]["bias 2"] - test["after"]["bias 2"]
    print(
        f"{letter}: error {sum(errors) / 100:.2f}, in the first ten tasks "
        f"{sum(errors[:10]) / 10:.2f}; the training ended at "
        f"{sum(r['losses'][-30:]) / 30:.2f}\n"
        f"   query off its support's sine by {misfit(*r['tasks'][0]):.3f}; "
        "same tasks in two updates: "
        f"{torch.equal(r['tasks'][0][0][0], r['tasks'][1][0][0])}\n"
        f"   rate of a step at test {(step / slopes).item():.4f}; second task begins "
        f"at the start: {torch.equal(test['before']['bias 2'], r['start']['bias 2'])}"
    )
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "other rate at test",
    "B": "same tasks again",
    "C": "query of another task",
    "D": "no way back to the start",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps14

ps14.causes(causes)

# %% [markdown]
# ## Open question (3 points, 50 minutes)
#
# When is meta-learning worth its training? Compare three starts of the network of task 6 on sines with ten points: **random** weights, a start from **joint** training, and one from **MAML** (500 updates of 8 tasks each). Test them on three kinds of tasks:
#
# - tasks like those of the training;
# - tasks whose amplitude is twice as large, so that half of them lie outside of the trained range;
# - tasks of twice the frequency, $A \sin(2 x - \varphi)$, of which no training has seen any.
#
# **Write down what you expect** after 1, 10 and 60 updates, nine times an order of three starts, and why. Then measure it with three seeds. Each start has its own best optimizer and rate for each number of updates, chosen on separate tasks like those of the training. As a competitor without any network, fit $a \sin x + b \cos x$ by least squares.
# Finally, count the cost in gradients, and say from how many tasks on the training is repaid, and where it never is.
#
# Your answer will be marked by these three criteria:
#
# | points | for |
# | --- | --- |
# | 1 | nine predicted orders that follow from a reason, written before the measurement |
# | 1 | the errors measured with three seeds beside the predictions, each start with its own tuned rate, and the competitor without a network |
# | 1 | a conclusion with its conditions: how many tasks, how few updates, how near to the training they must be, and what a better prior makes unnecessary |


# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
def sines(kind, count, seed):
    """(support, query) of the three kinds of tasks."""
    support, query = sinusoids(count, runtime.generator(seed, "open question"))
    if kind == "twice the amplitude":
        return tuple((x, 2 * y) for x, y in (support, query))
    if kind == "twice the frequency":  # A sin(2 x' - phase), with x' = x / 2 from -2.5
        return tuple((x / 2, y) for x, y in (support, query))
    return support, query


def learned(method, seed):
    draw = runtime.generator(seed, "training")
    *_, (start, _) = learn_start(
        method,
        squared_error,
        sine_network(seed),
        lambda: sinusoids(8, draw),
        iterations=500,
        rate=0.02,
        meta_rate=1e-2,
    )
    return start


def errors_on_the_way(start, tasks, optimizer, rate, updates=60):
    """The mean query error after 0, 1, ... updates, of all tasks at once."""
    support, query = tasks
    weights = {
        name: value.expand(len(support[0]), *value.shape).clone().requires_grad_()
        for name, value in start.items()
    }
    descent, errors = optimizer(list(weights.values()), lr=rate), []
    for _ in range(updates + 1):
        with torch.no_grad():
            error = vmap(squared_error)(weights, query)
            # A task that diverges counts as 100, so that one does not hide the others.
            errors.append(error.nan_to_num(100).clamp(max=100).mean().item())
        descent.zero_grad()
        vmap(squared_error)(weights, support).sum().backward()
        descent.step()
    return torch.tensor(errors)


### END SOLUTION

# %% [markdown]
# The errors of the three starts on the three kinds of tasks, with the settings that were best on separate tasks:

# %% nbgrader={"solution": true, "grade_id": "open_question_cases"}
### BEGIN SOLUTION
kinds = ("as trained", "twice the amplitude", "twice the frequency")
SGD, Adam = torch.optim.SGD, torch.optim.Adam
settings = [(SGD, 0.005), (SGD, 0.02), (Adam, 0.01), (Adam, 0.03)]
starts, found = {}, {}
for seed in range(3):
    starts[seed] = {"random": sine_network(seed)}
    starts[seed] |= {method: learned(method, seed) for method in ("joint", "maml")}
    for name, start in starts[seed].items():
        chosen = torch.stack(
            [
                errors_on_the_way(start, sines(kinds[0], 40, 100 + seed), *setting)
                for setting in settings
            ]
        ).argmin(0)
        for updates in (1, 10, 60):
            best = settings[int(chosen[updates])]
            for kind in kinds:
                tasks = sines(kind, 40, 200 + seed)
                error = errors_on_the_way(start, tasks, *best, updates)[-1]
                found.setdefault((kind, updates, name), []).append(error.item())
for kind in kinds:
    for updates in (1, 10, 60):
        line = f"{kind:19} {updates:2} updates: "
        for name in starts[0]:
            three = found[kind, updates, name]
            line += f" {name} {sum(three) / 3:5.2f} ({min(three):.2f}-{max(three):.2f})"
        print(line)
for kind in kinds:
    (support, query), error = sines(kind, 100, 200), []
    for number in range(100):
        one, other = ([v[number] for v in part] for part in (support, query))
        fit = torch.linalg.lstsq(wave(one), one[1]).solution
        error.append((wave(other) @ fit - other[1]).square().mean().item())
    print(f"least squares, {kind:19}: {sum(error) / 100:.2f}")
### END SOLUTION

# %% [markdown]
# The cost, in gradients of one task. An update of MAML takes one gradient for the step and about three for the gradient through it, whereas joint training takes one. A test task is finished when its mean error is 2 or less:

# %% nbgrader={"solution": true, "grade_id": "open_question_cost"}
### BEGIN SOLUTION
trainings = {"random": 0, "joint": 500 * 8, "maml": 500 * 8 * 4}
curves = {}
for seed in range(3):
    tasks = sines(kinds[0], 40, 200 + seed)
    for name, start in starts[seed].items():
        optimizer, rate = (SGD, 0.02) if name == "maml" else (Adam, 0.01)
        errors = errors_on_the_way(start, tasks, optimizer, rate, 120)
        curves[name] = curves.get(name, 0) - errors / 3
for name in ("random", "joint"):
    extra = trainings["maml"] - trainings[name]
    plain, quick = ((1, curves[which].tolist()) for which in (name, "maml"))
    print(
        f"against the {name} start: repaid after "
        f"{images_until_repaid(extra, plain, quick, -2.0)} tasks"
    )
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 3}
# ### BEGIN SOLUTION
# **A good answer, measured** with the seeds 0, 1 and 2, and 40 tasks of each kind.
#
# *Prediction* (here it was written down after the measurement, whereas yours comes before it). On tasks like those of the training MAML leads, then joint training, then random weights, and the lead shrinks with the number of updates, because every start can learn ten points in the end.
# Beyond the trained amplitudes the order stays and the lead is small: the start knows the shape, but a step of the trained length covers only a part of a way twice as long. With the doubled frequency the start has learned a wrong shape, so that it helps for as long as no start has had time to learn, and stands in the way after that.
#
# *Measured.* The table shows the mean error over the three seeds, and in brackets their range:
#
# | tasks | updates | random | joint | MAML |
# | --- | --- | --- | --- | --- |
# | as trained | 1 | 3.72 (3.29 to 3.98) | 2.44 (1.90 to 2.92) | **1.13** (0.85 to 1.39) |
# | | 10 | 3.57 (3.20 to 3.99) | 1.54 (0.92 to 2.04) | **0.65** (0.34 to 1.26) |
# | | 60 | 1.51 (1.39 to 1.63) | 0.69 (0.59 to 0.77) | **0.36** (0.27 to 0.49) |
# | twice the amplitude | 1 | 15.2 (13.7 to 16.2) | 10.8 (8.6 to 12.6) | 10.1 (8.3 to 11.2) |
# | | 10 | 14.3 (12.7 to 16.6) | 9.5 (6.4 to 11.6) | 8.6 (7.1 to 11.6) |
# | | 60 | 6.4 (6.0 to 6.7) | 5.9 (4.6 to 7.9) | 5.3 (1.6 to 9.4) |
# | twice the frequency | 1 | 3.81 (3.43 to 4.03) | 3.81 (3.12 to 4.50) | 3.98 (3.34 to 4.49) |
# | | 10 | 3.68 (3.43 to 3.97) | 3.59 (3.00 to 3.93) | **3.06** (2.79 to 3.43) |
# | | 60 | **1.32** (1.07 to 1.52) | 2.24 (1.62 to 2.87) | 2.37 (1.86 to 3.23) |
#
# Least squares with a sine and a cosine has no error at all for both amplitudes, and 4.7 with the doubled frequency, which is no better than no fit at all.
#
# *Where my prediction failed.* MAML keeps its lead for all 60 updates on its own tasks, since the start is also a better place from which to go on. Outside of the amplitudes its lead over joint training is within the spread of three seeds, and after 60 updates no order of the three starts is certain.
#
# *When is it worth its training?* To reach an error of 2 the random start needs 48 updates, that of joint training 6, and that of MAML one. With 16,000 gradients for its training, MAML is therefore repaid after about 340 tasks against random weights, and after about 2400 against joint training, which is the fairer comparison.
# It is worth it where thousands of tasks like those of the training follow, and where each allows a few updates or data points only. It is not worth it where the tasks of the test are of another kind, or where an update is cheap and one may wait for a hundred of them. It is never worth it where a formula is known: two numbers fitted by least squares contain the better prior, as long as the frequency is right.
# ### END SOLUTION
