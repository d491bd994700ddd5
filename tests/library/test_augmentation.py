"""Augmentation: what it draws, and where the pixels go."""

import numpy as np
import pytest
import torch

from lmc_ot.data.augmentation import COLUMNS, Augmentation
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.errors import ConfigError
from lmc_ot.rng import generator
from support import augmentation

GIT_REBASIN = Augmentation(flip=True, zoom=(0.8, 1.2), rotation=30.0)
SHAPES = [(32, 32, 3), (28, 28, 1), (20, 33, 3), (32, 32, 1)]


def stream(epoch=1, number=0):
    return generator(7, "augmentation", 0.1, number, epoch)


def apply(images, flip=0.0, zoom=1.0, angle=0.0, across=0.0, down=0.0, **options):
    row = torch.tensor([flip, zoom, angle, across, down])
    return Augmentation.apply(images, row.expand(len(images), -1), **options)


@pytest.fixture
def images():
    """Make five random images of a shape."""
    random = torch.Generator().manual_seed(3)
    return lambda *shape: torch.rand(5, *shape, generator=random)


# -- drawing ---------------------------------------------------------------------------------


def test_numbers_are_in_their_ranges_and_reach_their_ends():
    rows = GIT_REBASIN.draw(stream(), 100_000)
    assert rows.dtype == np.float32 and rows.shape == (100_000, len(COLUMNS))
    flip, zoom, angle, across, down = rows.T
    assert set(flip) == {0.0, 1.0} and flip.mean() == pytest.approx(0.5, abs=0.01)
    assert np.float32(0.8) <= zoom.min() < 0.801 and 1.199 < zoom.max() <= np.float32(1.2)
    assert -30 <= angle.min() < -29.9 and 29.9 < angle.max() <= 30
    assert angle.mean() == pytest.approx(0, abs=0.2)
    # Uniform in the logarithm: as often below the geometric mean as above it.
    assert (zoom < np.sqrt(0.8 * 1.2)).mean() == pytest.approx(0.5, abs=0.01)
    for shift in (across, down):
        room = np.abs(1 - 1 / zoom.astype(np.float64))
        assert (np.abs(shift) <= room + 1e-6).all()
        assert (np.abs(shift) > 0.9 * room).mean() == pytest.approx(0.1, abs=0.01)
        assert np.corrcoef(shift, zoom)[0, 1] == pytest.approx(0, abs=0.02)
    assert np.corrcoef(across, down)[0, 1] == pytest.approx(0, abs=0.02)


def test_a_stream_gives_the_same_numbers_and_another_epoch_or_network_others():
    rows = GIT_REBASIN.draw(stream(), 50)
    np.testing.assert_array_equal(rows, GIT_REBASIN.draw(stream(), 50))
    assert not np.isclose(rows[:, 1:], GIT_REBASIN.draw(stream(epoch=2), 50)[:, 1:]).any()
    assert not np.isclose(rows[:, 1:], GIT_REBASIN.draw(stream(number=1), 50)[:, 1:]).any()


def test_an_examples_numbers_do_not_depend_on_those_after_it():
    np.testing.assert_array_equal(
        GIT_REBASIN.draw(stream(), 9), GIT_REBASIN.draw(stream(), 1000)[:9]
    )


def test_what_is_switched_off_changes_nothing_else():
    every = GIT_REBASIN.draw(stream(), 200)
    nothing = augmentation().draw(stream(), 200)
    assert (nothing == np.array([0, 1, 0, 0, 0], np.float32)).all()
    flips = augmentation(flip=True).draw(stream(), 200)
    np.testing.assert_array_equal(flips[:, 0], every[:, 0])
    assert (flips[:, 1:] == nothing[:, 1:]).all()
    turns = augmentation(rotation=30.0).draw(stream(), 200)
    np.testing.assert_array_equal(turns[:, 2], every[:, 2])
    assert not turns[:, 0].any() and (turns[:, 1] == 1).all() and not turns[:, 3:].any()


def test_the_configs_options_build_it():
    options = {"flip": True, "zoom": [0.8, 1.2], "rotation": 30}
    assert Augmentation(**options) == GIT_REBASIN
    assert hash(Augmentation(**options)) == hash(GIT_REBASIN)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"zoom": (0.0, 1.0)}, "augmentation.zoom: [0.0, 1.0]"),
        ({"zoom": (1.2, 0.8)}, "augmentation.zoom: [1.2, 0.8]"),
        ({"zoom": (1.0,)}, "augmentation.zoom: [1.0]"),
        ({"zoom": (1.0, float("inf"))}, "augmentation.zoom"),
        ({"rotation": -1.0}, "augmentation.rotation: -1.0"),
        ({"rotation": 181.0}, "augmentation.rotation: 181.0"),
        ({"rotation": float("nan")}, "augmentation.rotation: nan"),
    ],
)
def test_options_out_of_range_are_refused(options, named, one_line):
    with pytest.raises(ConfigError) as error:
        augmentation(**options)
    one_line(error, named, "expected")


