# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 15 · A generator meets your image
#
# A network was trained to draw garments: shirts, trousers, shoes. It has seen thousands of them, and it can draw nothing else. Now it meets *your* garment, of which only a few measurements exist.
# The drawing that agrees with these measurements is a garment for certain, but is it **yours**? And if it is not, may the network learn from your measurements what it lacks?
#
# **What you will be able to do**
# - build CSGM, which searches the latent numbers of a generator for the image behind a few measurements;
# - tell three errors apart, and measure each: what the generator cannot draw, what the measurements leave open, what the search misses;
# - build IAGAN, which adapts the generator itself to one image, and compare it with what others set free;
# - say for which number of measurements each method wins, against TV and against a linear estimate that learned from the same images;
# - recognise a hallucination, explain why no misfit reveals it, and show what an adapted generator forgets.
#
# **Before you start.** Lesson 03 (the deep image prior), lesson 04 (the pseudo-inverse $A^+$, back-projection, TV), and the rule of lesson 12 that a trained network is copied and never changed.
#
# **Time.** About one and a half minutes of computing on one CPU core, an hour and a half with reading and predicting.
# On a GPU: not measured, because the network is so small that this lesson stays on the CPU everywhere.

# %%
import copy

import torch

from dil_course import runtime
from dil_course.adaptation import csgm, iagan, pulse
from dil_course.adaptation.csgm import first_latents
from dil_course.checks import compare
from dil_course.figures import Diagram, Film, explore, images_figure
from dil_course.figures import show_curves, show_images
from dil_course.fitting import run, watch
from dil_course.from_scratch import deep_image_prior, tv
from dil_course.networks import Generator, conv_decoder, trained
from dil_course.signals import GARMENTS, Downsample, Gaussian, Identity
from dil_course.signals import consistent, garments, psnr

# On such small images a second thread costs more time than it saves.
torch.set_num_threads(1)
generator = trained("generator").requires_grad_(False)
images, labels = garments("test")


def score(estimate, x):
    return psnr(estimate.clamp(0, 1), x)


# %% [markdown]
# ## 1. A network that can draw nothing but garments
#
# The network is the decoder of a **variational autoencoder** (Kingma and Welling, 2014). A linear layer and five convolutions map a **latent vector** $z$ of 24 numbers to an image $G(z)$ of 28 by 28 pixels.
# It was trained so that 24 numbers from a standard normal distribution give an image like those it has seen. These were the 5400 images of Fashion-MNIST that lesson 13 trained on, **without the bags**: no bag has ever come near it. The card `dil_course/networks/weights/generator.md` holds the command that trains it again.

# %%
z = first_latents(generator, 16, seed=1, device="cpu")
drawings = {f"{number + 1}": each for number, each in enumerate(generator(z).split(1))}
alt = "Sixteen random drawings of the generator: shirts, dresses, trousers and shoes, "
alt += "a little blurred."
show_images(drawings, alt, columns=8, zoom=3)


def walk(share, goal):
    stops = {f"{w:.2f}": generator(z[:1].lerp(z[goal - 1 : goal], w)) for w in (0, share, 1)}
    return images_figure(dict(zip(("from 1", "between", f"to {goal}"), stops.values())), 3)


alt = "A drawing on the way from one to another: at each place on the way it is a garment."
shares = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
explore(walk, alt, static={"share": [0.2, 0.4, 0.6, 0.8]}, share=shares, goal=[2, 3, 4])

# %% [markdown]
# Every point of the latent space is drawn as something that could be worn, also on the way from one garment to another. The set of all drawings, the **range** of the generator, is a curved surface with 24 dimensions in the space of 784 pixels.
# What lies outside of this surface, the generator cannot draw. To see what that means, we search for the drawing that is *nearest* to a given image, by the method that the next section builds.
#
# **Predict before you run.** Here is a pullover with a heart on its chest, a sneaker with a mark on its side, a checked shirt, and a bag. All four are test images that the generator never saw. What will their nearest drawings keep, and what will they lose?

# %%
mine = {
    "pullover": images[labels == 2][7:8],
    "sneaker": images[labels == 7][4:5],
    "shirt": images[labels == 6][4:5],
    "bag": images[labels == 8][9:10],
}
nearest, shown = {}, {}
for name, x in mine.items():
    nearest[name] = run(csgm(x, Identity(), generator, 0.01, iterations=150)).estimate
    shown[name] = x
for name, x in mine.items():
    shown[f"nearest drawing,\n{score(nearest[name], x):.1f} dB"] = nearest[name]
