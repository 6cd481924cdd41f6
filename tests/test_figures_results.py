import numpy as np
import pandas as pd
import pytest

from helpers.figures import attention, evaluation, folds, threshold_curves, training
from helpers.figures.style import COLUMN, PAGE, class_colours

CLASSES = ["Bucket-Worker", "Cabin-Worker", "Other"]


@pytest.fixture
def scalars():
    rows = [(1 + i // 10, i + 1, "loss", 2 - i / 20) for i in range(20)]
    rows += [(1, 1, "acc/top1", 0.5), (2, 2, "acc/top1", 0.75)]
    rows += [(1 + i // 10, i + 1, "lr", 1e-3) for i in range(20)]
    return pd.DataFrame(rows, columns=["epoch", "step", "name", "value"])


def test_curves_place_steps_within_epochs_and_accuracies_at_their_end(scalars):
    fig = training.curves(scalars)
    raw, smooth, accuracy = fig.data
    assert raw.x[-1] == 2 and raw.x[0] == pytest.approx(0.1)
    assert list(raw.y) == list(scalars.loc[scalars["name"] == "loss", "value"])
    assert np.ptp(np.diff(smooth.y)[4:-4]) < 1e-9
    assert (accuracy.name, list(accuracy.x), list(accuracy.y)) == ("top-1", [1, 2], [50, 75])


def test_the_learning_rate_has_a_panel_of_its_own_when_named(scalars):
    assert "yaxis3" not in training.curves(scalars).layout
    fig = training.curves(scalars, rate="lr")
    assert fig.layout.yaxis3.title.text == "learning rate"
    assert list(fig.data[-1].y) == [1e-3] * 20


def test_curves_without_the_loss_say_what_was_logged(scalars):
    with pytest.raises(ValueError, match="only acc/top1, loss, lr"):
        training.curves(scalars, loss="cost")


def test_confusion_shows_counts_and_shares_of_the_true_class():
    matrix = np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]])
    fig = evaluation.confusion(matrix, CLASSES)
    assert np.allclose(fig.data[0].z, [[75, 25, 0], [0, 100, 0], [0, 0, 0]])
    texts = {(a.y, a.x): a.text for a in fig.layout.annotations}
    assert texts["Bucket-Worker", "Cabin-Worker"] == "1<br>25 %"
    assert fig.layout.yaxis.autorange == "reversed"
    assert fig.layout.width == COLUMN


def test_confusion_of_many_classes_takes_the_page_and_leaves_zeros_out():
    fig = evaluation.confusion(np.eye(10, dtype=int) * 3, [f"c{i}" for i in range(10)])
    assert fig.layout.width == PAGE
    assert {a.text for a in fig.layout.annotations} == {"3"} and len(fig.layout.annotations) == 10


def test_precision_recall_names_areas_and_draws_averages_dashed():
    rows = pd.DataFrame(
        {
            "class": ["Other", "Other", "micro average", "micro average"],
            "recall": [0, 1, 0, 1],
            "precision": [1, 0.5, 1, 0.4],
        }
    )
    ap = pd.DataFrame({"class": ["Other", "micro average", "macro average"], "AP": [0.9, 0.8, 0.7]})
    fig = threshold_curves.precision_recall(rows, ap)
    assert [t.name for t in fig.data] == ["Other, AP 0.900", "micro average, AP 0.800"]
    assert fig.data[1].line.dash == "dash"
    assert fig.data[0].line.color == class_colours(["Other"])["Other"]
    assert "macro average AP 0.700" in fig.layout.title.text


def test_per_class_scores_show_intervals_where_given():
    table = pd.DataFrame(
        {"class": CLASSES[:2], "precision": [0.5, np.nan], "recall": [0.6, 0.7], "n": [4, 5]}
    )
    intervals = pd.DataFrame(
        {"class": ["Cabin-Worker"], "metric": ["recall"], "low": [0.4], "high": [0.9]}
    )
    fig = evaluation.per_class_scores(table, intervals)
    bars = [t for t in fig.data if t.mode == "lines"]
    assert [list(t.x) for t in bars] == [[0.4, 0.9]]
    assert evaluation.per_class_scores(table).layout.yaxis.ticktext[1] == "Cabin-Worker<br>5 clips"


def test_summary_sets_the_model_beside_the_baselines():
    intervals = {"top1": {"value": 0.8, "low": 0.7, "high": 0.85}}
    fig = evaluation.summary(intervals, {"chance": {"top1": 0.25}})
    chance, model = fig.data
    assert list(chance.x) == [0.25] and list(model.x) == [0.8]
    assert model.error_x.array[0] == pytest.approx(0.05)
    assert model.error_x.arrayminus[0] == pytest.approx(0.1)


def test_folds_stand_beside_their_mean_and_all_clips():
    by_fold = pd.DataFrame({"fold": [0, 1], "top1": [0.5, 0.7], "macro_f1": [0.4, 0.6]})
    one = {"mean": 0.6, "low": 0.2, "high": 1.0, "pooled": 0.65, "pooled_low": 0.5}
    two = {"mean": 0.5, "low": 0.1, "high": 0.9, "pooled": 0.55, "pooled_low": 0.4}
    summary = {"top1": one | {"pooled_high": 0.7}, "macro_f1": two | {"pooled_high": 0.6}}
    fig = folds.fold_scores(by_fold, summary, chance=0.25)
    traces = {trace.name: trace for trace in fig.data if trace.showlegend is not False}
    assert list(traces) == ["a fold", "mean of folds", "all clips", "chance"]
    assert list(traces["a fold"].x) == [0.5, 0.7]
    assert list(traces["mean of folds"].x) == [0.6, 0.5]
    np.testing.assert_allclose(traces["mean of folds"].error_x.arrayminus, [0.4, 0.4])
    np.testing.assert_allclose(traces["all clips"].error_x.array, [0.05, 0.05])
    assert [note.text for note in fig.layout.annotations] == ["0.600", "0.500", "0.650", "0.550"]
    assert fig.layout.shapes[0].x0 == 0.25 and fig.layout.width == COLUMN


def test_the_sheet_of_errors_tells_true_and_predicted_class_and_both_probabilities():
    errors = pd.DataFrame(
        {
            "path": ["a.mp4"],
            "label": ["Other"],
            "predicted": ["Cabin-Worker"],
            "probability": [0.97],
            "probability_of_label": [0.02],
        }
    )
    fig = evaluation.errors_sheet([np.zeros((3, 20, 30, 3), np.uint8)], errors)
    assert fig.layout.annotations[0].text == "Other (2 %) → Cabin-Worker (97 %)<br>a.mp4"
    assert len(fig.layout.images) == 1


@pytest.fixture
def clip():
    maps = np.random.default_rng(0).random((4, 3, 3))
    return np.full((4, 24, 32, 3), 90, np.uint8), maps / maps.sum()


def test_attention_strip_sets_frames_above_overlaid_frames_on_one_scale(clip):
    frames, maps = clip
    fig = attention.attention_strip(frames, maps, "clip", {"Other": 0.2, "Cabin-Worker": 0.8})
    assert len(fig.layout.images) == 8
    assert len({image.y for image in fig.layout.images}) == 2
    assert fig.layout.title.subtitle.text == "Cabin-Worker 80 %, Other 20 %"
    scale = fig.data[-1].marker
    assert scale.cmax == pytest.approx(np.quantile(maps / maps.mean(), 0.995))
    assert "mean" in scale.colorbar.title.text


def test_attention_strip_shows_first_and_last_of_many_frames():
    frames = np.full((32, 24, 32, 3), 90, np.uint8)
    fig = attention.attention_strip(frames, np.ones((32, 3, 3)), "clip", most=8)
    names = [a.text for a in fig.layout.annotations]
    assert len(names) == 8 and names[0] == "frame 1" and names[-1] == "frame 32"


def test_maps_that_do_not_belong_to_the_frames_are_refused(clip):
    frames, maps = clip
    with pytest.raises(ValueError, match=r"4 frames need maps \[4, h, w\], got \[3, 3, 3\]"):
        attention.attention_strip(frames, maps[:3], "clip")
    with pytest.raises(ValueError, match="negative"):
        attention.attention_strip(frames, maps - 0.5, "clip")


def test_the_time_profile_sums_to_a_hundred_beside_an_even_share():
    maps = np.ones((4, 3, 3))
    maps[2] = 5
    fig = attention.time_profile({"rollout": maps})
    assert list(fig.data[0].y) == pytest.approx([12.5, 12.5, 62.5, 12.5])
    assert list(fig.data[1].y) == [25, 25] and fig.data[1].name == "even share"


def test_the_comparison_has_right_clips_at_the_left_and_wrong_ones_at_the_right(clip):
    frames, maps = clip
    right = {
        "frames": frames,
        "maps": maps,
        "label": "Other",
        "predicted": "Other",
        "probability": 1,
    }
    wrong = right | {"predicted": "Cabin-Worker", "probability": 0.5}
    fig = attention.attention_comparison([right, right], [wrong])
    texts = {a.text: a.x for a in fig.layout.annotations}
    assert texts["Other, 100 %"] < texts["Other → Cabin-Worker, 50 %"]
    assert len(fig.layout.images) == 3
