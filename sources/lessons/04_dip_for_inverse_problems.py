# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · One loop for many inverse problems
#
# Lesson 03 removed noise. Nothing in its loop was about noise. Put a forward model in front of the network, and
# the same loop enlarges pictures, fills holes, sharpens, and reads scanners.
#
# **What you will be able to do**
# - restore a picture from any linear measurement with one loop;
# - make an estimate agree with noiseless data exactly, and say what that gains;
# - explain why blurred pictures come slowly, and mend it with the back-projection loss;
# - say for which noise the mend is worse than the disease;
# - name pictures, holes and kernels for which the method fails.
#
# **Before you start.** Lesson 01 (operators, adjoint, pseudo-inverse) and lesson 03 (the loop, and why it must be stopped).
#
# **Time.** About two and a half minutes of computing on 2 CPU cores, about an hour with reading and predicting.
# On a GPU: not measured.

# %%
import torch

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import show_curves, show_images
from dil_course.fitting import Step, run, watch
from dil_course.networks import small_skip_network
from dil_course.signals import Blur, Downsample, Fourier, Mask, Radon
from dil_course.signals import add_gaussian, compress_jpeg, gaussian_kernel, line_mask
from dil_course.signals import picture, psnr

device = runtime.device()


def show(pictures, truth, alt):
    titles = {f"{name}, {psnr(x, truth):.1f} dB": x for name, x in pictures.items()}
    show_images(titles | {"truth": truth}, alt)


# %% [markdown]
# ## 1. The loop, with a camera in it
#
# We observe $y = A(x) + n$. The network makes a picture $f_\theta(z)$. We cannot compare it with $x$, which nobody has.
# But we can put it through the same camera, and compare the result with $y$:
#
# $$\min_\theta \; \| A(f_\theta(z)) - y \|^2 .$$
#
# One call of $A$ is all that is new. The shape of $z$ comes from $A^T y$, which has the shape of the picture.


