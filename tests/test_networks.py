"""The skip network: its size, its output, and that every part learns."""

import numpy as np
import pytest
import torch

from dil_course import runtime
from dil_course.networks import (
    Classifier,
    Denoiser,
    PartialUNet,
    ResidualNetwork,
    SkipNetwork,
    deep_decoder,
    small_skip_network,
)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_paper_setting_has_the_authors_number_of_parameters():
    # What the notebook of the DIP authors prints for its denoising network.
    assert parameters(SkipNetwork()) == 2_217_831


def test_small_setting_is_small():
    assert parameters(small_skip_network()) == pytest.approx(72_000, rel=0.01)
    assert small_skip_network().input_channels == 16 and small_skip_network().scales == 4


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 35), (17, 80)])
@pytest.mark.parametrize("channels", [1, 3])
def test_output_has_the_size_of_the_input_and_lies_in_0_1(size, channels):
    with runtime.seeded(0):
        picture = small_skip_network(channels)(5 * torch.randn(1, 16, *size))
    assert picture.shape == (1, channels, *size)
    assert 0 <= picture.min() < picture.max() <= 1


@pytest.mark.parametrize("options", [
    {},
    {"skip": 0},
    {"upsampling": "nearest"},
    {"padding": "zeros"},
    {"norm_of_joined": False},
    {"scales": 1},
    {"input_channels": 2, "output_channels": 1},
])  # fmt: skip
def test_every_parameter_learns(options):
    with runtime.seeded(0):
        network = SkipNetwork(**{"width": 8, "scales": 3} | options)
        picture = network(torch.rand(1, network.input_channels, 21, 26))
        (picture * torch.rand_like(picture)).sum().backward()
    # A convolution's bias before batch norm has a gradient of zero; a part left out of the graph has none.
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(parameter.grad.any() for parameter in network.parameters() if parameter.ndim == 4)


def test_same_seed_makes_the_same_network():
    def make(seed):
        with runtime.seeded(seed):
            return small_skip_network().to_picture.weight

    assert torch.equal(make(1), make(1)) and not torch.equal(make(1), make(2))


def test_numpys_small_whole_numbers_make_the_same_network():
    u = np.uint8
    pairs = [
        (SkipNetwork(3, 4, 200, 1, 100), SkipNetwork(u(3), u(4), u(200), u(1), u(100))),
        (PartialUNet(3, 200, 1), PartialUNet(u(3), u(200), u(1))),
        (Classifier(1, 10, 64), Classifier(u(1), u(10), u(64))),
        (deep_decoder(3, 4, 8), deep_decoder(u(3), u(4), u(8))),
        (Denoiser(64, 4, 3), Denoiser(u(64), u(4), u(3))),
        (ResidualNetwork(3, 4, 2), ResidualNetwork(u(3), u(4), u(2))),
    ]
    for network, same in pairs:
        assert [value.shape for value in network.parameters()] == [value.shape for value in same.parameters()]
    assert pairs[3][1].reduction == 256


def test_a_classifier_without_the_second_head_says_so():
    with pytest.raises(ValueError, match="turns=True"):
        Classifier(turns=False).turn_logits(torch.rand(1, 1, 24, 24))
