"""The papers' networks in their genuine file layouts, with random weights: they load, compute, and refuse others."""

import numpy as np
import pytest
import torch

from engine.errors import ModelMissingError
from engine.evaluation import arcface, inception, syncnet
from engine.evaluation.arcface import TEMPLATE, ArcFace, aligned_face
from engine.evaluation.inception import Inception, frechet_distance
from engine.evaluation.syncnet import MAX_SHIFT, SyncNet, cepstra, face_crop, sync_scores


def test_frechet_distance_of_known_clouds():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4000, 3))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + [3.0, 0, 0]) == pytest.approx(9.0, abs=1e-6)
    assert frechet_distance(a, 2 * a) == pytest.approx(
        sum(np.var(a, axis=0, ddof=1)) + np.sum(a.mean(axis=0) ** 2), rel=1e-6
    )
    b = rng.normal(size=(4000, 3)) * [1.0, 2.0, 0.5]
    s, t = np.cov(a.T), np.cov(b.T)
    values = np.linalg.eigvals(s @ t)
    wanted = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s + t) - 2 * np.sqrt(values.real).sum()
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-6)


def test_the_same_sound_and_lips_are_nearest_at_the_shift_between_them():
    torch.manual_seed(0)
    seen = torch.randn(60, 1024)
    for shift in (0, 4, -7):
        scores = sync_scores(seen, torch.roll(seen, shift, dims=0))
        assert scores["sync_offset_frames"] == -shift
        assert scores["sync_d"] < 15 and scores["sync_c"] > 20
    noise = sync_scores(seen, torch.randn(60, 1024))
    assert noise["sync_c"] < 3 and 2 * MAX_SHIFT + 1 == 31


def test_cepstra_have_a_hundred_rows_a_second_and_follow_the_sound():
    rate = 16_000
    t = np.arange(rate) / rate
    low, high = (cepstra(0.3 * np.sin(2 * np.pi * f * t)) for f in (200, 3000))
    assert low.shape == (99, 13) and np.isfinite(low).all()
    assert np.abs(low[10:90].std(axis=0)).max() < 1.0  # a steady tone
    assert low[:, 1].mean() > high[:, 1].mean() + 5  # the spectrum falls, or rises
    assert (
        cepstra(0.3 * np.sin(2 * np.pi * 200 * t))[:, 0].mean()
        > cepstra(0.03 * np.sin(2 * np.pi * 200 * t))[:, 0].mean()
    )


def test_a_face_is_laid_on_the_template():
    picture = np.zeros((200, 200, 3), np.float32)
    marks = np.zeros((478, 3))
    turn = np.array([[0.0, -1.5], [1.5, 0.0]])  # a quarter turn, half as large again
    points = TEMPLATE @ turn.T + [150.0, 20.0]
    for rows, point in zip(arcface.FIVE, points, strict=True):
        marks[list(rows), :2] = point
        x, y = (int(v) for v in np.round(point))
        picture[y - 2 : y + 3, x - 2 : x + 3] = 1
    crop = aligned_face(picture, marks).numpy()
    assert crop.shape == (112, 112, 3)
    for x, y in np.round(TEMPLATE).astype(int):
        assert crop[y, x].mean() > 0.5
    assert crop.mean() < 0.05


def test_the_square_round_a_face_holds_it():
    picture = np.zeros((120, 120, 3), np.float32)
    picture[50:70, 50:70] = 1
    marks = np.array([[50.0, 50.0, 0], [70.0, 70.0, 0]])
    crop = face_crop(picture, marks)
    assert crop.shape == (224, 224, 3) and crop.dtype == np.uint8
    bright = np.argwhere(crop[..., 0] > 200)
    assert 100 < np.ptp(bright[:, 1]) < 170 and bright[:, 0].mean() < 112  # more room below


@pytest.mark.parametrize(("kind", "file"), [(Inception, inception.INCEPTION_FILE), (ArcFace, arcface.ARCFACE_FILE),
                                            (SyncNet, syncnet.SYNCNET_FILE)])  # fmt: skip