alt = "Four garments and the nearest drawings of the generator: the pullover without its "
alt += "heart, a smooth sneaker, a plain shirt, and in place of the bag a garment."
show_images(shown, alt, columns=4, zoom=5)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The outline, the sleeves and the brightness survive; the heart, the mark and the checks do not. The bag fares worst, because there is no bag among the drawings: the nearest one is some garment of about its size.
# Many people expect blurred copies. Blur would lose the fine checks but not the heart, which is large. The nearest drawing loses whatever is *particular* to this garment, whether it is small or large, and replaces it with what is usual.
#
# </details>
#
# The PSNR above each nearest drawing is the **floor of the range**: however many measurements we take, no search among the drawings can come closer to the image. Keep these numbers in mind.
#
# ## 2. CSGM: search instead of training
#
# Let $y = A x + n$ be a few measurements of the image. Bora, Jalal, Price and Dimakis (2017) replace the unknown image by a drawing, and search for the latent vector that explains $y$:
#
# $$\hat z = \arg\min_z \; \| A\,G(z) - y \|^2 + \lambda \, \|z\|^2 , \qquad \hat x = G(\hat z).$$
#
# The method is called **CSGM**, compressed sensing with generative models. The penalty says that latent vectors are standard normal, so that a long one is improbable.
# As $A$ we take what compressed sensing usually takes, $m$ random sums of all pixels:
#
# $$y_i = \sum_j a_{ij} x_j + n_i , \qquad a_{ij} \sim N(0, 1/m).$$
#
# With the variance $1/m$ the sum of the squares of $Ax$ is that of $x$ on average, so that the *sum* over all measurements estimates the squared distance of $G(z)$ and $x$, whatever $m$ is.
#
# The weight $\lambda$ has a meaning, too. If each measurement has an error of variance $v$, the most probable $z$ is the one above with $\lambda = v$. Two things contribute to $v$, the noise and what the generator cannot draw:
#
# $$\lambda = \sigma^2 + s^2 \, \frac{n}{m} .$$
#
# Here $n = 784$ is the number of pixels, and $s$ the error of a drawing in each of them. On the training images it is about 0.1, and we need no truth to know that. The paper's code has $\lambda = 0.1$ for all $m$.

# %%
plan = Diagram(640, 150)
plan.box(10, 45, 90, 60, "z\n24 numbers", colour=1)
plan.box(150, 45, 110, 60, "generator G", colour=0)
plan.box(310, 45, 90, 60, "drawing", colour=2)
plan.box(450, 45, 60, 60, "A", colour=0)
plan.box(560, 45, 70, 60, "y ?", colour=3)
for start, end in ((100, 150), (260, 310), (400, 450), (510, 560)):
    plan.arrow((start, 75), (end, 75))
plan.text(320, 130, "CSGM changes z only; IAGAN changes z and the weights of G")
plan.show("From latent vector to drawing to measurements, which are compared with y.")

# %% [markdown]
# The misfit has local minima, because the way from a shoe to a shirt leads over worse drawings. So CSGM starts from several random vectors, all in one batch, and keeps the start with the smallest loss.


# %%
def misfit(pictures, y, A):
    return (A(pictures) - y).square().sum((1, 2, 3))


def balance(y, sigma=0.0):
    return sigma**2 + 0.1**2 * 784 / y.numel()


def my_csgm(y, A, z, weight, iterations=150, rate=0.1):
    z = z.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=rate)
    for i in range(iterations):
        optimizer.param_groups[0]["lr"] = rate * (1 - i / iterations)
        pictures = generator(z)
        losses = misfit(pictures, y, A) + weight * z.square().sum(1)
        found = pictures.detach(), losses.detach(), z.detach().clone()
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
    return found


x, m = mine["sneaker"], 47
A = Gaussian(m, (28, 28))
y = A(x)
start = first_latents(generator, 10, seed=0, device="cpu")
pictures, losses, found = my_csgm(y, A, start, balance(y))
*_, last = csgm(y, A, generator, balance(y), iterations=150)
same = compare("CSGM", pictures[losses.argmin()][None], last.estimate, 1e-4)

# %% [markdown]
# The paper's code runs 1000 steps of Adam at the rate 0.01 from ten starts; here 150 steps at a rate that falls from 0.1 do the same in less time.
#
# **Predict before you run.** We have measured 47 numbers, 6 % of the pixels. In the next cell you see the ten results with their losses. Nobody tells the method which one is right. How often will the start with the smallest loss be the best by the truth as well, and by how much can it miss?

