#!/usr/bin/env python3
"""The models of train/show/live.h, which run in their pages, in a real browser.

    test_live.py MAKE_PAGES HEED

MAKE_PAGES is the program of make_pages.cpp, HEED the program heed. Prints what fails and "N passed, N failed, N skipped".
"""
import json
import re
import shutil
import subprocess
import sys

from browser import complaints, run_tests

# The program calculates in f32, the page in f64, with the same weights of f16.
NEAR = 3e-5
TRANSLATORS = ["gru", "lstm", "rnn", "relu", "transformer", "pre-norm"]
GPTS = ["gpt2", "llama", "nanochat", "nanogpt"]
SENTENCE = "a5 a9 zebra a7 a12 a5"
TEXT = "in the beginning was the word"


def flat(numbers):
    return [x for part in numbers for x in flat(part)] if isinstance(numbers, list) else [numbers]


def near(a, b, scale=1.0):
    a, b = flat(a), flat(b)
    assert len(a) == len(b), (len(a), len(b))
    worst = max((abs(x - y) for x, y in zip(a, b)), default=0)
    assert worst <= NEAR * scale, f"{worst} apart"
    return len(a)


def type_in(b, field, text):
    b.js("const f = document.getElementById(arguments[0]); f.value = arguments[1]; f.dispatchEvent(new Event('input'))", field, text)


