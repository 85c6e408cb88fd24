"""The skip network: its size, its output, and that every part learns."""

import pytest
import torch

from dil_course import runtime
from dil_course.networks import SkipNetwork, small_skip_network


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
    {}, {"skip": 0}, {"upsampling": "nearest"}, {"padding": "zeros"}, {"norm_of_joined": False}, {"scales": 1}, {"input_channels": 2, "output_channels": 1},
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
