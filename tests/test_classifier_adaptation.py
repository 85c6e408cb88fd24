"""Adapting a classifier: pictures, corruptions, and five methods, each against formulas by hand."""

import copy
import hashlib
import importlib
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.adaptation.cotta import cotta, set_back
from dil_course.adaptation.memo import marginal_entropy, memo
from dil_course.adaptation.statistics import MixedNorm, batch_statistics, mix_statistics
from dil_course.adaptation.tent import entropy, tent
from dil_course.adaptation.test_time_training import test_time_training as ttt
from dil_course.networks import Classifier, trained
from dil_course.signals import GARMENTS, garments
from dil_course.signals.corruptions import CORRUPTIONS, corrupt
from dil_course.signals.digits import digits, jitter, quarter_turns

X, LABELS = digits("test")
METHODS = {
    "batch_statistics": batch_statistics,
    "tent": tent,
    "test_time_training": lambda network, batches, **settings: ttt(
        network, batches, iterations=2, copies=4, **settings
    ),
    "memo": lambda network, batches, **settings: memo(network, batches, copies=4, **settings),
    "cotta": lambda network, batches, **settings: cotta(network, batches, copies=2, **settings),
}
LEARNING = [name for name in METHODS if name != "batch_statistics"]
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
each_learning = pytest.mark.parametrize("method", [METHODS[name] for name in LEARNING], ids=LEARNING)
each_corruption = pytest.mark.parametrize("name", CORRUPTIONS)


def network():
    return trained("digits_rotation")  # its turn head serves test-time training, and disturbs nobody else


def noisy(count, seed=0, first=0):
    return corrupt(X[first : first + count], "gaussian noise", 5, seed)


def logits(answers):
    return torch.cat([answer.logits for answer in answers])


def error(answered, labels):
    return (answered.argmax(1) != labels).float().mean().item()


# Pictures and corruptions


def test_digits_are_pictures_and_no_digit_is_trained_and_tested_on():
    training, labels = digits("training")
    assert training.shape == (1000, 1, 24, 24) and X.shape == (797, 1, 24, 24) and len(labels) == 1000
    assert training.min() >= 0 and X.max() <= 1
    assert set(labels.tolist()) == set(LABELS.tolist()) == set(range(10))
    assert torch.cdist(training.flatten(1), X.flatten(1)).min() > 0
    assert torch.equal(X, digits("test")[0])


def test_unknown_part_of_the_digits_is_refused():
    with pytest.raises(ValueError, match="training"):
        digits("validation")


def test_garments_are_balanced_pictures_and_none_is_trained_and_tested_on():
    (training, labels), (tested, tested_labels) = garments("training"), garments("test")
    assert training.shape == (6000, 1, 28, 28) and tested.shape == (2000, 1, 28, 28) and len(GARMENTS) == 10
    assert training.dtype == torch.float32 and training.min() == 0 and training.max() == 1
    assert torch.equal((255 * tested).round() / 255, tested)  # as they came: in 8 bits
    assert labels.dtype == torch.int64 and labels.bincount().tolist() == 10 * [600]
    assert tested_labels.bincount().tolist() == 10 * [200]
    assert (tested_labels[:100].bincount(minlength=10) > 0).all()  # in random order, not class by class
    seen, unseen = ({picture.numpy().tobytes() for picture in pictures} for pictures in (training, tested))
    assert len(seen) == 6000 and not seen & unseen


def test_unknown_part_of_the_garments_is_refused():
    with pytest.raises(ValueError, match="training"):
        garments("validation")


def test_garments_have_a_card_with_licence_and_digest_and_a_damaged_file_is_refused(tmp_path, monkeypatch):
    room = importlib.import_module("dil_course.signals.garments")
    card, content = room.FILE.with_suffix(".md").read_text(), room.FILE.read_bytes()
    assert f"| {hashlib.sha256(content).hexdigest()} |" in card and f"| {room.DIGEST} |" in card
    assert f"| {', '.join(f'{k} {name}' for k, name in enumerate(GARMENTS))} |" in card
    assert "Copyright (c) 2017 Zalando SE" in card and "Permission is hereby granted" in card
    assert len(content) < 4e6
    damaged = tmp_path / "garments.npz"
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    monkeypatch.setattr(room, "FILE", damaged)
    with pytest.raises(OSError, match="damaged"):
        garments("test")


