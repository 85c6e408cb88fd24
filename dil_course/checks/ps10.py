"""Checks of problem set 10: generating from one image."""

import copy
import math

import torch
import torch.nn.functional as F

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, parts, task, tensor
from dil_course.fitting import run
from dil_course.from_scratch.gpnn import gpnn, normalised_nearest, overlap_mean, resized_by, scales
from dil_course.from_scratch.internal_pairs import resized
from dil_course.signals import patches, picture

__all__ = [
    "CAUSES",
    "both_ways",
    "causes",
    "chosen",
    "failing_run",
    "gradient_penalty",
    "posterior_mean",
    "seen",
    "suspects",
]


def __dir__():
    return __all__


@task(points=2)
def seen(answer, seed):
    """Task 1: `answer(kernels, sides)` lists, for the side of the image at each scale, which part of its area
    one value behind these convolutions depends on.
    """
    draw = runtime.generator(seed, "sides")
    for kernels, smallest, ratio in (([3] * 5, 18, 1.33), ([5, 1, 3, 7], 10, 1.5), ([7], 20, 1.4)):
        first = smallest + int(torch.randint(0, 3, (), generator=draw))
        sides = [round(first * ratio**number) for number in range(4)]
        field, full = 1 + sum(side - 1 for side in kernels), sides[-1]

        def shares(field, sides=sides, power=2, most=1.0):
            return torch.tensor([min(most, (field / side) ** power) for side in sides], dtype=torch.float64)

        grow = (
            "draw two kernels of 3 in one dimension: how many pixels does a value behind both depend on?",
            "a kernel of side k adds k - 1 pixels, and without any kernel it is one pixel",
            "1 + sum(k - 1 for k in kernels)",
        )
        scale = (
            "the network is the same at each scale, but the image is not: divide by the side at that scale",
            "min(1, (field / side) ** 2) for each of the sides, in their order",
        )
        mistakes = with_hints(
            (
                grow,
                {
                    "you add up the sides of the kernels": shares(sum(kernels)),
                    "you multiply the sides of the kernels": shares(math.prod(kernels)),
                    "your window is one pixel too narrow": shares(field - 1),
                    "you look through the largest kernel alone": shares(max(kernels)),
                },
            ),
            (
                ("a window and an image have two sides each", "the share of the area is a square"),
                {"this is the share of a side, not of the area": shares(field, power=1)},
            ),
            (
                (
                    "what does a window see that is larger than the image?",
                    "a share is at most 1: min(1, ...)",
                ),
                {"some of your shares exceed 1": shares(field, most=math.inf)},
            ),
            (
                scale,
                {
                    "you begin with the finest scale": shares(field).flip(0),
                    "your share is that of the full size at each scale": shares(field, [full] * 4),
                    "these are sides of the window in pixels of the full size": [
                        field * full / side for side in sides
                    ],
                    "this is the receptive field in pixels, the same at each scale": [field] * 4,
                },
            ),
        )
        match(f"kernels {kernels}", call(answer, kernels, sides), shares(field), mistakes, grow)


@task(points=3)
def posterior_mean(answer, seed):
    """Task 2: `answer(queries, database, shares, sigma)` is the mean of the patch behind each noisy
    query, for patches that occur with these shares.
    """
    draw = runtime.generator(seed, "noisy patches")
    for queries, size, count, sigma in ((15, 12, 7, 0.9), (9, 4, 6, 0.35)):
        database = torch.rand(count, size, generator=draw, dtype=torch.float64)
        shares = torch.rand(count, generator=draw, dtype=torch.float64) ** 2 + 0.02
        noise = torch.randn(queries, size, generator=draw, dtype=torch.float64)
        noisy = database[torch.arange(queries) % count] + sigma * noise
        _look_at_posterior(answer, noisy, database, shares / shares.sum(), sigma)
    _look_far_from_all_patches(answer, draw)