# %%
def fit(y, A, network, iterations, input_noise=1 / 30, seed=0):
    generator = runtime.generator(seed, "z", y.device)
    z = 0.1 * torch.rand(
        1, 16, *A.adjoint(y).shape[-2:], generator=generator, device=y.device
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for iteration in range(1, iterations + 1):
        noise = torch.randn(z.shape, generator=generator, device=y.device)
        estimate = network(z + input_noise * noise)
        # The camera: the only change to lesson 03
        loss = torch.mean((A(estimate) - y) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Step(iteration, iterations, loss.detach(), estimate.detach())


# %% [markdown]
# ## 2. Super-resolution
#
# The first camera makes one pixel of each block of 4 × 4: sixteen unknowns for each number that we have.
# The classical answer is bicubic interpolation. It draws smooth surfaces through the known pixels.
#
# **Predict before you run.** Infinitely many pictures shrink to $y$. Which of them will the network choose?

# %%
coffee = picture("coffee", side=128).to(device)
A = Downsample(4)
y = A(coffee)


def small_network(channels=3):
    with runtime.seeded(0):
        return small_skip_network(channels).to(device)


def bicubic(y, scale):
    return torch.nn.functional.interpolate(
        y, scale_factor=scale, mode="bicubic", antialias=True
    )


enlarged = await watch(fit(y, A, small_network(), 280), truth=coffee)

# %% [markdown]
# We observe that the curve is not the one of lesson 03: it rises and stays. There is no noise to learn.
#
# The library's `deep_image_prior` takes an operator as its second argument. Is it the loop above?

# %%
from dil_course.from_scratch import deep_image_prior

for step_mine, step_library in zip(
    fit(y, A, small_network(), 10),
    deep_image_prior(y, A, small_network(), 10, fast=False),
):
    pass
same = compare("estimate, iteration 10", step_mine.estimate, step_library.estimate)

# %% [markdown]
# ### Agree with the data, exactly
#
# The run was stopped, so $A(\hat x)$ is near $y$, not equal to it. But $y$ has no noise here. We *know* these numbers.
# So we move $\hat x$ to the nearest picture that explains $y$. The pseudo-inverse of lesson 01 does that:
#
# $$\hat x \;+\; A^+ \big( y - A(\hat x) \big) .$$
#
# What the camera sees is now taken from $y$. What it does not see stays the network's. This is called **hard data consistency**.


# %%
def consistent(x, y, A):
    return x + A.pinv(y - A(x))


pictures = {
    "bicubic": bicubic(y, 4),
    "network": enlarged.estimate,
    "network, consistent": consistent(enlarged.estimate, y, A),
}
alt = "A coffee cup enlarged four times: "
alt += "bicubic is blurred, the network's edges are sharper."
show(pictures, coffee, alt)
misfits = {name: float((A(x) - y).abs().max()) for name, x in pictures.items()}
print("largest misfit:", {name: f"{misfit:.6f}" for name, misfit in misfits.items()})

# %% [markdown]
# We observe sharper edges than bicubic has: look at the rim of the cup. Fine texture that the camera lost does not come back.
# Consistency gains a few tenths of a decibel for one line. In the library it is `signals.consistent`.

# %% tags=["nbval-check-output"]
final = psnr(consistent(enlarged.estimate, y, A), coffee)
print("the cells and the library give the same estimate:", same)
print(
    "the network beats bicubic by at least half a decibel:",
    final > psnr(bicubic(y, 4), coffee) + 0.5,
)
print(
    "consistency gains, and leaves no misfit:",
    final > psnr(enlarged.estimate, coffee) and misfits["network, consistent"] < 1e-4,
)

# %% [markdown]
# ## 3. Inpainting
#
# The second camera loses half of its pixels and adds noise to the others. The operator is a mask.
# The classical answer is *biharmonic* inpainting: the smoothest surface through the known pixels, like a thin bent plate.
#
# **Predict before you run.** The plate goes through every known pixel. What does it do with their noise?

# %%
from skimage.restoration import inpaint_biharmonic

astronaut = picture("astronaut", side=96).to(device)
kept = torch.rand(1, 1, 96, 96, generator=runtime.generator(0, "mask")) < 0.5


def biharmonic(y, kept):
    filled = inpaint_biharmonic(
        y[0].permute(1, 2, 0).cpu().numpy(), ~kept[0, 0].cpu().numpy(), channel_axis=-1
    )
    return torch.from_numpy(filled).permute(2, 0, 1)[None].to(y).clamp(0, 1)


A = Mask(kept)
y = A(add_gaussian(astronaut, 10 / 255))
filled = await watch(
    deep_image_prior(y, A, iterations=400), truth=astronaut, observed=y
)

# %%
show(
    {"observed": y, "biharmonic": biharmonic(y, kept), "network": filled.estimate},
    astronaut,
    "A face with half of its pixels black, and filled.",
)
small = picture("astronaut", side=64).to(device)
A_small = Mask(kept[..., :64, :64])
y_small = A_small(small)
result = run(deep_image_prior(y_small, A_small, iterations=300))
filled_small = consistent(result.estimate, y_small, A_small)
classical = biharmonic(y_small, kept[..., :64, :64])
print(
    f"64 x 64, without noise: biharmonic {psnr(classical, small):.2f} dB, "
    f"network, consistent, {psnr(filled_small, small):.2f} dB"
)

# %% [markdown]
# We observe that the plate copies the noise, and the network leaves it out: it fills and cleans at once.
#
# Now read the line below the pictures. **Without noise the two are about equal**, and the plate needs a fraction of a second.
# The neighbours of each hole are right there, and exact. On three larger photographs, in `benchmarks/RESULTS.md`, the plate wins each time.
# The authors use a thirty times larger network and 11,000 iterations for this task. On a laptop, think before you train.

# %% tags=["nbval-check-output"]
print(
    "with noise the network beats biharmonic inpainting:",
    psnr(filled.estimate, astronaut) > psnr(biharmonic(y, kept), astronaut) + 0.3,
)

# %% [markdown]
# ## 4. Deblurring, and why it is slow
#
# The third camera is out of focus: a blur, and a little noise. We give the loop 200 iterations, and look at the curve.

# %%
x = picture("coffee", side=64).to(device)
A = Blur(gaussian_kernel(9, 1.6))
y = add_gaussian(A(x), 1 / 255)
least_squares = run(deep_image_prior(y, A, iterations=200), truth=x)
alt = "A detail of the cup: blurred, after 200 iterations, and the truth."
show({"blurred": y, "network": least_squares.estimate}, x, alt)

# %% [markdown]
# Better than the blurred picture, but still soft. Why? A blur multiplies each wave of the picture by a number, its spectrum $K$ (lesson 01).
# Fine waves have small $K$. Let the estimate be wrong by $e$ in one wave:
#
# - the error in $y$ is $K e$;
# - the squared error is $|K|^2 |e|^2$, and that is what the loss sees.
#
# Where $|K| = 0.1$, the loss sees a hundredth of the error. So the fine waves are learned last. The prior would take them; the *loss* does not ask for them.
#
# ### The back-projection loss
#
# Bring the misfit back to the picture first, with the pseudo-inverse, and square it there:
#
# $$\| A^+ (A f_\theta(z) - y) \|^2 .$$
#
# Now every wave counts by what it lacks *in the picture*. The method is called **BP-DIP**.
# For a blur the plain $A^+$ divides by tiny numbers, so we take its tame relative, $A^T (A A^T + \varepsilon)^{-1}$ with $\varepsilon = 0.001$.


# %%
def fit_back_projection(y, A, iterations, epsilon=1e-3):
    def loss(estimate):
        return A.pinv(A(estimate) - y, epsilon=epsilon).square().mean()

    return deep_image_prior(y, A, iterations=iterations, loss=loss)


K = A.spectrum(x).abs().flatten().sort().values
K = K[K > 1e-3]
weights = {
    "least squares": (K, K**2),
    "back-projection": (K, (K**2 / (K**2 + 1e-3)) ** 2),
}
alt = "Two rising curves. Back-projection counts waves with spectrum 0.1 almost "
alt += "fully, least squares by a hundredth."
labels = ("|K| of a wave", "share of its error in the loss", alt)
show_curves(weights, *labels, log_x=True, log_y=True)

# %%
back_projection = await watch(fit_back_projection(y, A, 200), truth=x, observed=y)
runs = {"least squares": least_squares, "back-projection": back_projection}
curves = {
    name: (r.history["iteration"], r.history["psnr_average"])
    for name, r in runs.items()
}
show_curves(
    curves,
    "iteration",
    "PSNR of the average (dB)",
    "Back-projection rises far sooner than least squares.",
)

# %% [markdown]
# We observe that back-projection is decibels ahead, with the same network, the same picture, and the same seconds.
#
# The library has it as `bp_dip`. Its own loss function is three lines long; `deep_image_prior` does the rest.

# %%
from dil_course.from_scratch import bp_dip

tame = lambda misfit: A.pinv(misfit, epsilon=1e-3)
for step_mine, step_library in zip(
    fit_back_projection(y, A, 5), bp_dip(y, A, pinv=tame, iterations=5)
):
    pass
same = compare("estimate, iteration 5", step_mine.estimate, step_library.estimate)

# %% [markdown]
# ### The price
#
# The misfit holds the noise, too. Back-projection multiplies the noise of a wave by $|K| / (|K|^2 + \varepsilon)$.
#
# **Predict before you run.** At which $|K|$ is that largest, and how large is it for $\varepsilon = 0.001$?
# (Set the derivative to zero.) Then guess: from which noise level on will least squares be better?

# %%
levels = (0, 5, 20)
ends = {"least squares": [], "back-projection": []}
for level in levels:
    y_level = add_gaussian(A(x), level / 255)
    steps = {
        "least squares": deep_image_prior(y_level, A, iterations=200),
        "back-projection": fit_back_projection(y_level, A, 200),
    }
    for name in ends:
        ends[name].append(psnr(run(steps[name]).estimate, x))
    print(
        f"sigma {level:2}/255:  least squares {ends['least squares'][-1]:5.2f} dB,  "
        f"back-projection {ends['back-projection'][-1]:5.2f} dB"
    )

# %%
curves = {name: (levels, values) for name, values in ends.items()}
alt = "PSNR over noise. Back-projection starts higher and falls steeply; "
alt += "the curves cross at a low noise level."
show_curves(curves, "noise level sigma, of 255", "PSNR after 200 iterations (dB)", alt)

# %% [markdown]
# We observe that the curves cross. At $|K| = \sqrt{\varepsilon}$ the noise is multiplied by $1 / (2 \sqrt{\varepsilon})$, almost 16.
# Without noise that costs nothing. With noise the loss asks the network for amplified noise, loudly, and it obeys.
#
# So neither loss is better. **Back-projection is faster where the noise is low; least squares holds where it is high.**
# A larger $\varepsilon$ lies between the two.

# %% tags=["nbval-check-output"]
lead = [
    back - least for back, least in zip(ends["back-projection"], ends["least squares"])
]
print("the cells and the library's bp_dip agree:", same)
print("without noise, back-projection is at least 1 dB ahead:", lead[0] > 1)
print("at sigma 20, least squares is at least 1 dB ahead:", lead[-1] < -1)
print(
    "the lead falls from the lowest noise to the highest:", lead[0] > lead[1] > lead[2]
)

# %% [markdown]
# ## 5. Blocks of a JPEG file
#
# A JPEG file cuts the picture into blocks of 8 × 8 and rounds their waves. That is not linear, and $A$ is not known exactly.
# Treat it as noise: $A$ is the identity, and the "noise" is the block pattern. The loop must stop before it draws blocks.

# %%
face = picture("astronaut", side=96).to(device)
y = compress_jpeg(face, quality=10)
deblocked = run(deep_image_prior(y, iterations=300), truth=face)
show(
    {"JPEG, quality 10": y, "network": deblocked.estimate},
    face,
    "A face with blocks and false edges, and without.",
)

# %% [markdown]
# We observe that the blocks and the ripples beside edges are gone. The gain in decibels is small, because JPEG keeps what matters most to the mean squared error.

# %% [markdown]
# ## 6. Tomography
#
# In a CT scanner, rays pass through the body and are weakened along the way. Each detector pixel sees the *sum along a line*.
# All sums at all angles are the **sinogram**: a column for each angle.
#
# We take the standard phantom, a drawing of a head, at 30 angles instead of hundreds. The classical answer is *filtered back-projection* (FBP):
# smear each column back over the picture, after a filter.

# %%
from skimage.transform import iradon

phantom = Downsample(4)(picture("shepp_logan_phantom", side=384)).clamp(0, 1).to(device)
A = Radon(96, range(0, 180, 6))
y = add_gaussian(A(phantom), 0.005)
reconstructed = await watch(
    deep_image_prior(y, A, iterations=320, input_noise=0.01), truth=phantom
)

# %%
# Our rays hold means, scikit-image's sums
fbp = iradon(96 * y[0, 0].cpu().numpy(), theta=A.angles, circle=True)
fbp = torch.from_numpy(fbp)[None, None].to(y).clamp(0, 1)
sinogram = torch.nn.functional.interpolate(y / y.max(), size=(96, 96))
show_images(
    {"sinogram": sinogram},
    alt="Waves: each spot of the phantom draws a sine curve over the angles.",
)
alt = "The phantom: FBP has streaks and noise, the network has less of both."
show({"FBP": fbp, "network": reconstructed.estimate}, phantom, alt)

# %% [markdown]
# We observe that FBP draws fine streaks, because angles are missing, and makes the noise stronger. The network shows less of both:
# neither comes easily to it. The phantom is made of flat pieces, which suits the prior. Expect less on real tissue.

# %% [markdown]
# ## 7. Magnetic resonance
#
# An MRI scanner measures Fourier coefficients of the body, line by line. Lines take time, and patients move.
# So one measures every fourth line, most of them near the middle, where pictures have their strength. The classical answer is *zero-filling*:
# take the missing coefficients as zero, and transform back.

# %%
camera = picture("camera", side=96).to(device)
mask = line_mask(96, 96, acceleration=4)
A = Fourier(mask)
y = A(camera)
scanned = await watch(deep_image_prior(y, A, iterations=400), truth=camera)
pictures = {
    "zero-filled": A.pinv(y).clamp(0, 1),
    "network, consistent": consistent(scanned.estimate, y, A),
}
show_images(
    {"lines that are measured": mask}, alt="Vertical white lines, dense in the middle."
)
alt = "A face in profile: zero-filling repeats its edges sideways; "
alt += "the network's picture has fewer such ghosts."
show(pictures, camera, alt)

# %% [markdown]
# We observe that zero-filling repeats each edge sideways, as *ghosts*. The network's picture has fewer of them: ghosts add fine structure, and fine structure comes late.
#
# Real scanners have many coils and complex pictures. There one takes larger networks, such as the ConvDecoder
# (`networks.conv_decoder`), and finishes with consistency as we did.

# %% tags=["nbval-check-output"]
print(
    "JPEG: the network beats the file:",
    psnr(deblocked.estimate, face) > psnr(compress_jpeg(face, 10), face) + 0.2,
)
print(
    "tomography: the network is at least 1 dB above FBP:",
    psnr(reconstructed.estimate, phantom) > psnr(fbp, phantom) + 1,
)
print(
    "resonance: the network is at least 1 dB above zero-filling:",
    psnr(scanned.estimate, camera) > psnr(pictures["zero-filled"], camera) + 1,
)

# %% [markdown]
# ## 8. Tell the network where the edges are
#
# Until now $z$ was random. What if we know another picture of the same scene? In a dark room we take two photographs:
# one **without flash**, with the right light and much noise, and one **with flash**, sharp, with the wrong light.
#
# Use the flash picture as $z$. The edges are in it. The network only has to learn the light.
# We make the pair ourselves: a warm lamp from the left, and a cold flash from the front.


# %%
def colour(*values):
    return torch.tensor(values, device=device).view(1, 3, 1, 1)


scene = picture("astronaut", side=96).to(device)
lamp = torch.linspace(1, 0.35, 96, device=device) * colour(1, 0.8, 0.55)
flash = (0.15 + 0.85 * scene**0.6) * colour(0.8, 0.9, 1)
ambient = scene * lamp
y = add_gaussian(ambient, 40 / 255)
with runtime.seeded(0):
    network = small_skip_network(input_channels=3).to(device)
steps = deep_image_prior(y, network=network, z=flash, iterations=100)
guided = run(steps, truth=ambient)
unguided = run(deep_image_prior(y, iterations=200), truth=ambient)
pictures = {"no flash": y, "flash": flash, "random z": unguided.estimate}
pictures["z = flash"] = guided.estimate
show_images(
    {f"{name}, {psnr(p, ambient):.1f} dB": p for name, p in pictures.items()},
    alt="The pair, and two restorations in lamp light.",
)

# %% [markdown]
# We observe that the guided picture is decibels better, and after half of the iterations: the edges need not be guessed.
# Fine structure of the flash picture that the lamp does not show, such as a reflection, would come through as well.

# %% tags=["nbval-check-output"]
print(
    "the flash picture as input gains at least 2 dB:",
    psnr(guided.estimate, ambient) > psnr(unguided.estimate, ambient) + 2,
)

# %% [markdown]
# ## 9. Where it fails
#
# **Predict before you run.** Two cases: a hole of 44 × 44 pixels over half a face; and a deblurring whose kernel is told too wide, 2.4 pixels instead of 1.6.

# %%
hole = torch.ones(1, 1, 96, 96, device=device)
hole[..., 20:64, 40:84] = 0
holed = run(deep_image_prior(Mask(hole)(face), Mask(hole), iterations=250), truth=face)
show(
    {
        "hole": Mask(hole)(face),
        "network": consistent(holed.estimate, Mask(hole)(face), Mask(hole)),
    },
    face,
    "A face with a square hole, filled with smooth colours.",
)

# %%
y = add_gaussian(Blur(gaussian_kernel(9, 1.6))(x), 1 / 255)
kernels = {
    "right kernel": gaussian_kernel(9, 1.6),
    "kernel too wide": gaussian_kernel(15, 2.4),
}
sharpened = {
    name: run(deep_image_prior(y, Blur(kernel), iterations=300), truth=x).estimate
    for name, kernel in kernels.items()
}
alt = "The cup sharpened with the right kernel, and with one too wide: "
alt += "dark and bright seams along the edges."
show({"blurred": y} | sharpened, x, alt)

# %% [markdown]
# We observe:
#
# - **The hole** is filled with colours that fit its border, and no face. The picture's own patches hold no second face to learn from.
#   One picture cannot teach what is nowhere in it. Networks trained on many faces can, and they invent.
# - **The wrong kernel** gives seams along the edges. The loss is small all the same: the data are explained, by the wrong picture.
#   A small loss is no proof that $A$ is right.
# - **Fine texture**, as in lesson 03. On the fur of a cat (chelsea, 128 × 128) bicubic enlarging beats this loop at ×4, 27.36 against 27.30 dB,
#   and Tikhonov's filter beats BP-DIP, 29.49 against 28.74 dB. Three pictures for each operator stand in `benchmarks/RESULTS.md`.

# %% tags=["nbval-check-output"]
inside = (hole == 0).expand_as(face)
error = lambda x: float((x - face)[inside].square().mean().sqrt())
print(
    "inside the hole the error is above a tenth of the range:",
    error(holed.estimate) > 0.1,
)
print(
    "the wrong kernel costs at least 2 dB:",
    psnr(sharpened["kernel too wide"], x) < psnr(sharpened["right kernel"], x) - 2,
)

# %% [markdown]
# ## Summary
#
# 1. One loop restores from any linear measurement: put $A$ into the loss, and only there.
# 2. With noiseless data, finish with $\hat x + A^+(y - A \hat x)$: what was measured must come out as measured.
# 3. Least squares learns last what $A$ weakens. The back-projection loss asks for it at once, and for the noise with it.
# 4. A classical method can be better, and is often faster: biharmonic inpainting is hard to beat where half of the pixels are known exactly.
# 5. **What breaks it:** holes larger than the structure around them, a wrong forward model, and impatience.
#
# **Papers.** D. Ulyanov, A. Vedaldi, V. Lempitsky, *Deep Image Prior*, CVPR 2018 (super-resolution, inpainting, flash).
# J. Zukerman, T. Tirer, R. Giryes, *BP-DIP: A Backprojection Based Deep Image Prior*, EUSIPCO 2020.
# M. Z. Darestani, R. Heckel, *Accelerated MRI with Un-trained Neural Networks*, IEEE Transactions on Computational Imaging 2021 (ConvDecoder).
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, *Deep Internal Learning*, IEEE Signal Processing Magazine 2024.
#
# **Next.** Lesson 05 asks when to stop, without the truth, and why any of this works.
#
# **Problem set.** [Problem set 04](../exercises/ps04_dip_for_inverse_problems/ps04_dip_for_inverse_problems.ipynb): make data fit exactly, why back-projection is fast and why it fails, a patient who moved, four runs that fail.