@each_corruption
def test_corruption_is_seeded_stays_in_range_and_grows_with_severity(name):
    kept, state = X[:16].clone(), torch.get_rng_state()
    changes = [(corrupt(X[:16], name, severity) - X[:16]).abs().mean().item() for severity in range(1, 6)]
    assert changes == sorted(changes) and changes[0] > 0
    bad = corrupt(X[:16], name, 5, seed=3)
    assert bad.shape == X[:16].shape and bad.min() >= 0 and bad.max() <= 1
    assert torch.equal(bad, corrupt(X[:16], name, 5, seed=3))
    assert torch.equal(X[:16], kept) and torch.equal(torch.get_rng_state(), state)
    assert torch.equal(bad, corrupt(X[:16], name, 5, seed=4)) != ("noise" in name)


def test_corruptions_do_what_they_say():
    x = 0.4 + 0.2 * X[:8]
    assert (
        corrupt(torch.full((1, 1, 200, 200), 0.5), "gaussian noise", 1) - 0.5
    ).std().item() == pytest.approx(0.08, rel=0.02)
    changed = corrupt(torch.full((1, 1, 200, 200), 0.5), "impulse noise", 5) != 0.5
    assert changed.float().mean().item() == pytest.approx(CORRUPTIONS["impulse noise"][1][4], rel=0.05)
    torch.testing.assert_close(corrupt(x, "contrast", 5).mean((1, 2, 3)), x.mean((1, 2, 3)))
    torch.testing.assert_close(corrupt(x, "contrast", 5).std((1, 2, 3)), 0.6 * x.std((1, 2, 3)))
    torch.testing.assert_close(corrupt(x, "brightness", 2), x + 0.06)
    blocks = F.avg_pool2d(x, 2).repeat_interleave(2, -1).repeat_interleave(2, -2)
    torch.testing.assert_close(corrupt(x, "pixelate", 1), blocks)
    dot = torch.zeros(1, 1, 25, 25)
    dot[..., 12, 12] = 1
    spread = (corrupt(dot, "blur", 3)[0, 0].sum(0) * (torch.arange(25) - 12.0) ** 2).sum()
    assert spread.item() == pytest.approx(1.5**2, rel=0.05)


@pytest.mark.parametrize("seed", [0, 1])
def test_corruptions_of_colour_pictures_keep_to_a_channel_and_contrast_to_the_mean_of_all(seed):
    x = 0.3 + 0.4 * torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(seed))
    x[:, 0] *= 0.5  # a mean of its own for each channel
    for name in ("blur", "brightness", "pixelate"):
        apart = torch.cat([corrupt(x[:, [channel]], name, 3) for channel in range(3)], dim=1)
        torch.testing.assert_close(corrupt(x, name, 3), apart)
    for picture, bad in zip(x, corrupt(x, "contrast", 3), strict=True):
        torch.testing.assert_close(bad, picture.mean() + 0.8 * (picture - picture.mean()))
    one_by_one = torch.cat([corrupt(picture[None], "jpeg", 3) for picture in x])
    torch.testing.assert_close(corrupt(x, "jpeg", 3), one_by_one)


@pytest.mark.parametrize(("pictures", "settings", "wrong"), [
    (X[0, 0], ("blur", 1), ValueError),
    ((255 * X[:2]).byte(), ("blur", 1), TypeError),
    (255 * X[:2], ("blur", 1), ValueError),
    (X[:2] * math.nan, ("blur", 1), ValueError),
    (X[:0], ("blur", 1), ValueError),
    (X[:2], ("fog", 1), ValueError),
    (X[:2], ("blur", 0), ValueError),
    (X[:2], ("blur", 6), ValueError),
    (X[:2], ("blur", 2.5), TypeError),
])  # fmt: skip
def test_bad_input_to_a_corruption_is_refused(pictures, settings, wrong):
    with pytest.raises(wrong):
        corrupt(pictures, *settings)