def _look_at_posterior(answer, q, database, shares, sigma):
    squared = torch.cdist(q, database) ** 2

    def weights(exponent, prior=shares, dim=1):
        return (exponent + prior.log()).softmax(dim)

    right = weights(-squared / (2 * sigma**2))
    likelihood = (-squared / (2 * sigma**2)).exp()
    gauss = (
        "write down the density of the noise q - p: which power of e is it?",
        "exp(-|q - p|^2 / (2 sigma^2)), where |.|^2 is the sum over all values of the patch",
    )
    bayes = (
        "Bayes: the weight of a patch is how often it occurs times how well it explains the query",
        "w_j = shares_j exp(-|q - p_j|^2 / (2 sigma^2)), divided by the sum over j",
    )
    mistakes = with_hints(
        (
            gauss,
            {
                "the 2 is missing below your exponent": weights(-squared / sigma**2) @ database,
                "sigma is not squared in your exponent": weights(-squared / (2 * sigma)) @ database,
                "sigma is missing in your exponent": weights(-squared / 2) @ database,
                "your distances are not squared": weights(-squared.sqrt() / (2 * sigma**2)) @ database,
                "your squared distance is a mean over the patch, not a sum": weights(
                    -squared / q.shape[1] / (2 * sigma**2)
                )
                @ database,
                "your exponent has the wrong sign: what is far away counts most": weights(
                    squared / (2 * sigma**2)
                )
                @ database,
            },
        ),
        (
            bayes,
            {
                "you leave out how often each patch occurs": weights(
                    -squared / (2 * sigma**2), torch.ones_like(shares)
                )
                @ database,
                "you add the shares to the exponent": weights(-squared / (2 * sigma**2), shares.exp())
                @ database,
                "this is the mean before the query was seen": (shares @ database).expand_as(q),
                "your weights do not add up to one": (likelihood * shares) @ database,
                "your weights added up to one before the shares came in": (
                    likelihood / likelihood.sum(1, keepdim=True) * shares
                )
                @ database,
                "your weights add up to one over the queries": weights(-squared / (2 * sigma**2), dim=0)
                @ database,
            },
        ),
        (
            (
                "one patch is a guess; the least mean squared error is that of their mean",
                bayes[1],
            ),
            {
                "this is the nearest patch, not a mean": database[squared.argmin(1)],
                "this is the most probable patch, not a mean": database[right.argmax(1)],
            },
        ),
        (
            ("the weights are on the way to it: what do they weigh?", "weights @ database"),
            {"these are the weights, not the mean": right},
        ),
    )
    name = f"posterior mean, sigma {sigma}"
    match(name, call(answer, q, database, shares, sigma), right @ database, mistakes, (bayes[0], *gauss))


def _look_far_from_all_patches(answer, draw):
    """A query half way between two patches: exp(-|q - p|^2 / (2 sigma^2)) is zero for every number format."""
    database = torch.rand(6, 48, generator=draw, dtype=torch.float64)
    shares = torch.tensor([0.3, 0.1, 0.2, 0.1, 0.2, 0.1], dtype=torch.float64)
    given = call(answer, database[:2].mean(0, keepdim=True), database, shares, 0.03)
    underflow = (
        "print your weights before you divide by their sum: e to the power of -1000 is 0 on a computer",
        "adding the same number to all exponents of a row changes nothing. Which number makes the largest 0?",
        "torch.softmax(exponents + shares.log(), 1) does it for you",
    )
    try:
        given = tensor(given)
    except Wrong:
        raise Wrong("far from all patches your weights are 0 / 0", *underflow) from None
    right = (0.75 * database[:1] + 0.25 * database[1:2]).reshape(1, -1)
    mistakes = with_hints(
        (
            underflow,
            {
                "far from all patches all of your weights are 0": torch.zeros(1, 48),
                "far from all patches your weights forget the distances": shares[None] @ database,
            },
        )
    )
    hints = ("where sigma is small, next to all weight is on the nearest patches", *underflow[:2])
    match("half way between two patches", given, right, mistakes, hints, tolerance=0.02)


class _Critic(torch.nn.Module):
    """A tiny critic: (N,C,H,W) to a map (N,1,H-2,W-2). Random and smooth."""

    def __init__(self, channels, draw):
        super().__init__()
        first = torch.randn(4, channels, 3, 3, generator=draw, dtype=torch.float64)
        self.first = torch.nn.Parameter(first / 2)
        self.last = torch.nn.Parameter(torch.randn(1, 4, 1, 1, generator=draw, dtype=torch.float64))

    def forward(self, x):
        return F.conv2d(torch.tanh(F.conv2d(x, self.first)), self.last)


