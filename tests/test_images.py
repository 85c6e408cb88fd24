"""Pictures in: every mode and size that a reader may bring, and clear errors for what is no picture."""

import io
import struct
import subprocess
import sys
import types
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from dil_course.signals import (
    PICTURES,
    crop,
    load_image,
    picture,
    psnr,
    save_image,
    to_array,
    to_tensor,
    uploaded,
)

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
GRAY = COLOURS[..., 0]


def encode(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def expected(array):
    """The picture as it should be loaded, from 8-bit values (H,W) or (H,W,3)."""
    array = array[..., None] if array.ndim == 2 else array
    return torch.tensor(array / 255, dtype=torch.float32).permute(2, 0, 1)[None]


@pytest.mark.parametrize("name", PICTURES)
def test_bundled_pictures(name):
    x = picture(name, 64)
    assert x.shape[0] == 1 and x.shape[1] in (1, 3) and x.shape[2:] == (64, 64)
    assert x.dtype == torch.float32 and 0 <= x.min() < x.max() <= 1


def on_white(array, opacity):
    share = opacity[..., None] / 255 if array.ndim == 3 else opacity / 255
    return array * share + 255 * (1 - share)


RGBA, LA = np.dstack([COLOURS, GRAY]), np.dstack([GRAY, COLOURS[..., 1]])
PALETTE = Image.fromarray(COLOURS).quantize(8)
BITS = Image.fromarray(np.where(GRAY > 127, 255, 0).astype(np.uint8)).convert("1")
CMYK = Image.fromarray(COLOURS).convert("CMYK")
TURNED = Image.Exif()
TURNED[0x0112] = 6  # The camera was turned by a quarter: the picture must be turned clockwise.
FRAMES = [Image.fromarray(np.full((4, 5), value, np.uint8)) for value in (80, 200)]

CLEARED = np.where(GRAY[0, 0] == GRAY, 255, GRAY)
DEEP = GRAY.astype(np.uint16) * 257


def png(array, colour_type, **chunks):
    """The bytes of a PNG file of 16-bit values (H,W) or (H,W,channels), which Pillow cannot write."""
    height, width = array.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = {"IHDR": header, **chunks, "IDAT": zlib.compress(rows), "IEND": b""}
    made = b"\x89PNG\r\n\x1a\n"
    for name, data in parts.items():
        body = name.encode() + data
        made += struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    return made


FILES = {
    "colour": (encode(Image.fromarray(COLOURS)), COLOURS),
    "gray": (encode(Image.fromarray(GRAY)), GRAY),
    "opacity is laid on white": (encode(Image.fromarray(RGBA)), on_white(COLOURS, GRAY)),
    "gray with opacity": (encode(Image.fromarray(LA)), on_white(GRAY, COLOURS[..., 1])),
    "palette": (encode(PALETTE), np.asarray(PALETTE.convert("RGB"))),
    "16-bit gray": (encode(Image.fromarray(GRAY.astype(np.uint16) * 257)), GRAY),
    "CMYK": (encode(CMYK, "TIFF"), np.asarray(CMYK.convert("RGB"))),
    "1-bit": (encode(BITS), np.where(GRAY > 127, 255, 0)),
    "turned by the camera": (encode(Image.fromarray(COLOURS), exif=TURNED), np.rot90(COLOURS, -1).copy()),
    "gray with a transparent value": (encode(Image.fromarray(GRAY), transparency=int(GRAY[0, 0])), CLEARED),
    "16-bit gray with a transparent value": (png(DEEP, 0, tRNS=DEEP[0, 0].astype(">u2").tobytes()), CLEARED),
    "16-bit gray with opacity": (png(np.stack([DEEP, DEEP[::-1]], -1), 4), on_white(GRAY, GRAY[::-1])),
    "1-bit with a transparent value": (
        encode(BITS, transparency=255),
        np.full_like(GRAY, 255) * (GRAY > 127),
    ),
    "animation": (encode(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), np.full((4, 5, 3), 80)),
    "one pixel": (encode(Image.fromarray(COLOURS[:1, :1])), COLOURS[:1, :1]),
}


@pytest.mark.parametrize("content, values", FILES.values(), ids=FILES)
def test_load_files_of_every_mode(content, values):
    x = load_image(content)
    wanted = expected(values).expand(-1, x.shape[1], -1, -1)  # An animation may come as gray or as colour.
    torch.testing.assert_close(x, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", [name for name in FILES if "gray" in name or "1-bit" in name])
def test_gray_stays_one_channel(name):
    assert load_image(FILES[name][0]).shape[1] == 1


def test_path_text_bytes_and_array_agree(tmp_path):
    path = tmp_path / "picture of mine é.png"
    path.write_bytes(FILES["colour"][0])
    loaded = [
        load_image(source)
        for source in (path, str(path), path.read_bytes(), memoryview(path.read_bytes()), COLOURS)
    ]
    assert all(torch.equal(x, loaded[0]) for x in loaded)


@pytest.mark.parametrize(
    "array, values",
    [
        (GRAY.astype(np.uint16) * 257, GRAY),
        (COLOURS / 255, COLOURS),
        ((COLOURS / 255).astype(np.float32), COLOURS),
        (GRAY > 127, np.where(GRAY > 127, 255, 0)),
        (COLOURS[:, ::-1], COLOURS[:, ::-1].copy()),
    ],
)
def test_load_arrays_of_every_type(array, values):
    torch.testing.assert_close(load_image(array), expected(values), atol=1e-6, rtol=0)


def test_a_large_picture_is_shrunk_with_its_proportions():
    content = encode(Image.linear_gradient("L").resize((4000, 1000)))
    assert load_image(content).shape == (1, 1, 1000, 4000)
    x = load_image(content, max_side=200)
    assert x.shape == (1, 1, 50, 200) and x.min() >= 0 and x.max() <= 1
    assert load_image(COLOURS, max_side=9).shape[2:] == (6, 9), "a small picture is never enlarged"


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_as_pillow_turns_them(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(COLOURS), format, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    torch.testing.assert_close(load_image(content), expected(np.asarray(upright)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_window_is_a_part_of_the_upright_picture(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(to_array(picture("coffee")[..., :90, :121])), format, exif=exif)
    whole = load_image(content)
    height, width = whole.shape[-2:]
    for down, across in ((0, 0), (0, 1), (1, 0), (0.3, 0.8)):
        top, left = round(down * (height - 32)), round(across * (width - 32))
        part = load_image(content, window=32, place=(down, across))
        assert torch.equal(part, whole[..., top : top + 32, left : left + 32]), (down, across)
    assert torch.equal(load_image(content, window=500), whole), "a small picture stays whole"
    assert load_image(content, window=100).shape[-2:] == (min(height, 100), min(width, 100))


def test_a_window_may_be_dark_and_is_that_of_an_array_too():
    night = np.zeros((40, 40), np.uint8)
    night[0, 0], night[30, 30] = 255, 1
    assert load_image(night, window=20, place=(1, 1)).max() == 1 / 255
    assert load_image(night[::-1].astype(np.uint16) * 257, window=5, place=(1, 0)).max() == 1


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("turned", [1, 3, 6])
@pytest.mark.parametrize("name, side", [("astronaut", 48), ("coffee", 70), ("retina", 96), ("camera", 90)])
def test_reduced_while_reading_is_close_to_shrunk_afterwards(format, turned, name, side):
    exif = Image.Exif()
    exif[0x0112] = turned
    content = encode(Image.fromarray(to_array(picture(name)[..., 3:, :-5])), format, exif=exif)
    whole = load_image(content)
    size = [round(length * side / max(whole.shape[-2:])) for length in whole.shape[-2:]]
    shrunk = torch.nn.functional.interpolate(whole, size=size, mode="bicubic", antialias=True)
    assert psnr(load_image(content, max_side=side), shrunk) > 44


@pytest.mark.parametrize("megapixels", [12, 108])
def test_a_large_photograph_takes_little_memory(megapixels, tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("the peak of one process alone is known on Linux only")
    sides = (4 * round((megapixels * 1e6 / 12) ** 0.5), 3 * round((megapixels * 1e6 / 12) ** 0.5))
    # Gray, so that making the file takes little memory too: of colours each step takes three times as much.
    Image.linear_gradient("L").resize(sides).save(tmp_path / "x.jpg")
    code = """
import pathlib, re, sys, warnings
from PIL import Image, ImageOps
from dil_course.signals import load_image

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1000

warnings.simplefilter("error", Image.DecompressionBombWarning)
before = peak()
print(*load_image(sys.argv[1], max_side=192).shape, peak() - before, peak())
"""
    answer = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "x.jpg"], capture_output=True, text=True, check=True
    )
    *shape, more, megabytes = answer.stdout.split()
    assert shape == ["1", "1", "144", "192"]
    assert float(more) < 60 and float(megabytes) < 700


OLD = {"a.png": {"content": FILES["colour"][0], "metadata": {"name": "a.png", "size": 3}}}
NEW = ({"name": "a.png", "type": "image/png", "size": 3, "content": memoryview(FILES["colour"][0])},)


@pytest.mark.parametrize("value", [OLD, NEW], ids=["ipywidgets 7", "ipywidgets 8"])
def test_an_upload_of_either_form(value):
    name, content = uploaded(types.SimpleNamespace(value=value))
    assert name == "a.png" and isinstance(content, bytes)
    torch.testing.assert_close(load_image(content), expected(COLOURS))


@pytest.mark.parametrize("value", [{}, ()])
def test_an_empty_upload_is_none(value):
    assert uploaded(types.SimpleNamespace(value=value)) is None


def test_of_several_uploads_the_last_counts():
    older, newer = {**NEW[0], "name": "b.png"}, {**NEW[0], "name": "c.png"}
    assert uploaded(types.SimpleNamespace(value=(older, newer)))[0] == "c.png"
    assert uploaded(types.SimpleNamespace(value={**OLD, "d.png": OLD["a.png"]}))[0] == "d.png"


def test_the_real_widget_is_an_upload():
    ipywidgets = pytest.importorskip("ipywidgets")
    assert uploaded(ipywidgets.FileUpload()) is None


@pytest.mark.parametrize(
    "wrong", [None, b"bytes", types.SimpleNamespace(value=b"x"), types.SimpleNamespace(value=(1,))]
)
def test_what_is_no_upload_is_refused(wrong):
    with pytest.raises(TypeError, match="upload: expected a widget"):
        uploaded(wrong)


@pytest.mark.parametrize(
    "shape, centre", [((1, 3, 9, 7), None), ((1, 1, 7, 9), (0, 8)), ((1, 1, 7, 9), (6, 0))]
)
def test_crop_stays_inside(shape, centre):
    x = torch.rand(shape)
    assert crop(x, 5, centre).shape == (1, shape[1], 5, 5)


@pytest.mark.parametrize("x", [expected(COLOURS), expected(GRAY)], ids=["colour", "gray"])
def test_save_and_load_give_the_picture_back(tmp_path, x):
    save_image(x, tmp_path / "x.png")
    assert torch.equal(load_image(tmp_path / "x.png"), x)
    assert torch.equal(to_tensor(to_array(2 * x - 0.5)), to_tensor(to_array((2 * x - 0.5).clamp(0, 1)))), (
        "clipped"
    )


def test_a_saved_picture_is_kept_where_asked_and_none_is_saved_twice(tmp_path):
    first, second, third = expected(COLOURS), expected(GRAY), expected(255 - GRAY)
    wanted = tmp_path / "mine.png"
    names = [save_image(x, wanted, overwrite=False).name for x in (first, second, first, third, second)]
    assert names == ["mine.png", "mine_2.png", "mine.png", "mine_3.png", "mine_2.png"]
    assert torch.equal(load_image(wanted), first) and torch.equal(load_image(tmp_path / "mine_2.png"), second)
    assert len(list(tmp_path.iterdir())) == 3
    assert save_image(second, wanted) == wanted and torch.equal(load_image(wanted), second)


@pytest.mark.parametrize(
    "source, error, words",
    [
        (b"", ValueError, "empty"),
        (b"no picture", ValueError, "no picture"),
        (FILES["colour"][0][:90], ValueError, "damaged"),
        (None, TypeError, "expected a path"),
        (torch.rand(3, 4, 4), TypeError, "expected a path"),
        (COLOURS.astype(np.int64), TypeError, "unsigned"),
        (COLOURS.astype(np.float32), ValueError, "divide 8-bit"),
        (
            encode(Image.fromarray(np.full((4, 4), 70000, np.int32)), "TIFF"),
            ValueError,
            "expected values",
        ),  # Beyond 16 bits.
        (np.full((4, 4), np.nan), ValueError, "NaN"),
        (np.zeros((0, 4)), ValueError, "expected a picture"),
        (np.zeros((2, 3, 4, 4)), ValueError, "expected a picture"),
        (np.zeros((4, 4, 5)), ValueError, "expected a picture"),
        (np.ma.masked_array(GRAY, GRAY > 9), TypeError, "without a mask"),
    ],
)
def test_what_is_no_picture_is_refused(source, error, words):
    with pytest.raises(error, match=words):
        load_image(source)


@pytest.mark.parametrize(
    "array, words",
    [
        (GRAY.astype(np.uint16), "astype.np.uint8"),
        (GRAY.astype(np.uint32), "astype.np.uint8"),
        (GRAY.astype(np.int64), "astype.np.uint8"),
        (GRAY.astype(np.int16), "astype.np.uint8"),
        (GRAY.astype(np.float32), "divide 8-bit values by 255"),
        (GRAY / 127.5 - 1, r"\(x \+ 1\) / 2"),
        (GRAY / 255 / 255, "by 255 twice"),
        ((GRAY > 127).astype(np.uint8), "astype.bool"),
        (GRAY / 255 + 0.5, "clamp"),
    ],
)
def test_another_scale_is_refused_with_the_likely_fix(array, words):
    with pytest.raises((TypeError, ValueError), match=words):
        load_image(array)


def test_a_black_picture_is_a_picture():
    for kind in (np.uint8, np.uint16, np.float32, bool):
        assert not load_image(np.zeros((4, 5), kind)).any()


def test_crop_of_a_batch_is_that_of_its_images():
    x = torch.rand(3, 2, 9, 7)
    assert torch.equal(crop(x, 4, (8, 1)), torch.cat([crop(each, 4, (8, 1)) for each in x.split(1)]))


@pytest.mark.parametrize("call", [to_array, lambda x: save_image(x, "x.png")])
def test_what_is_made_for_one_picture_says_so(call):
    with pytest.raises(
        ValueError, match="expected one picture .1,C,H,W., got Tensor of float32 .2, 3, 4, 4.: take one"
    ):
        call(torch.rand(2, 3, 4, 4))


def test_a_matrix_of_numpy_is_an_array():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(GRAY)
    assert torch.equal(load_image(matrix), load_image(GRAY))


def test_a_decoder_that_gives_up_means_a_damaged_file(monkeypatch):
    def fail(image):
        raise RuntimeError("Failed to decode frame 0")  # as that of AVIF does

    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(ValueError, match="damaged: Failed to decode frame 0"):
        load_image(FILES["colour"][0])


def test_missing_file_folder_and_empty_file_are_refused(tmp_path):
    (tmp_path / "empty.png").touch()
    with pytest.raises(FileNotFoundError):
        load_image(tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match="is a folder"):
        load_image(tmp_path)
    with pytest.raises(ValueError, match="empty.png is empty"):
        load_image(tmp_path / "empty.png")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow complains about the damage, as it should.
@given(st.data(), st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"]))
def test_a_damaged_file_gives_a_value_error_or_a_picture(data, format):
    content = bytearray(encode(Image.fromarray(COLOURS), format))
    for _ in range(3):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(len(content) // 2, len(content)))]
    try:
        x = load_image(bytes(content))
    except ValueError:
        return
    assert x.ndim == 4 and x.min() >= 0 and x.max() <= 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: picture("lena"),
        lambda: picture("camera", 513),
        lambda: load_image(COLOURS, max_side=0),
        lambda: load_image(COLOURS, window=0),
        lambda: load_image(COLOURS, max_side=8, window=8),
        lambda: load_image(COLOURS, window=8, place=(50, 50)),
        lambda: crop(torch.rand(1, 1, 4, 4), 5),
        lambda: to_array(torch.rand(1, 2, 4, 4)),
        lambda: save_image(torch.rand(1, 1, 4, 4), "x.nonsense"),
        lambda: save_image(torch.rand(1, 1, 4, 4), "x.psd"),
        lambda: save_image(255 * torch.rand(1, 1, 9, 9), "x.png"),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError):
        call()
