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
# In a few minutes you will watch a photograph emerge from noise, on your own machine, out of a network that has never seen an image before.
# Then you will let the same run go on for too long and see the noise come back, and finally you can try the method on a photograph of your own.
#
# **What you will be able to do**
# - run the cells of this course, stop a run, and look back at how it went;
# - say in two sentences what *deep internal learning* is;
# - say why such a run has to be stopped, and recognise in the image that it went on for too long;
# - restore a noisy photograph of your own.
#
# **Before you start.** You need nothing but a running JupyterLab. To follow the later lessons, you should have trained a small network in PyTorch.
#
# **Time.** About a minute and a half of computing on 2 CPU cores. On a GPU: not measured.
#
# **Only curious?** In the [playground](playground.ipynb) you choose a photograph, its damage and up to three methods, and watch them restore it side by side, without a line of code.
#
# **How to go through a lesson.** Click the first code cell below and press Shift + Enter. Each press runs one cell and moves on to the next one, so that you read, predict and watch in this order.
# The menu also offers *Run* > *Run All Cells*, which runs everything at once and jumps to the end of the page; on a first visit you would miss the live run.

# %%
import torch

from dil_course import runtime
from dil_course.checks import note_if_stopped
from dil_course.figures import Film, show_images
from dil_course.fitting import run, watch
from dil_course.from_scratch import deep_image_prior
from dil_course.signals import add_gaussian, load_image, picture, psnr
from dil_course.signals import save_image, uploaded

device = runtime.device()
print(f"PyTorch {torch.__version__} on {device}, profile: {runtime.profile()}")

# %% [markdown]
# The profile says how long the runs are. *quick* is made for a laptop and runs the real method on small images, whereas *full* is made for a GPU and uses the settings of the papers.
#
# If something looks odd on this machine, type `python -m dil_course doctor` (or `make doctor`) in a terminal. It says in plain words what is wrong and how to repair it.

# %% [markdown]
# ## 1. An image and its noise
#
# An image is a tensor of shape `(1, C, H, W)`, that is, one image with C channels, H rows and W columns, whose values lie between 0 (black) and 1 (white).
#
# We add Gaussian noise with a **standard deviation** of 25/255, which is about a tenth of the range from black to white. (Files usually store the gray levels 0 to 255 in 8 bits.)

# %%
clean = picture("astronaut", side=128).to(device)
noisy = add_gaussian(clean, sigma=25 / 255, seed=0)
title = f"noisy, {psnr(noisy, clean):.1f} dB"
show_images(
    {"clean": clean, title: noisy},
    alt="The face of an astronaut, clean and under strong noise.",
)

# %% [markdown]
# The number in the title is the **peak signal-to-noise ratio** (PSNR) in decibels (dB). It is $10 \log_{10}(1 / \text{MSE})$, where MSE is the mean squared error. A higher value means that an image is closer to the clean one, and ten decibels more mean a tenth of the mean squared error.
#
# From here on, imagine that we never had the clean image. We use it only to draw curves, so that we can judge what happens.

# %% tags=["nbval-check-output"]
print(
    "the image has one batch entry, three channels, and 128 x 128 pixels:",
    clean.shape == (1, 3, 128, 128),
)
print(
    "all its values lie between 0 and 1:",
    clean.min().item() >= 0 and clean.max().item() <= 1,
)

# %% [markdown]
# ## 2. Watch it emerge
#
# Today's usual way to denoise is to train a network on thousands of clean images first. We have no such images, and we train on nothing but the one noisy photograph. We take
#
# - a convolutional network with random weights, which turns a block of random numbers into an image. The block has the height and width of the photograph, is drawn once, and then stays the same;
# - the noisy photograph as the only target, to which the output of the network is fitted.
#
# At each **iteration** the weights change a little, so that the output comes closer to the *noisy* photograph. The squared difference between the two is the **loss**.
#
# **Predict before you run.** Since the target is noisy, will the network show us the noise first, the face first, or both at once?
#
# The next cell runs live; `await` is what lets its button work during the run. The *Stop* button ends the run at once and keeps its estimate, and so does *Kernel* > *Interrupt Kernel*; the cells below then run as usual.

