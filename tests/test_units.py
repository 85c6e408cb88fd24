"""Units: noise levels lie on the scale of images in [0,1], at every way in, and 25 is answered by "/ 255".

Arguments that are noise levels are found by their names and by what the docstrings say of them, so a new
method that takes one without the check turns this red. The calls themselves are those of `test_misuse`.
"""

import inspect
import math
import re

import pytest
import torch
from test_misuse import RECIPES, public

from dil_course.from_scratch import blind, deep_image_prior, deep_red
from dil_course.networks import small_skip_network
from dil_course.signals import picture

# The playground's levels come from a slider, or go through `pose`, which `test_playground` asks the same.
ROOMS = ("signals", "from_scratch", "risks", "stopping", "adaptation", "diffusion")
NAMES = re.compile(r"sigma|noise(?!r)|tau|strongest|weakest")
WORDS = re.compile(r"^(standard deviation|noise level)")
OTHERS = {  # what looks like a noise level, and has another unit
    "from_scratch.sgld_dip: weight_noise": "the learning rate",
    "from_scratch.gpnn: noise": "above 1, so that it hides the image",
    "from_scratch.optimal_denoiser: sigma": "above 1 where a sampler begins",
    "signals.gaussian_kernel: sigma": "pixels",
}


def said_of(function, parameter):
    """What a docstring says of an argument: its line in "Args", and the indented lines below."""
    entry = rf"^    (?:\w+, )*{parameter}(?:, \w+)*: (.*(?:\n {{8}}.*)*)"
    found = re.search(entry, inspect.cleandoc(function.__doc__ or ""), re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def noise_levels():
    """Names of functions and their arguments: all noise levels of the rooms."""
    for name, function in public().items():
        if name.split(".")[0] not in ROOMS:
            continue
        for parameter in inspect.signature(function).parameters:
            wanted = NAMES.search(parameter) or WORDS.search(said_of(function, parameter))
            if wanted and f"{name}: {parameter}" not in OTHERS:
                yield name, parameter


FOUND = sorted(noise_levels())
each = pytest.mark.parametrize(("name", "parameter"), FOUND, ids=[": ".join(found) for found in FOUND])


def called(name, parameter, value):
    call, arguments = RECIPES[name]
    return call(**{argument: kind.valid() for argument, kind in arguments.items()} | {parameter: value})


def test_the_known_ways_in_are_found():
    known = {
        ("from_scratch.deep_image_prior", "input_noise"),
        ("from_scratch.dip_sure", "sigma"),
        ("from_scratch.dip_sure", "extra_noise"),
        ("from_scratch.unsure", "first_sigma"),
        ("from_scratch.non_local_means", "sigma"),
        ("from_scratch.recorrupted2recorrupted", "sigma"),
        ("from_scratch.zero_shot_sr", "noise"),
        ("risks.sure", "sigma"),
        ("risks.esure", "sigma"),
        ("risks.gsure", "sigma"),
        ("risks.pure", "sigma"),
        ("stopping.Discrepancy", "sigma"),
        ("stopping.LeastRisk", "sigma"),
    }
    assert known <= set(FOUND)


@each
@pytest.mark.parametrize("value", [25, 5, 1.5, 255.0])
def test_a_noise_level_on_the_scale_0_to_255_is_refused_with_the_fix(name, parameter, value):
    with pytest.raises(ValueError, match=rf"{parameter}: .*write {value:g} / 255"):
        called(name, parameter, value)


@each
@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1])
def test_what_is_no_noise_level_is_refused(name, parameter, value):
    with pytest.raises(ValueError, match=parameter):
        called(name, parameter, value)


@each
@pytest.mark.parametrize("value", [0.1, 1])
def test_a_noise_level_on_the_scale_0_to_1_is_taken(name, parameter, value):
    if name.startswith("diffusion") and (parameter, value) in {("strongest", 0.1), ("weakest", 1)}:
        with pytest.raises(ValueError, match="weakest: expected less than the strongest") as refused:
            called(name, parameter, value)
        assert "255" not in str(refused.value)
    elif name == "adaptation.idbp" and value == 1:  # its levels limit one another, whatever their scale
        with pytest.raises(ValueError, match="strongest and sigma together|weakest: .* in ") as refused:
            called(name, parameter, value)
        assert "255" not in str(refused.value)
    else:
        called(name, parameter, value)


X = picture("camera", 32)


@pytest.mark.parametrize(
    "call",
    [
        lambda: deep_image_prior(X, network=small_skip_network(1, 1), z=255 * X),
        lambda: list(deep_red(X, lambda x: 255 * x, every=1, iterations=2)),
        lambda: blind(lambda x: 255 * x)(X),
    ],
    ids=["z", "deep_red", "blind"],
)
def test_images_on_the_scale_0_to_255_are_refused_where_they_come_in_by_another_way(call):
    with pytest.raises(ValueError, match="255"):
        call()


def test_z_of_random_numbers_is_taken_on_its_own_scale():
    z = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    next(iter(deep_image_prior(X, network=small_skip_network(1, 1), z=z, iterations=1)))