def test_quarter_turns_are_those_of_torch_and_jitter_moves_by_a_tenth_of_the_side():
    numbers = torch.tensor([0, 1, 2, 3, 1])
    turned = quarter_turns(X[:5], numbers)
    assert all(torch.equal(turned[i], X[i].rot90(int(k), (-2, -1))) for i, k in enumerate(numbers))
    generator = runtime.generator(0, "a test")
    dots = torch.zeros(200, 1, 25, 25)
    dots[..., 12, 12] = 1
    moved = jitter(dots, generator)
    centres = (moved.sum(2) * (torch.arange(25) - 12.0)).sum((1, 2)) / moved.sum((1, 2, 3))
    assert 2 < centres.abs().max() < 3.2 and abs(centres.mean()) < 0.3
    torch.testing.assert_close(
        jitter(torch.full((3, 1, 9, 9), 0.25), generator), torch.full((3, 1, 9, 9), 0.25)
    )


# The trained networks


@pytest.mark.parametrize("name", ["garments", "garments_rotation"])
def test_trained_networks_name_clean_garments_and_fail_on_corrupted_ones(name):
    made, (pictures, labels) = trained(name), (half[:1000] for half in garments("test"))
    with torch.no_grad():
        assert error(made(pictures), labels) < 0.12
        mean = sum(error(made(corrupt(pictures, kind, 5)), labels) for kind in CORRUPTIONS) / len(CORRUPTIONS)
        assert 0.3 < mean < 0.8
    # A batch of one: poor statistics, but the answers still depend on the picture, unlike those on digits.
    assert error(logits(batch_statistics(made, pictures[:200].split(1))), labels[:200]) < 0.8


@pytest.mark.parametrize(("name", "turns"), [("digits", False), ("digits_rotation", True)])
def test_trained_networks_name_clean_digits_and_fail_on_corrupted_ones(name, turns):
    made = trained(name)
    with torch.no_grad():
        assert error(made(X), LABELS) < 0.02
        mean = sum(error(made(corrupt(X, kind, 5)), LABELS) for kind in CORRUPTIONS) / len(CORRUPTIONS)
        assert 0.25 < mean < 0.6
        if turns:
            wrong = [
                error(made.turn_logits(X.rot90(k, (-2, -1))), torch.full((len(X),), k)) for k in range(4)
            ]
            assert max(wrong) < 0.2
    assert (made.turn_head is not None) == turns


# What all methods share


@each_method
def test_the_network_of_the_caller_is_never_touched(method):
    made = network().train()
    before, mode = copy.deepcopy(made.state_dict()), [part.training for part in made.modules()]
    list(method(made, [noisy(3), noisy(2)]))
    assert all(torch.equal(before[key], value) for key, value in made.state_dict().items())
    assert [part.training for part in made.modules()] == mode
    assert all(weights.requires_grad and weights.grad is None for weights in made.parameters())


def dropping():
    """It drops half of its features at random, in training mode."""
    made = network()
    made.trunk.append(nn.Dropout(0.5))
    return made.eval()


@each_method
def test_the_mode_in_which_the_callers_network_was_left_changes_no_answer(method):
    batches = [noisy(3), noisy(2, first=3)]
    right = logits(method(dropping(), batches))
    mixed = dropping().train()
    for part in list(mixed.modules())[1::2]:
        part.training = False
    modes = [part.training for part in mixed.modules()]
    for left in (dropping().train(), mixed):
        assert torch.equal(logits(method(left, batches)), right)
    assert [part.training for part in mixed.modules()] == modes


@each_method
def test_same_seed_gives_the_same_answers_one_a_batch_and_leaves_the_global_random_numbers_alone(method):
    made, state = network(), torch.get_rng_state()
    first, again = (list(method(made, [noisy(3), noisy(2)])) for _ in range(2))
    assert [answer.logits.shape for answer in first] == [(3, 10), (2, 10)]
    assert all(torch.equal(a.logits, b.logits) for a, b in zip(first, again, strict=True))
    assert not any(answer.logits.requires_grad for answer in first) and torch.equal(
        torch.get_rng_state(), state
    )


@each_method
def test_batches_are_taken_one_by_one_as_they_come(method):
    taken = []

    def batches():
        for _ in range(2):
            taken.append(1)
            yield noisy(2)

    steps = method(network(), batches())
    assert taken == []
    next(steps)
    assert len(taken) == 1


