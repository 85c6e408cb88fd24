"""The deep image prior for ten inverse problems, beside the strongest classical methods of each.

python benchmarks/operators.py                          three pictures, three seeds, a table for each problem
python benchmarks/operators.py --problems "flash" ...   only these
python benchmarks/operators.py --side 128 --problems "super-resolution x4"

Each seed draws the noise, the mask and the network's start anew. A classical method with a weight gets the
best of a few by the truth, for each picture and seed, in its favour. The network has no weight: its
iterations were fixed beforehand, and "at its peak" is what the best moment to stop, chosen by the truth,
would have given.
Where the data are free of noise, each estimate is made consistent with them (`signals.consistent`).
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch
from quality import COLOUR, SCANS, header, say, scan, to_array, to_tensor
from skimage.restoration import denoise_nl_means, inpaint_biharmonic
from skimage.transform import iradon

sys.path.insert(0, str(Path(__file__).parents[1]))

from dil_course import runtime
from dil_course.doctor import machine
from dil_course.fitting import run
from dil_course.from_scratch import bp_dip, bp_tv, deep_image_prior, guided_filter, tv
from dil_course.networks import conv_decoder, small_skip_network
from dil_course.signals import (
    Blur,
    Downsample,
    Fourier,
    Identity,
    Mask,
    Radon,
    add_gaussian,
    compress_jpeg,
    consistent,
    enlarge,
    gaussian_kernel,
    line_mask,
    picture,
    psnr,
)

EPSILON = 1e-2  # of the back-projection loss for a blur
TIE = 0.1  # decibels

# Classical methods: function of y and A that returns its estimates, one for each setting to choose from.


def total_variation(*weights, iterations=300, rate=0.05):
    return lambda y, A: [run(tv(y, A, weight, iterations, rate)).estimate for weight in weights]


def back_projection_variation(*weights):
    return lambda y, A: [run(bp_tv(y, A, weight, tame(A))).estimate for weight in weights]


def tame(A):
    return lambda misfit: A.pinv(misfit, epsilon=EPSILON)


def tikhonov(y, A):
    return [A.pinv(y, epsilon=epsilon) for epsilon in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)]


def biharmonic(y, A):
    return [to_tensor(inpaint_biharmonic(to_array(y), (A.mask[0, 0] == 0).numpy(), channel_axis=-1))]


def biharmonic_denoised(y, A, sigma=10 / 255):
    filled = to_array(biharmonic(y, A)[0])
    settings = dict(patch_size=5, patch_distance=6, sigma=sigma, fast_mode=True, channel_axis=-1)
    return [to_tensor(denoise_nl_means(filled, h=h * sigma, **settings)) for h in (0.4, 0.6, 0.8, 1.0, 1.2)]


def filtered_back_projection(y, A):
    sums = A.side * y[0, 0].numpy()
    windows = ("ramp", "shepp-logan", "cosine", "hamming", "hann")
    return [to_tensor(iradon(sums, A.angles, filter_name=name, circle=True)[..., None]) for name in windows]


def guided(y, A):
    return [
        guided_filter(y, A.flash, radius, epsilon) for radius in (4, 8, 16) for epsilon in (1e-4, 1e-3, 1e-2)
    ]


# Problems: function of the clean picture, the side and the seed that gives x, y and A.


def observed(make, sigma=0.0, x_of=picture):
    def problem(name, side, seed):
        x, A = x_of(name, side), make(side, seed)
        y = (
            A(add_gaussian(x, sigma, seed=seed))
            if isinstance(A, Mask)
            else add_gaussian(A(x), sigma, seed=seed)
        )
        return x, y, A

    return problem


def half_mask(side, seed):
    return Mask(torch.rand(1, 1, side, side, generator=runtime.generator(seed, "mask")) < 0.5)


def blur(side, seed):
    return Blur(gaussian_kernel(9, 1.6))


def fourth(side, seed):
    return Fourier(line_mask(side, side, 4, seed=seed))


def jpeg(name, side, seed):
    x = picture(name, side)
    return x, compress_jpeg(x, 10), Identity()


def flash_pair(name, side, seed):
    """Lesson 04's: a warm lamp from the left with noise, and a cold flash without."""
    scene, A = picture(name, side), Identity()
    lamp = torch.linspace(1, 0.35, side) * torch.tensor([1, 0.8, 0.55]).view(1, 3, 1, 1)
    A.flash = (0.15 + 0.85 * scene**0.6) * torch.tensor([0.8, 0.9, 1]).view(1, 3, 1, 1)
    return scene * lamp, add_gaussian(scene * lamp, 40 / 255, seed=seed), A