@task(points=3)
def gradient_penalty(answer, seed):
    """Task 3: `answer(critic, real, fake, t)` is the mean over the images of (|gradient| - 1)^2, between real
    and fake images, and the critic can learn from it.
    """
    draw = runtime.generator(seed, "critics")
    for shape in ((3, 2, 5, 6), (4, 1, 4, 4)):
        critic = _Critic(shape[1], draw)
        real, fake = (torch.rand(shape, generator=draw, dtype=torch.float64) for _ in range(2))
        t = 0.15 + 0.25 * torch.rand(shape[0], 1, 1, 1, generator=draw, dtype=torch.float64)
        # Some slopes above 1 and some below: so one that punishes only one of the two kinds is found out.
        norms = _slopes(critic, t * real + (1 - t) * fake).detach().flatten(1).norm(dim=1)
        critic.last.data /= 0.4 * norms.min() + 0.6 * norms.max()
        _look_at_penalty(answer, critic, real, fake, t)


def _slopes(critic, x, reduce=torch.mean):
    """The gradient of each image's value, with the graph that leads to the critic's weights."""
    x = x.clone().requires_grad_()
    values = reduce(critic(x).flatten(1), 1)
    return torch.autograd.grad(values.sum(), x, create_graph=True)[0]


def _look_at_penalty(answer, critic, real, fake, t):
    between = t * real + (1 - t) * fake
    g = _slopes(critic, between)
    norms = g.flatten(1).norm(dim=1)
    right = (norms - 1).square().mean()

    def of(x, reduce=torch.mean):
        return (_slopes(critic, x, reduce).flatten(1).norm(dim=1) - 1).square().mean()

    where = (
        "at which images is the slope asked for? Neither at the real nor at the fake ones",
        "x = t * real + (1 - t) * fake, with a t of its own for each image",
    )
    norm = (
        "one image has one gradient, and this one norm: over all of its channels, rows and columns",
        "gradient.flatten(1).norm(dim=1) has one number for each image",
    )
    formula = ("mean over the images of (norm - 1)^2: which of the three steps differs?", norm[1])
    mistakes = with_hints(
        (
            where,
            {
                "this is the slope at the real images": of(real),
                "this is the slope at the fake images": of(fake),
                "you exchange real and fake": of(t * fake + (1 - t) * real),
                "you mix all images with the first t": of(t[0] * real + (1 - t[0]) * fake),
                "you mix half and half": of((real + fake) / 2),
            },
        ),
        (
            norm,
            {
                "your norm is taken over the channels alone, at each pixel": (g.norm(dim=1) - 1)
                .square()
                .mean(),
                "your norm is taken over all images at once": (g.norm() - 1).square(),
                "your norm is taken over the gradient of a mean over the images": (norms / len(norms) - 1)
                .square()
                .mean(),
                "your norm adds absolute values": (g.abs().flatten(1).sum(1) - 1).square().mean(),
            },
        ),
        (
            formula,
            {
                "you subtract 1 from the squared norm": (norms**2 - 1).square().mean(),
                "you do not square the difference": (norms - 1).mean(),
                "you take the absolute difference": (norms - 1).abs().mean(),
                "you punish only slopes above 1": (norms - 1).clamp(min=0).square().mean(),
                "you punish the slope itself, not its distance from 1": norms.square().mean(),
                "you add up the images": (norms - 1).square().sum(),
                "you average the norms first": (norms.mean() - 1).square(),
            },
        ),
        (
            ("what is the value of an image, if the critic gives a map?", "critic(x).mean((1, 2, 3))"),
            {"you add up the critic's map, and do not average it": of(between, torch.sum)},
        ),
    )
    copied = copy.deepcopy(critic)
    given = call(answer, copied, real, fake, t)
    match(f"penalty of {len(t)} images", given, right, mistakes, (*where[1:], *formula))
    _look_at_its_gradient(given, copied, right, critic)


