"""How like its source a generated image is, and how new: measures by patches. Used in lesson 10.

None of them is SIFID, the Fréchet distance that SinGAN's paper reports: it needs a trained Inception network.
"""

import zlib

import torch

from dil_course import runtime
from dil_course.signals.recurrence import nearest, patches, places
from dil_course.signals.validation import check_batch, check_integer, check_same_shape, check_stack


def coherence(sample, source, size=7):
    """Mean distance from each patch of the sample to the nearest one of the source: 0 if all come from there.

    With `completeness` one of the two halves of the bidirectional similarity of Simakov, Caspi, Shechtman and
    Irani, "Summarizing visual data using bidirectional similarity" (CVPR 2008). Both are 0 for the source
    itself, and small for a copy of it that is shifted in a circle: they say nothing about what is new.

    Args:
        sample: (1,C,h,w), of any size.
        source: (1,C,H,W).
        size: side of the patches in pixels.

    Returns:
        float: the mean of root mean square differences, on the scale of the images.

    Raises:
        TypeError, ValueError: no images of the same number of channels, or a patch does not fit into them.
    """
    rows, database = both_patches(sample, source, size)
    return float(nearest(rows, database)[0].cpu().double().mean())


def completeness(sample, source, size=7):
    """Mean distance from each patch of the source to the nearest one of the sample: 0 if nothing is missing.

    Args, Returns, Raises: as `coherence`, of which it is the reverse.
    """
    rows, database = both_patches(sample, source, size)
    return float(nearest(database, rows)[0].cpu().double().mean())


def sliced_wasserstein(sample, source, size=7, projections=128, seed=0):
    """Mean Wasserstein-1 distance of two images' patches along random directions: 0 for the same patches.

    Along each direction (a random unit vector, as a filter of the size of a patch) the values of both images
    are sorted, and the distance is the mean absolute difference of values of equal rank. Used for patches by
    Elnekave and Weiss, "Generating natural images with direct Patch Distributions Matching" (ECCV 2022). It
    compares how often patches occur, which `coherence` and `completeness` do not.

    A method that makes this distance small must have used other directions: measure with another seed.

    Args:
        sample, source, size: as `coherence`. Images of different sizes are compared by their quantiles.
        projections: how many directions.
        seed: of the directions.

    Returns:
        float, on the scale of the images times the length of a unit vector.

    Raises:
        TypeError, ValueError: as `coherence`, or fewer than one projection.
    """
    rows, database = both_patches(sample, source, size)
    projections = check_integer(projections, "projections", 1, 10_000)
    drawn = runtime.generator(seed, "projections of patches")
    directions = torch.randn(rows.shape[1], projections, generator=drawn).to(rows)
    directions = directions / directions.norm(dim=0)
    total = 0.0
    for some in directions.split(16, dim=1):  # sorted values of a few directions at a time
        a, b = (values.matmul(some).sort(0).values for values in (rows, database))
        count = max(len(a), len(b))
        total += float((at_quantiles(a, count) - at_quantiles(b, count)).abs().mean(0).cpu().double().sum())
    return total / projections


def at_quantiles(values, count):
    """Sorted columns (N,P) as `count` values at evenly spaced quantiles: each occurs about count/N times."""
    where = (2 * torch.arange(count, device=values.device) + 1) * len(values) // (2 * count)
    return values[where]


def diversity(samples, source):
    """How much samples differ from each other: 0 if all are the same.

    The standard deviation of each value over the samples, averaged over the image, divided by the standard
    deviation of all values of the source: Shaham, Dekel and Michaeli, "SinGAN" (ICCV 2019).

    Args:
        samples: (N,C,h,w), at least two of the same size.
        source: (1,C,H,W).

    Returns:
        float. Samples of noise that are independent, with the source's standard deviation, have about 1.

    Raises:
        TypeError, ValueError: no images of the same number of channels, one sample, or a constant source.
    """
    check_stack(samples, "samples")
    check_batch(source, "source")
    if len(samples) < 2:
        raise ValueError("samples: there is one image, but at least two are needed to differ")
    check_channels(samples, source, "samples")
    spread = source.cpu().double().std(correction=0)
    if spread < 1e-6:
        raise ValueError("source: its values are constant, so there is no standard deviation to compare with")
    return float(samples.cpu().double().std(0, correction=0).mean() / spread)


def neighbour_field(sample, source, size=3):
    """From where each patch of the sample was taken: the offset of its nearest neighbour in the source.

    Args:
        sample, source, size: as `coherence`.

    Returns:
        (h-size+1, w-size+1, 2), whole numbers: rows down and columns to the right, from the patch's place
        in the sample to that of its neighbour in the source. Where a part is copied, they are constant.

    Raises:
        TypeError, ValueError: as `coherence`.
    """
    rows, database = both_patches(sample, source, size)
    found = nearest(rows, database)[1][:, 0]
    offsets = places(source, size)[found] - places(sample, size)
    height, width = (side - size + 1 for side in sample.shape[-2:])
    return offsets.reshape(height, width, 2)


def field_complexity(sample, source, size=3):
    """How badly the neighbour field can be compressed: near 0 for a copy, which the other measures praise.

    A copy, shifted or not, takes long runs of patches from the same offset, and its field shrinks to a few
    bytes; an arrangement of small parts has a field full of seams. Nikankin, Haim and Irani, "SinFusion:
    Training Diffusion Models on a Single Image or Video" (ICML 2023), section 7.2, compress it with zlib.
    Patches across the seam of a shift have no true neighbour, so small patches, which few seams cross, tell
    copies from arrangements best. More is not better: noise, too, has a field of many seams. Read it
    together with `coherence`.

    Args:
        sample, source, size: as `coherence`.

    Returns:
        float: bytes of the field after compression for each byte before.

    Raises:
        TypeError, ValueError: as `coherence`.
    """
    field = neighbour_field(sample, source, size).to("cpu", torch.int16).movedim(-1, 0).contiguous()
    content = field.numpy().astype("<i2").tobytes()
    return len(zlib.compress(content, 9)) / len(content)


def copied_share(sample, source, size=3):
    """Share of patches that come from one and the same offset: the largest part that was copied in one piece.

    Offsets count as equal if they differ by the sides of the source, so a shift in a circle is one piece.

    Args:
        sample, source, size: as `neighbour_field`.

    Returns:
        float: 1 for the source itself; of a circular shift, all but the patches across its seams.

    Raises:
        TypeError, ValueError: as `coherence`.
    """
    field = neighbour_field(sample, source, size)
    offsets = field.reshape(-1, 2) % torch.tensor(source.shape[-2:], device=source.device)
    return int(offsets.unique(dim=0, return_counts=True)[1].max()) / len(offsets)


def both_patches(sample, source, size):
    """The patches of both images, where they can be compared."""
    check_batch(sample, "sample")
    check_batch(source, "source")
    check_channels(sample, source, "sample")
    return patches(sample, size), patches(source, size)


def check_channels(sample, source, name):
    """Refuse images of different numbers of channels or dtypes (TypeError, ValueError)."""
    if sample.dtype != source.dtype or sample.device != source.device:
        raise TypeError(
            f"{name}: expected {source.dtype} on {source.device} as the source, got {sample.dtype} on "
            f"{sample.device}"
        )
    check_same_shape(sample[0, :, :1, :1], source[0, :, :1, :1], name, "source")
