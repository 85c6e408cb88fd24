"""Make docs/emerging.png, the figure on top of the README: python docs/emerging.py"""

from pathlib import Path

from dil_course.figures.images import images_figure
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior
from dil_course.signals import add_gaussian, picture, psnr

x = picture("chelsea", side=128)
y = add_gaussian(x, 25 / 255)
pictures = {f"noisy: {psnr(y, x):.1f} dB": y}
for iterations in (50, 350):
    estimate = run(deep_image_prior(y, iterations=iterations)).estimate
    pictures[f"after {iterations} iterations: {psnr(estimate, x):.1f} dB"] = estimate
pictures["truth, never shown to it"] = x
images_figure(pictures, zoom=2).savefig(Path(__file__).with_name("emerging.png"), facecolor="white")