def _look_at_its_gradient(given, copied, right, critic):
    """The penalty must be able to change the critic, and leave nothing in it."""
    keep = (
        "a penalty that the critic's weights get no gradient from changes nothing",
        "it is a gradient that is differentiated once more: torch must keep the graph of the first one",
        "torch.autograd.grad(values.sum(), x, create_graph=True)",
    )
    if not isinstance(given, torch.Tensor) or not given.requires_grad:
        raise Wrong("the number is right, but the critic cannot learn from it", *keep)
    if any(weights.grad is not None and weights.grad.any() for weights in copied.parameters()):
        raise Wrong(
            "the number is right, but your function leaves a gradient in the critic's weights",
            "`backward` writes into all leaves, the weights too, and the next step would use it",
            "torch.autograd.grad returns the gradient that you ask for, and writes nowhere",
        )
    expected = torch.autograd.grad(right, list(critic.parameters()))
    try:
        came = torch.autograd.grad(given.sum(), list(copied.parameters()), allow_unused=True)
    except RuntimeError:
        raise Wrong("the number is right, but its graph is gone", *keep) from None
    came = [torch.zeros(()) if part is None else part for part in came]
    if any(
        part.shape != wanted.shape or (part - wanted).abs().max() > 1e-3 * wanted.abs().max()
        for part, wanted in zip(came, expected, strict=True)
    ):
        raise Wrong("the number is right, but its gradient in the critic's weights is not", *keep)


@task(points=2)
def both_ways(answer, seed):
    """Task 4: `answer(sample, source, size)` is (coherence, completeness), as means of the least mean squared
    difference of patches.
    """
    draw = runtime.generator(seed, "images")
    for channels, sides, others, size in ((2, (9, 7), (8, 11), 3), (1, (6, 8), (7, 6), 4)):
        sample = torch.rand(1, channels, *sides, generator=draw, dtype=torch.float64)
        source = torch.rand(1, channels, *others, generator=draw, dtype=torch.float64)
        sample[..., :size, :size] = source[..., 1 : size + 1, 2 : size + 2]  # one patch is an exact copy
        _look_at_both_ways(answer, sample, source, size)


def _look_at_both_ways(answer, sample, source, size):
    rows, columns = patches(sample, size), patches(source, size)
    squared = torch.cdist(rows, columns, compute_mode="donot_use_mm_for_euclid_dist") ** 2 / rows.shape[1]
    to_source, to_sample = squared.min(1).values, squared.min(0).values
    gray = torch.cdist(*(patches(x.mean(1, keepdim=True), size) for x in (sample, source))) ** 2 / size**2

    def pair(first, second):
        return torch.stack([first, second])

    direction = (
        "coherence asks each patch of the SAMPLE: is there one like you in the source?",
        "with the distances in a table (sample, source): the least of each row, or of each column?",
        "coherence: distances.min(1), completeness: distances.min(0)",
    )
    unit = (
        "the mean of the squared differences of two patches, over all of their values",
        "((a - b) ** 2).mean()",
    )
    mistakes = with_hints(
        (
            direction,
            {
                "coherence and completeness are exchanged": pair(to_sample.mean(), to_source.mean()),
                "both of your numbers are the coherence": pair(to_source.mean(), to_source.mean()),
                "both of your numbers are the completeness": pair(to_sample.mean(), to_sample.mean()),
            },
        ),
        (
            unit,
            {
                "you take the root of each squared difference": pair(
                    to_source.sqrt().mean(), to_sample.sqrt().mean()
                ),
                "your squared differences are summed over the patch, not averaged": rows.shape[1]
                * pair(to_source.mean(), to_sample.mean()),
                "your patches are gray": pair(gray.min(1).values.mean(), gray.min(0).values.mean()),
            },
        ),
        (
            (
                "each patch is compared with all others, but only its nearest counts",
                "first the least over the others, then the mean over all patches",
            ),
            {
                "this is the mean over all pairs of patches": squared.mean().expand(2),
                "this is the least over all pairs of patches": squared.min().expand(2),
                "this is the worst patch, not the mean": pair(to_source.max(), to_sample.max()),
                "you add up the patches": pair(to_source.sum(), to_sample.sum()),
            },
        ),
    )
    given = torch.stack(
        [
            tensor(value).squeeze()
            for value in parts(call(answer, sample, source, size), "coherence, completeness")
        ]
    )
    match(
        f"patches of {size}", given, pair(to_source.mean(), to_sample.mean()), mistakes, (*unit, direction[0])
    )


