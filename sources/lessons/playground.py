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
# With the keyboard, run the cell by *Ctrl + Enter*, which keeps it selected, and press *Tab* until the first menu has the focus. Arrow keys choose in menus and move sliders, and *Space* presses a button.
#
# Begin with 128 pixels: each column shows how much time its run has left, and twice the side takes about four times as long. A large photograph is shrunk to the chosen size, which averages most of its noise away. To see the noise of your camera removed, choose *a part at full size* in the menu *take*; two sliders move that part, and a rectangle marks it in the whole photograph.
# In a JPEG file, compression has removed some of the noise and correlated the rest, which misleads the estimate of the level. We added noise of 12/255 to four photographs: in files of quality 85 and 95, the estimate was within 30 % of the error that remained, whereas at quality 70 it was about half of that error or less, so that methods that are given the level remove too little.
#
# In JupyterLab as `make lab` starts it, files of up to 100 MB arrive; elsewhere the limit is often 10 MB. In a terminal, the following command takes larger ones. It shrinks them to the number of pixels that you give as `--side`, or with `--part 0.5 0.5` cuts so many pixels out of the middle:
#
# ```
# python -m dil_course restore photo.jpg --task denoise --method "deep image prior" --to restored.png
# ```
#
# **Which methods?** Total variation is the subject of lesson 01, and non-local means and BM3D are those of lesson 02. Lesson 03 builds the deep image prior, lesson 04 its back-projection loss, and lesson 05 the rule that stops its runs here, which looks at the variance of its outputs and needs no clean image.
# UNSURE comes from lesson 06, and Noise2Self, Neighbor2Neighbor, Zero-Shot Noise2Noise and Self2Self come from lesson 07, which also says what breaks each of them. Zero-shot super-resolution is the subject of lesson 08, and lesson 12 adapts the trained denoisers and builds IDBP.
#
# Every method runs with the settings that the library takes by default, and nothing is tuned to your image. The PSNR is shown where the clean image is known, and it chooses nothing.
#
# A run looks like this:
#
# ![The playground during a run: menus for picture, damage and methods; below them a noisy eye of a cat, and three methods restoring it side by side, each with its progress](../docs/playground.png)