def drag(b, row, word, release=True):
    """Drags a word of the translation to a word of the source."""
    x0, y0, x1, y1 = b.js("""
      const middle = s => { const r = document.querySelector(s).getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; };
      document.getElementById("loom").scrollIntoView();
      return [...middle(`#loom .target[data-row="${arguments[0]}"]`), ...middle(`#loom .source[data-word="${arguments[1]}"]`)];
    """, row, word)
    for kind, x, y in (("mousePressed", x0, y0), ("mouseMoved", (x0 + x1) / 2, (y0 + y1) / 2), ("mouseMoved", x1, y1)):
        b.cdp("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
    if release:
        b.cdp("Input.dispatchMouseEvent", type="mouseReleased", x=x1, y=y1, button="left", clickCount=1)


def weights(b, row):
    """What the lines of a row weigh, by word."""
    return b.js("return Object.fromEntries([...document.querySelectorAll(`#loom .line[data-row='${arguments[0]}']`)].map((l, i) => [i, Number(l.dataset.weight)]))", row)


def no_errors(b):
    errors = b.driver.get_log("browser")
    assert not errors, errors


# --- tests ---------------------------------------------------------------------------------------------------------------

def test_every_translator_says_what_the_program_says(b, pages):
    compared = 0
    for name in TRANSLATORS:
        b.open(pages.live[name])
        no_errors(b)
        want, said = pages.numbers[name], b.js("return live.translate(arguments[0])", SENTENCE)
        ids = [step["id"] for step in said["steps"]]
        assert ids == want["tokens"] + ([2] if want["finished"] else []), (name, ids, want["tokens"])
        compared += near([step["shares"] for step in said["steps"]][:len(want["tokens"])], want["alignment"])
        compared += near([step["probabilities"] for step in said["steps"]], want["probabilities"])
    print(f"translators: {compared} numbers of the pages within {NEAR} of the program's")


def test_every_gpt_says_what_the_program_says(b, pages):
    compared = 0
    for name in GPTS:
        b.open(pages.live[name])
        no_errors(b)
        want, said = pages.numbers[name], b.js("return live.read(arguments[0])", TEXT)
        compared += near(said["logits"], want["logits"], max(map(abs, want["logits"])))
        for layer, heads in enumerate(want["layers"]):
            for head, rows in enumerate(heads):
                for t, row in enumerate(rows):
                    compared += near(said["weights"][t][layer][head], row[:t + 1])
                    assert not any(row[t + 1:])
        names = [chr(97 + i) for i in range(26)] + [" ", "\n", ".", "<"]
        assert b.js("return live.write(arguments[0], 30)", TEXT) == "".join(names[i] for i in want["written"]), name
    print(f"GPTs: {compared} numbers of the pages within {NEAR} of the program's")


def test_trained_models_translate_and_write_as_heed_does(b, pages):
    b.open(pages.cli["translator"])
    no_errors(b)
    for sentence in ("cat number 7", "the cat , number 31 !", "Number 12’s cat"):
        assert b.js("return live.translate(arguments[0]).text", sentence) == pages.heed("seq2seq", "translate", "--model", "translator", sentence).strip()
    b.open(pages.cli["gpt"])
    no_errors(b)
    assert b.text("#about").endswith("32 characters at once")
    wrote = pages.heed("gpt", "sample", "--model", "gpt", "--prompt", "the cat", "--tokens", "40", "--temperature", "0")
    assert b.js("return live.write('the cat', 40)") == wrote[:-1]


def test_a_page_without_a_text_opens_with_one_that_the_model_writes(b, pages):
    pages.heed("page", "--model", "gpt", "--out", "bare.html")
    b.open(pages.directory / "bare.html")
    wrote = b.driver.execute_async_script("""
      const done = arguments[0], look = () => document.getElementById("write-one").disabled ? setTimeout(look, 20)
          : done(document.getElementById("prompt").value);
      look();
    """)
    assert len(wrote) == 31, wrote
    no_errors(b)


def test_byte_pairs_are_cut_and_merged_as_heed_does(b, pages):
    b.open(pages.cli["gpt-pieces"])
    no_errors(b)
    assert b.text("#about").endswith("32 tokens at once")
    compared = 0
    for text in ("it's the café", " they'll  pay\n\n\n 12€ ", "今日は😀今日 naïvely\tgo", "<|endoftext|>it<|endoftext|> is", "e\u0301\u00a0\u3000x ²½ Ⅷ", "'tis 'S we've 're"):
        (pages.directory / "odd").write_text(text)
        ids = [int(x) for x in pages.heed("tokenizer", "encode", "--tokenizer", "gpt-pieces", "odd").split()]
        assert b.js("return live.ids(arguments[0])", text) == ids, text
        compared += len(ids)
    for prompt in ("it's the", "今日"):
        wrote = pages.heed("gpt", "sample", "--model", "gpt-pieces", "--prompt", prompt, "--tokens", "20", "--temperature", "0")
        assert b.js("return live.write(arguments[0], 20)", prompt) == wrote[:-1]
    b.one("#write-one").click()
    b.open(pages.cli["pieces"])
    no_errors(b)
    for sentence in ("the cat , number 7 !", "The cats' number 31", "an unheard-of zèbre"):
        said = b.js("return live.translate(arguments[0])", sentence)
        assert said["text"] == pages.heed("seq2seq", "translate", "--model", "pieces", sentence).strip()
        assert len(said["steps"][0]["shares"]) == len(b.all("#loom .source"))
    print(f"byte pairs: {compared} ids are the program's")


def test_a_dragged_line_is_obeyed(b, pages):
    for name in ("gru", "transformer"):
        b.open(pages.live[name])
        own = b.js("return live.translate(arguments[0])", SENTENCE)
        drag(b, 1, 3)
        obeyed = b.js("return live.translate(arguments[0], {forced: {1: 3}})", SENTENCE)
        drag(b, 1, 3)
        assert obeyed["steps"][1]["shares"] == [0, 0, 0, 1, 0, 0]
        assert list(weights(b, 1).values()) == [1]
        assert b.js("return document.querySelector('#loom .target[data-row=\"1\"]').classList.contains('forced')")
        assert b.text("#own") == own["text"] and b.text("#yours") == obeyed["text"]
        assert b.js("return document.querySelectorAll('#loom .forced.target').length") == 1
        assert obeyed["steps"][0]["shares"] == own["steps"][0]["shares"], "what was written before is as it was"
        b.one("#let-go").click()
        assert not b.all("#yours") and list(weights(b, 1).values()) != [1]
    b.open(pages.live["gru"])
    said = b.js("return live.translate(arguments[0], {forced: {1: 3}})", SENTENCE)
    near(said["steps"][1]["context"], said["states"][3])


def test_a_finger_drags_too(b, pages):
    b.look("phone")
    b.open(pages.live["gru"])
    x0, y0, x1, y1 = b.js("""
      const middle = s => { const r = document.querySelector(s).getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; };
      return [...middle('#loom .target[data-row="0"]'), ...middle('#loom .source[data-word="5"]')];
    """)
    b.cdp("Emulation.setTouchEmulationEnabled", enabled=True)
    for kind, at in (("touchStart", [x0, y0]), ("touchMove", [(x0 + x1) / 2, (y0 + y1) / 2]), ("touchMove", [x1, y1])):
        b.cdp("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": at[0], "y": at[1]}])
    b.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    b.cdp("Emulation.setTouchEmulationEnabled", enabled=False)
    assert b.js("return document.querySelector('#loom .target[data-row=\"0\"]').getAttribute('aria-valuenow')") == "6"
    b.look()


