# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13 · Adapting a classifier: learning from the exam paper
#
# A classifier was trained on clean pictures. Now it meets noise, fog and bad storage. Nobody labels the new pictures, and there is no time to train again.
# But the pictures themselves are there. What can a network learn from them, **without a single label**, while it answers?
#
# **What you will be able to do**
# - say why a shift of the input breaks batch norm first, and mend it without learning anything;
# - build TENT, which makes the answers more certain, and say when certainty is the wrong goal;
# - build test-time training and MEMO, which learn from one single picture;
# - use CoTTA on a stream that does not end, and decide between *reset* and *carry on*;
# - break each of them: a batch of one, a long stream, a stream in which the classes come one after another.
#
# **Before you start.** Lesson 12 (a trained network is copied, never changed). You should have met cross-entropy and batch norm.
#
# **Time.** About one minute of computing on 2 CPU cores, an hour and a quarter with reading and predicting. On a GPU: not measured.

# %%
import copy

import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import show_curves, show_images
from dil_course.networks.trained import trained
from dil_course.signals.corruptions import CORRUPTIONS, corrupt
from dil_course.signals.digits import digits, jitter, quarter_turns

pictures, labels = digits("test")
pictures, labels = pictures[:320], labels[:320]
network = trained("digits")


def error(logits, labels):
    """In percent."""
    return 100 * (logits.argmax(1) != labels).float().mean().item()


# %% [markdown]
# ## 1. A good network on bad pictures
#
# `trained("digits")` was trained on 1000 clean digits. It has never seen the ones that we test on, and never a corrupted one.
# Seven corruptions, in the manner of the benchmark CIFAR-10-C, each in five severities. Look at severity 5: can *you* read them?

# %%
shown = {"clean": pictures[:1]} | {
    name: corrupt(pictures[:1], name, 5) for name in CORRUPTIONS
}
alt = "One handwritten digit: "
alt += "clean, and in seven corrupted versions, most of which one can still read."
show_images(shown, alt)

# %% [markdown]
# **Predict before you run.** The network names 99 of 100 clean digits. How many of the corrupted ones? And which corruption hurts most: the one that looks worst to you?


# %%
@torch.no_grad()
def source(batch):
    return network(batch)


before = {}
print(f"clean: {error(source(pictures), labels):.1f} % wrong")
for name in CORRUPTIONS:
    corrupted = [corrupt(pictures, name, severity) for severity in range(1, 6)]
    before[name] = [error(source(batch), labels) for batch in corrupted]
    errors = "".join(f"{value:7.1f}" for value in before[name])
    print(f"{name:16}{errors} % wrong at severities 1 to 5")

# %% [markdown]
# We observe that a digit which you read at a glance is named wrongly. JPEG, which looks terrible, does nothing.
# At a contrast of 0.7 nearly all is well, at 0.6 one digit in four is lost. The network has not forgotten what a 3 looks like. **Its numbers have moved**, and it does not know.
#
# ## 2. Batch norm remembers the wrong world
#
# Each batch norm does to each channel
#
# $$\text{norm}(h) = \gamma \, \frac{h - \mu}{\sqrt{v + \varepsilon}} + \beta .$$
#
# $\gamma$ and $\beta$ were learned. $\mu$ and $v$ are the mean and the variance of that channel over the *training pictures*. A gray veil over the input shifts $h$, and $\mu$ does not follow.
# So take $\mu$ and $v$ from the batch at hand. That is the whole method. It needs no labels, and learns no weight.


# %%
def on_batch_statistics(network):
    network = copy.deepcopy(network)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean = norm.running_var = (
                None  # then torch takes those of the batch
            )
            norm.track_running_stats = False
    return network


def norm_by_hand(h, norm):
    mean, variance = h.mean((0, 2, 3)), h.var((0, 2, 3), correction=0)
    standard = (h - mean[:, None, None]) / (variance[:, None, None] + norm.eps).sqrt()
    return norm.weight[:, None, None] * standard + norm.bias[:, None, None]


