# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Playground
#
# Choose an image or upload a photograph of yours, choose what has happened to it, and watch up to three methods of the course restore it side by side.
# Click the cell below and press Shift + Enter; nothing in it has to be edited.

# %%
from dil_course.playground import Playground

Playground().show()

# %% [markdown]
# **How to use it.**
#
# 1. Choose an image, its size, and its damage. For a photograph that is noisy or too small already, choose one of the two lines that begin with *none*; the noise level is then estimated, and there is no clean image to compare with.
# 2. Choose up to three methods. The menus offer those that can undo the chosen damage, the classical ones first.
# 3. Press *Restore*. Each method has its own *Stop*, which ends its run and keeps its estimate; *Stop all* ends all of them.
# 4. Compare two of the results below the runs: the sliders move the line between them and the part of the image that is enlarged.
# 5. Press *Save*. The images, the settings and a Python program that makes the same images again are written into a new folder inside `restored`, beside this notebook.
#
# With the keyboard, press *Escape*, then *Tab* until the first menu has the focus; arrow keys choose and move sliders, and *Space* presses a button.
#
# At 128 pixels most methods take about a minute each on a laptop, and twice the side takes about four times as long. A large photograph is shrunk first, which averages most of its noise away; noise that you want to see removed should be added here, or cut a small part out of the photograph with another program.
# A file of more than 10 MB does not arrive in the notebook. A terminal takes files of any size:
#
# ```
# python -m dil_course restore photo.jpg --task denoise --method "deep image prior" --to restored.png
# ```
#
# **Where the methods come from.** Total variation: lesson 01. Non-local means and BM3D: 02. Deep image prior: 03, its back-projection loss 04, and the rule that stops its runs 05. UNSURE: 06. Noise2Self, Neighbor2Neighbor, Zero-Shot Noise2Noise and Self2Self: 07. Zero-shot super-resolution: 08. The trained denoisers and IDBP: 12.