# Networks: function of y, A and the seed that gives Steps.


def network(iterations, method=deep_image_prior, **settings):
    return lambda y, A, seed: method(y, A, iterations=iterations, seed=seed, **settings)


def back_projection(iterations):
    return lambda y, A, seed: bp_dip(y, A, tame(A), iterations=iterations, seed=seed)


def decoder(y, A, seed):
    with runtime.seeded(seed):
        made = conv_decoder(1, width=32)
    return deep_image_prior(y, A, made, 350, learning_rate=0.008, input_noise=0, seed=seed)


def from_flash(y, A, seed):
    with runtime.seeded(seed):
        made = small_skip_network(input_channels=3)
    return deep_image_prior(y, A, made, 100, z=A.flash, seed=seed)


def bicubic(y, A):
    return [enlarge(y, A)]


def given(y, A):
    return [y]


CLEAN = (3e-4, 1e-3, 3e-3)  # weights for data without noise
# Of each problem: how it is made, its pictures, are the data put back, classical methods, networks.
PROBLEMS = {
    "super-resolution x4": (
        observed(lambda side, seed: Downsample(4)),
        COLOUR,
        True,
        {"bicubic": bicubic, "TV": total_variation(*CLEAN)},
        {"network": network(350)},
    ),
    "super-resolution x8": (
        observed(lambda side, seed: Downsample(8)),
        COLOUR,
        True,
        {"bicubic": bicubic, "TV": total_variation(*CLEAN)},
        {"network": network(350)},
    ),
    "half of the pixels": (
        observed(half_mask),
        COLOUR,
        True,
        {"biharmonic": biharmonic, "TV": total_variation(*CLEAN)},
        {"network": network(450)},
    ),
    "half of the pixels, noise 10/255": (
        observed(half_mask, 10 / 255),
        COLOUR,
        False,
        {
            "biharmonic": biharmonic,
            "biharmonic, NLM": biharmonic_denoised,
            "TV": total_variation(0.01, 0.02, 0.04, 0.06),
        },
        {"network": network(450)},
    ),
    "blur, noise 2/255": (
        observed(blur, 2 / 255),
        COLOUR,
        False,
        {
            "Tikhonov": tikhonov,
            "TV": total_variation(3e-4, 6e-4, 1e-3, 2e-3, 4e-3),
            "BP-TV": back_projection_variation(3e-3, 1e-2, 3e-2, 0.1),
        },
        {"network": network(500), "network, BP": back_projection(500)},
    ),
    "blur, noise 20/255": (
        observed(blur, 20 / 255),
        COLOUR,
        False,
        {
            "Tikhonov": tikhonov,
            "TV": total_variation(0.01, 0.02, 0.04, 0.06),
            "BP-TV": back_projection_variation(0.1, 0.3, 0.6, 1.0),
        },
        {"network": network(250), "network, BP": back_projection(250)},
    ),
    "JPEG, quality 10": (
        jpeg,
        COLOUR,
        False,
        {"the file": given, "TV": total_variation(0.02, 0.04, 0.06, 0.08, 0.12)},
        {"network": network(350)},
    ),
    "tomography, 30 angles": (
        observed(lambda side, seed: Radon(side, range(0, 180, 6)), 0.005, scan),
        SCANS,
        False,
        {"FBP": filtered_back_projection, "TV": total_variation(3e-5, 1e-4, 3e-4, rate=0.2)},
        {"network": network(500, input_noise=0.01)},
    ),
    "resonance, a quarter": (
        observed(fourth, 0, scan),
        SCANS,
        True,
        {"zero-filled": lambda y, A: [A.pinv(y)], "TV": total_variation(*CLEAN, iterations=600)},
        {"network": network(350), "ConvDecoder": decoder},
    ),
    "flash, noise 40/255": (
        flash_pair,
        COLOUR,
        False,
        {"guided filter": guided, "TV": total_variation(0.1, 0.15, 0.2, 0.3)},
        {"network": network(200), "network, z = flash": from_flash},
    ),
}


