"""What is read from weights and attention, and its figures."""

import av
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.spatial.distance import cdist

from helpers.explain import features, learnt
from helpers.figures import attention_detail, faithfulness
from helpers.figures import learnt as figures
from helpers.figures.style import COLUMN
from helpers.models import SpaceTimeTransformer
from helpers.models.transformer import SCHEMES

SIZE = {"num_frames": 4, "img_size": 32, "patch_size": 8, "embed_dims": 24, "num_heads": 3}


def tiny(scheme="divided_space_time", **changes):
    torch.manual_seed(0)
    model = SpaceTimeTransformer(
        **SIZE | changes, num_transformer_layers=2, attention_type=scheme, time_embed_std=0.5
    )
    model.init_weights()
    return model.eval()


def test_positions_are_most_like_themselves_and_cosines():
    found = learnt.position_similarity(tiny())
    space = found["space"].reshape(16, 16)
    assert np.allclose(space.diagonal(), 1) and np.allclose(space, space.T)
    assert (np.abs(space) <= 1 + 1e-6).all()
    assert found["time"].shape == (4, 4)
    assert "time" not in learnt.position_similarity(tiny("space_only"))
    assert learnt.position_similarity(tiny(positional_embedding="none")) == {}


def test_a_branch_is_dead_before_training_and_alive_with_weights():
    model, clips = tiny("axial"), torch.randn(2, 3, 4, 32, 32)
    table = learnt.branch_strength(model, clips)
    assert list(table["step"]) == ["time", "width"] * 2 and list(table["layer"]) == [1, 1, 2, 2]
    assert (table[["norm", "share"]] == 0).all(axis=None)
    linear = model.transformer_layers.layers[1].attentions[0].temporal_fc
    linear.bias.data.fill_(1.0)  # adds a vector of length √24 to every token
    linear.weight.data[0, :2] = torch.tensor([3.0, 4.0]) * 1e-6
    table = learnt.branch_strength(model, clips)
    assert table["norm"].tolist() == pytest.approx([0, 0, 5e-6, 0])
    assert table["share"].tolist()[2] > 0 and table["share"].tolist()[3] == 0
    assert learnt.branch_strength(tiny("joint_space_time"), clips).empty


def even_attention(model):
    """Queries of zero attend to everything alike."""
    for layer in model.transformer_layers.layers:
        for one in layer.attentions:
            one.attn.in_proj_weight.data[:24] = 0
            one.attn.in_proj_bias.data[:24] = 0
    return model


@pytest.mark.parametrize("scheme", SCHEMES)
def test_even_attention_looks_as_far_as_its_group_is_wide(scheme):
    model = even_attention(tiny(scheme))
    table = learnt.attention_distances(model, torch.randn(2, 3, 4, 32, 32))
    assert len(table) == 2 * len(model.scheme) * 3
    assert np.allclose(table["patches"], table["even_patches"], atol=1e-3)
    assert np.allclose(table["frames"], table["even_frames"], atol=1e-3)
    assert np.allclose(table["pixels"], 8 * table["patches"])


def test_even_distances_are_those_of_scipy():
    even = {}
    for scheme in ("divided_space_time", "joint_space_time"):
        table = learnt.attention_distances(tiny(scheme), torch.randn(1, 3, 4, 32, 32))
        table = table.drop_duplicates("step").set_index("step")
        even |= table[["even_patches", "even_frames"]].to_dict("index")
    places = np.argwhere(np.ones((4, 4)))
    times = np.arange(4)[:, None]
    in_space, in_time = cdist(places, places).mean(), cdist(times, times).mean()
    assert even["space"] == {"even_patches": pytest.approx(in_space), "even_frames": 0}
    assert even["time"] == {"even_patches": 0, "even_frames": pytest.approx(in_time)}
    assert even["space-time"]["even_patches"] == pytest.approx(in_space)
    assert even["space-time"]["even_frames"] == pytest.approx(in_time)


def test_a_head_that_sees_only_its_own_place_looks_nowhere():
    model = tiny("divided_space_time", positional_embedding="none")
    for layer in model.transformer_layers.layers:
        space = layer.attentions[1]
        space.norm.weight.data *= 300  # every token is like itself and unlike all others
        space.attn.in_proj_weight.data[24:48] = space.attn.in_proj_weight.data[:24]
    clip = torch.randn(1, 3, 4, 32, 32)
    table = learnt.attention_distances(model, clip)
    near = table[(table["step"] == "space") & (table["layer"] == 1)]
    assert (near["patches"] < 0.5 * near["even_patches"]).all()


def test_features_are_what_the_head_is_given_and_lie_on_a_plane():
    model, clips = tiny(), [torch.randn(1, 3, 4, 32, 32) for _ in range(7)]
    vectors = features.clip_features(model, clips, batch=3)
    assert vectors.shape == (7, 24)
    with torch.no_grad():
        assert np.allclose(vectors[5], model(clips[5])[0], atol=1e-5)
    planes = features.in_two_dimensions(vectors)
    assert {name: plane.shape for name, plane in planes.items()} == {"t-SNE": (7, 2), "PCA": (7, 2)}
    centred = vectors - vectors.mean(0)
    variances = np.linalg.svd(centred, compute_uv=False)[:2] ** 2
    assert np.allclose((planes["PCA"] ** 2).sum(0), variances, rtol=1e-3)
    with pytest.raises(ValueError, match="at least 4"):
        features.in_two_dimensions(vectors[:3])


