#!/usr/bin/env python3
"""What sacrebleu says of translations.

    metrics.py                  prints tests/reference/metrics.json
    metrics.py compare SCORES   compares it with that file, and asks tests/interop/scores.cpp about random translations
"""
import json
import pathlib
import random
import subprocess
import sys

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF

HERE = pathlib.Path(__file__).resolve()
WORDS = ("le la les un chat noir dort sur l' homme qu' il aujourd'hui arrête-toi ça … « oui » \u00a0 \u202f ! ? . , ; : "
         "3,14 1.000 2-3 5- $5 (a) &quot; &amp;lt; <skipped> \"x\" 'y' a.b c,d 9. .9 e-mail x/y #1 50% été Œdipe "
         "日本 語 кот ﬁn \U0001f600 \u200b --").split(" ")

CASES = {
    "equal": (["le chat noir dort", "elle ne dort pas ici"], [["le chat noir dort"], ["elle ne dort pas ici"]]),
    "papineni": (
        ["it is a guide to action which ensures that the military always obeys the commands of the party",
         "it is to insure the troops forever hearing the activity guidebook that party direct"],
        [["it is a guide to action that ensures that the military will forever heed party commands",
          "it is the guiding principle which guarantees the military forces always being under the command of the party",
          "it is the practical guide for the army always to heed the directions of the party"]] * 2),
    "corpus": (["le chat noir dort sur le tapis", "la souris a vu les chats", "elle ne dort pas"],
               [["le chat noir dort sous le lit"], ["la souris que le chat a vue dort"], ["elle ne dort pas"]]),
    "several": (["le chat dort ici .", "va !", "il court"],
                [["le chat dort ici .", "le chat sommeille ."], ["vas-y !", "va !", "allez !"], ["il court vite"]]),
    "too short": (["les petits chats dorment", "le roi a besoin du livre"],
                  [["les petits chats dorment toujours ici"], ["le roi a besoin du livre rouge"]]),
    "no 4-gram matches": (["le chat noir court vite ici"], [["le chat noir dort bien là"]]),
    "no 2-gram matches": (["le chat noir court vite"], [["chat le dort noir là"]]),
    "no 4-grams": (["elle dort"], [["elle dort"]]),
    "nothing": (["", ""], [["elle dort"], ["il court"]]),
    "something and nothing": (["elle dort ici ce soir", ""], [["elle dort ici ce soir"], ["il court"]]),
    "case": (["Elle dort ici ce soir."], [["elle dort ici ce soir."]]),
    "points": (["Il a 3,14 €, 1.000 fois: 2-3 (ou 5-) « oui »... e-mail x/y", "a.b c,d 9. .9, &quot;z&quot; &amp;lt;"],
               [["Il a 3,14 € 1.000 fois : 2-3 ou 5 - «\u00a0oui\u00a0» … e-mail x / y"], ["a . b c,d 9 .9, \"z\" <"]]),
    "scripts": (["кот 日本語 est là \U0001f600 été"], [["кот 日本 語 est là \U0001f600 ete"]]),
}


def sacre(candidates, references):
    width = max(map(len, references))
    streams = [[r[i] if i < len(r) else None for r in references] for i in range(width)]
    metric = BLEU()
    bleu = metric.corpus_score(candidates, streams)
    return {"bleu": bleu.score, "precisions": [p / 100 for p in bleu.precisions], "bp": bleu.bp,
            "signature": str(metric.get_signature()), "chrf": CHRF().corpus_score(candidates, streams).score}


def reference():
    cases = [{"id": name, "candidates": c, "references": r, **sacre(c, r)} for name, (c, r) in CASES.items()]
    return {"source": f"sacrebleu {sacrebleu.__version__}, by tests/oracle/metrics.py", "cases": cases}


def random_corpus(rng):
    def sentence():
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 14)))

    def spoilt(text):
        words = text.split(" ")
        return " ".join(rng.choice(WORDS) if rng.random() < 0.2 else w for w in words if rng.random() > 0.1)

    references = [[sentence() for _ in range(rng.choice((1, 1, 2, 3)))] for _ in range(rng.randint(1, 40))]
    return [spoilt(rng.choice(r)) for r in references], references


def compare(scores, count=300):
    kept = json.loads((HERE.parent.parent / "reference/metrics.json").read_text())
    bad = [] if kept == reference() else ["tests/reference/metrics.json is not what sacrebleu says now"]
    rng = random.Random(1)
    corpora = [random_corpus(rng) for _ in range(count)]
    question = "".join(json.dumps({"candidates": c, "references": r}) + "\n" for c, r in corpora)
    answer = subprocess.run([scores], input=question, capture_output=True, text=True, check=True).stdout
    worst = 0
    for (c, r), line in zip(corpora, answer.splitlines(), strict=True):
        heed, theirs = json.loads(line), sacre(c, r)
        worst = max(worst, *(abs(heed[k] - theirs[k]) for k in ("bleu", "chrf")))
        if heed["signature"] != theirs["signature"]:
            bad.append(f"{heed['signature']} is {theirs['signature']}")
    if worst > 0.01:
        bad.append(f"scores differ by {worst:.2g}")
    print(f"sacrebleu: BLEU and chrF of {count} random corpora differ by {worst:.1e} at most", *bad[:3], sep="\n")
    print(f"{count + 1 - len(bad)} passed, {len(bad)} failed")
    return bool(bad)


if __name__ == "__main__":
    if sys.argv[1:2] == ["compare"]:
        sys.exit(compare(sys.argv[2]))
    print(json.dumps(reference(), ensure_ascii=False, indent=1))
