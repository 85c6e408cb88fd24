"""The MR slice and the ECG that come with the library: their values, their cards, and damaged files."""

import hashlib

import pytest
import torch

from dil_course.signals import ecg, medical, mr_slice

FILES = {
    "mr_slice": (mr_slice, "MR", "Neither name of Mathieu Malaterre"),
    "ecg": (ecg, "ECG", "Permission is hereby granted"),
}


@pytest.mark.parametrize(("load", "shape"), [(mr_slice, (1, 1, 128, 128)), (ecg, (1, 1, 1, 1024))])
def test_values_lie_in_0_1_and_are_the_same_and_ones_own_each_time(load, shape):
    x = load()
    assert x.shape == shape and x.dtype == torch.float32 and 0 <= x.min() < x.max() == 1
    x.zero_()
    assert load().max() == 1


def test_the_slice_is_upright_and_has_more_gray_values_than_8_bits():
    x = mr_slice()
    assert len((x * 805).round().unique()) > 500
    kidney, muscle = x[0, 0, 90:120, 5:15].mean(), x[0, 0, 90:110, 75:100].mean()  # below, at the left
    assert kidney > 2 * muscle


def test_the_signal_has_three_beats_at_equal_distances():
    x = ecg()[0, 0, 0]
    beats = ((x[1:-1] > 0.7) & (x[1:-1] >= x[:-2]) & (x[1:-1] > x[2:])).nonzero()[:, 0]
    first, second = beats.diff().tolist()
    assert len(beats) == 3 and abs(first - second) < 0.02 * first
    before, after = x[beats + 1 - 56], x[beats + 1 + 56]  # a small wave comes before each beat
    assert (before > after + 0.05).all()


@pytest.mark.parametrize(("load", "name", "words"), FILES.values(), ids=FILES)
def test_cards_have_licence_and_digest_and_damaged_files_are_refused(
    load, name, words, tmp_path, monkeypatch
):
    file, digest = getattr(medical, f"{name}_FILE"), getattr(medical, f"{name}_DIGEST")
    card, content = file.with_suffix(".md").read_text(encoding="utf-8"), file.read_bytes()
    assert f"| {hashlib.sha256(content).hexdigest()} |" in card and f"| {digest} |" in card
    assert f"| {len(content):,} bytes |" in card and words in card
    assert len(content) < 3e4
    damaged = tmp_path / file.name
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    monkeypatch.setattr(medical, f"{name}_FILE", damaged)
    with pytest.raises(OSError, match="damaged"):
        load()