# %% [markdown]
# **Predict before you run.** How much of the damage does that mend, with batches of 64?

# %%
from dil_course.adaptation.statistics import batch_statistics


def answered(steps):
    return torch.cat([answer.logits for answer in steps])


with torch.no_grad():
    batch, fresh = corrupt(pictures[:64], "contrast", 5), on_batch_statistics(network)
    first = network.trunk[0](batch)
    by_hand = norm_by_hand(first, network.trunk[1])
    same_norm = compare("batch norm", by_hand, fresh.trunk[1](first))
    theirs = answered(batch_statistics(network, [batch]))
    same_statistics = compare("batch statistics", fresh(batch), theirs, 1e-4)

# %% [markdown]
# The same for all corruptions, at the highest severity:

# %%
worst = {name: corrupt(pictures, name, 5) for name in CORRUPTIONS}
after = {}
for name in CORRUPTIONS:
    logits = answered(batch_statistics(network, worst[name].split(64)))
    after[name] = error(logits, labels)
    print(
        f"{name:16} {before[name][4]:5.1f} % wrong, with the batch's statistics "
        f"{after[name]:5.1f} %"
    )

# %% tags=["nbval-check-output"]
mean_before, mean_after = (
    sum(values) / 7
    for values in ([errors[4] for errors in before.values()], after.values())
)
print(
    "clean digits: fewer than 2 in 100 are wrong:", error(source(pictures), labels) < 2
)
print("severity 5: more than a quarter is wrong:", mean_before > 25)
print(
    "my batch norm and my network agree with the library's:",
    same_norm and same_statistics,
)
print(
    "batch statistics take away more than half of the error:",
    mean_after < mean_before / 2,
)

# %% [markdown]
# We observe that most of the damage is gone, and nothing was learned. Remember this when you read a table: **a method that uses batch statistics has this gain for nothing.** What else it does has to be compared with this, not with the first column.
#
# ## 3. TENT: be certain
#
# The next idea needs a loss without labels. A good network is certain where it is right. So ask for certainty: make the **entropy** of its answers small,
#
# $$H(p) = - \sum_c p_c \log p_c .$$
#
# It is 0 if one class has all of the probability, and $\log 10$ if all ten are equal. **TENT** takes one step of Adam down the mean entropy of each batch. Only $\gamma$ and $\beta$ may change. Why so few?
# There is a perfect and useless way to be certain: call everything a 3. The fewer weights, the longer the way there.


# %%
def entropy(logits):
    p = logits.softmax(1)
    return -(p * logits.log_softmax(1)).sum(1)


def my_tent(network, batches, learning_rate):
    network = on_batch_statistics(network).requires_grad_(False)
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    weights = [w.requires_grad_() for norm in norms for w in (norm.weight, norm.bias)]
    optimizer = torch.optim.Adam(weights, lr=learning_rate)
    for batch in batches:
        logits = network(batch)
        optimizer.zero_grad()
        entropy(logits).mean().backward()
        optimizer.step()
        yield logits.detach()


# %% [markdown]
# Is the entropy a good judge at all? We do not trust it, we look: sort the answers by their entropy, and count how many are wrong in each fifth.
# **Predict before you run:** which fifth is the worst, and by how much?

# %%
from dil_course.adaptation.tent import tent

noisy = worst["gaussian noise"].split(64)
logits = torch.cat(list(my_tent(network, noisy, 5e-3)))
same_tent = compare("TENT", logits, answered(tent(network, noisy)), 1e-2)
order = entropy(logits).argsort().chunk(5)
fifths = [error(logits[chosen], labels[chosen]) for chosen in order]
listed = ", ".join(f"{value:.0f} %" for value in fifths)
print("wrong, from the most certain fifth to the least:", listed)
with_tent = {}
for name in CORRUPTIONS:
    adapted = answered(tent(network, worst[name].split(64), learning_rate=0.02))
    with_tent[name] = error(adapted, labels)