def test_features_of_a_network_that_keeps_places_are_averaged():
    clips = [torch.ones(1, 2, 4, 8, 8)]
    assert features.clip_features(torch.nn.Identity(), clips).tolist() == [[1, 1]]


def test_separation_is_high_where_classes_part_and_unknown_for_a_single_kind():
    vectors = np.array([[0.0, 0], [0, 0.1], [9, 9], [9, 9.1]])
    table = pd.DataFrame({"label": ["a", "a", "b", "b"], "group": ["x"] * 4})
    apart = features.separation(vectors, table)
    assert apart["label"] > 0.9 and np.isnan(apart["group"])


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (4, 30, 40, 3), dtype=np.uint8), rng.random((4, 3, 3))


def test_rows_of_maps_have_one_scale_and_their_names(clip):
    frames, maps = clip
    fig = attention_detail.map_rows(frames, {"one": maps, "two": maps - 0.5}, "clip", most=3)
    assert len(fig.layout.images) == 6
    texts = [note.text for note in fig.layout.annotations]
    assert texts.count("one") == texts.count("two") == 1
    assert texts.count("frame 1") == 1 and "frame 4" in texts
    with pytest.raises(ValueError, match="No map"):
        attention_detail.map_rows(frames, {}, "clip")


def test_the_curve_over_the_film_has_every_frame_above_its_picture(clip):
    frames, maps = clip
    fig = attention_detail.time_over_film(frames, {"one": maps}, "time")
    assert list(fig.data[0].y) == pytest.approx(100 * maps.sum((1, 2)) / maps.sum())
    middles = [image.x + image.sizex / 2 for image in fig.layout.images]
    assert middles == pytest.approx([1, 2, 3, 4])
    long = attention_detail.time_over_film(
        np.repeat(frames, 5, axis=0), {"one": np.repeat(maps, 5, axis=0)}, "time", most=8
    )
    assert len(long.layout.images) == 8 and len(long.data[0].y) == 20


def test_the_film_is_h264_that_plays_and_a_gif(tmp_path, clip):
    film, moving = attention_detail.save_film(tmp_path / "film", *clip)
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    expected = attention_detail.film_frames(*clip)
    assert np.stack(shown).shape == expected.shape
    assert np.abs(np.stack(shown).astype(int) - expected).mean() < 12
    with Image.open(moving) as gif:
        assert gif.n_frames == 4 and gif.size == expected.shape[2:0:-1]


@pytest.mark.parametrize(
    ("scheme", "panels"),
    [("space_only", 1), ("joint_space_time", 2), ("divided_space_time", 2), ("axial", 2)],
)
def test_distances_have_a_panel_for_space_and_one_for_time_where_a_step_sees_it(scheme, panels):
    table = learnt.attention_distances(tiny(scheme), torch.randn(1, 3, 4, 32, 32))
    fig = figures.distances(table)
    assert len([key for key in fig.to_dict()["layout"] if key.startswith("xaxis")]) == panels


def test_the_plane_is_coloured_by_class_with_a_legend_or_by_recording():
    table = pd.DataFrame({"path": list("abc"), "label": ["x", "y", "x"], "group": list("pqp")})
    table["predicted"] = ["x", "x", "x"]
    points = np.array([[0.0, 0], [1, 1], [2, 2]])
    fig = figures.feature_plane(points, table, "label", "plane")
    assert [list(trace.x) for trace in fig.data] == [[0, 2], [1]]
    assert list(fig.data[1].text) == ["b<br>y → x"] and list(fig.data[0].customdata) == [0, 2]
    fig = figures.feature_plane(points, table, "group", "plane")
    assert list(fig.data[0].marker.color) == [0, 1, 0]
    frames = [np.full((6, 6, 3), 9, np.uint8)] * 3
    assert len(figures.thumbnails(points, frames, ["x", "y", "x"], "frames").layout.images) == 3


def test_similarity_of_a_large_grid_shows_every_second_place():
    fig = figures.space_similarity(np.ones((14, 14, 14, 14)))
    assert fig.data[0].z.shape == (7 * 15 - 1, 7 * 15 - 1) and fig.data[0].zmin == 0
    assert figures.time_similarity(-np.ones((4, 4))).data[0].zmin == -1


def test_gains_are_drawn_with_their_intervals_without_the_random_order_itself():
    row = {"deletion gain": 0.2, "deletion low": 0.1, "deletion high": 0.4}
    row |= {f"insertion {key.split()[1]}": value for key, value in row.items()}
    table = pd.DataFrame([{"method": "rollout"} | row, {"method": "random order"} | row])
    fig = faithfulness.gains(table)
    assert [list(trace.x) for trace in fig.data] == [[0.2], [0.2]]
    assert fig.data[0].error_x.array[0] == pytest.approx(0.2)
    assert fig.data[0].error_x.arrayminus[0] == pytest.approx(0.1)
    assert list(fig.layout.yaxis.ticktext) == ["rollout"] and fig.layout.width == COLUMN
