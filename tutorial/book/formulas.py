"""Formulas as GitHub writes them, a fence ```math or $`...`$ in the text, as MathML."""
import html
import re

from latex2mathml.converter import convert
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

LONG = 24  # characters of a formula in the text that a phone's line may not hold


def fence(source, language, css_class, options, md, **kwargs):
    source = source.replace("{aligned}", "{align*}")  # latex2mathml's name for it
    return f'<div class="formula" tabindex="0">{convert(source, display="block")}</div>'


class Inline(InlineProcessor):
    def handleMatch(self, match, text):
        formula = convert(match[1])
        if len(html.unescape(re.sub("<[^>]+>", "", formula))) > LONG:
            formula = f'<span class="formula" tabindex="0">{formula}</span>'
        return self.md.htmlStash.store(formula), match.start(0), match.end(0)


class Formulas(Extension):
    def extendMarkdown(self, md):
        md.inlinePatterns.register(Inline(r"\$`([^`]+)`\$", md), "formula", 195)  # before `...` is taken for code


def makeExtension(**options):
    return Formulas(**options)
