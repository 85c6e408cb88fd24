"""Internal learning on signals that are no photographs: the tables that lesson 11 quotes. Prints markdown.

python benchmarks/beyond_images.py places   Fourier features and SIREN on every other pixel, beside a spline
python benchmarks/beyond_images.py noise    an ECG with noise, three noise seeds
python benchmarks/beyond_images.py gaps     the ECG with scattered gaps and with block gaps, five masks each
python benchmarks/beyond_images.py video    deep video prior on three scenes, three seeds
python benchmarks/beyond_images.py layers   one and two mixtures of two layers, three seeds

Medians (smallest to largest) over the seeds, which choose weights, noise, masks and flicker. PSNR in dB;
errors of gaps are root mean squares over the missing samples, on [0,1].
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.interpolate import CubicSpline, PchipInterpolator, RectBivariateSpline, make_smoothing_spline
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say, spread

from dil_course import runtime
from dil_course.doctor import machine
from dil_course.fitting import run
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import deep_image_prior, tv
from dil_course.networks import FourierFeatures, Siren, coordinates, small_skip_network
from dil_course.signals import Mask, add_gaussian, ecg, mr_slice, picture, psnr

SEEDS = (0, 1, 2)
SIDE = 96


def score(estimate, x):
    return psnr(estimate.clamp(0, 1), x)


def grays():
    yield "camera", picture("camera", side=SIDE).mean(1, keepdim=True)
    yield "text", picture("text", side=128).mean(1, keepdim=True)[..., :SIDE, :SIDE]
    yield "MR slice", mr_slice()[..., :SIDE, :SIDE]


def fit_places(network, x, iterations=150, learning_rate=3e-3):
    """The estimate of all pixels of x from every other one of every other row."""
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    places = coordinates(*x.shape[-2:])
    for _ in range(iterations):
        loss = (network(places[..., ::2, ::2]) - x[..., ::2, ::2]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network(places).detach()


def places():
    header("image", "network", "seen pixels", "the others")
    seen = torch.zeros(1, 1, SIDE, SIDE)
    seen[..., ::2, ::2] = 1
    for name, x in grays():
        grid, everywhere = np.arange(0, SIDE, 2), np.arange(SIDE)
        spline = RectBivariateSpline(grid, grid, x[0, 0, ::2, ::2].numpy())(everywhere, everywhere)

        def both(estimate, x=x):
            squares = (estimate.clamp(0, 1) - x).square()
            return [-10 * squares[seen == s].mean().clamp(min=1e-10).log10().item() for s in (1, 0)]

        say(name, "cubic spline", "exact", both(torch.from_numpy(spline).float()[None, None])[1])
        kinds = {
            f"Fourier features, scale {s}": (FourierFeatures, dict(scale=s), 3e-3) for s in (1, 3, 5, 20)
        }
        kinds |= {f"SIREN, frequency {f}": (Siren, dict(frequency=f), 1e-3) for f in (10, 20, 60)}
        for kind, (make, settings, rate) in kinds.items():
            values = []
            for seed in SEEDS:
                with runtime.seeded(seed):
                    network = make(**settings)
                values.append(both(fit_places(network, x, learning_rate=rate)))
            on_seen, on_rest = zip(*values, strict=True)
            say(name, kind, spread(on_seen, 1), spread(on_rest, 1))


def samples(x):
    return x[0, 0, 0].numpy().astype(float)


def as_signal(values):
    return torch.as_tensor(values).float()[None, None, None]


def siren(y, A=None, seed=0, iterations=300, frequency=10):
    with runtime.seeded(seed):
        network = Siren(1, 1, frequency=frequency)
    on_line = coordinates(1, y.shape[-1])
    return deep_image_prior(y, A, network, iterations, 1e-3, input_noise=0, z=on_line)


def prior(y, A=None, seed=0):
    return deep_image_prior(y, A, iterations=400, seed=seed)


def non_local_means(y, sigma, size, strength):
    padded = F.pad(y, (size // 2, size // 2, 0, 0), mode="reflect")
    rows = padded[0, 0, 0].unfold(0, size, 1)
    apart = torch.cdist(rows, rows).square() / size - 2 * sigma**2
    weights = torch.exp(-apart.clamp(min=0) / (strength * sigma) ** 2)
    return as_signal(weights @ y[0, 0, 0] / weights.sum(1))


def wavelets(y, sigma, levels=4, level=0):
    """Haar's differences at all shifts, those below the universal threshold removed."""
    if level == levels:
        return y
    later = y.roll(-(2**level), -1)
    smooth, detail = (y + later) / 2, (y - later) / 2
    size = sigma * 2 ** (-(level + 1) / 2) * (2 * np.log(y.numel())) ** 0.5
    detail = detail * (detail.abs() > size)
    smooth = wavelets(smooth, sigma, levels, level + 1)
    return (smooth + detail + (smooth - detail).roll(2**level, -1)) / 2


