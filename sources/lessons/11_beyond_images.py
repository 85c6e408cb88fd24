# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Beyond images
#
# Skeleton: the text follows.
#
# **What you will be able to do**
# - say which internal prior carries over to a signal that is no photograph.
#
# **Before you start.** Lessons 01, 03 and 05.
#
# **Time.** About three minutes of computing on 2 CPU cores, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import numpy as np
import torch
from torch import nn

from dil_course import runtime
from dil_course.checks import compare, note_if_stopped
from dil_course.figures import Film, show_curves, show_images
from dil_course.fitting import run, watch
from dil_course.from_scratch import deep_image_prior, tv
from dil_course.signals import Mask, add_gaussian, ecg, mr_slice, picture, psnr

device = runtime.device()

# %% [markdown]
# --- scans: begin
#
# ## 4. A scan from few lines: MRI
#
# ## 5. Equivariant imaging
#
# --- scans: end
