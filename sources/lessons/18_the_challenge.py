# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 18 · The challenge: choose, and defend your choice
#
# Each lesson so far had the truth in a drawer: the methods never saw it, but our curves did. A microscope, a scanner or an old photograph comes without a drawer.
# In this last lesson somebody hands you a damaged image. You choose the method, you say how good its result is, and only then the truth is opened.
#
# **What you will be able to do**
# - go from what is known about a measurement to the methods worth trying, and to the classical opponent of each;
# - examine a measurement before you restore it: the noise, the forward model, the null space;
# - choose among methods without the truth, and state the error of your choice with an error bar;
# - recognise the situations in which such a statement is far too optimistic, and those in which the only right answer is to refuse;
# - enter the challenge with one file.
#
# **Before you start.** Lessons 04 (missing pixels), 05 (stopping rules), 06 (SURE), 12 (adapting a denoiser, IDBP) and 16 (the photograph prior). The tree in section 1 refers to all the others.
#
# **Time.** About a minute of computing on one CPU core, two hours with reading and predicting, and as long as you like for the challenge.
# On a GPU: not measured.

# %%
import hashlib
import inspect
import math
import runpy
from pathlib import Path

import bm3d
import torch
from matplotlib.figure import Figure
from skimage.restoration import inpaint_biharmonic

from dil_course import runtime
from dil_course.adaptation import idbp, tune_on_restored
from dil_course.challenge import RUNGS, Answer, points, pose, rung_score
from dil_course.challenge import capacity, sanity_image
from dil_course.figures import Diagram, Film, show_curves, show_figure, show_images
from dil_course.fitting import run, watch
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import deep_image_prior, tv
from dil_course.networks import trained
from dil_course.signals import Blur, Mask, add_correlated, add_gaussian, gaussian_kernel
from dil_course.signals import luma, picture, psnr, random_ellipses, to_array

sigma = 10 / 255

# %% [markdown]
# ## 1. An image without a truth
#
# The next cell draws one of ten photographs and a window of 64 pixels in it, by a seed that is the number of this lesson. It keeps a third of the pixels, adds noise of standard deviation $10/255$, and puts the truth away.
# None of the ten was used to train the networks below. Before we go on it prints a **commitment**, the SHA-256 digest of the truth and of a secret word, the *nonce*. The digest reveals nothing that we could compute the image from, but nobody can exchange the image any more: at the end, truth and nonce must give the same digest.
# (Without the nonce, anybody could compute the digests of all windows of ten known photographs and look the right one up. In a real challenge the lecturer keeps it; here it stands in the cell.)

# %%
NAMES = ["astronaut", "camera", "chelsea", "coffee", "text", "brick", "moon"]
NAMES += ["retina", "page", "grass"]


def drawer(seed=18, side=64):
    generator = runtime.generator(seed, "sealed")

    def below(end):
        return int(torch.randint(end, (), generator=generator))

    x = luma(picture(NAMES[below(len(NAMES))]))
    top, left = (below(length - side + 1) for length in x.shape[-2:])
    return x[..., top : top + side, left : left + side]


def seal(x, nonce):
    return hashlib.sha256(nonce + to_array(x).tobytes()).hexdigest()


commitment = seal(drawer(), b"a word that nobody guesses")
print("sealed:", commitment)

# %%
kept = torch.rand(1, 1, 64, 64, generator=runtime.generator(18, "kept")) < 1 / 3
kept = kept.float()
y = Mask(kept)(add_gaussian(drawer(), sigma, seed=18))
blue = torch.tensor([0.2, 0.4, 0.8])[None, :, None, None]
seen = torch.where(kept > 0, y, blue)
show_images({"y": seen}, "Scattered gray pixels among blue, missing ones.", zoom=5)

# %% [markdown]
# This is all that we have: 64 × 64 places, a third of them filled (blue is missing, and stands as zero in $y$). What is it? And which of the methods of this course would you use?
#
# ### A decision tree
#
# Five questions, each leaning on those before it; where the word at the arrow is not your answer, go down. From the second and third leaf you come back to the chain, once $A$ and the noise are estimated. Each leaf names methods with their lessons, and the opponent that any network has to beat before it is worth its time.

# %%
tree = Diagram(10.1, 6.1)
rows = [
    ("Does y determine\nenough of x?", "no", "Refuse, and say why: lessons 01, 06, 15"),
    ("Is A known?", "no", "Estimate A first: recurrence, KernelGAN (09)\na round blob"),
    (
        "Is the noise white,\nits level known?",
        "no",
        "Estimate level and correlation (05, 06, 07)\nBM3D with the noise spectrum",
    ),
    (
        "A trained network that\nfits held-out data?",
        "yes",
        "IDBP, adapted (12, 16), IAGAN (15), unrolled (17)\nBM3D, TV, linear estimate",
    ),
    (
        "Minutes of time\nfor one image?",
        "yes",
        "Deep image prior with a rule (03 to 05), ZSSR (08)\nBM3D, TV, back-projection",
    ),
]
above = None
for row, (question, answer, leaf) in enumerate(rows):
    height = 5.2 - 1.1 * row
    leaf = leaf.replace("\n", "\nopponent: ")
    asked = tree.box(0.1, height, 2.7, 0.75, question, 5)
    end = tree.box(3.7, height, 6.3, 0.75, leaf, 2 if answer == "yes" else 1)
    tree.arrow(asked.right, end.left, answer)
    if above:
        tree.arrow(above.bottom, asked.top)
    above = asked
last = tree.box(
    0.1, 0.05, 9.9, 0.45, "The opponents themselves: seconds, no network", 0
)
tree.arrow(above.bottom, (1.45, 0.5))
tree.show(
    "A chain of five questions: enough data, A, noise, a trained network, time. Each "
    "has a leaf with methods, lessons and opponents; at the end stand the opponents."
)