def test_the_keyboard_moves_a_line_and_lets_it_go(b, pages):
    from selenium.webdriver.common.keys import Keys
    b.open(pages.live["gru"])
    value = "return Number(document.querySelector('#loom .target[data-row=\"2\"]').getAttribute('aria-valuenow'))"
    at = b.js(value)
    b.js("document.querySelector('#loom .target[data-row=\"2\"]').focus()")
    b.press(Keys.ARROW_DOWN if at < 6 else Keys.ARROW_UP)
    assert b.js(value) == at + (1 if at < 6 else -1)
    assert b.js("return document.activeElement.dataset.row") == "2", "the focus stays on the word"
    for _ in range(8):
        b.press(Keys.ARROW_UP)
    assert b.js(value) == 1
    b.press(Keys.DELETE)
    assert b.js(value) == at and not b.all("#yours")


def test_attention_spread_evenly_is_even(b, pages):
    b.open(pages.live["gru"])
    b.one("#even").click()
    near(list(weights(b, 0).values()), [1 / 6] * 6)
    assert b.one("#even").get_attribute("aria-pressed") == "true" and b.all("#yours")
    b.one("#even").click()
    assert not b.all("#yours")


def test_the_slider_walks_through_training(b, pages):
    b.open(pages.live["gru"])
    assert b.text("#snapshot-steps") == "100 steps"
    trained = b.text("#own")
    b.js("const s = document.getElementById('snapshot'); s.value = 0; s.dispatchEvent(new Event('input'))")
    assert b.text("#snapshot-steps") == "0 steps" and b.text("#own") != trained
    b.js("const s = document.getElementById('snapshot'); s.value = 1; s.dispatchEvent(new Event('input'))")
    assert b.text("#own") == trained


def test_the_slider_walks_through_a_gpts_training(b, pages):
    b.open(pages.cli["gpt"])
    assert b.text("#snapshot-steps") == "60 steps" and len(b.all("#next li")) > 1
    b.one("#heads button").click()
    costs = []
    for i, steps in ((0, "0 steps"), (1, "20 steps"), (2, "60 steps")):
        b.js("const s = document.getElementById('snapshot'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))", i)
        assert b.text("#snapshot-steps") == steps and b.one("#snapshot").get_attribute("aria-valuetext") == f"after {steps}"
        assert b.js("return document.getElementById('prompt').value") == "the cat" and b.all("#next .bar b"), "what a reader chose stays"
        costs.append(b.js("return live.read('the cat sat on the mat .').loss"))
    assert costs[0] > costs[1] > costs[2], costs
    b.open(pages.cli["pieces"])
    assert not b.one("#snapshots").is_displayed(), "one snapshot needs no slider"