# %%
iterations = runtime.pick(quick=350, full=1800)
result = await watch(
    deep_image_prior(noisy, iterations=iterations), truth=clean, observed=noisy
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The face comes first: colours and large shapes, then eyes and mouth, then fine detail. Many people say "both at once", because the loss treats every pixel in the same way and does not know which part of its value is noise.
# That is true of the loss, but the network does not change every pixel independently: its convolutions tie neighbouring pixels together, and structure that neighbours share is learned in fewer iterations than noise that they do not share. The film in section 3 shows this order in print.
#
# </details>
#
# The curves below the images show the loss, which falls, and the PSNR against the clean image. A *single output* is what the network produces in one iteration, and the *moving average* is a running mean of about the last hundred outputs. It is usually better, because the grain differs from one output to the next and averages out; it is the estimate that the run returns.
# The dot marks the best value so far. Here it lies at the end or near it: this run ended before the noise came back.
# In a live session the slider takes you back through the run.
#
# This method is the **deep image prior** of Ulyanov, Vedaldi and Lempitsky (2018). Lesson 03 builds it by hand and shows why it works.

# %% tags=["nbval-check-output"]
note_if_stopped(result)
print(
    "the estimate is at least 6 dB better than the noisy image:",
    psnr(result.estimate, clean) > psnr(noisy, clean) + 6,
)
print(
    "the loss fell to less than a fifth:",
    result.history["loss"][-1] < result.history["loss"][0] / 5,
)

# %% [markdown]
# ## 3. And if nobody stops it?
#
# The run above ended after a number of iterations that we had chosen beforehand, on images whose clean version we had. Now we let it go on for longer. We also switch off a part of the method that slows the fitting down: the fresh noise that is added to the network's input in each iteration (`input_noise`).
# With it the same would happen, only several times later, as lesson 03 shows; without it you need not wait for minutes.
#
# **Predict before you run.** The loss will fall further, but what will the image look like at the end?

# %%
film = Film(truth=clean)
long = runtime.pick(quick=600, full=3000)
steps = deep_image_prior(noisy, iterations=long, input_noise=0)
too_long = await watch(film.record("no stop", steps), truth=clean, observed=noisy)

# %% [markdown]
# The film below shows single outputs of this run, first as a strip with the PSNR of each image and then as a player, whose slider and play button need no running kernel.

# %%
film.show(
    at=(5, 20, 60, 150, 300, long),
    alt="Outputs of one run: a blur, then a face, which is clearest in the middle of "
    "the run and is covered by noise again at the end.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# At the end the grain is back, and the output looks more and more like the noisy photograph. It is tempting to say that more training always helps, since the loss keeps falling; but the loss measures the distance to the *noisy* photograph, and the network is large enough to keep approaching it.
# The network is learning the noise. In machine learning this is called **overfitting**, and in the older literature on inverse problems **semi-convergence**: the estimate first approaches the truth and then leaves it.
#
# </details>
#
# Where the curve of single outputs dips sharply and the loss has a spike, the optimiser took a bad step, from which it recovers within a few iterations; the moving average hardly notices it.
#
# Where does the face look best to you? The run has to be stopped near that iteration, although in practice nobody gives us the PSNR; lessons 03 and 05 are about that choice.

# %% tags=["nbval-check-output"]
note_if_stopped(too_long)
single = too_long.history["psnr"]
losses = too_long.history["loss"]
print("the loss is lowest near the end:", min(losses[-40:]) == min(losses))
print(
    "the last output is at least 2 dB worse than the best one:",
    single[-1] < max(single) - 2,
)
print(
    "the best output comes in the first half of the run:",
    single.index(max(single)) < len(single) / 2,
)

# %% [markdown]
# ## 4. What this course is about
#
# **Deep internal learning** trains a network on the one input at hand, or tunes a trained one to it. What the network learns there comes from the structure of this input and not from a collection of others. There are two directions:
#
# 1. **From scratch.** The network starts with random weights and sees nothing but this input, as above.
# 2. **Adaptation.** A network that was trained elsewhere is tuned to this input, because the input differs from the training data.
#
# Both are useful where training data are scarce or the input is unlike them, because the input itself is always at hand. Lesson 02 shows how much it holds: on a brick wall, for example, most small patches have near copies elsewhere.
#
# Nearly every method in this course has the same form. It is a *generator*, which yields one step after each iteration; `watch` shows the steps live, and `run` does the same silently. You can also loop by hand:

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
# Chance enters through a seed, and only through it. The same seed on the same machine therefore gives the same numbers.

# %% tags=["nbval-check-output"]
print("two runs with one seed give the same image:", torch.equal(first, second))

# %% [markdown]
# ## 5. Your own photograph
#
# Run the next cell, press its button, and choose a photograph, such as a JPEG or a PNG, which stays on this machine.
# The button then says (1); if it still says (0), the file was larger than 10 MB and did not arrive.
#
# Then go on with the cell below, which uses the eye of a cat if you have chosen nothing. Your choice is kept even if you run the cell of the button again.

# %%
import ipywidgets

if "upload" not in globals():
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
    print("your photograph:", name)
    own = load_image(content, max_side=192).to(device)
else:
    print("no photograph was chosen: here is a cat")
    own = picture("chelsea", side=128).to(device)
own_noisy = add_gaussian(own, sigma=25 / 255, seed=1)
show_images(
    {"your photograph": own, "with noise": own_noisy},
    alt="The chosen photograph, by default the eye of a cat, clean and with noise.",
)

# %% [markdown]
# `load_image` also takes a path: `load_image("holiday.jpg", max_side=192)`. The image is shrunk to at most 192 pixels a side, so that a laptop needs only minutes.
#
# If your photograph is noisy already, add `own_noisy = own` below the line that makes the noise. There is then no clean image: the PSNR and the second check at the end say nothing.
# Bear in mind that shrinking a large photograph averages most of its noise away, and that the noise of a camera, after its own processing, is no longer independent from pixel to pixel, so that the network learns it sooner.

# %%
iterations_own = runtime.pick(quick=350, full=1800)
own_result = await watch(
    deep_image_prior(own_noisy, iterations=iterations_own),
    truth=own,
    observed=own_noisy,
)
saved_as = save_image(own_result.estimate, "my_picture_restored.png", overwrite=False)
print(f"saved as {saved_as}, beside this notebook")

# %% [markdown]
# A file that is there already is never overwritten: the next result is saved as `my_picture_restored_2.png`, and so on.
#
# If the result is too smooth, double `iterations_own`; if it is grainy, halve it, or press *Stop* sooner. Each run starts anew.
# How to choose that moment without knowing the clean image is the subject of lesson 05.

# %% tags=["nbval-check-output"]
note_if_stopped(own_result)
saved = load_image(saved_as).to(device)
print(
    "the saved image is the estimate, rounded to 8 bits:",
    (saved - own_result.estimate).abs().max().item() < 0.51 / 255,
)
print(
    "it is closer to the clean image than the noisy one:",
    psnr(saved, own) > psnr(own_noisy, own),
)

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** In a long run like that of section 3, the loss falls until the last iteration. What does this tell you about the output?
#
# <details><summary>A. It comes closer to both photographs, because both of them show the same face.</summary>
#
# **Wrong.** This is true at the beginning only, while the face is being learned. Later the only thing left to learn is the noise, and learning it leads away from the clean image.
#
# </details>
# <details><summary>B. It comes ever closer to the clean photograph, which more iterations can only improve.</summary>
#
# **Wrong.** This would hold if the target were clean. Here the target contains the noise, so that a smaller loss ends in the noisy photograph.
#
# </details>
# <details><summary>C. It comes ever closer to the noisy photograph, and perhaps no closer to the clean one.</summary>
#
# **Right.** The loss is the distance to the noisy target and to nothing else. In section 3 it kept falling while the distance to the clean image had long been growing.
#
# </details>
# <details><summary>D. It has not reached its best moment yet, because after that moment the loss would rise.</summary>
#
# **Wrong.** The loss does not notice the best moment. It falls before and after it, because the noise is a part of what it asks for.
#
# </details>
# <br>
#
# **2.** The network starts from random weights, and the loss treats every pixel in the same way. Why does the face nevertheless come before the noise?
#
# <details><summary>A. Convolutions tie neighbouring pixels together, and the noise is not shared between neighbours.</summary>
#
# **Right.** Structure that neighbours share can be learned for many pixels at once, whereas noise must be learned value by value, which takes more iterations.
#
# </details>
# <details><summary>B. The loss gives a smaller weight to those pixels that contain more noise than others.</summary>
#
# **Wrong.** It gives all pixels the same weight, and it could not do otherwise, because nobody knows which part of a value is noise.
#
# </details>
# <details><summary>C. The network has learned from other images what a face looks like before it sees this one.</summary>
#
# **Wrong.** It has never seen another image. Its weights are drawn at random when the run begins.
#
# </details>
# <details><summary>D. The noise is weaker than the face, and what is weak contributes little to a loss of squared differences.</summary>
#
# **Wrong.** Strength is not what decides. If the pixels of the same photograph are shuffled, their values are as strong as before, and the network learns them far more slowly (lesson 03).
#
# </details>
# <br>
#
# **3.** You add noise with twice the standard deviation, and to another photograph. By how much does the PSNR of the noisy image change, compared with that of the first noisy image?
#
# <details><summary>A. It falls by 3 dB, because twice the deviation is twice the noise.</summary>
#
# **Wrong.** Three decibels belong to twice the *variance*. Twice the standard deviation is four times the variance.
#
# </details>
# <details><summary>B. It falls by 6 dB, whichever photograph is taken.</summary>
#
# **Right.** The mean squared error of a noisy image is the variance of its noise, and twice the standard deviation is four times the variance. The photograph does not enter.
#
# </details>
# <details><summary>C. It falls to one half of its value in decibels.</summary>
#
# **Wrong.** Decibels are logarithms, so that a factor in the error subtracts a fixed number of decibels, whatever the value was.
#
# </details>
# <details><summary>D. That depends on how detailed the photograph is.</summary>
#
# **Wrong.** It depends on the photograph how much noise can be removed afterwards, as exercise 2 shows. The error of the noisy image itself is noise and nothing else.
#
# </details>
# <br>
#
# **4.** In the curve of single outputs the PSNR drops sharply at one iteration, the loss has a spike there, and the moving average hardly changes. What has happened?
#
# <details><summary>A. A new sample of noise was added to the photograph, to which the output has to adjust.</summary>
#
# **Wrong.** The noisy photograph is the same in all iterations. What may be drawn anew is noise on the input of the network, and it is drawn in every iteration.
#
# </details>
# <details><summary>B. The network has begun to learn the noise, so that the run should now be stopped.</summary>
#
# **Wrong.** Learning the noise *lowers* the loss, and it lowers the PSNR slowly over many iterations, not in one jump.
#
# </details>
# <details><summary>C. The optimiser has taken one bad step, and the run will recover from it by itself.</summary>
#
# **Right.** A spike in the loss shows that the output has moved away from its own target. Within a few iterations the run is back, and the average over about a hundred outputs barely notices.
#
# </details>
# <details><summary>D. The run has diverged, so that it has to be repeated with a smaller learning rate.</summary>
#
# **Wrong.** After a divergence the loss would not come back. Here it returns within a few iterations.
#
# </details>
# <br>
#
# **5.** You have a network that was trained on photographs, and one noisy X-ray image. You continue the training on this one image, without its clean version. Is this deep internal learning?
#
# <details><summary>A. No, because its weights already contain knowledge from other images than this one.</summary>
#
# **Wrong.** Knowledge from elsewhere is allowed in the second direction. What matters is that the network also learns from the input at hand.
#
# </details>
# <details><summary>B. No, because without clean X-ray images there is nothing that it could be trained on.</summary>
#
# **Wrong.** The input itself is what it is trained on, and lesson 00 did the same with one noisy photograph and no clean one.
#
# </details>
# <details><summary>C. Yes, because it adapts a trained network to the one input at hand.</summary>
#
# **Right.** The course has two directions. A network may start from random weights, or it may be trained elsewhere and tuned to the input, because the input differs from the training data.
#
# </details>
# <details><summary>D. Yes, but only if its weights are first replaced by random ones, as in section 2.</summary>
#
# **Wrong.** That would be the first direction, and it would throw away what the network knows.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Each takes a minute or two, and you can change a cell above or add one of your own with the `+` button.
#
# 1. Double the noise by writing `sigma=50 / 255`. By how many decibels does the PSNR of the noisy image fall, if you work it out before you run?
# 2. Put `picture("grass", side=128)` in the place of the face in section 1, and run sections 1 and 2 again. Will the method gain more decibels than it gained on the face, or fewer?
# 3. Run `second = run(deep_image_prior(noisy, iterations=iterations, seed=1))` and show `result.estimate` beside `second.estimate`. In what do the two estimates differ, and what do they have in common?
#
# <details><summary>Solution 1</summary>
#
# The mean squared error is the variance of the noise. Twice the standard deviation is four times the variance, and $10 \log_{10} 4 = 6.0$, so the PSNR falls by 6 dB whatever the image is.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# It gains far less, because blades of grass are so fine that neighbouring pixels have little in common, and by the time that the network has learned them, it has learned a part of the noise as well. Lesson 03 shows the curves.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# Another seed draws other starting weights and another input, so that the two estimates differ slightly, mostly in fine detail. Both show the same face, because the target is the same, and their PSNRs differ by a few tenths of a decibel.
#
# </details>
#
# ## Where to go from here
#
# - **A student of a course** takes the lessons in order: 01 states the problem, 02 shows what a single image knows about itself, and 03 explains what you have just seen.
# - **To try more methods on photographs of yours**, open the [playground](playground.ipynb).
# - **In a hurry**, read lesson 03 alone; it names the few things that it needs from lesson 01.
# - **A lecturer** finds in the README how to start a class.
#
# ## Summary
#
# 1. An image is a tensor `(1, C, H, W)` with values from 0 to 1.
# 2. An untrained network, fitted to one noisy photograph, shows the photograph before it shows the noise.
# 3. If nobody stops the run, the noise comes back, although the loss keeps falling, but for a few spikes.
# 4. Methods are generators of steps, which you can `watch` live, `run` silently, or loop over by hand. *Stop* and an interrupted kernel keep the estimate.
# 5. **What breaks it:** too many iterations, and fine texture, which the network learns so late that noise comes with it.
#
# **Papers.** T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning: Deep Learning from a Single Input*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the survey that gives this course its map.
# D. Ulyanov, A. Vedaldi, V. Lempitsky, [*Deep Image Prior*](https://arxiv.org/abs/1711.10925), CVPR 2018: the method of this lesson.
