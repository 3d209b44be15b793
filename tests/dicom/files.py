"""DICOM files made for tests, compressed by encoders that the reader does not decode with."""

import io
import struct

import imagecodecs
import numpy as np
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders import RLELosslessEncoder

UNCOMPRESSED = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian,
                uid.DeflatedExplicitVRLittleEndian)  # fmt: skip
LOSSLESS = (*UNCOMPRESSED, uid.RLELossless, uid.JPEGLossless, uid.JPEGLosslessSV1,
            uid.JPEGLSLossless, uid.JPEG2000Lossless)  # fmt: skip
LOSSY = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless, uid.JPEG2000)


def values(bits=12, signed=False, shape=(97, 83), seed=1):
    """Smooth grey with noise over the whole range of ``bits``, both ends included."""
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.linspace(0, 0.7, shape[0]), np.linspace(0, 0.25, shape[1]))
    share = np.clip(ramp + rng.normal(0, 0.01, shape), 0, 1)
    share[0, 0], share[-1, -1] = 0, 1
    grey = np.rint(share * (2**bits - 1)).astype(int)
    return grey - (2 ** (bits - 1) if signed else 0)


def dataset(stored, *, bits=12, allocated=16, high=None, signed=False,
            syntax=uid.ExplicitVRLittleEndian, **tags):  # fmt: skip
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = uid.ComputedRadiographyImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data.Modality, data.PhotometricInterpretation, data.SamplesPerPixel = "CR", "MONOCHROME2", 1
    data.PatientName = data.PatientID = "CANARY^Name"
    data.PixelRepresentation = int(signed)
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated, data.BitsStored = allocated, bits
    data.HighBit = bits - 1 if high is None else high
    codes = (stored & (2**bits - 1)) << (data.HighBit + 1 - bits)
    data.PixelData = pixel_data(codes.astype(f"<u{allocated // 8}"), data, syntax)
    for tag, value in tags.items():
        setattr(data, tag, value)
    return data


def pixel_data(codes, data, syntax):
    if syntax in UNCOMPRESSED:
        raw = codes.astype(codes.dtype.newbyteorder(">" if syntax == UNCOMPRESSED[2] else "<"))
        return raw.tobytes() + b"\0" * (raw.nbytes % 2)
    return encapsulate([encode(codes, data, syntax)])


def encode(codes, data, syntax):
    bits = data.BitsStored
    if bits == 8 and syntax != uid.RLELossless:
        codes = codes.astype(np.uint8)
    if syntax == uid.RLELossless:
        cell = codes.itemsize * 8
        return RLELosslessEncoder.encode(
            codes.tobytes(), encoding_plugin="pydicom", rows=data.Rows, columns=data.Columns,
            samples_per_pixel=1, number_of_frames=1, pixel_representation=0, bits_stored=cell,
            bits_allocated=cell, photometric_interpretation="MONOCHROME2",
        )  # fmt: skip
    if syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1):
        predictor = 1 if syntax == uid.JPEGLosslessSV1 else 6
        return imagecodecs.jpeg8_encode(
            codes, lossless=True, bitspersample=bits, predictor=predictor
        )
    if syntax in (uid.JPEGLSLossless, uid.JPEGLSNearLossless):
        return imagecodecs.jpegls_encode(codes, level=2 if syntax == uid.JPEGLSNearLossless else 0)
    if syntax in (uid.JPEG2000Lossless, uid.JPEG2000):
        lossy = syntax == uid.JPEG2000
        return imagecodecs.jpeg2k_encode(
            codes, codecformat="j2k", level=60 if lossy else 0, reversible=not lossy,
            bitspersample=bits,
        )  # fmt: skip
    if syntax == uid.JPEGExtended12Bit and bits == 12:
        return imagecodecs.jpeg8_encode(codes, level=95, bitspersample=12)
    stream = io.BytesIO()
    Image.fromarray(codes.astype(np.uint8)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def lossless_jpeg(stored, bits, *, every=0, shift=0):
    """ISO 10918-1 annex H, first predictor: restarts ``every`` so many rows, point transform."""
    rows, columns = stored.shape
    bands = [stored[at : at + (every or rows)] >> shift for at in range(0, rows, every or rows)]
    segments = [
        b"\xc3" + struct.pack(">HBHHB3B", 11, bits, rows, columns, 1, 1, 0x11, 0),
        b"\xc4" + struct.pack(">HB16B", 36, 0, *[0] * 4, 17, *[0] * 11) + bytes(range(17)),
        b"\xdd" + struct.pack(">HH", 4, every * columns),
        b"\xda" + struct.pack(">HB5B", 8, 1, 1, 0, 1, 0, shift),
    ]
    scan = b"".join(
        (b"\xff" + bytes([0xD0 + (number - 1) % 8]) if number else b"")
        + _differences(band, bits - shift)
        for number, band in enumerate(bands)
    )
    return b"\xff\xd8" + b"".join(b"\xff" + part for part in segments) + scan + b"\xff\xd9"


def _differences(band, bits):
    left = np.roll(band, 1, axis=1)
    left[1:, 0], left[0, 0] = band[:-1, 0], 1 << (bits - 1)
    text = ""
    for value in (band - left).ravel().tolist():
        size = abs(value).bit_length()
        text += f"{size:05b}"
        if size:
            text += f"{value if value > 0 else value + (1 << size) - 1:0{size}b}"
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")


def write(path, data):
    data.save_as(path, enforce_file_format=True)
    return path


def reference(stored, bits):
    """What the rule says of unwindowed values: 8 bit as they stand, else their own range."""
    if bits == 8:
        return stored - stored.min()
    return np.rint((stored - stored.min()) / (stored.max() - stored.min()) * 255)