def test_missing_and_foreign_weights_are_one_sentence_that_says_where_to_get_them(kind, file, tmp_path):
    for weights in (None, {"a": torch.zeros(2)}):
        if weights is not None:
            torch.save(weights, tmp_path / file)
        with pytest.raises(ModelMissingError) as error:
            kind(tmp_path)
        assert "http" in str(error.value) and "\n" not in str(error.value)


def test_arcface_reads_its_depth_off_the_file(tmp_path):
    torch.manual_seed(0)
    weights = iresnet_weights((1, 2, 1, 1))
    torch.save(weights, tmp_path / arcface.ARCFACE_FILE)
    network = ArcFace(tmp_path)
    assert len(network.layer2) == 2 and len(network.layer1) == 1
    one, two = network(torch.rand(2, 112, 112, 3))
    assert one.norm() == pytest.approx(1, abs=1e-5) and not torch.equal(one, two)


def test_syncnet_scores_a_clip(tmp_path):
    torch.manual_seed(0)
    torch.save(syncnet_weights(), tmp_path / syncnet.SYNCNET_FILE)
    network = SyncNet(tmp_path)
    faces = np.random.default_rng(0).integers(0, 255, size=(9, 224, 224, 3), dtype=np.uint8)
    scores = network.scores(faces, 0.1 * np.random.default_rng(1).normal(size=6400))
    assert np.isfinite(list(scores.values())).all() and scores["sync_d"] > 0
    assert np.isnan(network.scores(faces[:5], np.zeros(1000))["sync_c"])


@pytest.mark.long
def test_inception_gives_2048_features_of_a_picture(tmp_path):
    torch.manual_seed(0)
    weights = inception_weights()
    torch.save(weights, tmp_path / inception.INCEPTION_FILE)
    network = Inception(tmp_path)
    features = network(torch.rand(2, 64, 64, 3))
    assert features.shape == (2, 2048) and torch.isfinite(features).all()


def norm(name: str, n: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.ones(n), f"{name}.bias": torch.zeros(n), f"{name}.running_mean": torch.zeros(n),
            f"{name}.running_var": torch.ones(n), f"{name}.num_batches_tracked": torch.tensor(0)}  # fmt: skip


