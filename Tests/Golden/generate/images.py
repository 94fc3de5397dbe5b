"""Golden values for image input: files and checksums made with Pillow and torchvision.

Writes ../images/*.png, *.jpg, ../images/{decode,resize,preprocess}.txt.
Run: python images.py   (needs pillow, numpy, torch, torchvision)
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

OUT = Path(__file__).parent.parent / "images"
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def noise(count, seed):
    """Bytes that the Swift tests can make too: Knuth's MMIX generator, upper 8 bits."""
    values, state = bytearray(count), seed
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values[i] = state >> 56
    return bytes(values)


def noise_image(width, height, channels, seed):
    data = noise(width * height * channels, seed)
    return Image.frombytes("L" if channels == 1 else "RGB", (width, height), data)


def smooth_image(width, height, mode="RGB"):
    """Something that JPEG does not turn into mud."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [
        127 + 120 * np.sin(x / 5 + y / 9),
        127 + 120 * np.cos(x / 3 - y / 4),
        (x * 13 + y * 7) % 256,
        (x * 5 + y * 11) % 256,
    ]
    count = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}[mode]
    data = np.stack(planes[:count], -1).astype(np.uint8)
    return Image.fromarray(data[..., 0] if count == 1 else data, mode)


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, depth, color, rows, interlace=0, extra=b""):
    """A PNG with unfiltered rows, for the kinds that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data)
            + chunk(b"IEND", b""))


def adam7(pixels):
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2)]
    for x, y, dx, dy in passes:
        part = pixels[y::dy, x::dx]
        if part.size:
            yield from (row.tobytes() for row in part)


def packed_rows(width, height, depth, seed):
    size = (width * depth + 7) // 8
    data = noise(size * height, seed)
    return [data[i * size:(i + 1) * size] for i in range(height)]


def png_files():
    width, height = 19, 11
    files = {}
    for depth in (1, 2, 4, 8, 16):
        rows = packed_rows(width, height, depth, depth)
        files[f"grey{depth}.png"] = png(width, height, depth, 0, rows)
    rows = packed_rows(width, height, 48, 3)
    files["rgb16.png"] = png(width, height, 16, 2, rows)
    rows = packed_rows(width, height, 4, 5)
    palette = chunk(b"PLTE", noise(48, 6))
    files["palette4.png"] = png(width, height, 4, 3, rows, extra=palette)
    transparency = palette + chunk(b"tRNS", noise(9, 7))
    files["palette_alpha.png"] = png(width, height, 4, 3, rows, extra=transparency)
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    rows = packed_rows(width, height, 24, 8)
    files["gamma.png"] = png(width, height, 8, 2, rows, extra=gamma)
    pixels = np.frombuffer(noise(width * height * 3, 9), np.uint8).reshape(height, width, 3)
    files["interlaced.png"] = png(width, height, 8, 2, adam7(pixels), interlace=1)
    for mode in ("L", "RGB", "RGBA", "LA"):
        buffer = io.BytesIO()
        smooth_image(width, height, mode).save(buffer, "PNG")
        files[f"{mode.lower()}.png"] = buffer.getvalue()
    return files


def jpeg_files():
    kinds = {
        "grey.jpg": ("L", {}),
        "444.jpg": ("RGB", {"subsampling": "4:4:4"}),
        "422.jpg": ("RGB", {"subsampling": "4:2:2"}),
        "420.jpg": ("RGB", {"subsampling": "4:2:0"}),
        "420_low.jpg": ("RGB", {"subsampling": "4:2:0", "quality": 20}),
        "progressive.jpg": ("RGB", {"progressive": True}),
        "restart.jpg": ("RGB", {"restart_marker_rows": 1}),
        "cmyk.jpg": ("CMYK", {}),
    }
    files = {}
    for name, (mode, options) in kinds.items():
        buffer = io.BytesIO()
        smooth_image(37, 29, mode).save(buffer, "JPEG", **options)
        files[name] = buffer.getvalue()
    adobe = files["cmyk.jpg"].index(b"Adobe")
    ycck = bytearray(files["cmyk.jpg"])
    ycck[adobe + 11] = 2  # the transform that Adobe's marker names
    files["ycck.jpg"] = bytes(ycck)
    files["cmyk_plain.jpg"] = files["cmyk.jpg"][:adobe - 4] + files["cmyk.jpg"][adobe + 12:]
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth_image(37, 29).save(buffer, "JPEG", exif=exif)
    files["rotated.jpg"] = buffer.getvalue()
    return files


