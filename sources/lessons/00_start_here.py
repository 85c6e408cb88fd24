# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here
#
# In a few minutes you will watch a photograph emerge from noise, on your own machine, out of a network that has never seen a picture.
# Then you can try it on a photograph of your own.
#
# **What you will be able to do**
# - run the cells of this course, stop a run, and look back at how it went;
# - say in two sentences what *deep internal learning* is;
# - restore a noisy picture of your own.
#
# **Before you start.** Nothing but a running JupyterLab. To follow the later lessons you should have trained a small network in PyTorch.
#
# **Time.** About a minute of computing on 2 CPU cores. On a GPU: not measured.
#
# How to run a cell: click it and press Shift + Enter. To run all of them: *Run* > *Run All Cells*.

# %%
import torch

from dil_course import runtime
from dil_course.figures import show_images
from dil_course.fitting import run, watch
from dil_course.from_scratch import deep_image_prior
from dil_course.signals import (
    add_gaussian,
    load_image,
    picture,
    psnr,
    save_image,
    uploaded,
)

device = runtime.device()
print(f"PyTorch {torch.__version__} on {device}, profile: {runtime.profile()}")

# %% [markdown]
# The profile says how long the runs are. *quick* is for a laptop: small pictures, but real runs. *full* is for a GPU.
#
# Something odd on this machine? Type `python -m dil_course doctor` (or `make doctor`) in a terminal.
# It says in plain words what is wrong and how to mend it.

# %% [markdown]
# ## 1. A picture and its noise
#
# A picture is a tensor of shape `(1, C, H, W)`: one picture, C colours, H rows, W columns. Its values lie between 0 and 1.
#
# We add Gaussian noise with standard deviation 25/255, a tenth of the range from black to white.

# %%
clean = picture("astronaut", side=128).to(device)
noisy = add_gaussian(clean, sigma=25 / 255, seed=0)
title = f"noisy, {psnr(noisy, clean):.1f} dB"
show_images(
    {"clean": clean, title: noisy},
    alt="The face of an astronaut, clean and under strong noise.",
)

# %% [markdown]
# The number is the **peak signal-to-noise ratio** (PSNR), in decibels: higher is closer to the clean picture.
# Ten decibels more mean a tenth of the squared error.
#
# From here on, imagine that we never had the clean picture. We use it only to draw a curve.

# %% tags=["nbval-check-output"]
print(
    "the picture is one colour picture of 128 x 128 pixels:",
    clean.shape == (1, 3, 128, 128),
)
print(
    "all its values lie between 0 and 1:",
    clean.min().item() >= 0 and clean.max().item() <= 1,
)

# %% [markdown]
# ## 2. Watch it emerge
#
# The usual way to denoise is to train a network on thousands of pictures first. We do not. We take
#
# - a network with random weights, which turns a block of random numbers into a picture;
# - the noisy picture as its only target.
#
# At each iteration the network comes a little closer to the noisy picture.
#
# **Predict before you run.** The target is noisy. Will the network show us the noise first, the face first, or both at once?
#
# While it runs, try *Stop* if you like: the run ends, and its estimate stays.

# %%
iterations = runtime.pick(quick=350, full=1800)
result = await watch(
    deep_image_prior(noisy, iterations=iterations), truth=clean, observed=noisy
)

# %% [markdown]
# We observe that the face comes first. The noise comes late, if we let the run go on.
# In a live session you can move the slider back through the run.
#
# This is the **deep image prior**. The structure of the network prefers pictures to noise, before it has learned anything.
# Lesson 03 builds it by hand and shows why it works, and why it has to stop in time.

# %% tags=["nbval-check-output"]
print(
    "the estimate is at least 6 dB better than the noisy picture:",
    psnr(result.estimate, clean) > psnr(noisy, clean) + 6,
)
print(
    "the loss fell to less than a fifth:",
    result.history["loss"][-1] < result.history["loss"][0] / 5,
)