def scores(problem, name, side, seed):
    """PSNR in dB of each method for one picture and one seed, and of each network at its oracle peak."""
    make, _, noiseless, classical, networks = PROBLEMS[problem]
    x, y, A = make(name, side, seed)
    finish = (lambda estimate: consistent(estimate, y, A)) if noiseless else (lambda estimate: estimate)

    def score(estimate):
        return psnr(finish(estimate).clamp(0, 1), x)

    found = {method: max(map(score, restore(y, A))) for method, restore in classical.items()}
    for method, steps in networks.items():
        result = run(steps(y, A, seed), truth=x)
        found[method] = score(result.estimate)
        found[f"{method}, at its peak"] = max(result.history["psnr_average"] + [found[method]])
    return found


def cell(values, best):
    mean = statistics.mean(values)
    mark = "**" if mean > best - TIE else ""
    low, high = min(values), max(values)
    return f"{mark}{mean:.2f}{mark}" + (f" ({low:.2f} to {high:.2f})" if high - low > 0.005 else "")


def table(problem, options):
    """Print one problem's table, and return {method: its mean over pictures and seeds}."""
    names, methods = PROBLEMS[problem][1], [*PROBLEMS[problem][3], *PROBLEMS[problem][4]]
    started, rows = time.time(), {}
    for name in names:
        rows[name] = [scores(problem, name, options.side, seed) for seed in range(options.seeds)]
    columns = list(rows[names[0]][0])
    print(f"### {problem}\n")
    header("picture", *columns)
    for name, found in rows.items():
        best = max(statistics.mean(row[method] for row in found) for method in methods)
        cells = [
            cell([row[column] for row in found], best if column in methods else 1e9) for column in columns
        ]
        say(name, *cells)
    print(f"\n{time.time() - started:.0f} s.\n", flush=True)
    return {
        column: statistics.mean(row[column] for found in rows.values() for row in found) for column in columns
    }


def summary(means):
    """One row a problem: its best method of each kind, in bold who wins."""
    header("problem", "classical", "TV", "network", "network minus the best other")
    for problem, found in means.items():
        kinds = {"classical": {}, "TV": {}, "network": {}}
        for method, value in found.items():
            if "peak" not in method:
                network = method in PROBLEMS[problem][4]
                kinds["network" if network else "TV" if "TV" in method else "classical"][method] = value
        best = {kind: max(of, key=of.get) for kind, of in kinds.items()}
        values = {kind: kinds[kind][best[kind]] for kind in kinds}
        top = max(values.values())
        cells = []
        for kind, value in values.items():
            mark = "**" if value > top - TIE else ""
            cells.append(f"{mark}{value:.2f}{mark} {best[kind] if best[kind] != kind else ''}".strip())
        say(problem, *cells, f"{values['network'] - max(values['classical'], values['TV']):+.2f}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    options = parser.parse_args()
    print(machine() + "\n", flush=True)
    summary({problem: table(problem, options) for problem in options.problems})


if __name__ == "__main__":
    main()
