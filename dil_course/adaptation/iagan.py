"""IAGAN: the generator itself adapts to the image, beginning at the best drawing that it could make."""

import dataclasses

import torch

from dil_course import runtime
from dil_course.adaptation.csgm import RATE, Drawing, first_latents, misfits, prepare, search_from_starts
from dil_course.adaptation.freedom import copied
from dil_course.signals.operators import consistent
from dil_course.signals.validation import check_flag, check_integer, check_number, pinv_of

OTHERS = 16  # other drawings that the locality term looks at in each step


def iagan(
    y,
    A,
    generator,
    weight=0.1,
    starts=10,
    search=None,
    iterations=300,
    learning_rate=1e-3,
    latent_rate=1e-4,
    locality=0.0,
    back_project=False,
    seed=0,
):
    """CSGM, then Adam on the latent vector *and* all weights of the generator, then back-projection.

    Abu-Hussein, Tirer and Giryes, "Image-Adaptive GAN based Reconstruction" (AAAI 2020); rates and iterations
    of the adaptation are those of the authors' code. Built in lesson 15. With `latent_rate=0` weights only
    move, as in Roich, Mokady, Bermano and Cohen-Or, "Pivotal Tuning for Latent-based Editing of Real Images"
    (2021); with a generator of random weights and `search=0` it is a deep image prior.

    Args:
        y, A, generator, weight, starts, seed: as in `csgm`, which is the first stage.
        search: iterations of `csgm`; None takes its default, and 0 begins at one random latent vector.
        iterations: of the adaptation.
        learning_rate, latent_rate: of Adam, for the weights and for the latent vector.
        locality: weight of a penalty on change elsewhere: the sum over the pixels of the squared change of
            drawings from random latent vectors, mean over these, in the unit of the data loss. Roich and
            others have such a term, for latent vectors near the found one.
        back_project: True adds A^+ (y - A(x)) to the last estimate, and does not clip the sum to [0,1]: for y
            without noise.

    Returns:
        Generator of Drawings, those of the search first; `step.network` is the generator that adapts.

    Raises:
        TypeError, ValueError: as `csgm`; A has no `pinv` and is to back-project.
    """
    length = check_integer(search, "search", 0) if search is not None else None
    adapted, searches = prepare(y, A, generator, starts, length or None, learning_rate, seed, weight)
    iterations = check_integer(iterations, "iterations", 1)
    check_number(latent_rate, "latent_rate", high=1e3)
    check_number(locality, "locality", high=1e6)
    check_flag(back_project, "back_project")
    if back_project:
        pinv_of(A)
    found = search_from_starts(y, A, adapted, weight, starts, searches, RATE, seed) if length != 0 else ()
    return stages(y, A, adapted, found, iterations, learning_rate, latent_rate, locality, back_project, seed)


def stages(y, A, adapted, found, iterations, learning_rate, latent_rate, locality, back_project, seed):
    """The Drawings of the search, then those of the adaptation, numbered as one run."""
    z, before = first_latents(adapted, 1, seed, y.device), 0
    for drawing in found:
        z, before = drawing.z[drawing.losses.argmin()][None], drawing.iteration
        yield dataclasses.replace(drawing, total=drawing.total + iterations, network=adapted)
    for drawing in adapt(y, A, adapted, z, iterations, learning_rate, latent_rate, locality, seed):
        if back_project and drawing.iteration == iterations:
            drawing = dataclasses.replace(drawing, estimate=consistent(drawing.estimate, y, A))
        yield dataclasses.replace(drawing, iteration=before + drawing.iteration, total=before + iterations)


def adapt(y, A, adapted, z, iterations, learning_rate, latent_rate, locality, seed):
    """Drawings of Adam on z (1,latent) and on the weights of the generator, in place."""
    trained, stream = copied(adapted), runtime.generator(seed, "other drawings", y.device)
    z = z.clone().requires_grad_()
    groups = [
        {"params": list(adapted.requires_grad_().parameters()), "lr": learning_rate},
        {"params": [z], "lr": latent_rate},
    ]
    optimizer = torch.optim.Adam(groups)
    for iteration in range(1, iterations + 1):
        with torch.enable_grad():
            made = adapted(z)
            losses = misfits(made, y, A)
            loss = losses.sum()
            if locality:
                others = torch.randn(OTHERS, z.shape[1], generator=stream, device=y.device)
                change = (adapted(others) - trained(others)).square().sum((1, 2, 3)).mean()
                loss = loss + locality * change
            loss.backward()
        yield Drawing(
            iteration, iterations, losses.detach()[0], made.detach(), averaged=True,
            network=adapted, z=z.detach().clone(), losses=losses.detach(),
        )  # fmt: skip
        optimizer.step()
        optimizer.zero_grad()