def test_a_page_opens_with_its_last_snapshot_and_with_all_tokens_however_many_there_are(b, pages):
    b.open(pages.cli["gpt-pieces"])
    assert b.text("#top-k-value") == "all" and b.js("return Number(document.getElementById('top-k').value)") > 256
    html, many = pages.live["relu"].read_text(), pages.directory / "many.html"
    lists = re.findall(r'"snapshots":\[(.*?\}\})\]', html)
    assert len(lists) == 1
    first = lists[0][:lists[0].index(',{"steps":')]
    many.write_text(html.replace(lists[0], ",".join([first] * 150 + [lists[0]])))
    b.open(many)
    assert b.text("#snapshot-steps") == "100 steps" and b.js("return document.getElementById('snapshot').value") == "151"


def test_a_gpt_writes_no_more_under_the_name_of_another_snapshot(b, pages):
    b.open(pages.cli["gpt"])
    wrote = b.driver.execute_async_script("""
      const done = arguments[0], many = document.getElementById("write-many"), text = () => document.getElementById("prompt").value;
      many.click();
      const slider = document.getElementById("snapshot");
      slider.value = 0;
      slider.dispatchEvent(new Event("input"));
      const before = text(), look = () => many.disabled ? setTimeout(look, 20) : done([before, text()]);
      look();
    """)
    assert len(wrote[0]) == len("the cat") + 1 and wrote[1] == wrote[0], wrote


def test_the_story_of_a_word_adds_up(b, pages):
    b.open(pages.live["gru"])
    scores, shares, p = (b.js("return [...document.querySelectorAll(arguments[0])].map(e => Number(e.textContent))", s)
                         for s in ("#story .score", "#story .own", "#story .p"))
    want = pages.numbers["gru"]
    near(shares, [round(x, 4) for x in want["alignment"][0]], 2)
    assert abs(p[0] - max(want["probabilities"][0])) < 1e-4 and len(scores) == 6
    assert "“zebra”" in b.text("#said")


def test_bad_sentences_are_said_and_lose_nothing(b, pages):
    b.open(pages.live["gru"])
    type_in(b, "sentence", "")
    assert b.text("#said") == "Type at least one word." and not b.one("#desk").is_displayed()
    type_in(b, "sentence", "   ")
    assert b.text("#said") == "Type at least one word."
    type_in(b, "sentence", "a5")
    assert b.one("#desk").is_displayed() and not b.one("#said").is_displayed()
    type_in(b, "sentence", "<img src=x onerror=\"document.title='run'\"> a5 <script>document.title='run'</script>")
    assert b.driver.title == "Live <b>gru" and "“<”" in b.text("#said") and not b.all("#loom img")
    type_in(b, "sentence", "a5 😀 a6 👩‍👩‍👧 a7")
    assert "“😀”" in b.text("#said")
    type_in(b, "sentence", "<eos> <pad> <bos> <unk> a5")
    assert b.one("#desk").is_displayed()
    type_in(b, "sentence", "a5 a6 a7 " * 20)
    assert "at most 40 words: the first 40 of 60 are read" in b.text("#said")
    assert b.js("return document.querySelectorAll('#loom .source').length") == 40
    type_in(b, "sentence", SENTENCE)
    assert b.js("return document.querySelectorAll('#loom .source').length") == 6
    b.open(pages.cli["translator"])
    type_in(b, "sentence", "cat number 7 " * 20)
    assert b.js("return document.querySelectorAll('#loom .source').length") == 60
    no_errors(b)