@task(points=2)
def chosen(answer, seed):
    """Task 5: `answer(distances, alpha)` is the index of the key with the least normalised score, for each
    query.
    """
    draw = runtime.generator(seed, "distances")
    for queries, keys, alpha in ((40, 30, 0.02), (25, 60, 0.1), (30, 20, 1e-4)):
        # Some keys are far from all queries, so that the normalisation has something to do.
        distances = torch.rand(queries, keys, generator=draw, dtype=torch.float64)
        distances = 0.05 + distances + torch.rand(keys, generator=draw, dtype=torch.float64)
        distances[3, 5] = distances[7, 5] = 0.0  # a key that two queries have found exactly
        _look_at_choice(answer, distances, alpha)


def _look_at_choice(answer, distances, alpha):
    least = distances.min(0).values
    score = distances / (alpha + least)
    right = score.argmin(1)
    axis = (
        "the divisor belongs to a key: how far is the query that is closest to it?",
        "with queries along the rows, that is the least of each column: distances.min(0).values",
        "score = distances / (alpha + distances.min(0).values), then argmin over the keys",
    )
    mistakes = with_hints(
        (
            (
                "a divisor that all keys of a query share changes no order: is yours one for each key?",
                *axis[1:],
            ),
            {"these are plain nearest neighbours": distances.argmin(1)},
        ),
        (
            axis,
            {
                "you divide by the mean distance of each key": (
                    distances / (alpha + distances.mean(0))
                ).argmin(1),
                "you divide by the largest distance of each key": (
                    distances / (alpha + distances.max(0).values)
                ).argmin(1),
                "you multiply where the score divides": (distances * (alpha + least)).argmin(1),
            },
        ),
        (
            ("which key for each query, or which query for each key?", "argmin(1), over the keys"),
            {"you give a query for each key": score.argmin(0)},
        ),
        (
            ("the least score is wanted", "argmin, not argmax"),
            {"you take the largest score": score.argmax(1)},
        ),
        (
            ("where is the key? An index is asked for", "argmin, not min"),
            {"these are the scores, not the indices": score.min(1).values},
        ),
        (
            ("count from 0, as torch does", "argmin counts from 0"),
            {"your indices count from 1": right + 1},
        ),
    )
    given = call(answer, distances, alpha)
    try:
        given = tensor(given)
    except Wrong:
        if given is None:
            raise
        raise Wrong(
            "your scores are no numbers where a key was found exactly",
            "what is the divisor of a key whose closest query is at distance 0?",
            "alpha + least distance is never 0",
        ) from None
    without = (distances / least.clamp(min=1e-300)).nan_to_num(0.0, posinf=math.inf).argmin(1)
    mistakes |= with_hints(
        (
            ("what is alpha for? Try two values of it", axis[2]),
            {"you leave alpha out": without},
        )
    )
    match(f"alpha {alpha}", given, right, mistakes, axis, 1e-9)


CAUSES = {
    "too little noise": "the first guess shows where each of its patches came from",
    "channels apart": "each colour channel looks for neighbours of its own",
    "patches side by side": "patches are laid like tiles, and no overlaps are averaged",
    "soft patches pasted": "what is put in place of a patch was taken from the blurred image",
    "keys too sharp": "the blurred first guess of a scale is compared with sharp patches",
    "alpha too large": "patches of the source that are missing are not called for",
    "no coarse scales": "it began at the full size, so that nothing arranges what is larger than a patch",
    "nothing": "the run is as it should be",
}
_PATCH, _ALPHA, _ITERATIONS = 5, 0.005, 10


def _run(fault, seed=0):
    x, drawn = picture("coffee", 48), runtime.generator(seed, "first guess of task 6")
    kept = {"starts": [], "keys": [], "values": []}
    estimate, coarser = x, None
    for shrink in scales(x, 14, 0.75):
        source = resized_by(x, shrink)
        queries = keys = resized(x if coarser is None else coarser, source.shape[-2:])
        if coarser is None:
            noise = 0.15 if fault == "too little noise" else 2.0
            queries = queries + noise * torch.randn(queries.shape, generator=drawn)
        else:
            queries = resized(estimate, source.shape[-2:])
        values = keys if fault == "soft patches pasted" else source
        for name, image in zip(kept, (queries, keys, values), strict=True):
            kept[name].append(image)
        for _ in range(_ITERATIONS):
            queries, keys = _pasted(queries, keys, values, fault), values
        estimate, coarser = queries, source
    settings = {"patch": _PATCH, "alpha": _ALPHA, "iterations": _ITERATIONS}
    return {"source": x, "sample": estimate.clamp(0, 1)} | kept | settings