# -- moving ----------------------------------------------------------------------------------


# Sides that are a power of two: every place is exact in float32. Else it is rounded.
def tolerance(*sides):
    return 0 if all(side & (side - 1) == 0 for side in sides) else 5e-6


@pytest.mark.parametrize("shape", SHAPES)
def test_the_identity_returns_the_images(images, shape):
    before = images(*shape)
    kept = before.clone()
    after = apply(before)
    assert after.shape == before.shape and after.dtype == torch.float32 and after.is_contiguous()
    torch.testing.assert_close(after, before, rtol=0, atol=tolerance(*shape[:2]))
    assert torch.equal(before, kept)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_flip_mirrors_left_and_right(images, shape):
    before = images(*shape)
    wanted = before.flip(2)
    torch.testing.assert_close(apply(before, flip=1.0), wanted, rtol=0, atol=tolerance(*shape[:2]))


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1)])
@pytest.mark.parametrize(("angle", "quarters"), [(90.0, 1), (-90.0, -1), (180.0, 2)])
def test_a_positive_angle_rotates_counter_clockwise(images, shape, angle, quarters):
    """As torch.rot90 does: what is at the right goes to the top."""
    before = images(*shape)
    wanted = torch.rot90(before, quarters, dims=(1, 2))
    # Only sin(180 degrees) is not exact.
    atol = 5e-6 if angle == 180 else tolerance(*shape[:2])
    torch.testing.assert_close(apply(before, angle=angle), wanted, rtol=0, atol=atol)
    right = torch.zeros(1, 32, 32, 1)
    right[0, 15:17, 30:] = 1
    assert apply(right, angle=90.0)[0, :2, 15:17].sum() == right.sum()


def test_the_rotation_of_an_image_that_is_not_square_keeps_its_proportions():
    """A disc stays a disc: a rotation moves it, and neither stretches nor shears it."""
    height, width = 20, 40
    y, x = torch.meshgrid(
        torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2,
        indexing="ij",
    )  # fmt: skip

    def blob(x0, y0):
        return torch.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 18)[None, :, :, None]

    angle = np.radians(30)
    # Counter-clockwise, with y downwards.
    moved = blob(8 * np.cos(angle), -8 * np.sin(angle))
    torch.testing.assert_close(apply(blob(8.0, 0.0), angle=30.0), moved, rtol=0, atol=0.03)


def test_zoom_2_on_a_ramp():
    """A ramp along each side, of slope 1 a pixel: the zoomed one has slope 1/2."""
    down, across = torch.meshgrid(torch.arange(8.0), torch.arange(16.0), indexing="ij")
    ramps = torch.stack([across, down], dim=2)[None]
    after = apply(ramps, zoom=2.0)[0]
    torch.testing.assert_close(after[3, :, 0], 3.75 + torch.arange(16) / 2)
    torch.testing.assert_close(after[:, 5, 1], 1.75 + torch.arange(8) / 2)
    # The crop's centre half a half width to the right: its right edge is the image's.
    shifted = apply(ramps, zoom=2.0, across=0.5, down=-0.5)[0]
    torch.testing.assert_close(shifted[3, :-1, 0], 7.75 + torch.arange(15) / 2)
    torch.testing.assert_close(shifted[1:, 5, 1], -0.25 + torch.arange(1, 8) / 2)


@pytest.mark.parametrize(
    ("across", "down", "top", "left"), [(0.0, 0.0, 8, 8), (1.0, -1.0, 16, 0), (1.0, 1.0, 0, 0)]
)
def test_zoom_below_1_shrinks_the_image_and_black_is_around_it(across, down, top, left):
    """The crop is twice the image: if its centre is up and right, the image is below and left."""
    after = apply(torch.ones(1, 32, 32, 3), zoom=0.5, across=across, down=down)
    wanted = torch.zeros(32, 32, 3)
    wanted[top : top + 16, left : left + 16] = 1
    torch.testing.assert_close(after[0], wanted)


def test_flip_and_rotation_and_crop_are_in_git_re_basins_order(images):
    """Crop, then flip, then rotate: one after another they give what one map gives."""
    before = images(32, 32, 3)
    cropped = apply(before, zoom=2.0, across=0.5, down=-0.25)
    stepwise = apply(apply(cropped, flip=1.0), angle=90.0)
    at_once = apply(before, flip=1.0, zoom=2.0, angle=90.0, across=0.5, down=-0.25)
    torch.testing.assert_close(at_once, stepwise, rtol=0, atol=1e-5)


