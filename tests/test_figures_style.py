import subprocess
import sys

import plotly.graph_objects as go
import plotly.io as pio

from helpers.figures import style


def test_a_class_has_the_same_colour_in_whatever_order_classes_come():
    classes = ["Track-Excavator", "Bucket-Worker", "Other", "Cabin-Worker"]
    colours = style.class_colours(classes)
    assert colours == style.class_colours(sorted(classes))
    assert colours["Bucket-Worker"] == style.OKABE_ITO[0]


def test_twenty_classes_have_twenty_colours():
    assert len(set(style.class_colours(f"class{i:02d}" for i in range(20)).values())) == 20


def test_all_type_of_the_template_is_eight_points_at_the_width_of_a_column():
    layout = pio.templates["report"].layout
    points_per_pixel = 88 / 25.4 * 72 / style.COLUMN
    sizes = [
        layout.font.size,
        layout.title.font.size,
        layout.xaxis.tickfont.size,
        layout.yaxis.title.font.size,
        layout.legend.font.size,
        layout.annotationdefaults.font.size,
    ]
    assert min(sizes) * points_per_pixel > 7.95


def test_dress_sets_size_title_and_white_ground():
    fig = style.dress(go.Figure(), "Durations", style.PAGE, 300)
    assert (fig.layout.width, fig.layout.height) == (style.PAGE, 300)
    assert fig.layout.title.text == "Durations"
    assert fig.layout.template.layout.paper_bgcolor == "white"


def test_markup_in_class_names_is_shown_as_it_is():
    assert style.escape("<b>a & b") == "&lt;b>a &amp; b"


def test_figures_and_widgets_import_without_torch_and_without_a_browser():
    code = (
        "import sys;"
        "from helpers.figures import attention, dataset, evaluation, export, speed, training;"
        "from helpers.widgets import attention_browser, clip_browser;"
        "print([m for m in ('torch', 'kaleido') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