def _pasted(queries, keys, values, fault):
    """One pass: the values at the places of the nearest keys, put together."""
    groups = range(3) if fault == "channels apart" else [slice(None)]
    images = []
    for group in groups:
        rows, database, sharp = (
            patches(z[:, group].reshape(1, -1, *z.shape[-2:]), _PATCH) for z in (queries, keys, values)
        )
        found = sharp[normalised_nearest(rows, database, _ALPHA)[1]]
        images.append(
            _tiled(found, queries.shape[-2:])
            if fault == "patches side by side"
            else overlap_mean(found, queries.shape[-2:], _PATCH)
        )
    return torch.cat(images, 1)


def _tiled(rows, sides):
    """The image (1,C,*sides) of every fifth patch, and of the last ones, which reach the border."""
    down, across = (
        (k % _PATCH == 0) | (k == len(k) - 1) for k in (torch.arange(s - _PATCH + 1) for s in sides)
    )
    kept = (down[:, None] & across).flatten()[:, None].to(rows)
    votes = F.fold(kept.expand(-1, _PATCH**2).T[None], sides, _PATCH)
    return F.fold((kept * rows).T[None], sides, _PATCH) / votes


@failing(_run, A="channels apart", B="too little noise", C="soft patches pasted", D="patches side by side")
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    GPNN on a small photograph, six scales from 14 pixels to 48.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: source and sample (1,3,48,48); patch, alpha, iterations (settings); and three lists with
        an entry (1,3,h,w) for each scale, coarsest first: starts (the first guess), keys (what it was
        compared with first), and values (where the patches were taken from that were put in).
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    tiles = "average |sample.diff(dim=-1)| over rows and channels, and look at every fifth column"
    alone = "measure the coherence of single channels, and that of all three together"
    refutations = {
        "too little noise": (
            "its first guess differs from the small source by noise of standard deviation 2",
            "(r['starts'][0] - r['keys'][0]).std()",
        ),
        "channels apart": ("its single channels are as far from the source as its colours", alone),
        ("B", "channels apart"): ("each of its colours is one of the source", "coherence(sample, source)"),
        "patches side by side": ("it has no seams at every fifth column", tiles),
        "soft patches pasted": (
            "what it puts in at the last scale is the source itself",
            "show r['values'][-1] beside r['source']",
        ),
        "keys too sharp": (
            "at a finer scale its first keys are as blurred as its first guess",
            "show r['keys'][3] beside r['starts'][3] and a sharp image of that size",
        ),
        "alpha too large": ("it is that of a good run, 0.005", "print r['alpha']"),
        "no coarse scales": ("it has six scales, from 14 pixels on", "print the shapes of r['starts']"),
        "nothing": (
            "a good run has a coherence below 0.01 for patches of 5, and less than half of it is one copy",
            "coherence(sample, source, 5) and copied_share(sample, source)",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)


def suspects(seed=0):
    """Images that pretend to be new, for the open question: (source, {how it was made: image}).

    Args:
        seed: chooses the source, one of four small gray photographs, and the draws.

    Returns:
        source (1,1,48,48), and seven images of the same size.
    """
    name = ("gravel", "grass", "brick", "camera")[seed % 4]
    source, draw = picture(name, 48), runtime.generator(seed, "suspects")
    down, across = (int(k) for k in torch.randint(12, 36, (2,), generator=draw))
    noise = torch.randn(source.shape, generator=draw)
    quarters = [half for part in source.chunk(2, -2) for half in part.chunk(2, -1)]
    mosaic = [quarters[k] for k in (0, 3, 1, 2)]  # no two of them are moved by the same offset
    return source, {
        "the source": source,
        "shifted in a circle": source.roll((down, across), (-2, -1)),
        "mirrored": source.flip(-1),
        "its quarters in another order": torch.cat(
            [torch.cat(mosaic[:2], -1), torch.cat(mosaic[2:], -1)], -2
        ),
        "a little noise added": (source + 0.02 * noise).clamp(0, 1),
        "noise alone": (source.mean() + source.std() * noise).clamp(0, 1),
        "a sample of gpnn": run(gpnn(source, seed=seed)).estimate,
    }