print(
    f"severity 5, mean: source {mean_before:.1f} %, batch statistics {mean_after:.1f} "
    f"%, TENT {sum(with_tent.values()) / 7:.1f} %"
)

# %% tags=["nbval-check-output"]
print(
    "ten equal classes have the entropy log 10:",
    abs(entropy(torch.zeros(1, 10)).item() - torch.tensor(10.0).log().item()) < 1e-5,
)
print("my TENT and the library's agree:", same_tent)
print(
    "the least certain fifth is wrong more often than the most certain one:",
    fifths[-1] > fifths[0] + 10,
)
print(
    "TENT takes away more than half of the error of the network as it was:",
    sum(with_tent.values()) / 7 < mean_before / 2,
)

# %% [markdown]
# We observe that certainty goes with being right, so it is worth asking for. Also that TENT adds little to the batch statistics here: the stream has only five batches, and the answers are nearly all right already.
#
# ## 4. One picture only: test-time training
#
# Batch statistics need a batch. A doctor has one picture. What can one picture teach? **A question whose answer we know.** Turn it by 0, 90, 180 or 270 degrees, and ask by how much it was turned.
#
# For this the network needs a second head, which was trained together with the first one, on one shared trunk. At test time only the turns are practised:
#
# $$\min_{\text{trunk}} \; \sum_{k=0}^{3} \text{cross-entropy}\big( \text{turn head}(\text{trunk}(\text{turn}_k(x))) , \; k \big) , \qquad \text{then ask the class head.}$$
#
# Then **reset**: the next picture starts with the trained weights. Or **carry on**, if you believe that the next picture suffers from the same thing. It is a decision, so the library's function has a word for it.


# %%
def practise(network, picture, iterations, copies, learning_rate, generator):
    optimizer = torch.optim.SGD(network.trunk.parameters(), lr=learning_rate)
    numbers = torch.arange(copies) % 4
    for _ in range(iterations):
        turned = quarter_turns(
            jitter(picture.expand(copies, -1, -1, -1), generator), numbers
        )
        optimizer.zero_grad()
        F.cross_entropy(network.turn_logits(turned), numbers).backward()
        optimizer.step()
    with torch.no_grad():
        return network(picture)


# %% [markdown]
# `jitter` moves, turns and scales each copy a little. The batch norms keep their trained statistics here, so all of the gain comes from practice. **Predict before you run:** reset or carry on, which is better, and what would make the other one better?

# %%
from dil_course.adaptation.test_time_training import test_time_training

two_heads, one = trained("digits_rotation"), worst["contrast"][:1]
turns = runtime.generator(0, "turned copies")
mine = practise(copy.deepcopy(two_heads), one, 3, 16, 1e-3, turns)
theirs = answered(test_time_training(two_heads, [one], iterations=3, copies=16))
same_practice = compare("test-time training", mine, theirs, 1e-4)

# %% [markdown]
# Now three streams of corrupted digits, twenty at a time. We follow the mean error so far, over the three:

# %%
kinds, few = ["gaussian noise", "blur", "contrast"], runtime.pick(quick=100, full=320)


def mean_so_far(classify):
    wrong = [classify(worst[name][:few]).argmax(1) != labels[:few] for name in kinds]
    mean = torch.stack(wrong).float().mean(0)
    return (100 * mean.cumsum(0) / torch.arange(1, few + 1)).tolist()


def with_training(**settings):
    def classify(stream):
        return answered(test_time_training(two_heads, stream.split(20), **settings))

    return classify


curves = {"reset": mean_so_far(with_training(copies=16, iterations=5))}
curves["carry on"] = mean_so_far(with_training(copies=16, iterations=1, reset=False))
with torch.no_grad():
    curves["as it was"] = mean_so_far(two_heads)

