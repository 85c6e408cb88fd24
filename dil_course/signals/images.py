"""Pictures: the bundled ones, the reader's own, and files for measuring that are fetched once."""

import io
import os
import pathlib
import warnings

import numpy as np
import pooch
import torch
from PIL import Image, UnidentifiedImageError

from dil_course.signals.validation import (
    check_batch,
    check_choice,
    check_flag,
    check_image,
    check_integer,
    check_scale,
    check_share,
    check_stack,
    describe,
)

ORIENTATION = 0x0112  # of EXIF: how the camera was held, and what turns its picture upright
TURNS = {
    2: lambda x: x.flip(-1),
    3: lambda x: x.flip(-2, -1),
    4: lambda x: x.flip(-2),
    5: lambda x: x.mT,
    6: lambda x: x.mT.flip(-1),
    7: lambda x: x.mT.flip(-2, -1),
    8: lambda x: x.mT.flip(-2),
}
GAP = 2  # what is to be shrunk keeps twice the pixels a side until the antialiased interpolation at the end

# Name: centre (row, column) of the window that `picture(name, side)` cuts. All ship with scikit-image.
PICTURES = {
    "astronaut": (104, 224),
    "coffee": (124, 294),
    "chelsea": (124, 174),
    "rocket": (210, 320),
    "camera": (150, 240),
    "coins": (150, 190),
    "page": (95, 190),
    "text": (86, 220),
    "grass": (256, 256),
    "brick": (256, 256),
    "gravel": (256, 256),
    "moon": (256, 256),
    "retina": (700, 700),
    "immunohistochemistry": (256, 256),
    "hubble_deep_field": (430, 500),
    "shepp_logan_phantom": (200, 200),
}

# Benchmark pictures: fetched once by URL and SHA-256, or read from the folder DIL_DATA. Never committed.
_RAW = "https://raw.githubusercontent.com/"
_SET5 = _RAW + "JWSoh/MZSR/0e21434517da28a67cf0759e4af1544702c1b225/GT/Set5/"
_DIP = _RAW + "DmitryUlyanov/deep-image-prior/042e0d4c1e93f4b1eb0932781de55b8cff5e0f40/data/"
BENCHMARKS = {  # name: (URL, SHA-256)
    "set5/baby.png": (
        _SET5 + "baby_GT.png",
        "47477cc7ad608cc1627e139b4c06703189a34775f10ef040bbe94d42b4b6cc30",
    ),
    "set5/bird.png": (
        _SET5 + "bird_GT.png",
        "6f963a34031840e5186df67d48828ff531fb5954572d835adc12c5b9ecb37f78",
    ),
    "set5/butterfly.png": (
        _SET5 + "butterfly_GT.png",
        "75f8c0a106971d4dd72da7f5e4157eab0607291c48474911e67848e80275f4c8",
    ),
    "set5/head.png": (
        _SET5 + "head_GT.png",
        "66e66f46abf71b79897b4f26d2a0c729e5a69c909e3f76422d8854fc161de381",
    ),
    "set5/woman.png": (
        _SET5 + "woman_GT.png",
        "5124ca68b8c4309d2d97801d4872dfd78a50136031718e374defea65c18bb266",
    ),
    "dip/F16_GT.png": (
        _DIP + "denoising/F16_GT.png",
        "33810cc97ab8222e5bbb5fb32394d314d7d53564b008a4bf5371d0044ca45336",
    ),
    "dip/zebra_GT.png": (
        _DIP + "sr/zebra_GT.png",
        "eb531120c7bddf6858c2d9c274ce989df63becd39a4dd29f46215a21a884603a",
    ),
    "dip/barbara.png": (
        _DIP + "restoration/barbara.png",
        "764b8a2748cc7ad381cccc047c5e512cb528c197ba86adb83aa339e8932e66c0",
    ),
}


def to_tensor(array):
    """A picture (H,W) or (H,W,C) as float32 tensor (1,C,H,W) in [0,1].

    Args:
        array: numpy array; 8- or 16-bit integers are divided by their largest value, booleans become 0 and 1,
            floats must be in [0,1] already. A second or fourth channel is opacity: the picture is laid on
            white.

    Raises:
        TypeError, ValueError: no such array, an empty one, floats outside [0,1], or values that are nearly
            black on their scale, as 8-bit values in 16-bit integers are.
    """
    x = scaled(array)
    check_brightness(x.max().item(), array)
    return x


def check_brightness(largest, array):
    """Refuse a picture that is nearly black, which points to a mistaken scale (ValueError)."""
    if 0 < largest < 1.001 / 255:
        raise ValueError(
            f"expected values in [0,1], got none above {largest:.2g} from {describe(array)}: are these 8-bit "
            "values in a wider type? Call array.astype(np.uint8). Were they divided by 255 twice? "
            "Divide once. Is it a mask of 0 and 1? Call array.astype(bool)"
        )