def test_a_picture_of_one_value_stays_within_it(images):
    rows = torch.from_numpy(GIT_REBASIN.draw(stream(), 200))
    after = Augmentation.apply(torch.ones(200, 32, 32, 3), rows)
    assert after.min() >= 0 and after.max() <= 1 + 1e-6
    assert 0.8 < after.mean() < 1, "little of a picture is lost"


@pytest.mark.parametrize("shape", SHAPES)
def test_an_image_is_moved_alike_in_every_batch(shape):
    random = torch.Generator().manual_seed(0)
    before = torch.rand(64, *shape, generator=random)
    rows = torch.from_numpy(GIT_REBASIN.draw(stream(), 64))
    together = Augmentation.apply(before, rows)
    order = torch.randperm(64, generator=random)
    assert torch.equal(Augmentation.apply(before[order], rows[order]), together[order])
    for one in (0, 17, 63):
        alone = Augmentation.apply(before[one : one + 1], rows[one : one + 1])
        assert torch.equal(alone[0], together[one])


def test_channels_do_not_mix(images):
    before = images(32, 32, 3)
    rows = torch.from_numpy(GIT_REBASIN.draw(stream(), 5))
    together = Augmentation.apply(before, rows)
    for channel in range(3):
        alone = Augmentation.apply(before[..., channel : channel + 1], rows)
        torch.testing.assert_close(alone[..., 0], together[..., channel], rtol=0, atol=1e-6)


@pytest.mark.parametrize("device", ["cpu", "meta", "cuda", "mps"])
def test_the_device_of_the_images_stays(device):
    """`meta` has shapes and no values: nothing may be read from or made on another device."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    if device == "mps" and not torch.backends.mps.is_available():
        pytest.skip("no MPS device here")
    rows = torch.from_numpy(GIT_REBASIN.draw(stream(), 4))
    before = torch.rand(4, 8, 8, 3)
    after = Augmentation.apply(before.to(device), rows)
    assert after.device.type == device and after.shape == (4, 8, 8, 3)
    if device != "meta":
        torch.testing.assert_close(after.cpu(), Augmentation.apply(before, rows))


# -- on standardised images ------------------------------------------------------------------


@pytest.mark.parametrize(
    "black", [-0.3, torch.tensor([-2.117904, -2.0357141, -1.8044444])], ids=["one", "per channel"]
)
def test_what_leaves_the_frame_is_what_stands_for_black(images, black):
    """To the last bit, and the picture in the middle is what it was."""
    before = images(32, 32, 3)
    after = apply(before, zoom=0.5, black=black)
    outside = torch.ones(32, 32, dtype=bool)
    outside[8:24, 8:24] = False
    assert torch.equal(after[:, outside], torch.as_tensor(black).expand(5, 3 * 256, 3))
    halved = before.unfold(1, 2, 2).unfold(2, 2, 2).mean((4, 5))
    torch.testing.assert_close(after[:, 8:24, 8:24], halved, rtol=0, atol=1e-5)
    assert after.is_contiguous() and after.dtype == torch.float32
    # At 45 degrees a corner of the frame is outside of the picture.
    turned = apply(before, angle=45.0, black=black)
    assert torch.equal(turned[:, 0, 0], torch.as_tensor(black).expand(5, 3))


@pytest.mark.parametrize("shape", SHAPES)
def test_images_may_be_moved_before_or_after_they_are_standardised(shape):
    """What is moved first is standardised in float64, by the statistics of the raw pixels."""
    pixels = np.random.default_rng(6).integers(0, 256, (60, *shape)).astype(np.uint8)
    split = Split(pixels, np.zeros(60, np.int64))
    data = Dataset(split, split, classes=1, scale=255.0)
    rows = torch.from_numpy(GIT_REBASIN.draw(stream(), 60))
    moved = Augmentation.apply(torch.from_numpy(data.inputs("train")).view(60, *shape), rows)
    raw = pixels.reshape(-1, shape[2]) / 255
    expected = (moved.double() - torch.from_numpy(raw.mean(0))) / torch.from_numpy(raw.std(0))

    seen = data.standardised()
    found = Augmentation.apply(
        torch.from_numpy(seen.inputs("train")).view(60, *shape),
        rows,
        torch.from_numpy(seen.black),
    )
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=5e-6)
    assert (moved == 0).double().mean() > 0.02, "a part of the pixels is from outside"