@each_method
@pytest.mark.parametrize(("given", "wrong"), [("digits", TypeError), (nn.Conv2d(1, 1, 1), ValueError)])
def test_what_is_no_classifier_with_batch_norm_is_refused_at_the_call(method, given, wrong):
    with pytest.raises(wrong):
        method(given, [])


@each_method
@pytest.mark.parametrize(("batch", "wrong"), [
    (X[0, 0], ValueError),
    (255 * X[:2], ValueError),
    (X[:2].mul(255).byte(), TypeError),
    (X[:2] * math.nan, ValueError),
])  # fmt: skip
def test_a_batch_of_no_pictures_is_refused(method, batch, wrong):
    with pytest.raises(wrong, match="batch"):
        next(method(network(), [batch]))


def small(**norm):
    """A classifier with this kind of batch norm."""
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, **norm), nn.Flatten(), nn.Linear(2 * 22 * 22, 3)
    )


class Headless(Classifier):
    """It has a turn head, but its trunk goes by another name."""

    def __init__(self):
        super().__init__(turns=True)
        self.body = self.trunk
        del self.trunk


class Line(Classifier):
    """A classifier of 28 x 28 pixels."""

    def __init__(self, turns):
        super().__init__(turns=turns)
        self.line = nn.Linear(28 * 28, 10)

    def forward(self, x):
        return self.line(x.flatten(1))


class Map(Classifier):
    def forward(self, x):
        return x


class Pair(Classifier):
    def forward(self, x):
        return super().forward(x), x


@pytest.mark.parametrize("norm", [{"affine": False}, {"track_running_stats": False}])
@pytest.mark.parametrize("method", [batch_statistics, tent, memo, cotta])
def test_a_batch_norm_without_statistics_or_without_scale_is_refused_at_the_call(method, norm):
    with pytest.raises(ValueError, match="network: .*affine=False or track_running_stats=False"):
        method(small(**norm), [])


def test_a_turn_head_without_a_trunk_is_refused_at_the_call():
    with pytest.raises(TypeError, match="has no trunk"):
        ttt(Headless(), [])


@each_method
@pytest.mark.parametrize(
    ("kind", "text"),
    [(Pair, "no classifier.*tuple"), (Map, r"no classifier.*\(2, 1, 24, 24\)"), (Line, "mat1 and mat2")],
)
def test_a_network_that_gives_no_logits_of_such_pictures_is_refused(method, kind, text):
    with pytest.raises(ValueError, match=f"network: .*{text}"):
        next(method(kind(turns=True), [X[:3]]))


@each_learning
def test_learning_without_gradients_is_refused_and_a_batch_of_inference_mode_is_not(method):
    with torch.inference_mode():
        batch = noisy(2) + 0
    expected, found = logits(method(network(), [noisy(2)])), logits(method(network(), [batch]))
    assert torch.equal(expected, found)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode(), pytest.raises(ValueError, match="gradient"):
            next(method(network(), [batch]))


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@each_method
def test_a_network_that_cannot_be_copied_is_refused(method):
    made = network()
    nn.utils.weight_norm(made.trunk[0])
    with pytest.raises(ValueError, match="weight_norm"):
        next(method(made, [noisy(2)]))


@pytest.mark.parametrize(("call", "wrong"), [
    (lambda: batch_statistics(network(), [], trained=1.5), ValueError),
    (lambda: tent(network(), [], learning_rate=-1.0), ValueError),
    (lambda: tent(network(), [], reset=1), TypeError),
    (lambda: ttt(trained("digits"), []), ValueError),
    (lambda: ttt(network(), [], iterations=0), ValueError),
    (lambda: ttt(network(), [], copies=3), ValueError),
    (lambda: memo(network(), [], copies=1), ValueError),
    (lambda: memo(network(), [], trained=math.nan), ValueError),
    (lambda: memo(network(), [], seed="a"), TypeError),
    (lambda: cotta(network(), [], momentum=1.1), ValueError),
    (lambda: cotta(network(), [], restore=-0.1), ValueError),
    (lambda: cotta(network(), [], copies=0), ValueError),
    (lambda: Classifier(width=0), ValueError),
    (lambda: Classifier(places=0), ValueError),
    (lambda: Classifier(places=65), ValueError),
    (lambda: Classifier(places=2.5), TypeError),
])  # fmt: skip
def test_bad_settings_are_refused_at_the_call(call, wrong):
    with pytest.raises(wrong):
        call()