def scaled(array):
    """`to_tensor` without the check for pictures that are nearly black."""
    if (
        not isinstance(array, np.ndarray)
        or array.dtype.kind not in "buf"
        or array.dtype.str[1:] in ("u4", "u8")
    ):
        wider = isinstance(array, np.ndarray) and array.dtype.kind in "iu"
        fix = ": for 8-bit values, call array.astype(np.uint8)" if wider else ""
        raise TypeError(
            "expected an array of unsigned integers of 8 or 16 bits, booleans or floats, got "
            f"{describe(array)}{fix}"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError("expected an array without a mask, got a masked one: call array.filled(0)")
    # numpy's matrix stays of two dimensions whatever is done to it, and torch crashes on that.
    array = np.asarray(array)
    if array.ndim not in (2, 3) or array.size == 0 or array.ndim == 3 and array.shape[2] > 4:
        raise ValueError(f"expected a picture (H,W) or (H,W,1..4), got {describe(array)}")
    array = array[..., None] if array.ndim == 2 else array
    largest = np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1
    planes = np.ascontiguousarray(array.transpose(2, 0, 1))  # while the numbers are small
    x = torch.from_numpy(planes.astype(np.float32))[None].div_(largest)
    check_image(x)
    if x.shape[1] in (2, 4):
        opacity = x[:, -1:]
        x = opacity * x[:, :-1] + (1 - opacity)
    return x


def to_array(x):
    """A picture (1,C,H,W), C = 1 or 3, as 8-bit array (H,W) or (H,W,3), clipped to [0,1] and rounded.

    Raises:
        TypeError, ValueError: x is no finite float tensor (1,C,H,W), or has another number of channels.
    """
    check_batch(x, "x")
    if x.shape[1] not in (1, 3):
        raise ValueError(f"x: a picture to show has 1 or 3 channels, got {x.shape[1]}")
    array = (x.detach()[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return array[..., 0] if array.shape[2] == 1 else array


def picture(name, side=None):
    """A picture that ships with scikit-image: float32 (1,C,H,W) in [0,1], colour or gray.

    Args:
        name: one of `PICTURES`.
        side: cut a square window of that many pixels around the picture's point of interest.

    Raises:
        TypeError, ValueError: unknown name, or a window larger than the picture.
    """
    check_choice(name, PICTURES, "picture")
    from skimage import data  # Here, not above: a run on the reader's own picture need not load it.

    x = to_tensor(getattr(data, name)())
    return x if side is None else crop(x, side, PICTURES[name])


def crop(x, side, centre=None):
    """A square window (N,C,side,side) of pictures, around `centre` (row, column) or the middle, moved inside.

    Raises:
        TypeError, ValueError: x is no finite (N,C,H,W) tensor; side is not from 1 to the picture's shorter
            side; centre is no pair of whole numbers.
    """
    check_stack(x, "x")
    side = check_integer(side, "side", 1)
    if centre is not None and not (isinstance(centre, tuple | list) and len(centre) == 2):
        raise TypeError(f"centre: expected a pair (row, column), got {describe(centre)}")
    height, width = x.shape[-2:]
    row, column = (
        check_integer(place, "centre", -(2**31), 2**31) for place in centre or (height // 2, width // 2)
    )
    if side > min(height, width):
        raise ValueError(f"side={side} is more than the picture of {height}x{width} pixels has")
    top = min(max(row - side // 2, 0), height - side)
    left = min(max(column - side // 2, 0), width - side)
    return x[..., top : top + side, left : left + side].clone()


def quarters(y):
    """The pixels of each 2 x 2 cell: upper left and right, lower left and right; each (N,C,H//2,W//2)."""
    height, width = (side // 2 * 2 for side in y.shape[-2:])
    return [y[..., row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)]


def load_image(source, max_side=None, window=None, place=(0.5, 0.5)):
    """Any picture as float32 (1,C,H,W) in [0,1], C = 1 for gray and 3 for colour.

    Reads what Pillow reads: gray, colour, palette, CMYK, 16 bits, opacity (laid on white), photographs that
    the camera turned (EXIF). Of an animation, the first frame.

    Args:
        source: path, bytes of a file (as `uploaded` gives them), or array (see `to_tensor`).
        max_side: shrink to at most that many pixels a side, antialiased, proportions kept. Large files are
            reduced while they are read: a JPEG of 108 megapixels takes no more memory than one of 12. Of
            other formats all pixels are unpacked first, 4 bytes for each.
        window: instead of that, cut out at most that many pixels a side, as they are: shrinking takes the
            noise of a photograph away. All pixels are unpacked first, 4 bytes for each.
        place: of the window in the upright picture, (down, across): (0, 0) is the upper left corner, and
            (1, 1) the lower right one.

    Raises:
        FileNotFoundError: no such file.
        TypeError: source is none of these, or place no pair of numbers.
        ValueError: empty or damaged file, no picture, values outside [0,1], a place outside the picture, or
            max_side and window at once.
    """
    if max_side is not None:
        max_side = check_integer(max_side, "max_side", 1)
    place = _checked_place(place)
    if window is not None:
        window = check_integer(window, "window", 1)
        if max_side is not None:
            raise ValueError("max_side, window: a picture is either shrunk or cut, give one of them")
    if isinstance(source, np.ndarray):
        array, sides, turn = source, source.shape[:2], None
    elif isinstance(source, str | os.PathLike):
        path = pathlib.Path(source)
        if path.is_dir():
            raise ValueError(f"{path} is a folder, not a picture")
        array, sides, turn = _decode(path.read_bytes(), str(path), max_side)
    elif isinstance(source, bytes | bytearray | memoryview):
        array, sides, turn = _decode(bytes(source), "the upload", max_side)
    else:
        raise TypeError(f"expected a path, the bytes of a file or an array, got {describe(source)}")
    if window is not None and array.ndim in (2, 3):
        x = scaled(_part(array, window, place, turn))
    elif max_side is None or array.ndim not in (2, 3) or max(sides) <= max_side:
        x = to_tensor(array)
    else:
        x = _shrunk(array, sides, max_side)
    return turn(x).contiguous() if turn else x


def _checked_place(place):
    """A pair of shares in [0,1]."""
    if not isinstance(place, tuple | list) or len(place) != 2:
        raise TypeError(f"place: expected a pair (down, across) in [0,1], got {describe(place)}")
    return [check_share(share, "place") for share in place]


def _part(array, side, place, turn):
    """At most `side` pixels a side of an array; `place` is that in the picture after its turn."""
    if turn:  # A place lies between the corners, which turn with the picture.
        corners = torch.tensor([[[0, 0], [1, 1]], [[0, 1], [0, 1]]], dtype=torch.float64)
        down, across = (torch.tensor([1 - share, share], dtype=torch.float64) for share in place)
        place = (turn(corners) * torch.outer(down, across)).sum((1, 2)).tolist()
    top, left = (
        round(share * max(0, length - side)) for share, length in zip(place, array.shape, strict=False)
    )
    return array[top : top + side, left : left + side]


def _shrunk(array, sides, max_side):
    """As `to_tensor`, and at most `max_side` a side; the picture is `sides` (height, width) of its pixels."""
    # Colour by colour, as floats take four times the memory of 8-bit values.
    colours = np.split(array, 3, axis=2) if array.ndim == 3 and array.shape[2] == 3 else [array]
    shrunk, largest = [], 0
    for colour in colours:
        x = scaled(colour)
        largest = max(largest, x.max().item())
        shrunk.append(_shrink(x, sides, max_side))
    check_brightness(largest, array)
    return torch.cat(shrunk, dim=1)


def uploaded(upload):
    """Name and content (bytes) of the file that was chosen in an upload widget, or None where none was.

    Of several files the last. Knows the widget of ipywidgets 7, which Colab brings, and of ipywidgets 8.

    Raises:
        TypeError: no `ipywidgets.FileUpload`.
    """
    files = getattr(upload, "value", None)
    if isinstance(files, dict):  # ipywidgets 7: by name
        files = [isinstance(file, dict) and {"name": name, **file} for name, file in files.items()]
    if not isinstance(files, tuple | list) or not all(
        isinstance(file, dict) and "content" in file for file in files
    ):
        raise TypeError(f"upload: expected a widget such as ipywidgets.FileUpload(), got {describe(upload)}")
    return (files[-1]["name"], bytes(files[-1]["content"])) if files else None


def _decode(content, name, max_side):
    """The array of a picture in a file, reduced to GAP times `max_side` a side or a little more.

    And the height and width of the picture in its pixels, as the last row and column may be cut blocks, and
    the function that turns it upright, or None.
    """
    if not content:
        raise ValueError(f"{name} is empty")
    try:
        with warnings.catch_warnings():
            # Pillow warns of 89 megapixels, which telephones make today, and refuses twice as many.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as opened:
                # Of a JPEG a part of the cosines is enough, which takes less time and memory than all.
                wanted = tuple(side // _spare(opened, max_side) for side in opened.size)
                _, box = opened.draft(None, wanted) or (None, (0, 0, *opened.size))
                opened.load()
                turn = TURNS.get(opened.getexif().get(ORIENTATION))
                spare = _spare(opened, max_side)
                plain = _plain(opened, content)
                plain = plain if spare == 1 else plain.reduce(spare)
    except UnidentifiedImageError:
        kinds = "such as JPEG, PNG, WebP or TIFF; save a photograph in Apple's HEIC as JPEG first"
        raise ValueError(f"{name} is no picture that can be read, {kinds}") from None
    except (OSError, SyntaxError, EOFError, RuntimeError) as problem:  # AVIF's decoder raises the last
        raise ValueError(f"{name} is damaged: {problem}") from None
    except Image.DecompressionBombError as problem:
        raise ValueError(
            f"{name} is too large to open: {problem}: shrink it with another program first"
        ) from None
    return np.asarray(plain), [side / spare for side in box[:1:-1]], turn


def _spare(image, max_side):
    """The whole factor by which a picture can be made smaller before the antialiased interpolation."""
    return 1 if max_side is None else max(1, max(image.size) // (GAP * max_side))


def _plain(image, content):
    """The picture as floats in [0,1] (mode F), or as 8-bit gray or colour, with opacity (LA, RGBA) or not."""
    if image.mode.startswith("I") or image.mode == "F":
        scale = 1 if image.mode == "F" else 65535
        deep = Image.fromarray(np.asarray(image, dtype=np.float32) / np.float32(scale))
        if "transparency" in image.info:  # the gray value that is transparent: it becomes white
            clear = np.asarray(image) == image.info["transparency"]
            deep.paste(1.0, mask=Image.fromarray(clear))
        return deep
    # The colour type in a PNG's header tells gray, where Pillow opens 16-bit gray with opacity as colour.
    gray = image.mode in ("1", "L", "LA", "La") or image.format == "PNG" and content[25] in (0, 4)
    mode = ("LA" if gray else "RGBA") if image.has_transparency_data else ("L" if gray else "RGB")
    return image if image.mode == mode else image.convert(mode)


def _shrink(x, sides, max_side):
    """x (1,C,H,W), a picture of `sides` (height, width), made at most `max_side` a side, antialiased."""
    factor = max_side / max(sides)
    height, width = (max(1, round(side * factor)) for side in sides)
    if list(sides) == list(x.shape[-2:]):
        shrunk = torch.nn.functional.interpolate(x, size=(height, width), mode="bicubic", antialias=True)
    else:  # the same in Pillow, which takes a part of a pixel
        box = (0, 0, *reversed(sides))
        planes = [
            Image.fromarray(plane.numpy()).resize((width, height), Image.BICUBIC, box) for plane in x[0]
        ]
        shrunk = torch.from_numpy(np.stack([np.asarray(plane) for plane in planes]))[None]
    return shrunk.clamp(0, 1)


def save_image(x, path, overwrite=True):
    """Write a picture (1,C,H,W) with C = 1 or 3 to a file; the ending chooses the format. Clipped to 8 bits.

    Args:
        overwrite: False keeps a file of that name with another content, and takes the first free name of
            estimate.png, estimate_2.png, estimate_3.png, ...

    Returns:
        The path of the file that holds the picture now.

    Raises:
        TypeError, ValueError: x is no picture to show, or on the scale 0..255, or the ending is unknown.
        OSError: the file cannot be written.
    """
    array = to_array(x)
    check_scale(x, "x")
    check_flag(overwrite, "overwrite")
    check_picture_file(path)
    content = io.BytesIO()
    Image.fromarray(array).save(content, _format(path))
    wanted = free = pathlib.Path(path)
    number = 1
    while not overwrite and free.exists() and free.read_bytes() != content.getvalue():
        number += 1
        free = wanted.with_stem(f"{wanted.stem}_{number}")
    free.write_bytes(content.getvalue())
    return free


def check_picture_file(path):
    """Refuse what is no name of a picture's file that Pillow can write (ValueError)."""
    if not isinstance(path, str | os.PathLike) or _format(path) not in Image.SAVE:
        raise ValueError(
            "path: expected the name of a picture's file that can be written, such as estimate.png, got "
            f"{describe(path)}"
        )


def _format(path):
    """Pillow's name of the format that a file's ending stands for, or None. Some of them it can only read."""
    return Image.registered_extensions().get(pathlib.Path(path).suffix.lower())


def benchmark(name):
    """A benchmark picture with ground truth, such as "set5/baby.png", for measuring only: (1,C,H,W) in [0,1].

    Read from the folder that the environment variable DIL_DATA names, else fetched once into the cache; in
    both cases the SHA-256 must be the recorded one.

    Raises:
        TypeError, ValueError: unknown name, or a file with another content.
    """
    check_choice(name, BENCHMARKS, "benchmark picture")
    url, digest = BENCHMARKS[name]
    folder = os.environ.get("DIL_DATA")
    if folder:
        path = pathlib.Path(folder) / name
        if pooch.file_hash(path) != digest:
            raise ValueError(f"{path} is not the benchmark picture of that name: its SHA-256 differs")
        return load_image(path)
    return load_image(
        pooch.retrieve(url, digest, fname=name.replace("/", "_"), path=pooch.os_cache("dil_course"))
    )