def variation(y, weight):
    """Total variation of one row, which `tv` takes as two equal ones."""
    return run(tv(y.expand(1, 1, 2, -1).contiguous(), None, weight)).estimate[:, :, :1]


def noise(sigma=0.05):
    x, values = ecg(), {}
    time = np.arange(x.shape[-1])
    for seed in SEEDS:
        y = add_gaussian(x, sigma, seed=seed)
        hidden = (torch.rand(x.shape, generator=runtime.generator(seed, "hidden")) < 0.1).float()
        row = {"noisy": score(y, x)}
        row["smoothing spline, cross-validated"] = score(
            as_signal(make_smoothing_spline(time, samples(y))(time)), x
        )
        for levels in (4, 5):
            row[f"wavelet thresholding, {levels} levels"] = score(wavelets(y, sigma, levels), x)
        row["total variation, best weight (truth)"] = max(
            score(variation(y, weight), x) for weight in (0.05, 0.08, 0.12, 0.17)
        )
        row["non-local means, 15 samples, 0.8"] = score(non_local_means(y, sigma, 15, 0.8), x)
        row["non-local means, best of 42 settings (truth)"] = max(
            score(non_local_means(y, sigma, size, h), x)
            for size in (5, 9, 15, 21, 31, 45)
            for h in (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3)
        )
        for name, make in (("SIREN 10", siren), ("1-D prior", prior)):
            rule = HeldOut(y, hidden, patience=150)
            row[f"{name}, held-out stop"] = score(
                run(make(y, Mask(1 - hidden), seed=seed), stop=rule).estimate, x
            )
            history = run(make(y, seed=seed), truth=x).history["psnr_average"]
            row[f"{name}, best average (truth)"] = max(history)
            row[f"{name}, at the end"] = history[-1]
        for name, value in row.items():
            values.setdefault(name, []).append(float(value))
    header("method", "PSNR")
    for name, row in values.items():
        say(name, spread(row))


def period(v, k):
    def apart(lag):
        both = k[lag:] & k[:-lag]
        return (v[lag:] - v[:-lag])[both].square().mean()

    return min(range(150, 500), key=apart)


def copied(v, k, a, b, shifts, context=64):
    """Samples a to b, from where the surroundings fit best."""
    here = torch.arange(max(a - context, 0), min(b + context, len(v)))
    gap, best = (here >= a) & (here < b), (torch.inf, None)
    for shift in shifts:
        there = here + shift
        if there[0] >= 0 and there[-1] < len(v) and k[there][gap].all():
            both = k[there] & k[here]
            offset = (v[there] - v[here])[both].mean()
            error = (v[there] - v[here] - offset)[both].square().mean()
            best = min(best, (error, v[there][gap] - offset), key=lambda pair: pair[0])
    return best[1]


def copy_beats(y, known):
    filled, v, k = y.clone(), y[0, 0, 0], known[0, 0, 0] > 0
    lag = period(v, k)
    shifts = [n * lag + d for n in (-2, -1, 1, 2) for d in range(-8, 9)]
    edges = torch.diff(k.int())
    starts, ends = (edges == -1).nonzero() + 1, (edges == 1).nonzero() + 1
    for a, b in zip(starts[:, 0].tolist(), ends[:, 0].tolist(), strict=True):
        values = copied(v, k, a, b, shifts)
        filled[0, 0, 0, a:b] = v[a - 1] if values is None else values
    return filled


def masks(kind, seed, count):
    """1 where a sample is known: every second one at random, or all but five blocks of 40."""
    if kind == "scattered":
        known = (torch.rand(1, 1, 1, count, generator=runtime.generator(seed, "gaps")) > 0.5).float()
    else:
        known = torch.ones(1, 1, 1, count)
        for start in 200 * np.arange(5) + np.random.default_rng(seed).integers(20, 150, 5):
            known[..., start : start + 40] = 0
    known[..., [0, -1]] = 1
    return known


