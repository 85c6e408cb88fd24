"""Patches: a picture as a set of small windows, and the nearest neighbours of each. Shown in lesson 02."""

import torch

from dil_course.signals.validation import (
    check_batch,
    check_finite,
    check_integer,
    check_memory,
    check_number,
    describe,
    is_float,
)

BLOCK = 2**21  # distances held at a time: 16 MB


def patches(x, size):
    """All overlapping windows of a picture, row by row.

    Args:
        x: picture (1,C,H,W).
        size: side of a window in pixels.

    Returns:
        (N, C*size*size), with N = (H-size+1) (W-size+1).

    Raises:
        TypeError, ValueError: x is no finite (1,C,H,W) tensor; size is not from 1 to the picture's shorter
            side; or all windows together would not fit into memory.
    """
    size = check_size(x, size)
    height, width = (side - size + 1 for side in x.shape[-2:])
    check_memory(
        height * width * x.shape[1] * size**2 * x.element_size(),
        "size",
        "cut the picture with crop(x, side), or take a smaller window",
    )
    return torch.nn.functional.unfold(x, size)[0].T.contiguous()


def places(x, size):
    """Row and column of the upper left pixel of each of `patches(x, size)`: (N, 2), whole numbers.

    Args, Raises: as `patches`.
    """
    size = check_size(x, size)
    rows, columns = (torch.arange(side - size + 1, device=x.device) for side in x.shape[-2:])
    return torch.cartesian_prod(rows, columns)


def centres(x, size, scale=1):
    """Row and column of the middle of each of `patches(x, size)`, in pixels of the full-size image: (N, 2).

    Patches are compared across scales by these places. Where x is a copy that was shrunk by `scale`, the
    patch with its corner at (row, column) was made from the window (its parent) whose corner lies at
    scale * (row, column) and whose side is scale * size. That parent shares no pixel with a full-size patch
    of the same size if their middles lie (1 + scale) / 2 * size apart along rows or columns. So

        nearest(patches(x, size), patches(small, size), k, apart=(1 + scale) / 2 * size,
                query_places=centres(x, size), database_places=centres(small, size, scale))

    leaves out what a patch would find at its own place.

    Args:
        x, size: as `patches`.
        scale: by how much x was shrunk; 1 for the image itself.

    Raises:
        TypeError, ValueError: as `places`, or scale is no number above 0.
    """
    check_number(scale, "scale", low=1e-3, high=1e3)
    return scale * (places(x, size) + check_size(x, size) / 2)


def check_size(x, size):
    """The size, where a window of it fits into the picture (else TypeError, ValueError)."""
    check_batch(x, "x")
    size = check_integer(size, "size", 1)
    if size > min(x.shape[-2:]):
        raise ValueError(
            f"size={size}: a window must fit into the picture of {x.shape[-2]}x{x.shape[-1]} pixels"
        )
    return size


def nearest(queries, database, k=1, apart=0, query_places=None, database_places=None):
    """The k rows of the database that are nearest to each query, by exact search.

    Args:
        queries: (Q,D), such as some of `patches(x, size)`.
        database: (N,D).
        k: how many neighbours.
        apart: neighbours must lie at least so many pixels away along rows or columns, which leaves out the
            patch itself and those that nearly cover it. Needs both places; 0 leaves nothing out.
        query_places, database_places: (Q,2) and (N,2), as from `places`.

    Returns:
        distances (Q,k): root mean square differences, the smallest first, on the scale of the values.
            Infinite where `apart` leaves fewer than k rows.
        indices (Q,k): which rows of the database.

    Raises:
        TypeError: queries or database are no float tensors, or a number is of the wrong kind.
        ValueError: shapes that do not fit, NaN, infinity or values whose squares would be, k larger than the
            database, or `apart` without places.
    """
    check_rows(queries, "queries")
    check_rows(database, "database")
    if queries.shape[1] != database.shape[1]:
        raise ValueError(
            f"queries have {queries.shape[1]} values a row but the database {database.shape[1]}: "
            "cut both to one size"
        )
    k = check_integer(k, "k", 1)
    if k > len(database):
        raise ValueError(f"k={k} is more than the database has rows: {len(database)}")
    check_number(apart, "apart")
    if apart:
        check_places(query_places, len(queries), "query_places")
        check_places(database_places, len(database), "database_places")
        some_places, all_places = query_places.cpu().float(), database_places.cpu().float()

    # |q - p|^2 = |q|^2 - 2 q p + |p|^2 is a product of matrices, which is fast. It loses digits where patches
    # are nearly equal: hence double precision, values about a common centre, and distances that are computed
    # once more at the end. On the CPU, as Apple's GPUs have no double precision.
    device, queries, database = queries.device, queries.cpu(), database.cpu()
    centre = database.double().mean(0)
    centred = database.double() - centre
    lengths = centred.square().sum(1)
    chunk = max(1, BLOCK // len(database))
    distances, indices = [], []
    for start in range(0, len(queries), chunk):
        some = queries[start : start + chunk]
        scores = torch.addmm(lengths, some.double() - centre, centred.T, alpha=-2)
        if apart:
            gaps = torch.cdist(some_places[start : start + chunk], all_places, p=torch.inf)
            scores[gaps < apart] = torch.inf
        least, found = scores.topk(k, largest=False)
        distance = (some[:, None] - database[found]).square().mean(-1).sqrt()
        distances.append(distance.masked_fill(least.isinf(), torch.inf))
        indices.append(found)
    return torch.cat(distances).to(device), torch.cat(indices).to(device)


def check_rows(rows, name):
    """Refuse what is no float tensor (N,D) of finite values with finite squares (TypeError, ValueError)."""
    if not is_float(rows):
        raise TypeError(f"{name}: expected a float tensor (N,D), got {describe(rows)}: call patches(x, size)")
    if rows.ndim != 2 or rows.numel() == 0:
        raise ValueError(
            f"{name}: expected one patch a row (N,D), got {describe(rows)}: call patches(x, size)"
        )
    check_finite(rows, name)
    if rows.abs().max() > torch.finfo(rows.dtype).max ** 0.4:
        raise ValueError(
            f"{name}: values up to {rows.abs().max():.0e} are too large to be squared and added up, "
            "expected about [0,1]"
        )


def check_places(given, count, name):
    """Refuse places that are not (count,2) real and finite numbers (TypeError, ValueError)."""
    if (
        not isinstance(given, torch.Tensor)
        or given.is_complex()
        or given.is_meta
        or given.layout != torch.strided
    ):
        raise TypeError(
            f"{name}: apart needs the places of both, got {describe(given)}: call places(x, size)"
        )
    if given.shape != (count, 2):
        raise ValueError(f"{name}: expected ({count}, 2), one place for each row, got {tuple(given.shape)}")
    check_finite(given, name)