def test_a_model_with_a_begin_and_an_end_reads_and_stops_as_heed_does(b, pages):
    directory = pages.directory / "begun"
    shutil.copytree(pages.directory / "gpt-pieces", directory)
    tokens = json.loads((directory / "tokenizer.json").read_text())
    tokens["post_processor"] = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                                "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [256], "tokens": ["<|endoftext|>"]}}}
    tokens["added_tokens"].append({**tokens["added_tokens"][0], "id": 257, "content": next(t for t, i in tokens["model"]["vocab"].items() if i == 257), "special": False, "normalized": True})
    (directory / "tokenizer.json").write_text(json.dumps(tokens))
    sample = lambda: pages.heed("gpt", "sample", "--model", "begun", "--prompt", "the cat", "--tokens", "20", "--temperature", "0")[:-1]
    pages.heed("page", "--model", "begun", "--out", "begun.html")
    b.open(pages.directory / "begun.html")
    no_errors(b)
    ids = b.js("return live.ids('the cat')")
    assert ids[0] == 256 and b.js("return live.write('the cat', 20)") == sample()
    whole = sample()
    third = b.js("return live.ids(arguments[0])", whole)[len(ids) + 2]
    (directory / "generation_config.json").write_text(json.dumps({"eos_token_id": [256, third]}))
    pages.heed("page", "--model", "begun", "--out", "begun.html")
    b.open(pages.directory / "begun.html")
    assert b.js("return live.write('the cat', 20)") == sample() and len(sample()) < len(whole)


def test_bad_texts_are_said_and_lose_nothing(b, pages):
    b.open(pages.live["gpt2"])
    bars = "return [...document.querySelectorAll('#next li')].map(l => Number(l.dataset.p))"
    type_in(b, "prompt", "")
    assert "behind a line break" in b.text("#gpt-said") and len(b.js(bars)) == 12
    type_in(b, "prompt", "the 😀 Word <b>")
    assert all(f"“{c}”" in b.text("#gpt-said") for c in "😀W>") and "does not read" in b.text("#gpt-said")
    type_in(b, "prompt", "in the beginning was the word " * 4)
    assert "the last 40 of 120 tokens" in b.text("#gpt-said")
    type_in(b, "prompt", "a")
    assert not b.one("#gpt-said").is_displayed()
    no_errors(b)


def test_temperature_and_top_k_are_heeds_and_ids_without_a_token_have_no_share(b, pages):
    import math
    set_to = "const s = document.getElementById(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('input'))"
    bars = "return [...document.querySelectorAll('#next li')].map(l => Number(l.dataset.p))"
    assert len(pages.numbers["nanochat"]["logits"]) == 40
    for name in ("gpt2", "nanochat"):
        b.open(pages.live[name])
        logits = pages.numbers[name]["logits"][:30]
        for temperature, k in ((1, 30), (0.5, 5), (2, 3), (0, 30)):
            b.js(set_to, "temperature", temperature)
            b.js(set_to, "top-k", k)
            if temperature == 0:
                want = [1.0]
            else:
                kept = sorted(logits, reverse=True)[:k]
                e = [math.exp((x - kept[0]) / temperature) for x in kept]
                want = [x / sum(e) for x in e]
            near([p for p in b.js(bars) if p > 0], want[:12])
        b.one("#write-one").click()
        wrote = b.js("return document.getElementById('prompt').value")
        best = max(range(30), key=lambda i: logits[i])
        assert wrote == TEXT + ([chr(97 + i) for i in range(26)] + [" ", "\n", ".", "<"])[best]


def test_a_head_that_is_off_changes_what_comes_next_and_all_on_restores_it(b, pages):
    b.open(pages.live["llama"])
    bars = "return [...document.querySelectorAll('#next li')].map(l => Number(l.dataset.p))"
    whole = b.js(bars)
    b.all("#heads button")[5].click()
    assert b.js(bars) != whole and b.all("#next .bar b"), "the whole model's marks are there"
    off = b.js("return live.read(arguments[0], ['1.1']).logits", TEXT)
    assert off != pages.numbers["llama"]["logits"]
    b.one("#all-heads").click()
    assert b.js(bars) == whole and not b.all("#next .bar b")
    b.one("#measure").click()
    done = b.driver.execute_async_script("""
      const done = arguments[0], look = () => /Beside each head/.test(document.getElementById("measured").textContent)
          ? done([...document.querySelectorAll("#heads button span")].map(s => s.textContent)) : setTimeout(look, 20);
      look();
    """)
    assert len(done) == 8 and all(text[0] in "+−" for text in done), done