def gaps():
    x = ecg()
    time = np.arange(x.shape[-1])
    header("gaps", "method", "median (range) of five masks", "each mask")
    for kind in ("scattered", "blocks"):
        values = {}
        for seed in range(5):
            known = masks(kind, seed, x.shape[-1])
            y, A, at = known * x, Mask(known), samples(known) == 1
            filled = {
                "cubic spline": as_signal(CubicSpline(time[at], samples(x)[at])(time)),
                "PCHIP": as_signal(PchipInterpolator(time[at], samples(x)[at])(time)),
                "SIREN 10": run(siren(y, A, seed)).estimate,
                "1-D prior": run(prior(y, A, seed)).estimate,
            }
            if kind == "blocks":
                filled["copy, a period away"] = copy_beats(y, known)
            for name, estimate in filled.items():
                error = (estimate.clamp(0, 1) - x)[known == 0].square().mean().sqrt().item()
                values.setdefault(name, []).append(error)
        for name, row in values.items():
            say(kind, name, spread(row, 3), ", ".join(f"{error:.3f}" for error in row))


FRAMES, SIZE, HELD_OUT = 12, 64, [2, 5, 8]


class Colour(nn.Module):
    """Gray frame (1,1,H,W) to coloured frame: lesson 11's network of the deep video prior."""

    def __init__(self, width=24):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(width if n else 1, width, 3, 2 if n else 1, 1) for n in range(4))
        self.up = nn.ModuleList(nn.Conv2d(2 * width, width, 3, 1, 1) for _ in range(3))
        self.last = nn.Conv2d(width, 3, 1)

    def forward(self, gray):
        x, seen = gray, []
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.2)
            seen.append(x)
        for layer, before in zip(self.up, seen[-2::-1], strict=True):
            x = F.interpolate(x, scale_factor=2)
            x = F.leaky_relu(layer(torch.cat([x, before], 1)), 0.2)
        return gray + self.last(x)


def registered(video):
    """Mean of all frames that show a point, with the motion known."""
    canvas = torch.full((FRAMES, 3, 128, 128), torch.nan)
    for t in range(FRAMES):
        canvas[t, :, 2 * t : 2 * t + SIZE, 3 * t : 3 * t + SIZE] = video[t]
    mean = canvas.nanmean(0)
    return torch.stack([mean[:, 2 * t : 2 * t + SIZE, 3 * t : 3 * t + SIZE] for t in range(FRAMES)])