# %% [markdown]
# The same as a table, with what this course measured (`benchmarks/RESULTS.md` has the runs behind each row):
#
# | you have | try first | a network that may pass it | measured here |
# | --- | --- | --- | --- |
# | white noise, a known level | BM3D | adapted denoiser, [12](12_adapting_a_denoiser.ipynb) | BM3D ahead of every one-image network in nine rows of nine, [07](07_self_supervised_denoising.ipynb); of the adapted one on six of seven unfamiliar images |
# | an unknown level | estimate it | rules and losses without $\sigma$, [05](05_when_to_stop.ipynb), [06](06_sure.ipynb) | a level half as large again costs the discrepancy principle 7 to 15 dB |
# | missing pixels, super-resolution, JPEG, or a blur with strong noise | biharmonic and a denoiser; TV | deep image prior, [04](04_dip_for_inverse_problems.ipynb) | within 0.2 dB of the best classical method on six of ten problems |
# | nearly clean data, tomography, MRI | TV, run to its end | an untrained decoder, [11](11_beyond_images.ipynb) | TV, its weight tuned with the truth, ahead in eight runs of nine, and in tomography ahead of the diffusion priors, [16](16_diffusion_priors.ipynb) |
# | few pixels, a known kernel | back-projection | ZSSR, [08](08_zero_shot_super_resolution.ipynb); one learned update, [14](14_learning_to_adapt.ipynb) | back-projection ahead by 0.2 to 0.4 dB, and by 1.2 dB |
# | an unknown kernel | recurrence of patches | KernelGAN, [09](09_blind_super_resolution.ipynb) | recurrence gains 2.3 dB over bicubic, the game 1.3, a fixed spot 1.0 |
# | very few measurements, a network of that kind | a linear estimate from the same images | CSGM, then IAGAN, [15](15_a_generator_meets_your_image.ipynb) | CSGM 2 dB ahead of it at 3 to 6 %, IAGAN 6 dB above CSGM at a quarter |
# | a network for reconstruction, another scanner | $A^+ y$ and TV | adapted by held-out lines, [17](17_reconstruction_networks.ipynb) | TV ahead of all that was adapted in nine scans of nine; held-out lines say in 34 of 36 whether a network is ahead of $A^+ y$ |
#
# The table has a moral that no single lesson states. The classical method is seldom far behind and often ahead, so that it belongs in every comparison; what decides is the image and the data, so that *no row can decide for you*. You need a judge for the image at hand.
#
# **Our $y$ in the tree.** A third of the pixels, scattered and not very noisy: neighbours usually resemble each other, so that we go on. $A$ is a mask, and known. The noise is on the sheet, which section 2 will test. For the fourth question we have two networks that were trained on photographs, and do not know whether they fit; for the fifth we have minutes. So both green leaves are candidates, and so are their opponents. Section 3 lets them compete.
#
# ## 2. Look before you restore
#
# Our sheet says "a third of the pixels, white noise of $10/255$". Sheets are wrong, and each later step leans on this one, so we test what can be tested.
#
# **The noise.** Lesson 06 estimated $\sigma$ from cells of 2 × 2 pixels, of which hardly one is complete here. But two measured pixels at a distance $h$ differ by $x_i - x_j + n_i - n_j$. Where the image is flat, only the noise remains, with variance $2\sigma^2$.
# We take the median size of these differences, which large ones at edges hardly change, and scale it as if it came from Gaussian noise. Geostatistics calls *half* the mean square of these differences, as a function of $h$, a **variogram** (Matheron); we plot the square root of its robust form. It calls the limit at short distances the *nugget*, because a nugget of gold says nothing about the place beside it. For white noise the nugget is $\sigma^2$.
#
# **Predict before you run.** For comparison we draw the same curve for a cup of coffee, with white noise of $10/255$ and with noise of the same strength that neighbours share. What will the curves do as the distance shrinks?


# %%
def differences(y, kept, distance):
    both = (kept * kept.roll(distance, -1))[..., distance:] > 0
    d = (y - y.roll(distance, -1))[..., distance:][both]
    return float(d.abs().median()) / 0.6745 / 2**0.5