def iresnet_weights(depths: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """`backbone.pth` of arcface_torch by its names and shapes."""
    w = {"conv1.weight": 0.1 * torch.randn(64, 3, 3, 3), "prelu.weight": torch.full((64,), 0.25)} | norm("bn1", 64)
    n_in = 64
    for i, (width, depth) in enumerate(zip((64, 128, 256, 512), depths, strict=True), 1):
        for k in range(depth):
            at = f"layer{i}.{k}"
            w |= {f"{at}.conv1.weight": 0.05 * torch.randn(width, n_in, 3, 3),
                  f"{at}.prelu.weight": torch.full((width,), 0.25),
                  f"{at}.conv2.weight": 0.05 * torch.randn(width, width, 3, 3)}  # fmt: skip
            w |= norm(f"{at}.bn1", n_in) | norm(f"{at}.bn2", width) | norm(f"{at}.bn3", width)
            if k == 0:
                w |= {f"{at}.downsample.0.weight": 0.1 * torch.randn(width, n_in, 1, 1)} | norm(
                    f"{at}.downsample.1", width
                )
            n_in = width
    w |= norm("bn2", 512) | {"fc.weight": 0.01 * torch.randn(512, 25088), "fc.bias": torch.zeros(512)}
    return w | norm("features", 512)


def syncnet_weights() -> dict[str, torch.Tensor]:
    """`syncnet_v2.model` by its names and shapes."""
    w: dict[str, torch.Tensor] = {}

    def layer(at: str, *shape: int) -> None:
        w.update({f"{at}.weight": 0.05 * torch.randn(shape), f"{at}.bias": torch.zeros(shape[0])})

    sounds = ((0, 64, 1, 3, 3), (4, 192, 64, 3, 3), (8, 384, 192, 3, 3), (11, 256, 384, 3, 3), (14, 256, 256, 3, 3),
              (18, 512, 256, 5, 4))  # fmt: skip
    lips = ((0, 96, 3, 5, 7, 7), (4, 256, 96, 1, 5, 5), (8, 256, 256, 1, 3, 3), (11, 256, 256, 1, 3, 3),
            (14, 256, 256, 1, 3, 3), (18, 512, 256, 1, 6, 6))  # fmt: skip
    for tower, rows in (("netcnnaud", sounds), ("netcnnlip", lips)):
        for number, *shape in rows:
            layer(f"{tower}.{number}", *shape)
            w.update(norm(f"{tower}.{number + 1}", shape[0]))
    for tower in ("netfcaud", "netfclip"):
        layer(f"{tower}.0", 512, 512)
        w.update(norm(f"{tower}.1", 512))
        layer(f"{tower}.3", 1024, 512)
    return w


def inception_weights() -> dict[str, torch.Tensor]:
    """The FID port's file by its names and shapes: a convolution and a norm each, and the classifier it ends in."""
    rows = {"Conv2d_1a_3x3": (32, 3, 3, 3), "Conv2d_2a_3x3": (32, 32, 3, 3), "Conv2d_2b_3x3": (64, 32, 3, 3),
            "Conv2d_3b_1x1": (80, 64, 1, 1), "Conv2d_4a_3x3": (192, 80, 3, 3)}  # fmt: skip
    for name, n, pool in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
        rows |= {f"Mixed_{name}.{k}": v for k, v in {
            "branch1x1": (64, n, 1, 1), "branch5x5_1": (48, n, 1, 1), "branch5x5_2": (64, 48, 5, 5),
            "branch3x3dbl_1": (64, n, 1, 1), "branch3x3dbl_2": (96, 64, 3, 3), "branch3x3dbl_3": (96, 96, 3, 3),
            "branch_pool": (pool, n, 1, 1)}.items()}  # fmt: skip
    rows |= {f"Mixed_6a.{k}": v for k, v in {
        "branch3x3": (384, 288, 3, 3), "branch3x3dbl_1": (64, 288, 1, 1), "branch3x3dbl_2": (96, 64, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3)}.items()}  # fmt: skip
    for name, m in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        rows |= {f"Mixed_{name}.{k}": v for k, v in {
            "branch1x1": (192, 768, 1, 1), "branch7x7_1": (m, 768, 1, 1), "branch7x7_2": (m, m, 1, 7),
            "branch7x7_3": (192, m, 7, 1), "branch7x7dbl_1": (m, 768, 1, 1), "branch7x7dbl_2": (m, m, 7, 1),
            "branch7x7dbl_3": (m, m, 1, 7), "branch7x7dbl_4": (m, m, 7, 1), "branch7x7dbl_5": (192, m, 1, 7),
            "branch_pool": (192, 768, 1, 1)}.items()}  # fmt: skip
    rows |= {f"Mixed_7a.{k}": v for k, v in {
        "branch3x3_1": (192, 768, 1, 1), "branch3x3_2": (320, 192, 3, 3), "branch7x7x3_1": (192, 768, 1, 1),
        "branch7x7x3_2": (192, 192, 1, 7), "branch7x7x3_3": (192, 192, 7, 1),
        "branch7x7x3_4": (192, 192, 3, 3)}.items()}  # fmt: skip
    for name, n in (("7b", 1280), ("7c", 2048)):
        rows |= {f"Mixed_{name}.{k}": v for k, v in {
            "branch1x1": (320, n, 1, 1), "branch3x3_1": (384, n, 1, 1), "branch3x3_2a": (384, 384, 1, 3),
            "branch3x3_2b": (384, 384, 3, 1), "branch3x3dbl_1": (448, n, 1, 1), "branch3x3dbl_2": (384, 448, 3, 3),
            "branch3x3dbl_3a": (384, 384, 1, 3), "branch3x3dbl_3b": (384, 384, 3, 1),
            "branch_pool": (192, n, 1, 1)}.items()}  # fmt: skip
    w = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    for name, shape in rows.items():
        w |= {f"{name}.conv.weight": torch.randn(shape) / np.sqrt(np.prod(shape[1:]))}
        w |= {k: v for k, v in norm(f"{name}.bn", shape[0]).items() if not k.endswith("tracked")}
    return w
