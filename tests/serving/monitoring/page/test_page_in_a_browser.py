"""The page as a real browser shows it: light, dark, narrow, and with hostile values."""

import dataclasses
from datetime import timedelta

import pytest

from serving.monitoring.page.page import render_page, write_page
from serving.monitoring.report_format import (
    Deployment,
    Histogram,
    Skew,
    SkewDifference,
    SkewFeature,
)
from tests.serving.monitoring.page import chromium
from tests.serving.monitoring.sample_reports import (
    alarm,
    calm_window,
    day,
    feature,
    numeric,
    report,
    window,
)

pytestmark = pytest.mark.skipif(
    chromium.PROGRAM is None, reason=f"none of {', '.join(chromium.NAMES)} is installed"
)
HOSTILE = "<script>document.title='hacked'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with chromium.browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def skew():
    return Skew(
        num_replayed=100_000,
        num_different=3,
        differences=(
            SkewDifference(
                feature="carrier_xf", num_rows=3, example="r1 row 0: served 3, now 4"
            ),
        ),
        features=(
            SkewFeature(
                feature="carrier",
                measure="l_infinity",
                value=0.3,
                threshold=0.1,
                alarmed=True,
            ),
        ),
    )


def usual():
    """A few windows, one alarm, one deployment."""
    return report(
        *(calm_window(number) for number in range(1, 8)),
        window(8, alarm(), alarm("drift", "temp_f", "critical")),
        deployments=(
            Deployment(time=day(1), version=3),
            Deployment(time=day(5), version=4),
        ),
        skew=skew(),
    )


def hostile():
    """Every text that comes from a request is markup and a script."""
    shares = Histogram(
        labels=(HOSTILE, "x" * 300), reference_shares=(0.5, 0.5), shares=(0.9, 0.1)
    )
    bad = feature(HOSTILE, histogram=shares, note=HOSTILE, reference=HOSTILE)
    named = alarm(feature=HOSTILE, message=HOSTILE)
    sliced = {"slice": f"carrier={HOSTILE}"}
    return report(
        calm_window(1),
        window(2, named, features=(bad, numeric(HOSTILE + "2"))),
        window(2, alarm(message=HOSTILE, **sliced), **sliced),
        model=HOSTILE,
        settings={HOSTILE: HOSTILE},
        skew=dataclasses.replace(
            skew(),
            differences=(SkewDifference(feature=HOSTILE, num_rows=1, example=HOSTILE),),
        ),
    )


def huge():
    """400 windows, 60 features, 30 slices."""
    features = tuple(
        feature(f"a_rather_long_feature_name_{place}", impact=place / 1000)
        for place in range(60)
    )
    windows = [
        window(
            number,
            *([alarm()] if number % 3 else []),
            features=features,
            start=day(1) + timedelta(hours=number),
            end=day(1) + timedelta(hours=number + 1),
        )
        for number in range(400)
    ]
    last = windows[-1]
    slices = [
        dataclasses.replace(last, slice=f"dest={place}", features=features[:2])
        for place in range(30)
    ]
    return report(*windows, *slices)


REPORTS = {
    "usual": usual,
    "no rows": report,
    "one window": lambda: report(window(1, alarm())),
    "no labels": lambda: report(
        *(
            calm_window(number, quality=None, num_labelled=0, estimate=None)
            for number in (1, 2)
        )
    ),
    "nothing but rows": lambda: report(
        window(
            1, features=(), prediction=None, quality=None, estimate=None, versions={}
        )
    ),
    "hostile": hostile,
    "huge": huge,
}


@pytest.fixture(scope="module", params=REPORTS, ids=str)
def page(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page(REPORTS[request.param](), path)
    return path


@pytest.mark.parametrize("width", [320, 768, 1200])
def test_nothing_complains_nothing_is_fetched_nothing_sticks_out(tab, page, width):
    tab.open(page, width=width, dark=width == 768)
    tab.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert tab.complaints() == []
    assert tab.requests() == []
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    scrolled, seen = tab.value(widths)
    assert scrolled <= seen
    assert tab.value("document.title") != "hacked"
    assert tab.value("document.querySelectorAll('script, img, iframe').length") == 0


def test_a_script_that_got_into_the_page_would_not_run(tab, tmp_path):
    text = render_page(usual())
    path = tmp_path / "broken.html"
    path.write_text(text.replace("<main>", f"<main>{HOSTILE}<b style='top:0'></b>"))
    tab.open(path)
    assert tab.value("document.title") != "hacked"
    assert tab.complaints(), "the policy must have stopped it"
    assert tab.requests() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_stands_out_from_its_ground(tab, tmp_path, dark):
    path = tmp_path / "page.html"
    write_page(usual(), path)
    tab.open(path, dark=dark)
    tab.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert tab.value(TOO_FAINT) == []


# WCAG 2.2, success criterion 1.4.3: contrast of 4.5 at least. The ground is the nearest
# element's that has one.
TOO_FAINT = """
(() => {
  const light = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(one => {
      const part = one / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (!color.endsWith(', 0)')) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode());) {
    const node = text.parentElement;
    if (!text.data.trim() || node.closest('title, desc, .unseen-text')) continue;
    const style = getComputedStyle(node);
    const color = node.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(color), light(ground(node))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) found.add(`${node.className.baseVal ?? node.className} ` +
      `${text.data.trim().slice(0, 20)} ${contrast.toFixed(2)}`);
  }
  return [...found];
})()
"""


def test_pictures_have_names_and_tables_have_captions(tab, tmp_path):
    path = tmp_path / "page.html"
    write_page(usual(), path)
    tab.open(path)
    unnamed = (
        "[...document.querySelectorAll('svg[role=img]')].filter(one =>"
        " !one.getAttribute('aria-label') && !(one.getAttribute('aria-labelledby') ||"
        " '').split(' ').every(id => document.getElementById(id)?.textContent)).length"
    )
    assert tab.value(unnamed) == 0
    assert tab.value("document.querySelectorAll('svg[role=img]').length") > 10
    tables = "document.querySelectorAll('table:not(:has(caption))').length"
    assert tab.value(tables) == 0
    ids = "[...document.querySelectorAll('[id]')].map(one => one.id)"
    found = tab.value(ids)
    assert len(found) == len(set(found))


def test_an_estimate_does_not_look_like_a_measurement(tab, tmp_path):
    path = tmp_path / "page.html"
    write_page(usual(), path)
    tab.open(path)
    look = (
        "(name => { const line = getComputedStyle(document.querySelector("
        "`.chart svg.${name} .line`)), dot = getComputedStyle("
        "document.querySelector(`circle.dot.${name}`)); return [line.strokeDasharray,"
        " line.stroke, dot.fill]; })"
    )
    measured, estimated = tab.value(f"{look}('s0')"), tab.value(f"{look}('estimate')")
    assert measured[0] == "none"
    assert estimated[0] != "none"
    assert all(one != other for one, other in zip(measured, estimated, strict=True))
    assert "estimated, without labels" in tab.value("document.body.innerText")