# %% [markdown]
# ## 3. What this course is about
#
# **Deep internal learning** trains a network on the one input at hand. There are two directions:
#
# 1. **From scratch.** The network starts with random weights and sees nothing but this input, as above.
# 2. **Adaptation.** A network trained elsewhere is tuned to this input, because it differs from what the network knows.
#
# Both help for the same reason. Where data are scarce or the input is unusual, its own structure is the best teacher:
# a brick wall contains its own training set.
#
# This is how a method looks everywhere in the course. It is a *generator*: it yields one step after each iteration.
# `watch` shows the steps live and `run` does the same silently. You can also loop by hand:

# %%
for step in deep_image_prior(noisy, iterations=3):
    print(
        f"iteration {step.iteration} of {step.total}: loss {step.loss:.4f}, estimate "
        f"{tuple(step.estimate.shape)}"
    )
first, second = (
    run(deep_image_prior(noisy, iterations=3, seed=0)).estimate for _ in range(2)
)

# %% [markdown]
# Chance enters through a seed, and only through it. The same seed on the same machine gives the same numbers.

# %% tags=["nbval-check-output"]
print("two runs with one seed give the same picture:", torch.equal(first, second))

# %% [markdown]
# ## 4. Your own picture
#
# Press the button and choose a photograph, such as a JPEG or a PNG. It stays on this machine.
# The button then says (1). If it still says (0), the file was larger than 10 MB and did not arrive.
#
# Then run the two cells below it, not this one: a new button has no picture. Without a picture they use a cat.

# %%
import ipywidgets

upload = ipywidgets.FileUpload(
    accept="image/*",
    multiple=False,
    description="Choose a picture",
    layout={"width": "auto"},
)
upload

# %%
chosen = uploaded(upload)
if chosen:
    name, content = chosen
    print("your picture:", name)
    own = load_image(content, max_side=192).to(device)
else:
    print("no picture was chosen: here is a cat")
    own = picture("chelsea", side=128).to(device)
own_noisy = add_gaussian(own, sigma=25 / 255, seed=1)
show_images(
    {"your picture": own, "with noise": own_noisy},
    alt="The chosen picture, by default a cat, clean and with noise.",
)

# %% [markdown]
# `load_image` also takes a path: `load_image("holiday.jpg", max_side=192)`. The picture is shrunk so that a laptop needs only minutes.
#
# Is your picture noisy already? Then skip the noise: put `own` in the place of `own_noisy` below, and leave out `truth`.

# %%
iterations_own = runtime.pick(quick=350, full=1800)
own_result = await watch(
    deep_image_prior(own_noisy, iterations=iterations_own),
    truth=own,
    observed=own_noisy,
)
save_image(own_result.estimate, "my_picture_restored.png")
print("saved as my_picture_restored.png, beside this notebook")

# %% [markdown]
# Is the result too smooth? Give it more iterations. Is it grainy? Give it fewer, or press *Stop* sooner.
# Choosing that moment without knowing the clean picture is the subject of lesson 05.

# %% tags=["nbval-check-output"]
saved = load_image("my_picture_restored.png").to(device)
print(
    "the saved picture is the estimate, rounded to 8 bits:",
    (saved - own_result.estimate).abs().max().item() < 0.51 / 255,
)
print(
    "it is closer to the clean picture than the noisy one:",
    psnr(saved, own) > psnr(own_noisy, own),
)

# %% [markdown]
# ## Where to go from here
#
# - **A student of a course:** lesson 01, then 03. Each builds on the one before.
# - **In a hurry:** lesson 03 alone explains what you have just seen.
# - **A lecturer:** the README says how to start a class.
#
# ## Summary
#
# 1. A picture is a tensor `(1, C, H, W)` with values from 0 to 1.
# 2. An untrained network, fitted to one noisy picture, shows the picture before the noise.
# 3. Methods are generators of steps: `watch` them live, `run` them silently, or loop by hand.
# 4. *Stop* and an interrupted kernel keep the estimate.
# 5. **What breaks it:** too many iterations bring the noise back, and fine texture is taken for noise.
#
# **Papers.** T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, *Deep Internal Learning: Deep Learning from a Single Input*, IEEE Signal Processing Magazine 2024.
# D. Ulyanov, A. Vedaldi, V. Lempitsky, *Deep Image Prior*, CVPR 2018.
