import os, sys, shutil, pytest
from pathlib import Path
from django.conf import settings
pytestmark = pytest.mark.django_db(transaction=True)
OUT = Path("/tmp/shots"); OUT.mkdir(exist_ok=True)
SIZES = {"wide": (1280, 900), "phone": (320, 640)}

def snap(page, name):
    for size, (w, h) in SIZES.items():
        page.set_viewport_size({"width": w, "height": h})
        page.screenshot(path=OUT / f"{name}-{size}.png", full_page=True)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0: print("OVERFLOW", name, size, over)

@pytest.mark.parametrize("study_file", ["tests/studies/short/study.toml"])
def test_shots(live_server, browser, study_file):
    from collection.definitions import load_definition
    from collection.loading import load_study, open_study
    study = open_study(load_study(load_definition(Path(study_file))))
    ctx = browser.new_context(base_url=live_server.url); page = ctx.new_page()
    page.on("console", lambda m: print("CONSOLE", m.type, m.text))
    page.on("pageerror", lambda m: print("ERR", m))
    page.goto("/"); snap(page, "01-home")
    page.goto("/nowhere"); snap(page, "90-404")
    page.goto(f"/s/{study.slug}/"); snap(page, "02-join")
    page.click("main button"); snap(page, "03-consent")
    page.click("text=I agree to take part"); snap(page, "04-consent-error")
    page.check("#of_age"); page.check("#use-1")
    page.click("text=I agree to take part"); snap(page, "05-instructions")
    page.click("main a.button")
    seen = {}
    while "/trial/" in page.url:
        kind = page.get_attribute("form[data-trial-id]", "data-kind")
        k = kind if kind != "question" else page.get_attribute("form[data-trial-id]", "data-question-kind")
        first = k not in seen
        seen[k] = 1
        if first:
            snap(page, f"1-{k}-fresh")
            if k in ("pair", "choice"):
                page.click("form button.button >> nth=0"); snap(page, f"1-{k}-missing")
        if k in ("pair", "value"):
            box = page.locator("#answer").bounding_box(); page.mouse.click(box["x"] + box["width"]*.7, box["y"]+box["height"]/2)
        elif k == "triplet": page.keyboard.press("2")
        elif k == "choice": page.check("input[name=choice] >> nth=1")
        elif k == "number": page.fill("#answer", "2")
        else: page.fill("#answer", "All clear.")
        if first: snap(page, f"1-{k}-answered")
        page.click("form button.button >> nth=0")
    snap(page, "20-debrief")
    page.click("text=Withdraw my answers"); snap(page, "21-withdraw")
    page.click("main button"); snap(page, "22-withdrawn")
    ctx2 = browser.new_context(base_url=live_server.url, java_script_enabled=False); page = ctx2.new_page()
    page.goto(f"/s/{study.slug}/"); page.click("main button"); page.check("#of_age"); page.check("#use-1")
    page.click("text=I agree to take part"); page.click("main a.button"); 
    snap_nojs(page, "30-nojs-pair")
    page.click("form button.button >> nth=0"); snap_nojs(page, "31-nojs-missing")
    page.goto(f"/s/{study.slug}/?simulated=forged"); snap_nojs(page, "91-refusal")
    ctx3 = browser.new_context(base_url=live_server.url); page = ctx3.new_page()
    page.goto(f"/s/{study.slug}/"); page.click("main button"); page.click("text=I do not want"); snap(page, "23-declined")

def snap_nojs(page, name):
    for size, (w, h) in SIZES.items():
        page.set_viewport_size({"width": w, "height": h})
        page.screenshot(path=OUT / f"{name}-{size}.png", full_page=True)
