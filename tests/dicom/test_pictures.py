"""PNG and JPEG pictures of every depth and colour type, written chunk by chunk."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from pneumo.base.errors import RadiographError
from pneumo.dicom import read_radiograph, read_square
from tests.dicom.files import values

DEEP = values(12, shape=(96, 80)) + 300  # far from the ends of 16 bits
SHALLOW = values(8, shape=(96, 80))
SIDE = np.zeros((96, 80), bool)
SIDE[:, :10] = SIDE[:, -10:] = True


def chunk(name, data):
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))


def png(path, samples, depth, colour_type, *chunks):
    """``samples``: integers, rows by columns by channels; packed as PNG 7.2 says."""
    rows, columns = samples.shape[:2]
    flat = samples.reshape(rows, -1)
    if depth == 16:
        lines = [line.astype(">u2").tobytes() for line in flat]
    else:
        texts = ["".join(f"{value:0{depth}b}" for value in line) for line in flat]
        lines = [int(text, 2).to_bytes(len(text) // 8, "big") for text in texts]
    head = struct.pack(">LL5B", columns, rows, depth, colour_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + line for line in lines))
    path = path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks)
                     + chunk(b"IDAT", body) + chunk(b"IEND", b""))  # fmt: skip
    return path


def spread(stored, within=None):
    """Values over the whole range of those that count."""
    some = stored if within is None else stored[within]
    return np.rint(((stored - some.min()) / (some.max() - some.min())).clip(0, 1) * 255)


def refusal(path) -> RadiographError:
    with pytest.raises(RadiographError) as caught:
        read_radiograph(path)
    return caught.value


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
@pytest.mark.parametrize("depth", [8, 16])
def test_every_kind_of_png_gives_the_grey_levels_of_the_grey_one(
    tmp_path, depth, colour_type, channels
):
    stored = DEEP if depth == 16 else SHALLOW
    samples = np.repeat(stored[..., None], channels, axis=2)
    if channels in (2, 4):
        samples[..., -1] = 2**depth - 1
    read = read_radiograph(png(tmp_path, samples, depth, colour_type))
    assert (read.pixels == (spread(stored) if depth == 16 else stored)).all()
    assert read.notes == {}


@pytest.mark.parametrize("border", [0, 40_000, 65_535])
@pytest.mark.parametrize(("colour_type", "channels"), [(4, 2), (6, 4)])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_border_is_background_whatever_its_grey(
    tmp_path, depth, colour_type, channels, border
):
    stored = np.where(SIDE, border >> (16 - depth), DEEP if depth == 16 else SHALLOW)
    samples = np.repeat(stored[..., None], channels, axis=2)
    samples[..., -1] = np.where(SIDE, 0, 2**depth - 1)
    read = read_radiograph(png(tmp_path, samples, depth, colour_type))
    expected = spread(stored, ~SIDE) if depth == 16 else stored
    assert (read.pixels == np.where(SIDE, 0, expected)).all()
    assert list(read.notes) == ["transparent"]


@pytest.mark.parametrize(("depth", "colour_type"), [(8, 0), (16, 0), (8, 2), (16, 2), (4, 0)])
def test_a_grey_that_is_named_transparent_is_background(tmp_path, depth, colour_type):
    key = 2**depth - 1
    stored = {16: DEEP, 8: SHALLOW // 2, 4: SHALLOW // 32}[depth]
    stored = np.where(SIDE, key, stored)
    channels = 3 if colour_type else 1
    samples = np.repeat(stored[..., None], channels, axis=2)
    named = chunk(b"tRNS", struct.pack(f">{channels}H", *[key] * channels))
    read = read_radiograph(png(tmp_path, samples, depth, colour_type, named)).pixels
    expected = spread(stored, ~SIDE) if depth == 16 else stored * (255 // key)
    assert (read == np.where(SIDE, 0, expected)).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_half_transparent_is_half_as_bright(tmp_path, depth):
    stored = DEEP if depth == 16 else SHALLOW
    half = 2 ** (depth - 1)
    samples = np.dstack([stored, np.where(SIDE, half, 2**depth - 1)])
    read = read_radiograph(png(tmp_path, samples, depth, 4)).pixels
    whole = spread(stored) if depth == 16 else stored
    expected = np.where(SIDE, whole * half / (2**depth - 1), whole)
    assert np.abs(read - expected).max() <= 0.5 + 1e-6


def test_a_picture_that_is_wholly_transparent_is_refused(tmp_path):
    error = refusal(png(tmp_path, np.dstack([SHALLOW, SHALLOW * 0]), 8, 4))
    assert "transparent" in str(error)


@pytest.mark.parametrize("depth", [4, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_palette_of_greys_is_looked_up(tmp_path, depth, reverse):
    count = 2**depth
    entries = np.arange(count) * (255 // (count - 1))
    entries = entries[::-1] if reverse else entries
    places = SHALLOW // (256 // count)
    palette = chunk(b"PLTE", bytes(value for grey in entries for value in [grey] * 3))
    read = read_radiograph(png(tmp_path, places[..., None], depth, 3, palette)).pixels
    assert (read == entries[places]).all()
    path = png(tmp_path, places[..., None], depth, 3, palette, chunk(b"tRNS", b"\0\0"))
    assert (read_radiograph(path).pixels == np.where(places < 2, 0, entries[places])).all()


def test_a_palette_of_colours_is_refused(tmp_path):
    palette = chunk(b"PLTE", bytes(v for n in range(256) for v in (n, 255 - n, n // 2)))
    error = refusal(png(tmp_path, SHALLOW[..., None], 8, 3, palette))
    assert "colours" in str(error)


def test_16_bit_colours_are_refused_as_8_bit_ones_are(tmp_path):
    samples = np.dstack([DEEP, DEEP, 8000 - DEEP])
    assert refusal(png(tmp_path, samples, 16, 2)).reason == "colour"
    nearly = np.dstack([DEEP, DEEP + 30, DEEP - 30])  # of 65,535
    read = read_radiograph(png(tmp_path, nearly, 16, 2)).pixels
    assert np.abs(read - spread(DEEP)).max() <= 2


@pytest.mark.parametrize("colour_type", [0, 3])
def test_one_bit_a_pixel_is_refused_with_what_would_do(tmp_path, colour_type):
    palette = [chunk(b"PLTE", bytes([0, 0, 0, 255, 255, 255]))] if colour_type else []
    error = refusal(png(tmp_path, (SHALLOW > 99)[..., None].astype(int), 1, colour_type, *palette))
    assert error.reason == "bad_bits"
    assert "1 bit a pixel" in str(error)
    assert "save it as a grey PNG" in str(error)


@pytest.mark.parametrize("depth", [2, 4])
def test_few_grey_levels_are_read_with_a_note(tmp_path, depth):
    samples = SHALLOW >> (8 - depth)
    read = read_radiograph(png(tmp_path, samples[..., None], depth, 0))
    assert (read.pixels == samples * (255 // (2**depth - 1))).all()
    assert list(read.notes) == ["few_grey_levels"]


@pytest.mark.parametrize("depth", [8, 16])
def test_gamma_is_not_applied(tmp_path, depth):
    stored = DEEP if depth == 16 else SHALLOW
    samples = np.dstack([stored] * 3)
    read = read_radiograph(
        png(tmp_path, samples, depth, 2, chunk(b"gAMA", struct.pack(">L", 9000)))
    )
    assert (read.pixels == (spread(stored) if depth == 16 else stored)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("colour_type", [0, 2])
def test_a_picture_is_turned_as_it_says(tmp_path, orientation, colour_type):
    exif = Image.Exif()
    exif[0x0112] = orientation
    samples = np.repeat(DEEP[..., None], 3 if colour_type else 1, axis=2)
    path = png(tmp_path, samples, 16, colour_type, chunk(b"eXIf", exif.tobytes()[6:]))
    stored = [None, DEEP, DEEP[:, ::-1], DEEP[::-1, ::-1], DEEP[::-1], DEEP.T, DEEP[::-1].T,
              DEEP[::-1, ::-1].T, DEEP[:, ::-1].T][orientation]  # fmt: skip
    assert (read_radiograph(path).pixels == spread(stored)).all()
    assert (read_square(path, 64).rows, read_square(path, 64).columns) == stored.shape


def jpeg(**options):
    stream = io.BytesIO()
    Image.fromarray(SHALLOW.astype(np.uint8)).save(stream, "JPEG", quality=95, **options)
    return stream.getvalue()


@pytest.mark.parametrize("tail", [b"PHOTOSHOP trailer 123", b"\1" * 5000, b"\xff\xd8\xff\xe0 half"])
@pytest.mark.parametrize("progressive", [False, True])
def test_bytes_after_a_jpeg_are_passed_over_with_a_note(tmp_path, tail, progressive):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(progressive=progressive))
    plain = read_radiograph(path)
    path.write_bytes(jpeg(progressive=progressive) + tail)
    read = read_radiograph(path)
    assert (read.pixels == plain.pixels).all()
    assert (list(read.notes), plain.notes) == (["trailing_bytes"], {})


@pytest.mark.parametrize("tail", [b"", b"PHOTOSHOP trailer 123", b"trailer \xff\xd9"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_jpeg_that_is_cut_off_is_refused_whatever_follows(tmp_path, tail, share):
    whole = jpeg()
    path = tmp_path / "a.jpg"
    path.write_bytes(whole[: int(len(whole) * share)] + tail)
    assert refusal(path).reason in ("truncated", "cannot_decode")


def test_other_kinds_of_jpeg_are_named_with_what_would_do(tmp_path):
    grey = SHALLOW.astype(np.uint8)
    cmyk = io.BytesIO()
    Image.fromarray(grey).convert("CMYK").save(cmyk, "JPEG")
    kinds = {
        "12 bits a sample": imagecodecs.jpeg8_encode(
            DEEP.clip(0, 4095).astype("<u2"), level=90, bitspersample=12
        ),
        "SOF3": imagecodecs.jpeg8_encode(grey, lossless=True, bitspersample=8),
        "SOF55": imagecodecs.jpegls_encode(grey),
        "4 channels": cmyk.getvalue(),
    }
    for found, data in kinds.items():
        (tmp_path / "a.jpg").write_bytes(data)
        error = refusal(tmp_path / "a.jpg")
        assert found in str(error)
        assert "save it as a grey PNG" in str(error)


def test_a_damaged_png_is_refused_by_every_way_to_read_it(tmp_path):
    path = png(tmp_path, np.dstack([DEEP] * 3), 16, 2)
    whole = path.read_bytes()
    for damaged in (whole[:-60], whole[:-200], whole[:2000] + b"\0\1\2" + whole[2003:]):
        path.write_bytes(damaged)
        assert refusal(path).reason == "cannot_decode"
        with pytest.raises(RadiographError):
            read_square(path, 64)