def test_a_weight_is_told_from_its_query_and_key(b, pages):
    import math
    from selenium.webdriver.common.keys import Keys
    for name in ("gpt2", "llama"):
        b.open(pages.live[name])
        for select, value in (("layer", 1), ("head", 2)):
            b.js("const s = document.getElementById(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('change'))", select, value)
        size, n = 12 if name == "llama" else 8, len(TEXT)
        edges = b.js("return ['cell-rows', 'cell-columns'].map(id => document.getElementById(id).getBoundingClientRect()).flatMap(r => [r.width, r.height])")
        assert min(edges) >= 11, "the tokens stand at the matrix's edges"
        for t, s in ((20, 17), (28, 25), (28, 2), (7, 7), (3, 9)):
            b.js("document.getElementById('cells').focus()")
            at = b.js("""
              const c = document.getElementById("cells"), box = c.getBoundingClientRect(), [t, s, n] = arguments;
              c.dispatchEvent(new MouseEvent("click", {clientX: box.left + (s + .5) * box.width / n, clientY: box.top + (t + .5) * box.height / n}));
              return [...document.querySelectorAll("#cell dd")].map(d => d.textContent);
            """, t, s, n)
            assert at[0].endswith(f"token {t + 1}") and at[1].endswith(f"token {s + 1}"), at
            want = pages.numbers[name]["layers"][1][2][t][s]
            shown = float(b.text("#cell-weight"))
            assert abs(shown - want) <= 6e-5 + 0.06 * (want < 5e-5) * want, (name, t, s, shown, want)
            if s > t:
                assert "−∞" in b.text("#cell-mask")
            elif name == "llama" and s <= t - 9:
                assert "Outside the window" in b.text("#cell-mask") and shown == 0
            else:
                assert b.text("#cell-mask").startswith("It is the token itself" if s == t else "It came before")
                assert not re.search("− ?[-−]", b.text("#cell-softmax")), "a minus behind a minus has its brackets"
                product, scaled = float(b.text("#cell-product")), float(b.text("#cell-scaled"))
                assert abs(product / math.sqrt(size) - scaled) < 2e-4
        b.press(Keys.ARROW_UP)
        assert b.text("#cell dd").endswith("token 3")


def test_all_fits_a_phone_and_can_be_read_in_the_dark(b, pages):
    for size in ("phone", (320, 640)):
        b.look(size, "dark")
        for path in (pages.live["gru"], pages.live["gpt2"], pages.cli["translator"], pages.cli["gpt"]):
            b.open(path)
            wide = b.js("""
              return [...document.querySelectorAll("header *, main *, footer *")].filter(e => e.getBoundingClientRect().width > 0 && !e.closest("svg")
                && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.tagName + "#" + e.id);
            """)
            assert not wide and b.js("return document.documentElement.scrollWidth <= innerWidth"), (path, wide)
    b.look()


def test_everything_that_can_be_pressed_has_a_name(b, pages):
    for path in (pages.live["gru"], pages.live["gpt2"]):
        b.open(path)
        nameless = b.js("""
          const name = e => (e.getAttribute("aria-label") || e.textContent || e.labels?.[0]?.textContent || "").trim();
          return [...document.querySelectorAll("button, input, select, textarea, [tabindex], [role=img]")].filter(e => !name(e) || (e.labels && e.labels.length === 0 && !e.getAttribute("aria-label") && e.tagName !== "BUTTON")).map(e => e.outerHTML);
        """)
        assert nameless == [], nameless