@each_learning
def test_an_adaptation_that_fails_gives_the_answers_of_the_trained_network_and_the_next_batch_starts_afresh(
    method,
):
    made, clean = network().train(), noisy(2)  # whose fallback answers in evaluation mode all the same

    class Spoiled(type(made)):
        """NaN while it learns from a picture that is white in its corner."""

        def forward(self, x):
            return super().forward(x) * spoil(x, self)

        def turn_logits(self, x):
            return super().turn_logits(x) * spoil(x, self)

    def spoil(x, part):
        learning = any(weights.requires_grad for weights in part.parameters()) and torch.is_grad_enabled()
        return math.nan if learning and x[:, :, :2, :2].mean() > 0.9 else 1

    made.__class__ = Spoiled
    white = torch.ones_like(clean)
    answered = list(method(made, [clean, white, clean]))
    assert [answer.failed for answer in answered] == [0, 2, 0]
    torch.testing.assert_close(answered[1].logits, network()(white).detach())
    assert torch.isfinite(answered[2].logits).all()
    if (
        method is tent
    ):  # which draws no random numbers, so that a fresh start can be told from what was learned before
        assert torch.equal(answered[2].logits, answered[0].logits)


@each_learning
def test_reset_forgets_and_carrying_on_remembers(method):
    batches = [noisy(2), noisy(2, first=20)]
    alone = logits(method(network(), batches[1:], reset=True))
    settings = {"learning_rate": 0.02}
    after = {reset: list(method(network(), batches, reset=reset, **settings)) for reset in (True, False)}
    changed = [not torch.allclose(answers[0].logits, answers[1].logits) for answers in after.values()]
    assert all(changed) and alone.shape == (2, 10)
    fresh = list(tent(network(), [batches[1]], reset=True, **settings))[0].logits
    again = list(tent(network(), batches, reset=True, **settings))[1].logits
    assert torch.equal(fresh, again)
    assert not torch.allclose(after[True][1].logits, after[False][1].logits, atol=1e-6)


# Against formulas by hand


def test_entropy_is_the_closed_form():
    probabilities = torch.tensor(
        [[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3], [0.9, 0.05, 0.05]], dtype=torch.float64
    )
    expected = torch.distributions.Categorical(probs=probabilities).entropy()
    torch.testing.assert_close(entropy(probabilities.log() + 5), expected)
    assert entropy(torch.zeros(1, 10)).item() == pytest.approx(math.log(10))
    assert entropy(torch.tensor([[1000.0, 0]])).item() == 0


def test_marginal_entropy_is_that_of_the_mean_not_the_mean_of_the_entropies():
    sure = torch.tensor([[50.0, 0], [0, 50.0]])
    assert marginal_entropy(sure).item() == pytest.approx(math.log(2), rel=1e-5)
    made = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(
        marginal_entropy(made), torch.distributions.Categorical(probs=made.softmax(1).mean(0)).entropy()
    )


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_mixed_norm_is_batch_norm_with_the_mixed_statistics(weight):
    norm = nn.BatchNorm2d(3)
    with torch.no_grad():
        for values in (norm.running_mean, norm.weight, norm.bias):
            values.copy_(torch.randn(3, generator=torch.Generator().manual_seed(1)))
        norm.running_var.fill_(2.5)
    x = 3 + 2 * torch.rand(4, 3, 5, 6, generator=torch.Generator().manual_seed(2))
    mean = weight * norm.running_mean + (1 - weight) * torch.stack([x[:, c].mean() for c in range(3)])
    variance = weight * norm.running_var + (1 - weight) * torch.stack(
        [x[:, c].var(correction=0) for c in range(3)]
    )
    torch.testing.assert_close(
        MixedNorm(norm, weight)(x), F.batch_norm(x, mean, variance, norm.weight, norm.bias, eps=norm.eps)
    )


def test_batch_statistics_are_those_of_training_mode_and_weight_one_is_evaluation_mode():
    made = network()
    torch.testing.assert_close(
        logits(batch_statistics(made, [noisy(16)])), copy.deepcopy(made).train()(noisy(16))
    )
    torch.testing.assert_close(logits(batch_statistics(made, [noisy(16)], trained=1.0)), made(noisy(16)))