# %% [markdown]
# The error so far, over the pictures of the stream, mean of three corruptions:

# %%
alt = "Three curves: carry on falls along the stream, reset stays between it and the "
alt += "network as it was."
show_curves(curves, "picture", "wrong so far (%)", alt)

# %% tags=["nbval-check-output"]
print("my practice and the library's agree:", same_practice)
print(
    "carrying on takes away a quarter of the error or more:",
    curves["carry on"][-1] < 0.75 * curves["as it was"][-1],
)
print(
    "carrying on helps more than starting afresh, since all pictures suffer alike:",
    curves["carry on"][-1] < curves["reset"][-1],
)

# %% [markdown]
# We observe that a task about *turns* helps to name *digits*, although it never heard of names. With reset the gain is small: a handful of small steps on one digit, and all is forgotten. Carried on, the steps add up.
# Some digits are hard to turn: a 0, a 1 and an 8 look alike upside down, and a 6 becomes a 9. Practice on these teaches nothing, or something false.
#
# ## 5. MEMO: agree with yourself
#
# No second head? Then ask the one head many times. Move the picture a little, in 32 ways: it still shows the same digit, so all answers should agree. **MEMO** makes the entropy of their *mean* small,
#
# $$H\Big( \frac{1}{B} \sum_{b=1}^{B} p(\cdot \mid \text{copy}_b) \Big) .$$
#
# That is small only where the answers are certain **and** agree. And batch norm? One picture is no batch. So mix its statistics with the trained ones: $\mu = w \mu_\text{trained} + (1 - w) \mu_\text{here}$.


# %%
def marginal_entropy(logits):
    p = logits.softmax(1).mean(0)
    return -(p * p.log()).sum()


quarrel = torch.tensor([[9.0, 0, 0], [0, 9.0, 0]])  # each is certain, of something else
print(
    f"mean of the entropies {entropy(quarrel).mean():.3f}, entropy of the mean "
    f"{marginal_entropy(quarrel):.3f}, log 2 = {torch.tensor(2.0).log():.3f}"
)

# %% [markdown]
# Now give TENT and MEMO one picture at a time. **Predict before you run.** The last batch norm of this network stands where a picture has become 1 × 1 pixel. What are mean and variance of *one* number? What does that layer say then?

# %%
from dil_course.adaptation.memo import marginal_entropy as library_marginal
from dil_course.adaptation.memo import memo

mine, theirs = marginal_entropy(quarrel), library_marginal(quarrel)
same_marginal = compare("marginal entropy", mine, theirs)
few, alone = runtime.pick(quick=60, full=320), {}
ways = {
    "as it was": lambda stream: batch_statistics(network, stream, trained=1.0),
    "TENT": lambda stream: tent(network, stream),
    "mixed statistics, no step": lambda s: batch_statistics(network, s, trained=0.5),
    "MEMO": lambda stream: memo(network, stream, copies=16),
}
for label, way in ways.items():
    logits = [answered(way(worst[name][:few].split(1))) for name in kinds]
    alone[label] = [error(each, labels[:few]) for each in logits]
    errors = [f"{name} {value:5.1f} %   " for name, value in zip(kinds, alone[label])]
    print(f"one at a time: {label:26}" + "".join(errors))

# %% tags=["nbval-check-output"]
means = {label: sum(values) / len(values) for label, values in alone.items()}
print("my marginal entropy and the library's agree:", same_marginal)
print(
    "two answers that quarrel have the entropy log 2, though each is certain:",
    marginal_entropy(quarrel).item() > 0.65 > 0.1 > entropy(quarrel).mean().item(),
)
print("one at a time, TENT is hardly better than guessing:", means["TENT"] > 75)
print(
    "one at a time, MEMO makes fewer errors than the network as it was:",
    means["MEMO"] < 0.75 * means["as it was"],
)