def test_models_that_cannot_live_in_a_page_are_refused_in_a_sentence(b, pages):
    run = lambda *arguments: subprocess.run([pages.program, *arguments], cwd=pages.directory, capture_output=True, text=True, errors="replace")
    train = ("seq2seq", "train", "--pairs", "pairs", "--steps", "1", "--width", "16")
    run(*train, "--arch", "rnn", "--keep", "0", "--out", "rnn")
    shutil.copytree(pages.directory / "gpt-pieces", pages.directory / "uncut")
    tokenizer = json.loads((pages.directory / "uncut/tokenizer.json").read_text())
    tokenizer["pre_tokenizer"]["use_regex"] = False
    (pages.directory / "uncut/tokenizer.json").write_text(json.dumps(tokenizer))
    for models, said in ((["rnn"], "'rnn' has no attention; need a translator of --arch attention or transformer"),
                         (["translator", "rnn"], "'rnn' has another architecture, other sizes or tokens than 'translator'"),
                         (["gpt", "gpt"], "'gpt' and 'gpt' are both of 60 steps; need snapshots of one training after different ones"),
                         (["uncut"], "the tokenizer cuts a text in another way than GPT-2's"),
                         (["nowhere"], "nowhere")):
        ran = run("page", "--out", "refused.html", *(x for model in models for x in ("--model", model)))
        assert ran.returncode in (1, 2) and said in ran.stderr, (models, ran.stderr)
        assert not (pages.directory / "refused.html").exists()


def test_no_page_asks_the_network(b, pages):
    for path in [*pages.live.values(), *pages.cli.values()]:
        b.driver.get_log("performance")
        b.open(path)
        messages = [json.loads(entry["message"])["message"] for entry in b.driver.get_log("performance")]
        urls = {m["params"]["request"]["url"].split("#")[0] for m in messages if m["method"] == "Network.requestWillBeSent"}
        assert urls <= {f"file://{path}", "about:blank", "data:,"}, urls
        no_errors(b)


def test_axe_core_finds_nothing(b, pages):
    for path in pages.cli.values():
        for scheme in ("light", "dark"):
            b.look(scheme=scheme)
            b.open(path)
            found = complaints(b)
            assert not found, (path.name, scheme, found)
    b.look()


# --- running them --------------------------------------------------------------------------------------------------------

class Pages:
    def __init__(self, directory, make_pages, heed):
        self.directory, self.program = directory, heed
        subprocess.run([make_pages, directory], check=True)
        names = TRANSLATORS + GPTS
        self.live = {name: directory / f"live-{name}.html" for name in names}
        self.numbers = {name: json.loads((directory / f"live-{name}.json").read_text()) for name in names}
        (directory / "text").write_text("the cat sat on the mat .\n" * 100)
        (directory / "pairs").write_text("".join(f"the cat , number {i} !\tle chat , numéro {i} !\n" for i in range(100)))
        self.heed("gpt", "train", "--text", "text", "--preset", "micro", "--steps", "60", "--keep", "0,20", "--out", "gpt")
        self.heed("seq2seq", "train", "--pairs", "pairs", "--steps", "60", "--width", "32", "--out", "translator")
        (directory / "mixed").write_text("it's the naïve café; they'll pay 12 € in 2024 , \t and\n\n  go — 今日は 😀 .\n" * 40)
        self.heed("gpt", "train", "--text", "mixed", "--preset", "micro", "--steps", "40", "--tokenizer", "bpe", "--vocabulary", "330", "--out", "gpt-pieces")
        self.heed("seq2seq", "train", "--pairs", "pairs", "--steps", "80", "--width", "32", "--tokens", "bpe", "--vocabulary", "280", "--out", "pieces")
        self.cli = {name: directory / f"cli-{name}.html" for name in ("gpt", "translator", "gpt-pieces", "pieces")}
        self.heed("page", "--model", "gpt-pieces", "--out", self.cli["gpt-pieces"])
        self.heed("page", "--model", "pieces", "--out", self.cli["pieces"])
        self.heed("page", "--model", "gpt", "--out", self.cli["gpt"], "the cat")
        self.heed("page", "--model", "translator", "--out", self.cli["translator"], "the cat , number 7 !")

    def heed(self, *arguments):
        return subprocess.run([self.program, *arguments], check=True, cwd=self.directory, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(run_tests(globals(), Pages))