def test_tent_is_adam_on_scales_and_shifts_down_the_mean_entropy():
    reference = trained("digits").train()
    norms = [part for part in reference.modules() if isinstance(part, nn.BatchNorm2d)]
    optimizer = torch.optim.Adam([weights for norm in norms for weights in (norm.weight, norm.bias)], lr=0.01)
    batches = [noisy(32, seed) for seed in range(3)]
    for batch, answer in zip(batches, tent(trained("digits"), batches, learning_rate=0.01), strict=True):
        expected = reference(batch)
        torch.testing.assert_close(answer.logits, expected.detach(), atol=1e-3, rtol=1e-3)
        optimizer.zero_grad()
        torch.distributions.Categorical(logits=expected).entropy().mean().backward()
        optimizer.step()
    source, adapted = dict(trained("digits").named_parameters()), dict(answer.network.named_parameters())
    convolutions = [name for name, weights in source.items() if weights.ndim > 1 or "head" in name]
    assert convolutions and all(torch.equal(source[name], adapted[name]) for name in convolutions)


def descend(loss, parameters):
    """One step of SGD by hand, at a rate of 0.01."""
    parameters = list(parameters)
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    with torch.no_grad():
        for weights, gradient in zip(parameters, gradients, strict=True):
            weights -= 0.01 * (0 if gradient is None else gradient)


@pytest.mark.parametrize("trained_weight", [1.0, 0.25])
@pytest.mark.parametrize("reset", [True, False])
def test_test_time_training_is_sgd_on_the_trunk_down_the_cross_entropy_of_the_turns(reset, trained_weight):
    batch, settings = noisy(2), dict(iterations=3, copies=8, learning_rate=0.01, reset=reset, seed=5)
    answer = next(ttt(network(), [batch], trained=trained_weight, **settings))

    def fresh():
        return network() if trained_weight == 1 else mix_statistics(network(), trained_weight)

    reference, generator = fresh(), runtime.generator(5, "turned copies")
    numbers = torch.tensor([0, 1, 2, 3] * 2)
    for picture, found in zip(batch.split(1), answer.logits, strict=True):
        reference = fresh() if reset else reference
        for _ in range(3):  # each time of fresh copies
            copies = jitter(picture.expand(8, -1, -1, -1), generator)
            turned = [copy.rot90(int(k), (-2, -1)) for copy, k in zip(copies, numbers, strict=True)]
            chosen = reference.turn_logits(torch.stack(turned)).log_softmax(1)[torch.arange(8), numbers]
            descend(-chosen.mean(), reference.trunk.parameters())
        torch.testing.assert_close(found, reference(picture)[0].detach(), atol=1e-3, rtol=1e-3)
    assert torch.equal(answer.network.turn_head.weight, network().turn_head.weight)