def video_scores(name, seed, iterations=1000, every=20):
    scene = picture(name, side=128)
    clean = torch.cat([scene[..., 8 + 2 * t :, 8 + 3 * t :][..., :SIZE, :SIZE] for t in range(FRAMES)])
    gray = clean.mean(1, keepdim=True)
    fields = torch.randn(FRAMES, 3, 4, 4, generator=runtime.generator(seed, "flicker"))
    fields = F.interpolate(0.15 * fields, size=SIZE, mode="bilinear")
    flicker = (clean * (1 + fields)).clamp(0, 1)
    powers = torch.cat([gray**n for n in range(6)], 1).movedim(1, -1).reshape(-1, 6)
    curve = powers @ torch.linalg.lstsq(powers, flicker.movedim(1, -1).reshape(-1, 3)).solution
    videos = {
        "flickering": flicker,
        "temporal median": flicker.median(0, keepdim=True).values.expand_as(clean),
        "colour curve": curve.reshape(FRAMES, SIZE, SIZE, 3).movedim(-1, 1),
        "registered mean (motion known)": registered(flicker),
    }
    with runtime.seeded(seed):
        network = Colour()
    optimizer, draw = torch.optim.Adam(network.parameters(), lr=1e-3), np.random.default_rng(seed)
    shown, made = [t for t in range(FRAMES) if t not in HELD_OUT], None
    followed, truth, held = [], [], []
    for iteration in range(1, iterations + 1):
        t = draw.choice(shown)
        loss = (network(gray[t : t + 1]) - flicker[t : t + 1]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration % every == 1:
            with torch.no_grad():
                new = network(gray).clamp(0, 1)
            made = new if made is None else 0.8 * made + 0.2 * new
            followed.append(made)
            truth.append(score(made, clean))
            held.append(score(made[HELD_OUT], flicker[HELD_OUT]))
    for kind, at in (("held-out stop", held), ("best (truth)", truth)):
        videos[f"video prior, {kind}"] = followed[int(np.argmax(at))]
    videos["video prior, at the end"] = made

    def restored(video):
        return video + gray - video.mean(1, keepdim=True)

    return {method: (score(v, clean), score(restored(v), clean)) for method, v in videos.items()}


def video():
    header("scene", "method", "PSNR", "gray restored")
    for name in ("coffee", "astronaut", "chelsea"):
        rows = [video_scores(name, seed) for seed in SEEDS]
        for method in rows[0]:
            plain, restored = zip(*(row[method] for row in rows), strict=True)
            say(name, method, spread(plain, 1), spread(restored, 1))


def slopes(x):
    return x.diff(dim=-1)[..., :-1, :], x.diff(dim=-2)[..., :-1]


def exclusion(a, b, levels=3):
    total = 0
    for _ in range(levels):
        for p, q in zip(slopes(a), slopes(b), strict=True):
            total = total + ((p.tanh().square() * q.tanh().square()).mean() + 1e-12) ** 0.25
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return total / (2 * levels)


def two_priors(mixtures, shares, iterations, seed, weight=0.01):
    with runtime.seeded(seed):
        networks = [small_skip_network(1) for _ in range(2)]
        z = [0.1 * torch.rand(1, 16, *mixtures.shape[-2:]) for _ in range(2)]
        logits = torch.tensor([0.4, -0.4], requires_grad=shares is None)
        optimizer = torch.optim.Adam([*(p for n in networks for p in n.parameters()), logits], lr=0.01)
        for _ in range(iterations):
            a, b = (n(x + torch.randn_like(x) / 30) for n, x in zip(networks, z, strict=True))
            share = (logits.sigmoid() if shares is None else shares).view(-1, 1, 1, 1)
            misfit = (share * a + (1 - share) * b - mixtures).square().mean()
            loss = misfit + weight * exclusion(a, b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return torch.cat([a, b]).detach(), misfit.item()


def ica(mixtures):
    """Mixing matrix with rows of sum one, the gradients as sparse as can be."""
    edges = torch.stack([torch.cat([s.flatten() for s in slopes(y)]) for y in mixtures]).double()
    edges = edges - edges.mean(1, keepdim=True)
    values, vectors = torch.linalg.eigh(edges @ edges.T / edges.shape[1])
    whitener, best = (vectors / values.sqrt()).T, None
    for angle in torch.linspace(0, torch.pi / 2, 361).double():
        turned = torch.stack([angle.cos(), angle.sin(), -angle.sin(), angle.cos()]).view(2, 2)
        size = (turned @ whitener @ edges).abs().mean()
        if best is None or size < best[0]:
            best = size, torch.linalg.inv(turned @ whitener)
    return best[1] * torch.linalg.solve(best[1], torch.ones(2).double())


def layers(side=48):
    pairs = {f"camera, {name}": picture(name, side).mean(1, keepdim=True) for name in ("coins", "chelsea")}
    header("layers", "method", "PSNR of the worse layer", "misfit (root mean square)")
    for name, other in pairs.items():
        truth = torch.cat([picture("camera", side=side).mean(1, keepdim=True), other])

        def worse(found, truth=truth):
            orders = (found, found.flip(0))
            return max(min(score(f[k : k + 1], truth[k : k + 1]) for k in (0, 1)) for f in orders)

        shares = torch.tensor([0.7, 0.35])
        both = (torch.stack([shares, 1 - shares], 1) @ truth.flatten(1)).view_as(truth)
        say(name, "ICA of two mixtures", worse(
            torch.linalg.solve(ica(both), both.flatten(1).double()).view_as(truth).float()), "0")  # fmt: skip
        half = truth.mean(0, keepdim=True)
        for case, mixtures, known, iterations in (
            ("one mixture", half, torch.tensor([0.5]), 200),
            ("two mixtures, shares learned", both, None, 300),
        ):
            for weight in (0, 0.01):
                runs = [two_priors(mixtures, known, iterations, seed, weight) for seed in SEEDS]
                misfits = [misfit**0.5 for _, misfit in runs]
                label = f"two networks, {case}, exclusion {weight}"
                say(name, label, spread([worse(found) for found, _ in runs], 1), spread(misfits, 3))


TABLES = {"places": places, "noise": noise, "gaps": gaps, "video": video, "layers": layers}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", choices=TABLES)
    options = parser.parse_args()
    print(f"{machine()}\n")
    TABLES[options.table]()
