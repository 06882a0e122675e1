"""Formulas as GitHub writes them, a fence ```math or $`...`$ in the text, as MathML."""
import html
import re
import xml.etree.ElementTree as ET

from latex2mathml.converter import convert
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

LONG = 24  # characters of a formula in the text that a phone's line may not hold


XMLNS = ' xmlns="http://www.w3.org/1998/Math/MathML"'


def mathml(source, display="inline"):
    """latex2mathml's, but primes stand behind their letter, as a superscript they are too small to be seen, and += is one sign."""
    root = ET.fromstring(convert(source, display=display).replace(XMLNS, ""))
    for power in root.iter():
        if power.tag in ("msup", "msubsup") and (power[-1].text or "") in ("′", "″", "‴"):
            *base, prime = power
            prime.tag = "mo"
            if len(base) == 2:
                base = [ET.Element("msub")]
                base[0].extend(power[:-1])
            power.tag, power[:] = "mrow", [*base, prime]
    made = ET.tostring(root, encoding="unicode").replace("<math", "<math" + XMLNS, 1)
    return made.replace("<mo><mrow><mo>+</mo></mrow></mo><mo>=</mo>", "<mo>+=</mo>")


def fence(source, language, css_class, options, md, **kwargs):
    """Where it is narrow, notes behind the lines of a system, `&& ...`, and what \\qquad sets apart stand below."""
    source = source.replace("{aligned}", "{align*}")  # latex2mathml's name for it
    below = re.sub(r"&&(.*?)(?=\\\\|\\end)", r"\\\\ & \\quad \1", source, flags=re.S)
    if r"\qquad" in source and "&" not in source:
        below = r"\begin{align*}\, & " + r" \\ \, & ".join(re.split(r"\\q?quad", source)) + r"\end{align*}"
    kinds = [("", source)] if below == source else [(" wide", source), (" narrow", below)]
    return "".join(f'<div class="formula{kind}" tabindex="0">{mathml(text, "block")}</div>' for kind, text in kinds)


class Inline(InlineProcessor):
    def handleMatch(self, match, text):
        formula = mathml(match[1])
        if len(html.unescape(re.sub("<[^>]+>", "", formula))) > LONG:
            formula = f'<span class="formula" tabindex="0">{formula}</span>'
        return self.md.htmlStash.store(formula), match.start(0), match.end(0)


class Formulas(Extension):
    def extendMarkdown(self, md):
        md.inlinePatterns.register(Inline(r"\$`([^`]+)`\$", md), "formula", 195)  # before `...` is taken for code


def makeExtension(**options):
    return Formulas(**options)