@pytest.mark.parametrize("reset", [True, False])
def test_memo_is_sgd_down_the_marginal_entropy_with_mixed_statistics(reset):
    batch, settings = noisy(2), dict(copies=6, learning_rate=0.01, trained=0.25, reset=reset, seed=5)
    answer = next(memo(network(), [batch], iterations=3, **settings))
    reference, generator = mix_statistics(network(), 0.25), runtime.generator(5, "moved copies")
    for picture, found in zip(batch.split(1), answer.logits, strict=True):
        reference = mix_statistics(network(), 0.25) if reset else reference
        for _ in range(3):  # each time of fresh copies
            moved = jitter(picture.expand(6, -1, -1, -1), generator)
            mean = reference(moved).softmax(1).mean(0)
            descend(-(mean * mean.log()).sum(), reference.parameters())
        torch.testing.assert_close(found, reference(picture)[0].detach(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("seed", range(2))
def test_cotta_is_adam_down_the_teachers_cross_entropy_then_the_teacher_follows_and_weights_are_set_back(
    seed,
):
    """Batch after batch against a loop by hand, with torch's own batch norm in training mode.

    The first batch is an unsure one: its copies tell teacher and student apart. As long as the two are equal,
    the gradient is zero but for rounding, which Adam would make as large as any other.
    """
    source, student, teacher = trained("digits"), trained("digits").train(), trained("digits").train()
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    generator = runtime.generator(seed, "restored weights and moved copies")
    settings = dict(learning_rate=0.01, momentum=0.8, restore=0.3, copies=3, certain=0.9, seed=seed)
    batches = [noisy(24, seed), X[24:48], X[48:72], noisy(24, 10 + seed, first=72), X[96:120]]
    ways = []
    for batch, answer in zip(batches, cotta(source, batches, **settings), strict=True):
        with torch.no_grad():
            ways.append(bool(source(batch).softmax(1).amax(1).mean() >= 0.9))
            if ways[-1]:
                target = teacher(batch).softmax(1)
            else:
                target = sum(teacher(jitter(batch, generator)).softmax(1) for _ in range(3)) / 3
        torch.testing.assert_close(answer.logits.exp(), target, atol=2e-3, rtol=0)
        optimizer.zero_grad()
        F.cross_entropy(student(batch), target).backward()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
                slow.copy_(0.8 * slow + 0.2 * fast)
            for fast, start in zip(student.parameters(), source.parameters(), strict=True):
                chosen = torch.rand(fast.shape, generator=generator) < 0.3
                fast[chosen] = start[chosen]
    assert ways == [False, True, True, False, True]


def test_cotta_asks_moved_copies_where_the_mean_certainty_of_the_trained_network_is_below_the_limit():
    batch = noisy(16)
    certainty = trained("digits")(batch).softmax(1).amax(1).mean().item()
    alone = mix_statistics(trained("digits"))(batch).log_softmax(1)
    for certain, same in ((certainty - 0.01, True), (certainty + 0.01, False)):
        answer = next(cotta(trained("digits"), [batch], certain=certain))
        assert torch.allclose(answer.logits, alone, atol=1e-5) == same


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_cotta_sets_back_the_share_of_weights_that_it_is_told_within_each_tensor(share, seed):
    student, source = trained("digits"), trained("digits")
    with torch.no_grad():
        for weights in student.parameters():
            weights += 1
    set_back(student, source, share, runtime.generator(seed, "a test"))
    pairs = list(zip(student.parameters(), source.parameters(), strict=True))
    large = [(a == b).float().flatten() for a, b in pairs if a.numel() >= 500]
    assert len(large) >= 4
    for back in large:
        assert back.mean().item() == pytest.approx(share, abs=4 * (share * (1 - share) / len(back)) ** 0.5)
        if share == 0.3:  # weight by weight, not row by row: neighbours do not go back together
            together = (back[1:] * back[:-1]).mean().item()
            assert together == pytest.approx(share**2, abs=6 * (share**2 / len(back)) ** 0.5)


# The claims, over three seeds


def errors(method, made, count, size, seed, names=tuple(CORRUPTIONS)):
    """Mean error at severity 5 over the corruptions, and that of the trained network."""
    chosen = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))[:count]
    found = []
    for name in names:
        bad = corrupt(X[chosen], name, 5, seed)
        found.append(
            (error(logits(method(made, bad.split(size))), LABELS[chosen]), error(made(bad), LABELS[chosen]))
        )
    return [sum(values) / len(values) for values in zip(*found, strict=True)]


@pytest.mark.parametrize("seed", range(3))
def test_tent_takes_away_more_than_half_of_the_error(seed):
    adapted, source = errors(tent, trained("digits"), 320, 64, seed)
    assert source > 0.25 and adapted < 0.5 * source


@pytest.mark.parametrize("seed", range(3))
def test_test_time_training_that_carries_on_takes_away_a_quarter_of_the_error(seed):
    online = lambda *given: ttt(*given, iterations=1, copies=16, reset=False)  # noqa: E731
    adapted, source = errors(online, network(), 120, 120, seed, ("gaussian noise", "blur", "contrast"))
    assert adapted < 0.75 * source


@pytest.mark.parametrize("seed", range(3))
def test_one_picture_at_a_time_breaks_tent_and_not_memo(seed):
    names = ("gaussian noise", "contrast")
    alone, source = errors(tent, trained("digits"), 40, 1, seed, names)
    single, _ = errors(lambda *given: memo(*given, copies=16), trained("digits"), 40, 1, seed, names)
    assert alone > 0.75 and single < 0.75 * source
