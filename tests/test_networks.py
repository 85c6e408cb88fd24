"""The networks: their sizes, their outputs, that every part learns, and each against its layers by hand."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.networks import (
    Classifier,
    Denoiser,
    PartialUNet,
    ResidualNetwork,
    SkipNetwork,
    conv_decoder,
    deep_decoder,
    signal_skip_network,
    small_skip_network,
)
from dil_course.networks.partial import PartialConvolution


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


@pytest.mark.parametrize("kind", [Denoiser, ResidualNetwork])
def test_a_network_that_adds_a_correction_begins_close_to_its_input(kind):
    """He's rule for ReLU, with a tenth of that in the last layer."""
    with runtime.seeded(0):
        convolutions = [part for part in kind(3, 48, 5).modules() if isinstance(part, nn.Conv2d)]
    for layer, factor in zip(convolutions, (1, 1, 1, 1, 0.1), strict=True):
        expected = factor * (2 / layer.weight[0].numel()) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.08)
        assert layer.bias is None or kind is Denoiser or not layer.bias.any()


def test_the_partial_unet_begins_with_hes_rule_for_its_leaky_relu_and_without_biases():
    with runtime.seeded(0):
        layers = [part for part in PartialUNet(3, 24, 2).modules() if isinstance(part, nn.Conv2d)]
    assert not any(layer.bias.any() for layer in layers)
    for layer in layers:
        expected = (2 / (1 + 0.1**2) / layer.weight[0].numel()) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.08)


def test_the_small_skip_network_is_the_skip_network_with_the_settings_of_its_docstring():
    z = torch.rand(1, 16, 32, 32)
    settings = dict(width=24, scales=4, skip=8, upsampling="nearest", padding="zeros", norm_of_joined=False)
    with runtime.seeded(0):
        small = small_skip_network(2)
    with runtime.seeded(0):
        assert torch.equal(SkipNetwork(2, 16, **settings)(z), small(z))


# Each network against its layers by hand. No bias or statistic is left at a value that hides what it does.