def write_decode():
    lines = []
    for name, data in sorted({**png_files(), **jpeg_files()}.items()):
        (OUT / name).write_bytes(data)
        image = Image.open(io.BytesIO(data))
        if image.mode.startswith("I"):
            # Pillow clips 16-bit grey in this conversion; the upper 8 bits are what is meant.
            values = np.asarray(image).astype(np.uint32) >> 8
            image = Image.fromarray(values.astype(np.uint8), "L")
        mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
        checksum = zlib.crc32(image.convert("RGB").tobytes())
        lines.append(f"{name} {image.width} {image.height} {1 if mode == 'L' else 3} {checksum}")
    (OUT / "decode.txt").write_text("\n".join(lines) + "\n")


RESIZES = [
    (17, 13, 3, 40, 31), (17, 13, 1, 5, 3), (64, 47, 3, 23, 61), (31, 90, 3, 31, 20),
    (31, 90, 3, 12, 90), (1, 1, 3, 9, 7), (200, 3, 1, 1, 1), (5, 120, 3, 64, 2),
    (97, 61, 3, 96, 62), (97, 61, 3, 98, 60), (33, 33, 1, 333, 7), (120, 75, 3, 41, 25),
    (50, 50, 3, 50, 50), (127, 63, 3, 64, 32), (2, 3, 3, 257, 129), (255, 11, 1, 100, 100),
]


def write_resize():
    lines = []
    for number, (width, height, channels, new_width, new_height) in enumerate(RESIZES):
        image = noise_image(width, height, channels, number)
        for name, method in FILTERS.items():
            result = image.resize((new_width, new_height), method)
            lines.append(f"{width} {height} {channels} {number} {new_width} {new_height} {name} "
                         f"{zlib.crc32(result.tobytes())}")
    (OUT / "resize.txt").write_text("\n".join(lines) + "\n")


PREPROCESSINGS = [
    (50, 37, 3, 3, 32, "bilinear", 28, 28), (37, 50, 3, 3, 24, "bicubic", 21, 24),
    (51, 40, 3, 3, None, "bilinear", 29, 35), (20, 17, 3, 3, None, "bilinear", 25, 25),
    (33, 21, 3, 1, 16, "bicubic", 16, 16), (40, 25, 1, 3, 18, "bilinear", 13, 16),
    (28, 28, 1, 1, None, "bilinear", 28, 28), (24, 61, 3, 3, 30, "bicubic", 31, 90),
]
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def write_preprocess():
    lines = []
    for number, case in enumerate(PREPROCESSINGS):
        width, height, channels, wanted, side, name, crop_height, crop_width = case
        image = noise_image(width, height, channels, 100 + number)
        steps = [transforms.Resize(side, InterpolationMode[name.upper()])] if side else []
        steps += [
            transforms.CenterCrop((crop_height, crop_width)),
            transforms.ToTensor(),
            transforms.Normalize(MEAN[:wanted], DEVIATION[:wanted]),
        ]
        result = transforms.Compose(steps)(image.convert("L" if wanted == 1 else "RGB"))
        values = result.permute(1, 2, 0).contiguous().numpy().astype("<f4")
        lines.append(" ".join(str(v) for v in (
            width, height, channels, 100 + number, wanted, side or 0, name, crop_height,
            crop_width, zlib.crc32(values.tobytes()))))
    (OUT / "preprocess.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    write_decode()
    write_resize()
    write_preprocess()