# %%
order = losses.argsort()
ranked = {
    f"loss {losses[k]:.2f},\n{score(pictures[k : k + 1], x):.1f} dB": pictures[k : k + 1]
    for k in order
}
alt = "The ten results, from the smallest loss to the largest: the first ones are sneakers, "
alt += "the last ones may be other garments."
show_images({"truth": x} | ranked, alt, columns=6, zoom=4)
ten = [score(pictures[k : k + 1], x) for k in order]
print(f"smallest loss: {ten[0]:.1f} dB; best of the ten by the truth: {max(ten):.1f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# ANSWER2
#
# </details>
#
# Now the same search live, with the truth only for the curve. The strip below it shows what the best start draws at a few iterations.

# %%
film = Film(truth=x)
live = film.record("CSGM, 47 measurements", csgm(y, A, generator, balance(y), iterations=150))
searched = await watch(live, truth=x)
film.show(
    "The search: from an arbitrary garment to a sneaker within a few dozen iterations.",
    at=(1, 5, 15, 40, 150),
)

# %% tags=["nbval-check-output"]
print("my search and the library's agree:", same)
print("chosen by the loss, within two decibels of the best by the truth:", ten[0] > max(ten) - 2)
print(
    "from few measurements, within three decibels of the floor of the range:",
    ten[0] > score(nearest["sneaker"], x) - 3,
)

# %% [markdown]
# ## 3. Three errors, and the curve of the field
#
# A sneaker from 47 numbers is remarkable. What is missing to the truth? Three things can go wrong, and the paper's analysis keeps them apart:
#
# - the **representation error**: the image is not in the range, so that even the nearest drawing differs from it;
# - the **measurement error**: several drawings explain the few numbers (or their noise) equally well, and the search returns a wrong one;
# - the **optimisation error**: the search stops in a local minimum, and a drawing with a smaller loss exists.
#
# Each can be measured alone. The first is the floor of section 1, where everything was measured. For the second we measure an image that *is* in the range, namely the nearest drawing itself, so that nothing is left to represent. For the third we count from how many of ten starts the search comes near the smallest loss that any of them reached.

# %%
drawn = nearest["sneaker"]
print(f"representation: the nearest drawing has {score(drawn, x):.1f} dB")
for m in (12, 24, 47, 196):
    A = Gaussian(m, (28, 28))
    *_, last = csgm(A(drawn), A, generator, weight=0.001, iterations=150)
    good = (last.losses < 2 * last.losses.min() + 0.05).sum()
    print(
        f"{m:3} measurements of that drawing: {score(last.estimate, drawn):.1f} dB; "
        f"{good} of 10 starts come near the smallest loss"
    )

# %% [markdown]
# ANSWER3
#
# So far the classical methods have been silent. We let them speak, on the curve that every paper of this field shows: the error against the number of measurements. The opponents are
#
# - **TV** of lesson 04, which knows no garment at all, at the best of three weights by the truth;
# - the **deep image prior** with a convolutional decoder of about the generator's size, at its peak by the truth;
# - the **linear estimate**, which knows the mean and the covariance of the very images that the generator learned from. Among all estimates that are linear in $y$ it has the least mean squared error on such images, and it is one formula:
#
# $$\hat x = \mu + C A^T (A C A^T + \sigma^2 I)^{-1} (y - A \mu).$$

# %%
seen, its_labels = garments("training")
seen = seen[its_labels != GARMENTS.index("bag")].flatten(1).double()
mean, C = seen.mean(0), torch.cov(seen.T)


def linear(y, A, sigma=0.0):
    M = A.matrix
    S = M @ C @ M.T + max(sigma, 1e-3) ** 2 * torch.eye(len(M), dtype=C.dtype)
    found = mean + C @ M.T @ torch.linalg.solve(S, y.flatten().double() - M @ mean)
    return found.reshape(1, 1, 28, 28).float()


def best_tv(y, A, x, weights=(3e-4, 3e-3, 3e-2)):
    found = [run(tv(y, A, weight, iterations=150)).estimate for weight in weights]
    return max(found, key=lambda estimate: score(estimate, x))


def best_dip(y, A, x):
    with runtime.seeded(0):
        network = conv_decoder(1, 32, 2)
    steps = deep_image_prior(y, A, network, iterations=300)
    found = [step.estimate for step in steps if step.iteration % 10 == 0]
    return max(found, key=lambda estimate: score(estimate, x))


# %% [markdown]
# **Predict before you run.** From 3 % to 75 % of the measurements, for the pullover with the heart: which method leads at 3 %, which at 75 %, and what shape has the curve of CSGM?

# %%
x, shares = mine["pullover"], (0.03, 0.06, 0.13, 0.25, 0.5, 0.75)
curves = {"CSGM": [], "TV": [], "deep image prior": [], "linear estimate": []}
adapted = []
for share in shares:
    A = Gaussian(round(share * 784), (28, 28))
    y = A(x)
    *_, step = csgm(y, A, generator, balance(y), starts=5, iterations=150)
    curves["CSGM"].append(score(step.estimate, x))
    curves["TV"].append(score(best_tv(y, A, x), x))
    curves["deep image prior"].append(score(best_dip(y, A, x), x))
    curves["linear estimate"].append(score(linear(y, A), x))
percent = [100 * share for share in shares]
looks = {
    "CSGM": (0, 0), "TV": (1, 1), "deep image prior": (2, 2), "linear estimate": (3, 3),
    "IAGAN": (4, 0), "IAGAN, back-projected": (5, 4), "nearest drawing": (0, 5),
}  # fmt: skip
floor = {"nearest drawing": (percent, [score(nearest["pullover"], x)] * 6)}
alt = "PSNR over the share of measurements: CSGM starts high and flattens below the floor "
alt += "of its range, while TV, the deep image prior and the linear estimate go on rising."
field = {name: (percent, values) for name, values in curves.items()}
axes = ("measurements (% of the pixels)", "PSNR (dB)")
show_curves(field | floor, *axes, alt, log_x=True, looks=looks)
for name, values in curves.items():
    print(f"{name:18}", " ".join(f"{value:6.1f}" for value in values))

# %% [markdown]
# <details><summary>Answer</summary>
#
# ANSWER4
#
# </details>

# %% tags=["nbval-check-output"]
print(
    "from the fewest measurements, CSGM is ahead of TV and of the deep image prior:",
    curves["CSGM"][0] > max(curves["TV"][0], curves["deep image prior"][0]) + 1,
)
print(
    "from a quarter to three quarters, CSGM gains next to nothing:",
    curves["CSGM"][5] < curves["CSGM"][3] + 1,
)
print(
    "TV and the linear estimate overtake it in the end:",
    min(curves["TV"][5], curves["linear estimate"][5]) > curves["CSGM"][5] + 3,
)

# %% [markdown]
# ## 4. IAGAN: the drawing becomes your garment
#
# Abu-Hussein, Tirer and Giryes (2020) take the step that this part of the course is about. If the image is outside of the range, *move the range*: go on from the found $\hat z$, and let all weights $\theta$ of the generator change with it,
#
# $$\min_{z,\,\theta} \; \| A\,G_\theta(z) - y \|^2 .$$
#
# The method is called **IAGAN**, image-adaptive GAN. In code, it takes two lines more than CSGM: a copy whose weights are free, and a second group of parameters with its own rate.


# %%
def my_iagan(y, A, z, iterations=300, rate=1e-3, latent_rate=1e-4):
    network = copy.deepcopy(generator).requires_grad_()
    z = z.clone().requires_grad_()
    weights = {"params": [*network.parameters()], "lr": rate}
    optimizer = torch.optim.Adam([weights, {"params": [z], "lr": latent_rate}])
    for _ in range(iterations):
        picture = network(z)
        optimizer.zero_grad()
        misfit(picture, y, A).sum().backward()
        optimizer.step()
    return picture.detach(), network


A = Gaussian(196, (28, 28))
y = A(x)
_, losses, found = my_csgm(y, A, start, balance(y))
by_hand, _ = my_iagan(y, A, found[losses.argmin()][None], iterations=30)
*_, last = iagan(y, A, generator, balance(y), search=150, iterations=30)
same_iagan = compare("IAGAN", by_hand, last.estimate, 1e-3)

# %% [markdown]
# The rates are those of the authors' code, as are the 300 steps. Their generator is a GAN for faces with a latent vector of 512 numbers; ours is small, but the argument is the same.
#
# **Predict before you run.** We take a quarter of the measurements, 196 random sums of the pullover. A generator has more than a hundred thousand weights, and 196 numbers to fit. Will the adaptation overfit at once, like an untrained network with too much freedom? Will the heart appear?

# %%
film = Film(truth=x)
live = film.record("IAGAN, 196 measurements", iagan(y, A, generator, balance(y), search=150))
became = await watch(live, truth=x)
film.show(
    "First the search finds a plain pullover; then the generator adapts, and the heart "
    "appears on its chest.",
    at=(5, 20, 150, 200, 300, 450),
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# ANSWER5
#
# </details>
#
# Without noise, one more step is free. The measurements are exact, and the estimate still violates them a little, so that **back-projection** (lesson 04) takes the component that $A$ sees from $y$:
#
# $$\hat x \;\leftarrow\; \hat x + A^+ ( y - A \hat x ).$$
#
# For Gaussian sums the rows of $A$ are independent, so that $A^+ = A^T (A A^T)^{-1}$ is exact. The next cell completes the curve of section 3 by both methods.

# %%
adapted, projected = [], []
for share in shares:
    A = Gaussian(round(share * 784), (28, 28))
    y = A(x)
    *_, last = iagan(y, A, generator, balance(y), starts=5, search=150)
    adapted.append(score(last.estimate, x))
    projected.append(score(consistent(last.estimate, y, A), x))
more = {
    "IAGAN": (percent, adapted),
    "IAGAN, back-projected": (percent, projected),
}
field.pop("deep image prior")
alt = "The same curve with IAGAN, which starts where CSGM starts, leaves its plateau and "
alt += "goes on rising with the number of measurements."
show_curves(field | more | floor, *axes, alt, log_x=True, looks=looks)
for name, (_, values) in more.items():
    print(f"{name:22}", " ".join(f"{value:6.1f}" for value in values))

# %% [markdown]
# ANSWER6

# %% tags=["nbval-check-output"]
print("my adaptation and the library's agree:", same_iagan)
print(
    "from a quarter of the measurements on, adapting gains three decibels or more:",
    all(b > a + 3 for a, b in zip(curves["CSGM"][3:], adapted[3:])),
)
print(
    "without noise, back-projection does no harm at any number of measurements:",
    all(b > a - 0.05 for a, b in zip(adapted, projected)),
)

# %% [markdown]
# ## 5. What should be free?
#
# IAGAN frees everything. Others have drawn the line elsewhere, and each choice is a control that says what the trained generator contributes:
#
# - **only the latent vector**: CSGM, for as many steps as IAGAN;
# - **only the weights**, with $z$ fixed: pivotal tuning, PTI (Roich and others, 2021);
# - **an intermediate layer**: ILO (Daras and others, 2021) optimises the output of an early layer. Here it is the 3136 numbers after the linear layer, 130 times as many as the latent vector has. The paper keeps them close to what the first layers can make; here they are free;
# - **everything, of an untrained generator**: the same architecture with random weights, which is a deep image prior.
#
# **Predict before you run.** Rank the five for a quarter of the measurements.

# %%
A = Gaussian(196, (28, 28))
y = A(x)
*_, last = csgm(y, A, generator, balance(y), iterations=150)
z = last.z[last.losses.argmin()][None]


def layer_only(y, A, z, iterations=300, rate=0.01):
    h = generator.first(z).detach().requires_grad_()
    optimizer = torch.optim.Adam([h], lr=rate)
    for _ in range(iterations):
        picture = generator.rest(h)
        optimizer.zero_grad()
        misfit(picture, y, A).sum().backward()
        optimizer.step()
    return picture.detach()


with runtime.seeded(0):
    untrained = Generator()
kinds = {
    "latent vector only": run(csgm(y, A, generator, balance(y), iterations=450)).estimate,
    "weights only": run(iagan(y, A, generator, balance(y), search=150, latent_rate=0)).estimate,
    "intermediate layer": layer_only(y, A, z),
    "everything": became.estimate,
    "untrained": run(iagan(y, A, untrained, search=0, iterations=450)).estimate,
}
freed = {name: score(estimate, x) for name, estimate in kinds.items()}
shown = {f"{name}:\n{freed[name]:.1f} dB": kinds[name] for name in kinds}
alt = "The pullover by the five methods: plain with the latent vector alone, with a heart "
alt += "where weights or a layer are free, ragged from the untrained generator."
show_images(shown | {"truth": x}, alt, columns=6, zoom=4)

# %% [markdown]
# <details><summary>Answer</summary>
#
# ANSWER7
#
# </details>

# %% tags=["nbval-check-output"]
print(
    "free weights gain three decibels or more over the latent vector:",
    min(freed["weights only"], freed["everything"]) > freed["latent vector only"] + 3,
)
print(
    "the trained generator is a better start than an untrained one:",
    freed["everything"] > freed["untrained"] + 1,
)

# %% [markdown]
# ## 6. Noise: when not to adapt
#
# Freedom that can learn a heart can learn noise as well. How much noise is much? Back-projection tells us, because its error is known exactly: what it adds is $A^+ n$, whose mean square in each pixel is, for $m$ measurements of $n$ pixels with the noise level $\sigma$,
#
# $$\frac{1}{n} \, \mathbb E \, \| A^+ n \|^2 = \frac{m^2}{n \, (n - m - 1)} \, \sigma^2 \;\approx\; \frac{\sigma^2}{2} \quad \text{for } m = n/2.$$
#
# With $\sigma = 0.02$ that is far below the error of any drawing, so that such noise teaches nothing; with $\sigma = 0.2$ it is an error of 17 dB, which is more than the range of the generator costs. We take both.
#
# **Predict before you run.** Half of the measurements. How does the PSNR of IAGAN go on over its iterations without noise, with weak and with strong noise? Does back-projection help?

# %%
A, half = Gaussian(392, (28, 28)), 392
clean, histories, table = A(x), {}, {}
noise = torch.randn(clean.shape, generator=runtime.generator(0, "noise"))
for label, sigma in (("no noise", 0.0), ("weak noise", 0.02), ("strong noise", 0.2)):
    y = clean + sigma * noise
    steps = iagan(y, A, generator, balance(y, sigma), search=150, iterations=450)
    result = run(steps, truth=x)
    histories[label] = (result.history["iteration"], result.history["psnr"])
    table[label] = {
        "CSGM": result.history["psnr"][result.history["iteration"].index(150)],
        "IAGAN": result.history["psnr"][-1],
        "back-projected": score(consistent(result.estimate, y, A), x),
        "at its peak": max(result.history["psnr"]),
        "linear": score(linear(y, A, sigma), x),
        "TV": score(best_tv(y, A, x), x),
    }
alt = "PSNR over the iterations: after the search all three curves rise; without noise and "
alt += "with weak noise they stay high, with strong noise the curve soon falls."
show_curves(histories, "iteration", "PSNR (dB)", alt)
for label, row in table.items():
    print(f"{label:13}", "  ".join(f"{name} {value:.1f}" for name, value in row.items()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# ANSWER8
#
# </details>

# %% tags=["nbval-check-output"]
strong, none = table["strong noise"], table["no noise"]
print(
    "with strong noise, back-projection lowers the PSNR:",
    strong["back-projected"] < strong["IAGAN"],
)
print(
    "with strong noise, the last iteration is well below the peak:",
    strong["IAGAN"] < strong["at its peak"] - 1,
)
print("without noise it is not:", none["IAGAN"] > none["at its peak"] - 0.5)

# %% [markdown]
# ## 7. Hallucination: confidently the wrong thing
#
# The bag was not among the training images. Let us measure it with 47 numbers, as we measured the sneaker, and give the result to somebody who does not know the truth: the classifier of lesson 13, which has learned all ten classes, bags included.
#
# **Predict before you run.** What will CSGM draw? Will the misfit warn us, compared with that of the sneaker? What will the classifier say, and how certain will it be?

# %%
classifier = trained("garments")
A, rows, shown = Gaussian(47, (28, 28)), {}, {}
for name in ("sneaker", "bag"):
    x, y = mine[name], A(mine[name])
    estimates = {"truth": x, "CSGM": run(csgm(y, A, generator, balance(y), iterations=150)).estimate}
    estimates["IAGAN"] = run(iagan(y, A, generator, balance(y), search=150)).estimate
    estimates["TV"] = best_tv(y, A, x).clamp(0, 1)
    for method, estimate in estimates.items():
        with torch.no_grad():
            sure, answer = classifier(estimate).softmax(1).max(1)
        left = (misfit(estimate, y, A) / y.square().sum()).item()
        rows[name, method] = GARMENTS[answer], sure.item(), left
        title = f"{method}: {GARMENTS[answer]},\n{100 * sure.item():.0f} %"
        shown[f"{title}, misfit {100 * left:.0f} %"] = estimate
alt = "Sneaker and bag: truth, CSGM, IAGAN and TV, each with the classifier's answer. In place "
alt += "of the bag CSGM draws a garment; TV leaves a blotch."
show_images(shown, alt, columns=4, zoom=5)

# %% [markdown]
# <details><summary>Answer</summary>
#
# ANSWER9
#
# </details>
#
# This is a **hallucination**: a sharp, plausible image of something that was not there. TV fails, too, but its failure looks like one. A reader of the generator's image has no reason for doubt, because every drawing looks like a garment, the right ones and the wrong ones.
# Where images decide about people, this matters. In a scan, a prior that was trained on healthy persons may draw a healthy organ; in a photograph from a surveillance camera, a face prior draws the face of a person who does not exist, and who may be looked for. Three rules follow: say which part of an image was measured and which was drawn; test the method on cases that its training set did not hold, as we have just done; and show several answers, not one.
#
# The last rule has its own demonstration. **PULSE** (Menon and others, 2020) searches for images that all shrink to the same small one. Its authors call the results imaginary faces of people who do not exist. Here the small image has 4 by 4 pixels, fewer numbers than the latent vector has, and each of ten starts ends on its own answer.

# %%
A = Downsample(7)
x = mine["pullover"]
y = A(x)
*_, last = pulse(y, A, generator, iterations=300)
answers = generator(last.z).detach()
left = [f"{100 * value / y.square().sum():.1f} %" for value in last.losses]
shown = {"truth": x, "what is given": y.repeat_interleave(7, -1).repeat_interleave(7, -2)}
shown |= {f"{k + 1}: misfit {text}": answers[k][None] for k, text in enumerate(left)}
alt = "The truth, its version of 4 by 4 pixels, and ten different garments that shrink to it "
alt += "almost exactly."
show_images(shown, alt, columns=6, zoom=4)
apart = torch.cdist(answers.flatten(1), answers.flatten(1))
off = (apart.sum() / 90 / 28).item()
print(f"two of the ten differ by {off:.2f} a pixel, root mean square on average")

# %% [markdown]
# ANSWER10

# %% tags=["nbval-check-output"]
wrong = rows["bag", "CSGM"]
print("the classifier names the true bag:", rows["bag", "truth"][0] == "bag")
print("it does not call the drawing of it a bag:", wrong[0] != "bag")
print("the ten of PULSE explain the small image:", last.losses.median() < 0.01 * y.square().sum())
print("and differ from one another visibly:", off > 0.05)

# %% [markdown]
# ## 8. What the adapted generator forgets
#
# After the adaptation the network draws *this* pullover. Does it still draw the others? To find out, we give the latent vectors of section 1 to the trained generator and to the one that adapted. For the third row, the loss has a **locality term**: in each step, drawings from a few random latent vectors must stay what they were. Roich and others (2021) have such a term for PTI, with latent vectors near the found one.

# %%
A = Gaussian(196, (28, 28))
y, z = A(x), first_latents(generator, 8, seed=1, device="cpu")
before, shown, forgotten = generator(z), {}, {}
shown |= {f"trained {k + 1}": each for k, each in enumerate(before.split(1))}
for label, weight in (("adapted", 0.0), ("with locality", 1.0)):
    *_, last = iagan(y, A, generator, balance(y), search=150, iterations=200, locality=weight)
    after = last.network(z).detach()
    shown |= {f"{label} {k + 1}": each for k, each in enumerate(after.split(1))}
    forgotten[label] = score(after, before), score(last.estimate, x)
alt = "Eight drawings of the trained generator, of the adapted one, and of the one adapted "
alt += "with the locality term."
show_images(shown, alt, columns=8, zoom=3)
for label, (kept, gained) in forgotten.items():
    print(f"{label:14} others {kept:.1f} dB from before; the pullover {gained:.1f} dB")

# %% [markdown]
# ANSWER11

# %% tags=["nbval-check-output"]
print(
    "the locality term keeps the other drawings nearer to what they were:",
    forgotten["with locality"][0] > forgotten["adapted"][0] + 3,
)

# %% [markdown]
# ## Exercises
#
# 1. **The right distance.** Multiply $A$ and $y$ of section 2 by $\sqrt{m}$, so that the sums are unscaled, and leave $\lambda = 0.1$. Predict what happens to the result of CSGM, and which $\lambda$ undoes it.
# 2. **Half of a garment.** Let the right half of the pullover be missing: `mask = torch.ones(1, 1, 28, 28)`, `mask[..., 14:] = 0`, `A = Mask(mask)` from `dil_course.signals`. Compare CSGM, IAGAN and TV on the missing half alone. What can the adaptation learn about pixels that no measurement touches?
# 3. **Longer latent vectors.** Search from one start for 450 steps with $\lambda = 0$ at 196 measurements, and compare it with $\lambda = 0.1$. Look at the length of $\hat z$. What does a vector of twice the usual length draw?
#
# <details><summary>Solution 1</summary>
#
# ```python
# class Unscaled:
#     def __init__(self, A):
#         self.A, self.factor = A, A.measurements**0.5
#
#     def __call__(self, x):
#         return self.factor * self.A(x)
#
#     def adjoint(self, y):
#         return self.factor * self.A.adjoint(y)
#
#
# x, A = mine["sneaker"], Unscaled(Gaussian(47, (28, 28)))
# for weight in (0.1, 0.1 * 47):
#     print(score(run(csgm(A(x), A, generator, weight)).estimate, x))
# ```
#
# The misfit grows by the factor $m$, so that the penalty loses its influence; with $\lambda = 0.1 \, m$ the old balance returns, and with it the old result. Many a comparison between papers fails at this point, because one of them takes the sum over the measurements, another the mean.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# ```python
# from dil_course.signals import Mask
#
# x, mask = mine["pullover"], torch.ones(1, 1, 28, 28)
# mask[..., 14:] = 0
# A = Mask(mask)
# for steps in (csgm(A(x), A, generator), iagan(A(x), A, generator), tv(A(x), A, 1e-3)):
#     print(score(run(steps).estimate[..., 14:], x[..., 14:]))
# ```
#
# TV has nothing to say about a missing half. CSGM draws it, because a garment's right half follows from its left one. The adaptation improves the half that was measured; what it changes in the other half is a side effect of shared weights, which may be of either sign.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# ```python
# x, A = mine["pullover"], Gaussian(196, (28, 28))
# for weight in (0.0, 0.1):
#     *_, last = csgm(A(x), A, generator, weight, starts=1, iterations=450)
#     print(score(last.estimate, x), last.z.norm())
# ```
#
# A standard normal vector of 24 numbers has a length of about 5. Without the penalty the vector may become longer and the misfit smaller; far outside of the region that was trained on, drawings are no longer garments, as `generator(2 * z)` shows. With 196 measurements there is enough data to hold it back; with 24 there is not.
#
# </details>
#
# ## Summary
#
# 1. A generator turns an inverse problem into a search for a few latent numbers. CSGM needs few measurements, because few numbers are to be found; from a few per cent of them it is far ahead of methods that know nothing of garments.
# 2. Its error has three parts. The representation error stays however much is measured, so that the curve flattens at the floor of the range, and everything that goes on learning overtakes it.
# 3. IAGAN lets the weights follow the measurements, and the plateau is gone: without noise it gains three decibels and more from a quarter of the measurements on. The trained weights are a far better start than random ones.
# 4. A linear estimate that learned from the same images is a hard opponent, and the first thing to try.
# 5. **What breaks it:** strong noise, which adaptation and back-projection reproduce; so few measurements that there is nothing to learn from; an image of a kind that the training set did not hold, which becomes a hallucination; and the belief that an adapted generator still draws the rest.
#
# **Papers.**
# A. Bora, A. Jalal, E. Price, A. G. Dimakis, [*Compressed Sensing using Generative Models*](https://arxiv.org/abs/1703.03208), ICML 2017: CSGM, and how many measurements it needs.
# S. Abu-Hussein, T. Tirer, R. Giryes, [*Image-Adaptive GAN based Reconstruction*](https://arxiv.org/abs/1906.05284), AAAI 2020: IAGAN, with back-projection.
# D. P. Kingma, M. Welling, [*Auto-Encoding Variational Bayes*](https://arxiv.org/abs/1312.6114), ICLR 2014: the autoencoder of which our generator is a part.
# D. Roich, R. Mokady, A. H. Bermano, D. Cohen-Or, [*Pivotal Tuning for Latent-based Editing of Real Images*](https://arxiv.org/abs/2106.05744), 2021: weights only, and a locality term.
# G. Daras, J. Dean, A. Jalal, A. G. Dimakis, [*Intermediate Layer Optimization for Inverse Problems using Deep Generative Models*](https://arxiv.org/abs/2102.07364), ICML 2021: a layer in place of the latent vector.
# X. Pan and others, [*Exploiting Deep Generative Prior for Versatile Image Restoration and Manipulation*](https://arxiv.org/abs/2003.13659), ECCV 2020: a large GAN whose layers are freed one after another.
# S. Menon and others, [*PULSE: Self-Supervised Photo Upsampling via Latent Space Exploration of Generative Models*](https://arxiv.org/abs/2003.03808), CVPR 2020: many images that shrink to the same one.
# H. Xiao, K. Rasul, R. Vollgraf, [*Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms*](https://arxiv.org/abs/1708.07747), 2017: the garments.
#
# **Next.** Lesson 16 adapts a diffusion prior, which starts from noise in place of a latent vector.
#
# **Problem set.** [Problem set 15](../exercises/ps15_a_generator_meets_your_image/ps15_a_generator_meets_your_image.ipynb): restarts, scaling, the floor of the range, the pseudo-inverse, a test for hallucinations.
