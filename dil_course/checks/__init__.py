"""What lessons and problem sets are checked with. Nothing else in the library imports this room."""

import torch


def compare(name, mine, library, tolerance=1e-5):
    """Print how two tensors agree: exact, approximate, maximum difference. Returns True when approximate.

    Args:
        name: what is compared, printed first.
        mine, library: tensors, arrays or numbers.
        tolerance: largest absolute difference that counts as approximate.
    """
    mine, library = torch.as_tensor(mine), torch.as_tensor(library)
    if mine.shape != library.shape:
        print(f"{name:24} shapes differ: {tuple(mine.shape)} and {tuple(library.shape)}")
        return False
    difference = (mine.double().cpu() - library.double().cpu()).abs().max().item()
    approximate = difference <= tolerance
    print(f"{name:24} exact: {difference == 0!s:5}  approximate: {approximate!s:5}  maximum difference: {difference:.1e}")
    return approximate