cup = luma(picture("coffee", 64))
shared = add_correlated(cup, sigma, gaussian_kernel(9, 1.0), seed=1)
tested = {"y": y, "cup, white noise": add_gaussian(cup, sigma, seed=1)}
tested["cup, shared noise"] = shared
distances = range(1, 9)
spreads = {
    name: [255 * differences(image, kept, h) for h in distances]
    for name, image in tested.items()
}
curves = {name: (list(distances), values) for name, values in spreads.items()}
curves["10"] = ([1, 8], [10, 10])
alt = "Three curves over the distance of two pixels. With shared noise the curve falls "
alt += "well below 10 at distance 1; with white noise it does not."
show_curves(curves, "distance, pixels", "spread of differences x 255", alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With white noise the curve of the cup stays near 10 at all distances, since most of the cup is flat. (Some 450 pairs leave each point uncertain by about a twentieth.) With shared noise it starts at about half of that: neighbours carry nearly the same noise, which cancels in the difference. A curve that starts *well below* the level on the sheet therefore says that the noise is not white, or that the sheet is wrong; an image can only add to the differences.
#
# People often read the curve the other way, too, and conclude from a high start that the noise is stronger. It may be the image: fine texture raises the curve at every distance. Our $y$ lies at about twice the level of the sheet, at every distance. Either the sheet is wrong, or the image has structure as fine as a pixel nearly everywhere; the differences cannot tell which. We take the sheet's word for it, remember that we did so, and learn something about the image before any restoration: it is not smooth.
#
# </details>
#
# **The forward model.** For a mask, a wrong $A$ would show at once: there would be values where nothing should be, and zeros among the measured. For a blur it does not. The test is Morozov's (lesson 05): restore with the assumed $A$, weakly regularised, and look whether the misfit comes down to the level of the noise.
#
# **Predict before you run.** The man with the camera is blurred by a Gaussian of width 1.5 and gets noise of $2/255$. We assume widths from 0.7 to 2.7. For which of them is the misfit far above $\sigma^2$?

# %%
blurred = Blur(gaussian_kernel(15, 1.5))(picture("camera", 64).mean(1, keepdim=True))
blurred = add_gaussian(blurred, 2 / 255, seed=1)
ratio = {}
for width in (0.7, 1.1, 1.5, 1.9, 2.3, 2.7):
    A = Blur(gaussian_kernel(15, width))
    z = run(tv(blurred, A, 1e-3, 400)).estimate
    ratio[width] = float((A(z) - blurred).square().mean()) / (2 / 255) ** 2
    print(f"assumed width {width}: misfit {ratio[width]:.2f} sigma^2,", end=" ")
    print(f"estimate from {float(z.min()):.2f} to {float(z.max()):.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Clearly only for the last two. A Gaussian blur can be inverted, so that without regularisation *every* width would explain $y$; but a width that is too large could do so only by an image of absurd contrast, and even this weak total variation does not go so far. The ranges show how far it goes: estimates that leave [0,1] by much are a second sign.
# A kernel that is too narrow explains $y$ all the better, with an estimate that is itself a little blurred. (At the true width the misfit is below $\sigma^2$, because so weak a regularisation lets a part of the noise into the estimate.)
#
# So a large misfit at the end of a weakly regularised run speaks against the sheet's $A$ or $\sigma$, whereas a small one proves nothing, as lesson 08 found for its kernels. This is why lesson 09 judges a kernel by the recurrence of patches, and why the challenge's baseline reads the width from the spectrum, which falls faster the wider the blur is.
#
# </details>
#
# **The null space.** For a mask it can be counted: every pixel that was not measured is a dimension about which $y$ says nothing.

# %%
measured = int(kept.sum())
print(f"{measured} of {kept.numel()} numbers are measured, each with noise;")
print(f"{kept.numel() - measured} dimensions of the image are up to the prior")

# %% tags=["nbval-check-output"]
print(
    "white noise: at distance one the cup's spread is near the level:",
    9 < spreads["cup, white noise"][0] < 12,
)
print(
    "noise that neighbours share betrays itself by a low start:",
    spreads["cup, shared noise"][0] < 7.5,
)
print(
    "a kernel far too wide cannot explain the data, one too narrow can:",
    ratio[2.7] > 2 and ratio[0.7] < 1,
)

# %% [markdown]
# ## 3. Five candidates and one judge
#
# Whether a *prior* fits is the hardest question, because a prior speaks about exactly those dimensions that were not measured. There is one honest way to ask (lessons 05, 11, 12, 16 and 17): **hold out** some of the measurements, let the methods predict them, and compare.
# For a held-out pixel $j$ the noise $n_j$ is independent of everything that the method has seen, so that
#
# $$\mathbb E \, (\hat x_j - y_j)^2 = \mathbb E \, (\hat x_j - x_j)^2 + \sigma^2 .$$
#
# The mean over the held-out pixels, minus $\sigma^2$, is an unbiased estimate of the error at pixels that were not measured, provided that *the held-out pixels are like the missing ones*. Here they are, because both were drawn at random.
# So of the measured pixels three quarters are fitted. A twentieth is for choices *within* a method (a weight, an iteration), and a fifth judges *between* the methods. A method that has used the judge for its own choices could not be judged by it any more.


# %%
def shares(kept, seed):
    chance = torch.rand(kept.shape, generator=runtime.generator(seed, "shares"))
    fit = kept * (chance < 0.75)
    judge = kept * (chance >= 0.8)
    return fit, kept - fit - judge, judge


def mean_square(z, y, pixels):
    return float((z - y)[pixels > 0].square().mean())


def filled(y, fit):  # biharmonic inpainting, lesson 04
    known = inpaint_biharmonic((fit * y)[0, 0].numpy(), (fit[0, 0] == 0).numpy())
    return torch.from_numpy(known)[None, None].float()


# %% [markdown]
# The candidates, each with the lesson that built it. Two are classical: biharmonic inpainting, denoised by BM3D, and total variation. Two use networks that were trained on other photographs: IDBP alternates between the photograph prior and the data, and the denoiser of lesson 12 is adapted to the biharmonic image, and denoises that. (The errors of the biharmonic image in its holes are no white noise, so that BM3D and this denoiser are both a makeshift here.)
# The deep image prior has seen nothing but $y$. Iterations and levels were fixed on other images than the sealed one; weights and the stop come from the twentieth.


# %%
def by_bm3d(y, fit, stop=None):  # lesson 02
    found = bm3d.bm3d(filled(y, fit)[0, 0].numpy(), sigma)
    return torch.from_numpy(found)[None, None].float()


def by_tv(y, fit, stop):  # lesson 01
    steps = [tv(fit * y, Mask(fit), weight) for weight in (0.005, 0.01, 0.02, 0.04)]
    found = [run(of_one).estimate for of_one in steps]
    return min(found, key=lambda z: mean_square(z, y, stop))


def untrained(y, fit):  # lesson 03
    return deep_image_prior(fit * y, Mask(fit), iterations=300)


def rule(y, fit, stop):  # lesson 05
    return HeldOut((fit + stop) * y, stop, patience=100)


def by_idbp(y, fit, stop):  # lesson 16
    network = trained("prior_photographs")
    levels = dict(iterations=60, strongest=0.5, weakest=0.01)
    return run(idbp(fit * y, Mask(fit), network, sigma, **levels)).estimate


def by_adapted(y, fit, stop):  # lesson 12
    network = trained("denoiser_gray")
    return run(tune_on_restored(filled(y, fit), network, sigma, iterations=40)).estimate


# %% [markdown]
# The deep image prior runs live, without a truth: look at the estimate, and see whether you can read more of it as it goes on. Its rule ends the run a hundred iterations after the best prediction, and keeps the estimate of that moment.

# %%
fit, stop, judge = shares(kept, 18)
film = Film()
steps = film.record("deep image prior", untrained(y, fit))
result = await watch(steps, stop=rule(y, fit, stop), observed=fit * y)
film.show(
    "A smooth gray, then dark rows, then marks like letters.", at=(10, 30, 60, 150, 250)
)

# %%
others = {
    "biharmonic, BM3D": by_bm3d,
    "total variation": by_tv,
    "prior, IDBP": by_idbp,
    "adapted denoiser": by_adapted,
}
found = {"deep image prior": result.estimate}
found |= {name: method(y, fit, stop) for name, method in others.items()}
found = {name: z.clamp(0, 1) for name, z in found.items()}
alt = (
    "Five restorations of rows of dark marks: blurred, blocky, streaked, and one that "
)
alt += "is sharper than the others."
show_images(found, alt, columns=5, zoom=3)

# %% [markdown]
# Can you read it? Choose by eye first, and write your choice down. The judge is a function of six lines, which also returns the error bar: the standard deviation of the squares, divided by the root of their number.


# %%
def decibels(error):
    return -10 * math.log10(max(error, 1e-6))


def judged(z, y, judge):
    squares = (z - y)[judge > 0].square()
    error = float(squares.mean()) - sigma**2
    return error, float(squares.std()) / len(squares) ** 0.5


# %% [markdown]
# **Predict before you run.** The judge scores all five. Its verdict is a mean over fewer than three hundred squared numbers: how far can it be off? Will the misfit on the *fitted* pixels, printed beside it, put the methods in the same order?


# %%
verdict = {name: judged(z, y, judge) for name, z in found.items()}
misfit = {name: mean_square(z, y, fit) / sigma**2 for name, z in found.items()}
for name, (error, bar) in verdict.items():
    print(f"{name:17} expected {decibels(error):5.2f} dB,", end=" ")
    print(f"with one error bar less {decibels(error + bar):5.2f} dB;", end=" ")
    print(f"misfit where fitted {misfit[name]:.2f} sigma^2")
choice = min(verdict, key=lambda name: verdict[name][0])
promise = decibels(verdict[choice][0])
print(f"\nmy choice: {choice}; I expect {promise:.2f} dB where nothing was measured")
second = sorted(verdict, key=lambda name: verdict[name][0])[1]
pairs = (found[second] - y).square() - (found[choice] - y).square()
pairs = 1e4 * pairs[judge > 0]
print(
    f"its lead over the {second}: {float(pairs.mean()):.1f}e-4 squared error,", end=" "
)
print(f"error bar {float(pairs.std()) / len(pairs) ** 0.5:.1f}e-4;", end=" ")
print(f"error bar of its own error {1e4 * verdict[choice][1]:.1f}e-4")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The error bar amounts to about half a decibel here. But the methods are judged on *the same* pixels with the same noise, so that a part of the uncertainty cancels in their comparison: the error bar of the lead, from the differences of the squares, is smaller than that of either error.
# In our run the deep image prior leads the photograph prior by half of that error bar, so that the choice between these two is little better than a toss, whereas the other three are behind by several times as much. A toss between two methods that are level costs little.
#
# The misfit on the fitted pixels is another matter. A small one says that a method followed the data, noise included, and a large one that it smoothed; neither says what the method put between the data. In our run the deep image prior and BM3D have nearly the same misfit, and the judge sets them most of a decibel apart.
#
# </details>
#
# ## 4. Open the seal
#
# The choice and its expected quality stand above, before the truth. Now the drawer is opened.
#
# **Predict before you run.** Was it the best of the five? Is the expectation too high or too low?

# %%
x = drawer()
same_image = seal(x, b"a word that nobody guesses") == commitment
unseen = 1 - fit - stop
true = {name: decibels(mean_square(z, x, unseen)) for name, z in found.items()}
for name in found:
    mark = "<- my choice" if name == choice else ""
    print(f"{name:17} expected {decibels(verdict[name][0]):5.2f} dB,", end=" ")
    print(f"true {true[name]:5.2f} dB {mark}")
lost = max(true.values()) - true[choice]
titles = {f"{name}: {true[name]:.1f} dB": z for name, z in found.items()}
alt = "The sealed window shows four lines of printed words; none of the five "
alt += "restorations can be read with certainty."
show_images(titles | {"the truth": x}, alt, columns=3, zoom=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It is a page of print, and the sheet was right about the noise: what raised the differences in section 2 was ink and paper. The judge chose the best of the five, or one that is level with it: in our run the photograph prior was ahead by less than a tenth of a decibel after all. All five expectations are too low, by one to two error bars, because they share the held-out pixels and their luck.
#
# The verdict concerns PSNR. The words cannot be read with certainty in any of the five: you may have read "as" in the third row, and been right, and something else in the first, and been wrong. A reader fills in letters as a prior fills in pixels. Nor is the image with the best PSNR the one that most people find easiest to read: who needs letters has to judge by letters.
#
# </details>

# %% tags=["nbval-check-output"]
print("the drawer holds the image that was sealed:", same_image)
print("the choice loses at most a third of a decibel to the best:", lost < 1 / 3)
errors = {name: mean_square(z, x, unseen) for name, z in found.items()}
bars = [abs(errors[name] - error) / bar for name, (error, bar) in verdict.items()]
print("every error is within three error bars of the judge's:", max(bars) < 3)

# %% [markdown]
# ## 5. Once is no result
#
# A choice that was right once may be luck. Five more images, each with a mask, a split and noise of its own; the same five methods, the same judge.


# %%
def tried(name, seed):
    x = luma(picture(name, 64))
    kept = torch.rand(x.shape, generator=runtime.generator(seed, "kept")) < 1 / 3
    y, (fit, stop, judge) = add_gaussian(x, sigma, seed), shares(kept.float(), seed)
    steps, ends = untrained(y, fit), rule(y, fit, stop)
    found = {"deep image prior": run(steps, stop=ends).estimate}
    found |= {name: method(y, fit, stop) for name, method in others.items()}
    found = {name: z.clamp(0, 1) for name, z in found.items()}
    unseen = 1 - fit - stop
    expected = {name: judged(z, y, judge) for name, z in found.items()}
    misfit = {name: mean_square(z, y, fit) for name, z in found.items()}
    true = {name: decibels(mean_square(z, x, unseen)) for name, z in found.items()}
    return expected, true, misfit


# %% [markdown]
# **Predict before you run.** How often will the judge choose the best method, or one within 0.3 dB of it? And the five expectations for the chosen methods: will they scatter evenly around the truth?


# %%
table = {}
for seed, name in enumerate(("astronaut", "camera", "coffee", "brick", "moon")):
    expected, reached, _ = table[name] = tried(name, seed)
    best = min(expected, key=lambda k: expected[k][0])
    print(f"{name:10} {best:17} expected {decibels(expected[best][0]):5.2f},", end=" ")
    print(f"true {reached[best]:5.2f}, the best {max(reached.values()):5.2f} dB")
lost = [
    max(reached.values()) - reached[min(expected, key=lambda k: expected[k][0])]
    for expected, reached, _ in table.values()
]
close = sum(loss <= 0.3 for loss in lost)
print(f"the best in {sum(loss == 0 for loss in lost)}, within 0.3 dB in {close} of 5")

# %%
figure = Figure(figsize=(9.6, 5), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(3, 2))
for place, (name, (expected, reached, _)) in enumerate(table.items()):
    best = min(expected, key=lambda k: expected[k][0])
    for mark, (method, (error, bar)) in zip("osD^v", expected.items(), strict=True):
        stated, low = decibels(error), decibels(error + bar)
        look = dict(color=f"C{place}", marker=mark)
        if method == best:
            look |= dict(markersize=11, markeredgecolor="black")
            left.plot([reached[method]] * 2, [low, stated], color="black", linewidth=1)
        left.plot(reached[method], stated, **look)
        right.plot(place, stated - reached[method], **look)
for mark, method in zip("osD^v", found, strict=True):
    left.plot([], [], mark, color="gray", label=method)
left.plot([21, 36], [21, 36], color="gray", linestyle="--")
left.text(21.5, 29, "over-confident")
left.text(30.5, 24, "modest")
left.set_xlabel("true PSNR where nothing was measured, dB")
left.set_ylabel("expected PSNR, dB")
left.legend(loc="upper left", fontsize="small")
right.axhline(0, color="gray", linestyle="--")
right.set_xticks(range(len(table)), list(table), rotation=30)
right.set_ylabel("expected minus true, dB")
alt = "Left, expected against true PSNR with the diagonal: five clusters. Right, how "
alt += "much each expectation is too high: the moon's all are, the astronaut's none; "
alt += "the chosen methods are outlined."
show_figure(figure, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Four times of five, by the count in the last line; on the coffee the choice loses most of a decibel. (Lines that begin with "ended" report the deep image prior of the image that is printed next.)
#
# In the left panel the points of one image, which have one colour, lie in a cluster. Within a cluster a higher expectation mostly means a higher truth, because all methods are judged on the same pixels; but the whole cluster is shifted by the luck of these pixels, astronaut down and moon up. Points with black rims are the chosen methods, and each has a line down to its expectation with one error bar taken off.
# On a smooth image, such as the moon, the shift is large. Its error is much smaller than $\sigma^2$, and we obtain it as the difference of two large numbers, one of which has an error bar.
#
# The right panel asks whether the chosen methods are overrated more than the others. The choice takes the highest expectation, be it high for quality or for luck. Bidders at auctions know this as the **winner's curse**, since the highest bid comes from whoever overestimates most, and Cawley and Talbot (2010) describe it for model selection. Expectations that are unbiased do not remain so when you choose by them.
# With five images the effect is hardly visible: three of the chosen are above the mean of their image, and the astronaut's is the lowest of all. It takes more choices to see it.
#
# </details>
#
# Five images are still few. `python benchmarks/choosing.py` runs eight images with three seeds each, which makes 24 choices:
#
# | always take | mean loss to the best of five | largest loss | is the best | within 0.3 dB of it |
# | --- | --- | --- | --- | --- |
# | biharmonic, BM3D | 0.75 dB | 2.1 dB | 0 | 8 |
# | total variation | 1.65 dB | 4.4 dB | 3 | 5 |
# | deep image prior | 0.67 dB | 2.6 dB | 7 | 9 |
# | prior, IDBP | 1.76 dB | 5.3 dB | 1 | 2 |
# | adapted denoiser | 0.29 dB | 1.3 dB | 13 | 15 |
# | **what the judge chooses** | **0.16 dB** | **1.1 dB** | **17** | **19** |
#
# No method wins always. A judge of some 270 pixels is far ahead of four habits, and level with the fifth: its lead over the adapted denoiser is 0.13 dB with an error bar of 0.12. But nobody knows beforehand which habit is the best.
# The losses count from the best of the five *on the same data*, whereas a habit needs no judge and may fit all pixels, which was worth 1.2 dB on the astronaut. So give the held-out pixels back once you have chosen, as in exercise 2. And of the expectations:
#
# | what is stated | mean error | too high | by 1.5 dB or more |
# | --- | --- | --- | --- |
# | the expectation, of all methods | −0.07 dB | 56 of 120 | 6 |
# | the expectation, of the chosen | +0.28 dB | 18 of 24 | 2 |
# | the same, one error bar taken off | −0.78 dB | 3 of 24 | 0 |
# | chosen by one half of the judge, stated by the other | +0.20 dB | 23 of 48 | 13 |
#
# Over all methods the expectations are even, as the formula promises; over the chosen ones, three in four are too high. There are two remedies for the winner's curse. *Choose by one half of the held-out pixels and state the error on the other*: the squared error is then unbiased again, and about half of the expectations are too high, but with half of the pixels they scatter twice as widely. (What remains of the mean is the logarithm: an error that is estimated too small by some amount shifts the decibels more than one that is too large by the same amount.) Or state the expectation *with one error bar taken off*. How modest to be depends on what an error costs. The challenge counts over-confidence twice, so that the best statement is the one which the truth exceeds in two cases of three: there a small change gains as much as it loses. For Gaussian errors it lies 0.43 error bars below the expectation.

# %% tags=["nbval-check-output"]
lost, by_misfit, luck = [], [], []
for expected, reached, misfit in table.values():
    best = min(expected, key=lambda k: expected[k][0])
    gaps = {k: decibels(error) - reached[k] for k, (error, _) in expected.items()}
    lost.append(max(reached.values()) - reached[best])
    by_misfit.append(max(reached.values()) - reached[min(misfit, key=misfit.get)])
    luck.append(gaps[best] - sum(gaps.values()) / len(gaps))
print("the judge's choices lose less than half a decibel on average:", sum(lost) < 2.5)
print("the smallest misfit would lose more:", sum(by_misfit) > sum(lost) + 0.5)
print("the chosen are overrated more than the rest of their image:", sum(luck) > 0)

# %% [markdown]
# ## 6. Where it fails
#
# ### Three expectations that are far too high
#
# The judge rests on three assumptions: the noise of a held-out pixel is independent of the fitted ones, its level is known, and held-out pixels are like missing ones. We break one at a time, on the cup, with biharmonic inpainting and BM3D.
#
# **Predict before you run.** Order the three breaks by the harm that they do to the *expectation*.


# %%
def promised(y, x, fit, judge, hidden, level=sigma):
    z = by_bm3d(y, fit).clamp(0, 1)
    expected = decibels(mean_square(z, y, judge) - level**2)
    return z, expected, decibels(mean_square(z, x, hidden))


fit, stop, judge = shares(kept, 1)
fit = fit + stop
block = torch.zeros_like(kept)
block[..., 24:44, 24:44] = 1
scattered = (1 - block) * judge
noisy = add_gaussian(cup, sigma, seed=1)
tests = {
    "as assumed": promised(noisy, cup, fit, judge, 1 - fit),
    "shared noise": promised(shared, cup, fit, judge, 1 - fit),
    "level 1.2 times": promised(noisy, cup, fit, judge, 1 - fit, 1.2 * sigma),
    "a block is missing": promised(noisy, cup, 1 - block - scattered, scattered, block),
}
for name, (_, expected, reached) in tests.items():
    print(f"{name:18} expected {expected:5.2f} dB, true {reached:5.2f} dB,", end=" ")
    print(f"too high by {expected - reached:+.2f}")

# %%
shown = {name: z for name, (z, *_) in tests.items() if name != "level 1.2 times"}
alt = "The cup restored from white noise, with blotches from shared noise, and with a "
alt += "missing block that is filled with a smooth gray; and the truth."
show_images(shown | {"truth": cup}, alt, columns=4, zoom=3, crop=(24, 24, 20))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The block and the shared noise do the most harm, tens of decibels in this run, a level that is a fifth too high "only" a few. (An expectation of 60 dB stands for an estimated error that is not even positive.)
#
# For the block the held-out pixels are scattered, each between measured neighbours, and say how well *scattered* pixels are predicted. About a hole of 20 pixels a side they say nothing at all. (The frame marks the hole, and the lower row enlarges it. Outside of it the third image is the cleanest, because nearly all of it was measured.) The rule is as simple as it is often broken: hold out what is missing in the same way as the rest is missing, a block for a block, lines for lines.
#
# A level that is too high by a fifth makes the subtraction too large; on a smooth image, what remains is a small part of the true error. Shared noise makes neighbours agree in their noise, and agreement looks like a good prediction, so good that the subtraction of $\sigma^2$ leaves nothing. SURE fails in the same two ways, says nothing at all about what was not measured, and has a failure of its own: lesson 12 used it as a loss, and it promised improvements that did not exist. That is the winner's curse again, among all weights of a network instead of five methods.
#
# </details>
#
# ### A hallucination explains y
#
# The last rung of the challenge measures half a percent of the pixels, under strong noise. For a linear $A$ with the pseudo-inverse $A^+$, *any* image $w$ can be changed into one that explains the noiseless data of $x$ exactly:
#
# $$ x' = w + A^+ (A x - A w) , \qquad A x' = A w + A A^+ A (x - w) = A x .$$
#
# **Predict before you run.** We take the man with a camera for $x$ and the eye of a cat for $w$. How different are $x$ and $x'$, and what does a residual say?

# %%
nobody = pose("nobody", picture("camera", 96), seed=0)
A, w = nobody.forward, luma(picture("chelsea", 96))
twin = w + A.pinv(A(nobody.truth) - A(w))
apart = float((A(twin) - A(nobody.truth)).abs().max())
print(f"{int(A.mask.sum())} pixels are measured; the two data differ by {apart:.1e},")
print(f"the two images have a PSNR of {psnr(twin, nobody.truth):.1f} dB to each other")
shown = {"x": nobody.truth, "x', the same data": twin, "y": nobody.y}
shown["the baseline"] = nobody.baseline
alt = "A man with a camera, the eye of a cat with a few dots, the handful of measured "
alt += "pixels, and a blur of gray, which is the baseline."
show_images(shown, alt, columns=4)

# %% [markdown]
# <details><summary>Answer</summary>
#
# They are two different scenes with the same data, but for some dots, which a smoother image would blend in. The residual is zero for both, and so is any loss made of it. Only a prior can prefer one to the other, and no held-out pixel can test this prior, because the ten that one might spare tell next to nothing under such noise.
#
# A network that was trained on cats would draw the cat, sharply, and its result would explain every measurement. People call such a result wrong; it would be more exact to say that it is *not a result about this scene*. The honest answers are a blur with a low expectation, or none, of which the challenge rewards the second. A refusal with a reason is a finding, too: it says that the measurement has to be repeated.
#
# </details>

# %% tags=["nbval-check-output"]
too_high = {name: expected - reached for name, (_, expected, reached) in tests.items()}
print(
    "as assumed, the expectation is within two decibels:",
    abs(too_high["as assumed"]) < 2,
)
print(
    "a level stated too high, or shared noise, makes it worse by a decibel:",
    min(too_high["level 1.2 times"], too_high["shared noise"])
    > too_high["as assumed"] + 1,
)
print(
    "scattered judges for a missing block are far off:",
    too_high["a block is missing"] > 5,
)
print(
    "two different photographs have the same data:",
    apart < 1e-6 and float(twin.std()) > 0.05,
)

# %% [markdown]
# ## 7. Your turn: the challenge
#
# The Helsinki Deblur Challenge of 2021 is the model. Its images showed text, more and more out of focus, and the last steps were "pretty much impossible" by the rules. The winners estimated the forward model first, and trained a network on synthetic text that it had blurred. The organisers had foreseen that a network might draw text whatever it sees, and asked for a *sanity check* on other images. We add two things: you state what you expect, and you may refuse.
#
# The ladder has five rungs, and none hands over all that you would like to know. Images are gray, of 96 pixels; here is one $y$ for each rung. Beside its description stands its *capacity*, a figure after Shannon for the bits that the data can carry about each of the $N$ pixels: $\tfrac{1}{2N} \sum_i \log_2 (1 + s^2 a_i^2 / \sigma^2)$, with the singular values $a_i$ of $A$ and $s = 1/4$ for the standard deviation of an image. For a mask and for plain noise no image of this standard deviation can do better; for a blur and a scan the figure is rough, because images put most of their variance where $a_i$ is large. It is an answer to the first question of the tree.

# %%
subjects = {"scan": random_ellipses(1, side=96, seed=3)}
cases = {r: pose(r, subjects.get(r, picture("coffee", 96)), seed=4) for r in RUNGS}
for rung, case in cases.items():
    bits = capacity(case.y, case.forward, case.level)
    print(f"{rung:7} {bits:.2f} bits a pixel: {RUNGS[rung]}")
seen = {r: case.forward.adjoint(case.y).clamp(0, 1) for r, case in cases.items()}
alt = "Five data: scattered pixels, a noisy cup, a blurred cup, an aliased scan of "
alt += "ellipses, and a handful of dots."
show_images(seen, alt, columns=5, zoom=2)

# %% [markdown]
# You hand in one file with one function, `restore(y, A, sigma, seconds)`. It returns `(estimate, expected_psnr)`, or `None` to refuse. What is unknown comes as `None`: `sigma` on the rung *noise*, `A` on the rung *kernel*. `seconds` is the time for this image.
#
# - **Points of an image** are the gain in dB over the classical baseline, from −1 to 3, plus *honesty*: one point where the expectation is right, which falls linearly to nothing at 3 dB of modesty, or at 1.5 dB of over-confidence. A rung takes the median of the gains and the mean of the honesty. To refuse gives nothing here.
# - **A sanity image**, a test card that is neither photograph nor scan, must not end more than 6 dB below the baseline; otherwise the rung gives 0 at most.
# - **On the last rung** a refusal gives two points, an answer nothing, less half a point for each decibel of over-confidence. So the most is four times four points and two.
# - **Which PSNR?** That of the whole image. Sections 3 to 5 spoke of the pixels without a measurement; the measured ones are better. The library's `expected_psnr` adds the two parts, with an error of $\sigma^2/2$ where something was measured.
#
# Here is a complete entry. It removes a blur by IDBP with a trained denoiser (lesson 12), hands in the baseline on all other rungs, and judges itself by the library's `expected_psnr`: by held-out pixels or lines where something is missing, and otherwise by a **simulation**, in which the estimate is damaged anew, restored again, and compared with itself. That is too easy, because an estimate is smoother than the truth, so that some decibels are taken off.
# It refuses where the capacity is below a tenth of a bit a pixel; the other rungs have at least three times as much. An unknown blur is measured by `gaussian_width`, from the spectrum.


# %%
def restore(y, A, sigma, seconds):
    from dil_course.adaptation import idbp
    from dil_course.challenge import capacity, classical, expected_psnr, gaussian_width
    from dil_course.fitting import run
    from dil_course.networks import trained
    from dil_course.signals import Blur, Identity, estimate_sigma, gaussian_kernel

    def method(y, A, sigma):
        if not isinstance(A, Blur):
            return classical(y, A, sigma)
        network, damped = trained("denoiser_gray"), lambda r: A.pinv(r, epsilon=0.05)
        return run(idbp(y, A, network, sigma, iterations=20, pinv=damped)).estimate

    sigma = estimate_sigma(y) if sigma is None else sigma
    A = Blur(gaussian_kernel(15, gaussian_width(y, sigma))) if A is None else A
    if capacity(y, A, sigma) < 0.1:  # bits a pixel
        return None
    off = {Identity: 1.5, Blur: 9.0}.get(type(A), 0.0)  # dB, from practising
    estimate = method(y, A, sigma)
    return estimate, expected_psnr(method, y, A, sigma, off, estimate)


# %% [markdown]
# The next cell writes it to `mine/entry.py` in the folder of this notebook, unless there is a file of yours already, and reads it back from there. From now on you edit that file, and run this cell and the next one again.

# %%
entry = Path("mine/entry.py")
if not entry.exists():
    entry.parent.mkdir(exist_ok=True)
    entry.write_text(inspect.getsource(restore), encoding="utf-8")
mine = runpy.run_path(str(entry))["restore"]


def answer(restore, case):
    made = restore(case.y, case.A, case.sigma, seconds=180)
    if made is None:
        return Answer("refused")
    estimate, expected = made
    reached, base = (psnr(z.clamp(0, 1), case.truth) for z in (estimate, case.baseline))
    return Answer("estimate", reached, base, float(expected))


# %% [markdown]
# **Predict before you run.** On which rung does this entry gain the most, and on which does it lose points for honesty? (One image of 64 pixels a rung, and the sanity image. The real run takes several of 96.)

# %%
scores, answers = {}, {}
for rung in RUNGS:
    image = (
        random_ellipses(1, side=64, seed=3) if rung == "scan" else picture("coffee", 64)
    )
    answers[rung] = made = answer(mine, pose(rung, image, seed=4))
    sanity = None
    if rung != "nobody":
        sanity = answer(mine, pose(rung, sanity_image(64, seed=4), seed=4))
    scores[rung] = rung_score(rung, [made], sanity)
    said = made.status
    if said == "estimate":
        said = f"gain {made.gain:+.2f} dB, expected {made.expected:.1f}, "
        said += f"true {made.psnr:.1f}"
    print(f"{rung:7} {said:45} {scores[rung]:+.2f} points")
print(f"total {sum(scores.values()):.2f} of 18")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the rung *kernel* gains. BM3D is hard to beat in white noise: in a trial of ours the trained denoiser of lesson 12 ended half a decibel behind it on this image. On the other three rungs the entry hands in the baseline and gains nothing, so that only honesty counts.
#
# On *scan* and *known* the entry is two or three decibels too modest: it judges a method that lacks a quarter of the lines or a tenth of the pixels. On *noise* it is over-confident by one, which counts twice. On the blur the expectation is about right, but only because nine decibels were taken off: so much too easy was the simulation on the practice images, of which this photograph is one. A correction that was measured on other images is a prior, too, and fits as far as they resemble yours.
#
# </details>

# %% tags=["nbval-check-output"]
print(
    "refusing on the last rung gives two points:",
    points("nobody", Answer("refused")) == 2,
)
print(
    "half a decibel of over-confidence costs more than of modesty:",
    points("known", Answer("estimate", 25.0, 25.0, 25.5))
    < points("known", Answer("estimate", 25.0, 25.0, 24.5)),
)
reader = entry.read_text(encoding="utf-8") != inspect.getsource(restore)
print(
    "the entry above gains on the blur and refuses where nobody can, or is yours:",
    reader or answers["kernel"].gain > 0 and answers["nobody"].status == "refused",
)

# %% [markdown]
# ### How to go on
#
# - **Practise** with the images that you have: the two cells above on other pictures, seeds and sizes. Do not tune on one image until its score is high; that is the winner's curse once more, as Blum and Hardt (2015) showed for leaderboards, and the hidden images will show it. First ideas: a better expectation for *noise*; adapted IDBP for *kernel*; total variation with another weight, or a deep image prior with held-out lines, for *scan*; IDBP or a deep image prior for *known*, chosen by held-out pixels; everywhere an expectation of your own.
# - **The whole run**, as your lecturer will call it with images and a seed of their own, is `python teaching/challenge.py make practice --seed 0`, then `run practice FOLDER` with the folder of your file, then `rank practice --seed 0`. It writes a leaderboard page with your images, your expectations and the truths. [The rules](../docs/challenge.md) have the details, and `teaching/entries` has three entries to start from.
# - **Commit.** Before the deadline you hand in the file, and its SHA-256 is published; the lecturer has published the SHA-256 of each truth and of the seed. Afterwards nobody can change anything unnoticed. `hashlib.sha256(entry.read_bytes()).hexdigest()` is yours.
# - **Refused** are entries that read files other than their own and the library's, exceed the time or the memory, or return something else when they are called a second time with the same input. So seed what you draw, and count iterations instead of seconds.

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** Five methods are judged by held-out pixels that none of them has seen. You take the one with the highest expected PSNR. Is its expectation unbiased?
#
# <details><summary>A. No, on average it is too high, because luck was chosen, too.</summary>
#
# **Right.** This is the winner's curse. Of 24 choices in the lesson 18 had an expectation that was too high, whereas over all methods the expectations were even.
#
# </details>
# <details><summary>B. No, on average it is too low, because each method lacked pixels.</summary>
#
# **Wrong.** The expectation is one for the method as it was run, with the fitted pixels only. With all pixels it would become better, which is another matter.
#
# </details>
# <details><summary>C. Yes, because each of the five expectations is unbiased.</summary>
#
# **Wrong.** They are, as long as nobody chooses by them. The highest of five unbiased numbers is not unbiased.
#
# </details>
# <details><summary>D. Yes, if the held-out pixels are missing in the same way as the others.</summary>
#
# **Wrong.** That is needed for each single expectation. It does not undo the choice that was made with the same pixels.
#
# </details>
# <br>
#
# **2.** Two methods leave misfits of 0.42 and 0.51 times the noise variance on the pixels that they fitted. Which of them fills the missing pixels better?
#
# <details><summary>A. The first, because it explains the data better.</summary>
#
# **Wrong.** A method that copies every measured value, noise included, explains the data best. It may put anything between them.
#
# </details>
# <details><summary>B. The second, because its misfit is nearer to the noise.</summary>
#
# **Wrong.** A misfit near the noise is no evidence, either. The adapted denoiser had 0.98 and was behind the method with 0.42.
#
# </details>
# <details><summary>C. These numbers do not say, and held-out pixels would.</summary>
#
# **Right.** Neither says what a method put between the data. In the lesson the judge set two methods with these misfits most of a decibel apart.
#
# </details>
# <details><summary>D. They are level, because both fit a part of the noise.</summary>
#
# **Wrong.** Both do, and this concerns the measured pixels. What happens between them depends on the prior.
#
# </details>
# <br>
#
# **3.** An image was blurred by a kernel of unknown width. Restored with a width of 0.7, and hardly regularised, it has a misfit of $0.4 \sigma^2$. Is the width right?
#
# <details><summary>A. It may be much too small: narrow kernels explain blurred data easily.</summary>
#
# **Right.** The true width was 1.5 in the lesson, and the misfit at 0.7 was the smallest of all. The estimate was itself a little blurred.
#
# </details>
# <details><summary>B. No, because at the right width the misfit equals the noise.</summary>
#
# **Wrong.** With so weak a regularisation it is below the noise at the true width as well. In the lesson it was 0.91 there.
#
# </details>
# <details><summary>C. Probably it is too large, since too much was explained.</summary>
#
# **Wrong.** It is the other way round. Too wide a kernel explains the data only by absurd contrast, which weak regularisation prevents.
#
# </details>
# <details><summary>D. Yes, because a wrong kernel leaves a large misfit.</summary>
#
# **Wrong.** Only a kernel that is much too wide does. A large misfit speaks against a model, whereas a small one proves nothing.
#
# </details>
# <br>
#
# **4.** A block of 20 by 20 pixels is missing. Scattered pixels, held out of the rest, promise 46 dB. What do you state for the block?
#
# <details><summary>A. Nothing yet: a block elsewhere has to be held out first.</summary>
#
# **Right.** A hole is to be judged by a hole. The truth was 21.4 dB in the lesson, and blocks elsewhere promised 22 to 30.
#
# </details>
# <details><summary>B. The promise, because no method has seen the held-out pixels.</summary>
#
# **Wrong.** They are honest about scattered pixels between measured neighbours. The block has none in its middle.
#
# </details>
# <details><summary>C. The promise less a few decibels, because a block is harder.</summary>
#
# **Wrong.** It was harder by 25 dB, which nobody would have guessed. A correction has to be measured on something of the same kind.
#
# </details>
# <details><summary>D. The promise less one error bar, because it may be luck.</summary>
#
# **Wrong.** The error bar says how far the luck of these pixels reaches. It does not know that the missing ones are of another kind.
#
# </details>
# <br>
#
# **5.** Half a percent of the pixels is measured, under strong noise. A network that was trained on cats returns a sharp cat, which explains all data. What does this show?
#
# <details><summary>A. A cat is one of very many images with these data.</summary>
#
# **Right.** Any image can be changed into one that explains the data. In the lesson two photographs with a PSNR of 10.5 dB to each other had the same data.
#
# </details>
# <details><summary>B. The network hallucinates, and a better prior would find the scene.</summary>
#
# **Wrong.** A better prior would draw something more plausible, and nobody could test whether it is there. The measurement has to be repeated.
#
# </details>
# <details><summary>C. The prior fits, since otherwise the data would contradict it.</summary>
#
# **Wrong.** So few data contradict hardly any prior. That is why the residual was zero for two different scenes.
#
# </details>
# <details><summary>D. There is probably a cat, since a chance agreement is unlikely.</summary>
#
# **Wrong.** The agreement is no chance, because the network was made to agree. It would have done so for a scene without any cat.
#
# </details>

# %% [markdown]
# ## Exercises
#
# 1. **A judge of another size.** Change the shares in `shares` to 0.9 for the fit and 0.05 for the judge, then to 0.4 and 0.55, and run sections 3 and 4 again. Predict what happens to the quality, to the error bars, and to the choice.
# 2. **All the data at the end.** After the choice is made, the held-out pixels may be fitted as well. Run the chosen method on all measured pixels (`fit = kept`). Is the truth above the expectation now? May you raise the expectation?
# 3. **A block for a block.** In section 6 the scattered judges said nothing about the missing block. Hold out a *block* of the same size elsewhere on the cup instead, and compare the expectation with the truth. What does it still assume?
#
# <details><summary>Solution 1</summary>
#
# With a twentieth the methods see more and become a little better, but the judge has about seventy pixels, the error bars double, and the choice is close to a draw among the best. With more than half in the judge's hands, the error bars shrink, and every method becomes worse, on this page by about a decibel. A fifth is a compromise, not a law. Cross-validation, which lets the parts change roles, has both at five times the computing time.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# ```python
# z = run(deep_image_prior(y, Mask(kept), iterations=150)).estimate
# print(decibels(mean_square(z, x, 1 - kept)), promise)
# print(decibels(mean_square(by_idbp(y, kept, stop), x, 1 - kept)))
# ```
#
# (The 150 iterations are where the rule stopped in our run; no pixels are left to stop by.) A third more pixels help: the prior gains half a decibel in our run, the deep image prior more than one. The expectation was made for fewer pixels, and becomes modest. How much to add cannot be measured with these data any more, since nothing is left to judge by; on other images, whose truth you have, it can.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# ```python
# elsewhere = torch.zeros_like(kept)
# elsewhere[..., 2:22, 2:22] = 1
# _, expected, _ = promised(noisy, cup, 1 - block - elsewhere, elsewhere, block)
# print(expected, promised(noisy, cup, 1 - block, scattered, block)[2])
# ```
#
# The expectation falls from 46 dB to 27; the truth is 21.5 dB. It assumes that the image is as hard to fill there as here, which no data can confirm: blocks at six places gave 22 to 30 dB, all of them too high, because none of them holds as much of the bright rim as the block that is missing.
#
# </details>
#
# ## Summary
#
# 1. Five questions lead to a method: does $y$ determine enough, is $A$ known, is the noise white and its level known, is there a trained network that fits, and how much time is there. Each leaf has a classical opponent, and the opponent often wins.
# 2. Examine the measurement first. Differences of neighbouring pixels show noise that is not white; a misfit that stays large speaks against $A$ or $\sigma$, whereas a small one proves nothing.
# 3. Held-out measurements state a method's squared error without bias, if they took no part in any choice and are missing as the others are, with independent noise of a known level. Their number sets the error bar.
# 4. An expectation by which a method was chosen is too high: the winner's curse. State another half's expectation, or take an error bar off.
# 5. Where almost nothing was measured, images of any kind explain it. To refuse, with the reason, is then the result.
# 6. **What breaks it:** a level of the noise that is stated too high, noise that neighbours share, held-out pixels that are easier than the missing ones, and a residual that is taken for evidence.
#
# **Papers.**
# M. Juvonen and others, [*Helsinki Deblur Challenge 2021: Description of Photographic Data*](https://doi.org/10.3934/ipi.2022073), Inverse Problems and Imaging 2022: a ladder of rising difficulty whose last steps were "pretty much impossible" by its rules, with a sanity check on images that are no text.
# T. Trippe and others, [*Let's Enhance: A Deep Learning Approach to Extreme Deblurring of Text Images*](https://arxiv.org/abs/2211.10103), Inverse Problems and Imaging 2023: the winners, who estimated the forward model first.
# G. C. Cawley, N. L. C. Talbot, [*On Over-fitting in Model Selection and Subsequent Selection Bias in Performance Evaluation*](http://jmlr.org/papers/v11/cawley10a.html), Journal of Machine Learning Research 2010: choosing by an estimate spoils the estimate.
# A. Blum, M. Hardt, [*The Ladder: A Reliable Leaderboard for Machine Learning Competitions*](https://arxiv.org/abs/1502.04585), ICML 2015: how participants overfit a leaderboard, and a leaderboard that resists.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the survey that this course followed.
#
# **Where to go from here.** [DeepInverse](https://deepinv.github.io) is a PyTorch library with many operators, priors, and trained networks far larger than ours, in which you can run what you have built here at full size. The survey names what this course left out. And your own data are the best teacher: you know what was measured, and nobody has the truth.
#
# **The challenge** is this lesson's problem set.