# %% [markdown]
# We observe that TENT answers the same for each picture: a single number minus its own mean is zero, whatever the picture shows. MEMO holds.
# Look at the third line before you praise it: the mixed statistics do most of the work. The step adds the rest.
#
# ## 6. The stream that does not end: CoTTA
#
# TENT carries on, and nobody tells it when it errs. A wrong and certain answer is a fixed point. **CoTTA** has three brakes:
#
# - a **teacher**, the moving average of the student's weights; the student learns the *teacher's* answers;
# - where the trained network is unsure, the teacher looks at several moved copies, and **averages** its answers;
# - after each step a random share of the weights, in the paper one in a hundred, is **set back** to its trained value.
#
# Seven corruptions, one after another, again and again, in small batches, and learning rates twenty times as large as usual: on a real stream nobody can tune them.
# **Predict before you run.** Which brake counts most? We run CoTTA twice: one weight in a hundred set back, and one in ten.

# %%
from dil_course.adaptation.cotta import cotta


def long_stream(passes, size=16, count=128, seed=0):
    draw = torch.Generator().manual_seed(seed)
    for turn in range(passes):
        for name in CORRUPTIONS:
            chosen = torch.randperm(len(pictures), generator=draw)[:count]
            corrupted = corrupt(pictures[chosen], name, 5, seed=turn)
            yield from zip(corrupted.split(size), labels[chosen].split(size))


# %% [markdown]
# Four methods go through the same stream, and none is ever reset:

# %%
passes = runtime.pick(quick=6, full=30)
stream = list(long_stream(passes))
settings = dict(learning_rate=0.02, copies=2)
methods = {
    "batch statistics": lambda batches: batch_statistics(network, batches),
    "TENT": lambda batches: tent(network, batches, learning_rate=0.1),
    "CoTTA, 1 in 100": lambda batches: cotta(network, batches, **settings),
    "CoTTA, 1 in 10": lambda batches: cotta(network, batches, **settings, restore=0.1),
}
drift = {}
for label, method in methods.items():
    answers = method([batch for batch, _ in stream])
    wrong = [error(a.logits, truth) for a, (_, truth) in zip(answers, stream)]
    drift[label] = torch.tensor(wrong).view(passes, -1).mean(1).tolist()

# %% [markdown]
# One point a pass over all seven corruptions:

# %%
alt = "The error of TENT lies highest, that of CoTTA with 1 in 10 lowest, the others "
alt += "between."
show_curves(
    {label: (range(1, passes + 1), values) for label, values in drift.items()},
    "pass",
    "wrong (%)",
    alt,
)

# %% tags=["nbval-check-output"]
late = {label: sum(values[-3:]) / 3 for label, values in drift.items()}
print(
    "TENT ends worse than batch statistics, where nothing is learned:",
    late["TENT"] > late["batch statistics"],
)
print(
    "CoTTA that sets back one weight in ten makes fewer errors than TENT:",
    late["CoTTA, 1 in 10"] < late["TENT"],
)
print(
    "and fewer than CoTTA that sets back one in a hundred:",
    late["CoTTA, 1 in 10"] < late["CoTTA, 1 in 100"],
)

# %% [markdown]
# We observe the drift of TENT. CoTTA holds, and best with the third brake pressed hard: at such a rate, a weight has gone far before its turn to be set back comes.
# On a longer stream CoTTA with 1 in 100 climbs, too (`benchmarks/RESULTS.md`).
# With the usual rates neither drifts for as long as we looked (`benchmarks/RESULTS.md`), and CoTTA is clearly the better one. But to know how small is small enough, one needs labels.
#
# ## 7. The classes come one after another
#
# One assumption is left. Statistics of the batch can stand in for those of the training only if the *classes* are mixed as in training. A camera sees fifty cars in a row, a scanner a hundred zeros.
# **Predict before you run:** the same pictures, sorted by class. Who suffers?