def shaken(network, seed):
    """In evaluation mode, with random weights, biases and statistics everywhere."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            drawn = torch.rand(value.shape, generator=generator)
            fans = value[0].numel() if value.ndim > 1 else 1
            value.copy_(drawn + 0.5 if "running_var" in name else (2 * drawn - 1) * (3 / fans) ** 0.5)
    return network.eval()


class Layers:
    """The convolutions, linear layers and batch norms of a network, to be taken one after the other."""

    def __init__(self, network):
        kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
        self.left = [part for part in network.modules() if isinstance(part, kinds)]

    def take(self, kind):
        assert isinstance(self.left[0], kind)
        return self.left.pop(0)

    def convolution(self, x, padding=0, mode="constant", stride=1):
        layer = self.take(nn.Conv2d)
        return F.conv2d(F.pad(x, [padding] * 4, mode=mode), layer.weight, layer.bias, stride)

    def norm(self, x):
        """Batch norm with its trained statistics, as its formula stands."""
        layer = self.take(nn.BatchNorm2d)
        mean, variance, scale, shift = (
            value[:, None, None]
            for value in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
        )
        return scale * (x - mean) / (variance + 1e-5).sqrt() + shift


each_seed = pytest.mark.parametrize("seed", range(2))


@each_seed
@pytest.mark.parametrize("make", [deep_decoder, conv_decoder])
def test_a_decoder_is_convolution_doubling_relu_and_norm_and_ends_in_a_sigmoid(make, seed):
    network = shaken(make(2, 6, 2), seed)
    z = torch.randn(1, 6, 4, 5, generator=torch.Generator().manual_seed(seed))
    layers, padding = Layers(network), 1 if make is conv_decoder else 0
    doubling = {"mode": "nearest"} if make is conv_decoder else {"mode": "bilinear", "align_corners": False}
    x = z
    for _ in range(2):
        x = F.interpolate(
            layers.convolution(x, padding, "reflect" if padding else "constant"), scale_factor=2, **doubling
        )
        x = layers.norm(x.relu())
    x = layers.norm(layers.convolution(x, padding, "reflect" if padding else "constant").relu())
    expected = layers.convolution(x).sigmoid()
    assert not layers.left
    inside = 3 * (6 * 6 * (1 + 2 * padding) ** 2 + 2 * 6)  # without biases, as a norm follows
    assert parameters(network) == inside + 2 * 6 + 2
    torch.testing.assert_close(network(z), expected)


@each_seed
def test_the_residual_network_mirrors_the_border_once_and_adds_its_convolutions(seed):
    network = shaken(ResidualNetwork(2, 5, 4), seed)
    x = torch.rand(2, 2, 9, 11, generator=torch.Generator().manual_seed(seed))
    layers = Layers(network)
    correction = F.pad(x, [4] * 4, mode="reflect")
    for number in range(4):
        correction = layers.convolution(correction)
        correction = correction.relu() if number < 3 else correction
    assert not layers.left
    torch.testing.assert_close(network(x), x + correction)


@each_seed
@pytest.mark.parametrize("sides", [(8, 10), (7, 9)])
def test_the_denoiser_subtracts_sigma_times_what_its_convolutions_make_of_cells_and_level(sides, seed):
    network, generator = shaken(Denoiser(2, 5, 4), seed), torch.Generator().manual_seed(seed)
    y, sigma = torch.rand(2, 2, *sides, generator=generator), torch.tensor([0.05, 0.4]).view(2, 1, 1, 1)
    even = torch.cat([y, y[..., -1:]], -1) if sides[1] % 2 else y
    even = torch.cat([even, even[..., -1:, :]], -2) if sides[0] % 2 else even
    # Of each cell of 2 x 2: all four pixels of the first channel, then those of the second.
    cells = [even[:, c, i::2, j::2] for c in range(2) for i in range(2) for j in range(2)]
    level = sigma[:, 0].expand_as(cells[0])
    layers = Layers(network)
    x = layers.convolution(torch.stack([*cells, level], 1), 1).relu()
    for _ in range(2):
        x = layers.norm(layers.convolution(x, 1)).relu()
    made = layers.convolution(x, 1)
    noise = torch.empty_like(even)
    for number in range(8):
        noise[:, number // 4, number % 4 // 2 :: 2, number % 2 :: 2] = made[:, number]
    assert not layers.left
    torch.testing.assert_close(network(y, sigma), y - sigma * noise[..., : sides[0], : sides[1]])


@each_seed
def test_the_classifier_is_four_convolutions_on_which_both_heads_stand(seed):
    network = shaken(Classifier(2, 5, 4, turns=True), seed)
    x = torch.rand(3, 2, 24, 24, generator=torch.Generator().manual_seed(seed))
    layers, features = Layers(network), x
    for stride in (1, 2, 2):
        features = layers.norm(layers.convolution(features, 1, stride=stride)).relu()
    # 6 x 6 places become 3 x 3.
    features = features.unflatten(-1, (3, 2)).mean(-1).unflatten(-2, (3, 2)).mean(-2)
    features = layers.norm(layers.convolution(features)).relu().flatten(1)
    for found in (network(x), network.turn_logits(x)):
        head = layers.take(nn.Linear)
        torch.testing.assert_close(found, features @ head.weight.T + head.bias)


@each_seed
@pytest.mark.parametrize(
    "options", [{}, {"skip": 0}, {"upsampling": "nearest", "padding": "zeros", "norm_of_joined": False}]
)
def test_the_skip_network_goes_down_comes_up_to_its_own_size_and_joins(options, seed):
    settings = {"skip": 2, "upsampling": "bilinear", "padding": "reflect", "norm_of_joined": True} | options
    network = shaken(SkipNetwork(2, 3, 4, 2, **settings), seed)
    z = torch.randn(1, 3, 13, 10, generator=torch.Generator().manual_seed(seed))
    mode = "reflect" if settings["padding"] == "reflect" else "constant"
    enlarging = (
        {"mode": "nearest"} if options.get("upsampling") else {"mode": "bilinear", "align_corners": False}
    )

    def block(part, x, stride=1):
        layers = Layers(part)
        size = layers.left[0].kernel_size[0]
        x = layers.norm(layers.convolution(x, size // 2, mode if size > 1 else "constant", stride))
        return torch.where(x > 0, x, 0.2 * x)

    def scale(part, x, coarser):
        deep = coarser(block(part.down[1], block(part.down[0], x, 2)))
        deep = F.interpolate(deep, size=x.shape[-2:], **enlarging)
        joined = torch.cat([block(part.skip, x), deep], 1) if settings["skip"] else deep
        joined = Layers(part.join).norm(joined) if settings["norm_of_joined"] else joined
        return block(part.up[1], block(part.up[0], joined))

    outer, inner = network.body, network.body.coarser
    features = scale(outer, z, lambda x: scale(inner, x, lambda x: x))
    torch.testing.assert_close(network(z), Layers(network.to_picture).convolution(features).sigmoid())


def partial_by_hand(layer, x, known):
    """Window by window, with the share that is known of the numbers of a window inside the picture."""
    weight, bias = layer.convolution.weight, layer.convolution.bias
    height, width = x.shape[-2:]
    made, seen = torch.zeros(1, len(bias), height, width), torch.zeros(1, 1, height, width)
    known = known.expand_as(x)
    for i in range(height):
        for j in range(width):
            rows = [r for r in (i - 1, i, i + 1) if 0 <= r < height]
            columns = [c for c in (j - 1, j, j + 1) if 0 <= c < width]
            places = [(r, c) for r in rows for c in columns]
            share = sum(known[0, :, r, c].mean() for r, c in places) / len(places)
            if share > 0:
                total = sum(weight[:, :, r - i + 1, c - j + 1] @ (x * known)[0, :, r, c] for r, c in places)
                made[0, :, i, j], seen[0, 0, i, j] = total / share + bias, 1
    return made, seen


@each_seed
@pytest.mark.parametrize("channels_of_mask", [1, 2])
def test_a_partial_convolution_with_a_bias_makes_up_for_missing_numbers_by_hand(channels_of_mask, seed):
    layer, generator = shaken(PartialConvolution(2, 3), seed), torch.Generator().manual_seed(seed)
    x = torch.rand(1, 2, 7, 8, generator=generator)
    known = (torch.rand(1, channels_of_mask, 7, 8, generator=generator) < 0.5).float()
    known[..., :3, :4] = 0  # here some windows know nothing
    assert layer.convolution.bias.abs().min() > 0.01
    made, seen = layer(x, known)
    expected, told = partial_by_hand(layer, x, known)
    assert not told.all()
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(seen, told)


@each_seed
def test_the_partial_unet_by_hand(seed):
    network = shaken(PartialUNet(2, 3, 2, dropout=0.4), seed)
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1, 2, 13, 12, generator=generator)
    known = (torch.rand(1, 2, 13, 12, generator=generator) < 0.6).float()
    known[..., :9, :8] = 0  # a hole that is still there at the second scale, and cuts its cells of 2 x 2

    def look(layer, x, known):
        x, known = partial_by_hand(layer, x, known)
        return F.leaky_relu(x, 0.1), known

    def forget(x):
        return torch.where(torch.rand(x.shape, generator=draws) < 0.4, 0.0, x / 0.6)

    draws, skips = torch.Generator().manual_seed(7), [x * known]
    deep, seen = look(network.first, x, known)
    for number in range(2):
        deep, seen = look(network.encoder[number], deep, seen)
        deep, seen = F.max_pool2d(deep, 2, ceil_mode=True), F.max_pool2d(seen, 2, ceil_mode=True)
        skips.append(deep)
    for number, skip in ((0, skips[1]), (1, skips[0])):
        deep = torch.cat([F.interpolate(deep, size=skip.shape[-2:], mode="nearest"), skip], 1)
        for layer in network.decoder[number]:
            deep = F.leaky_relu(F.conv2d(forget(deep), layer.weight, layer.bias, padding=1), 0.1)
    last = network.to_picture
    expected = F.conv2d(forget(deep), last.weight, last.bias, padding=1).sigmoid()
    torch.testing.assert_close(
        network(x, known, torch.Generator().manual_seed(7)), expected, atol=1e-5, rtol=1e-5
    )


def test_a_signals_network_is_the_small_one_with_the_middle_rows_of_its_kernels():
    with runtime.seeded(0):
        for_signals, for_pictures = signal_skip_network(2), small_skip_network(2)
    middle = {
        name: weights[:, :, 1:2] if weights.ndim == 4 and weights.shape[2] == 3 else weights
        for name, weights in for_pictures.state_dict().items()
    }
    for_signals.load_state_dict(middle)
    with runtime.seeded(1):
        z = torch.randn(1, 16, 1, 50)
    # The rows above and below a single one are zeros, so the other rows of the kernels meet nothing.
    torch.testing.assert_close(for_signals(z), for_pictures(z), rtol=1e-4, atol=1e-5)
    assert parameters(for_signals) == 26_770 and for_signals.one_row and not for_pictures.one_row


def test_a_word_is_no_answer_to_whether_there_is_one_row():
    with pytest.raises(TypeError, match="one_row"):
        SkipNetwork(1, one_row="no")
