"""The corruptions of images and their constants.

Constants are those of CIFAR-10-C and ImageNet-C (Hendrycks and Dietterich, arXiv:1903.12261, with
the code that made the published files), except where these do not grow harder with severity:

* ``motion_blur`` of small images: published severities 3 and 4 differ in next to nothing, so the
  trail of 4 is made longer;
* ``saturate``: published severities lower the saturation first and then raise it; the settings that
  raise it are kept and filled up;
* ``elastic``: published severity 2 moves pixels farther than 5, so all constants are our own.

``frost`` needs photographs and ``glass_blur`` goes pixel by pixel; neither is here.
"""

from nearfar.data.corruptions.blur import defocus, gaussian, motion, zoom
from nearfar.data.corruptions.colour import brightness, contrast, saturate
from nearfar.data.corruptions.compression import jpeg
from nearfar.data.corruptions.elastic import elastic
from nearfar.data.corruptions.image_rows import LARGE, SMALL, Constants, ImageCorruption, Setting
from nearfar.data.corruptions.noise import gaussian_noise, impulse_noise, shot_noise, speckle_noise
from nearfar.data.corruptions.resolution import pixelate
from nearfar.data.corruptions.weather import fog, snow

Five = tuple[Setting, Setting, Setting, Setting, Setting]


def singles(a: float, b: float, c: float, d: float, e: float) -> Five:
    """Return five settings of one number."""
    return (a,), (b,), (c,), (d,), (e,)


def shares(table: Five, side: int) -> Five:
    """Return lengths given as shares of the side in pixels."""
    a, b, c, d, e = (tuple(side * value for value in setting) for setting in table)
    return a, b, c, d, e


ELASTIC: Five = (
    (0.010, 0.08, 0.02),
    (0.015, 0.07, 0.03),
    (0.020, 0.06, 0.045),
    (0.025, 0.05, 0.06),
    (0.030, 0.04, 0.08),
)

IMAGE_CORRUPTIONS: dict[str, ImageCorruption] = {
    "gaussian_noise": ImageCorruption(
        gaussian_noise,
        Constants(singles(0.04, 0.06, 0.08, 0.09, 0.10), singles(0.08, 0.12, 0.18, 0.26, 0.38)),
    ),
    "shot_noise": ImageCorruption(
        shot_noise, Constants(singles(500, 250, 100, 75, 50), singles(60, 25, 12, 5, 3))
    ),
    "impulse_noise": ImageCorruption(
        impulse_noise,
        Constants(singles(0.01, 0.02, 0.03, 0.05, 0.07), singles(0.03, 0.06, 0.09, 0.17, 0.27)),
    ),
    "speckle_noise": ImageCorruption(
        speckle_noise,
        Constants(singles(0.06, 0.10, 0.12, 0.16, 0.20), singles(0.15, 0.20, 0.35, 0.45, 0.60)),
    ),
    "gaussian_blur": ImageCorruption(
        gaussian,
        Constants(singles(0.4, 0.6, 0.7, 0.8, 1.0), singles(1, 2, 3, 4, 6), frozenset({0})),
    ),
    "defocus_blur": ImageCorruption(
        defocus,
        Constants(
            ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
            ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
            frozenset({0}),
        ),
    ),
    "motion_blur": ImageCorruption(
        motion,
        Constants(
            ((6, 1), (6, 1.5), (6, 2), (8, 2.25), (9, 2.5)),
            ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
            frozenset({0, 1}),
        ),
    ),
    "zoom_blur": ImageCorruption(
        zoom,
        Constants(
            ((1.05, 0.01), (1.10, 0.01), (1.15, 0.01), (1.20, 0.01), (1.25, 0.01)),
            ((1.10, 0.01), (1.15, 0.01), (1.20, 0.02), (1.24, 0.02), (1.30, 0.03)),
        ),
    ),
    "fog": ImageCorruption(
        fog,
        Constants(
            ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
            ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        ),
    ),
    "snow": ImageCorruption(
        snow,
        Constants(
            (
                (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
                (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
                (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
                (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
                (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
            ),
            (
                (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
                (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
                (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
                (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
                (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
            ),
            frozenset({4, 5}),
        ),
    ),
    "brightness": ImageCorruption(
        brightness,
        Constants(singles(0.05, 0.10, 0.15, 0.20, 0.30), singles(0.1, 0.2, 0.3, 0.4, 0.5)),
    ),
    "contrast": ImageCorruption(
        contrast,
        Constants(singles(0.75, 0.50, 0.40, 0.30, 0.15), singles(0.4, 0.3, 0.2, 0.1, 0.05)),
    ),
    "saturate": ImageCorruption(
        saturate,
        Constants(
            ((1.5, 0), (1.75, 0), (2, 0), (2, 0.1), (2.5, 0.2)),
            ((2, 0), (3, 0), (4, 0), (5, 0.1), (20, 0.2)),
        ),
        colour=True,
    ),
    "pixelate": ImageCorruption(
        pixelate,
        Constants(singles(0.95, 0.90, 0.85, 0.75, 0.65), singles(0.6, 0.5, 0.4, 0.3, 0.25)),
    ),
    "jpeg": ImageCorruption(
        jpeg,
        Constants(singles(80, 65, 58, 50, 40), singles(25, 18, 15, 10, 7)),
        name_of_format="JPEG",
    ),
    "elastic": ImageCorruption(
        elastic,
        Constants(shares(ELASTIC, SMALL), shares(ELASTIC, LARGE), frozenset({0, 1, 2})),
    ),
}