# %%
shift = {}
ways = {
    "as it was": lambda b: batch_statistics(network, b, trained=1.0),
    "batch statistics": methods["batch statistics"],
    "TENT": lambda b: tent(network, b),
    "CoTTA": lambda b: cotta(network, b, copies=2),
    "half the trained statistics": lambda b: batch_statistics(network, b, trained=0.5),
}


def mean_error(way, order):
    logits = [answered(way(worst[name][order].split(32))) for name in kinds]
    return sum(error(each, labels[order]) for each in logits) / 3


for label, way in ways.items():
    mixed, in_order = mean_error(way, slice(None)), mean_error(way, labels.argsort())
    shift[label] = mixed, in_order
    print(f"{label:28} classes mixed {mixed:5.1f} % wrong, sorted {in_order:5.1f} %")

# %% tags=["nbval-check-output"]
print(
    "the network as it was does not mind the order:",
    abs(shift["as it was"][0] - shift["as it was"][1]) < 1,
)
print(
    "sorted classes at least triple the error of batch statistics and TENT:",
    all(shift[m][1] > 3 * shift[m][0] for m in ("batch statistics", "TENT")),
)
print(
    "half of the trained statistics suffer less:",
    shift["half the trained statistics"][1] < shift["batch statistics"][1],
)

# %% [markdown]
# We observe that order alone can cost more than noise. If all are zeros, then "what is common to the batch" *is* the zero, and batch norm subtracts it. CoTTA does not save you here: it stands on the same statistics.
# A method that treats each picture for itself, with reset, cannot be harmed by the order: **MEMO** and **test-time training**.
#
# ## 8. Reset or carry on?
#
# | | one picture | large mixed batch | long stream | sorted classes |
# | --- | --- | --- | --- | --- |
# | batch statistics | fails | good | good | fails |
# | TENT, carries on | fails | good | depends on the learning rate | fails |
# | CoTTA, carries on | fails | good | good, if enough is set back | fails |
# | test-time training, resets | a little | the same | the same | the same |
# | test-time training, carries on | good, if the corruption stays | the same | not measured | not measured |
# | MEMO, resets | good | the same | the same | the same |
#
# Reset, and no mistake lives longer than one picture. Carry on, and you gain from all pictures so far, if they are of one kind. Who cannot say which kind comes next should reset.

# %% [markdown]
# ## Summary
#
# 1. A shifted input breaks the statistics of batch norm before it breaks anything that was learned. New statistics mend most of it.
# 2. TENT makes answers certain: entropy, over scale and shift alone, one step for each batch.
# 3. One picture can teach: by turns of it (test-time training), or by copies that should agree (MEMO).
# 4. Compare with the batch statistics, not only with the network as it was.
# 5. **What breaks it:** a batch of one, classes in a row, a learning rate that is too large for a long stream, a second task that is hard for this picture.
#
# **Papers.** D. Hendrycks, T. Dietterich, *Benchmarking Neural Network Robustness to Common Corruptions and Perturbations*, ICLR 2019.
# S. Schneider and others, *Improving robustness against common corruptions by covariate shift adaptation*, NeurIPS 2020.
# Y. Sun and others, *Test-Time Training with Self-Supervision for Generalization under Distribution Shifts*, ICML 2020. D. Wang and others, *Tent: Fully Test-Time Adaptation by Entropy Minimization*, ICLR 2021.
# M. Zhang, S. Levine, C. Finn, *MEMO: Test Time Robustness via Adaptation and Augmentation*, NeurIPS 2022. Q. Wang, O. Fink, L. Van Gool, D. Dai, *Continual Test-Time Domain Adaptation*, CVPR 2022.
#
# **Next.** Lesson 14 trains a network so that it adapts fast.
#
# **Problem set.** [Problem set 13](../exercises/ps13_adapting_a_classifier/ps13_adapting_a_classifier.ipynb).
