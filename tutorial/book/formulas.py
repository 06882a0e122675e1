"""Formulas as GitHub writes them, a fence ```math or $`...`$ in the text, as MathML."""
from latex2mathml.converter import convert
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor


def fence(source, language, css_class, options, md, **kwargs):
    return f'<div class="formula" tabindex="0" role="math">{convert(source, display="block")}</div>'


class Inline(InlineProcessor):
    def handleMatch(self, match, text):
        return self.md.htmlStash.store(convert(match[1])), match.start(0), match.end(0)


class Formulas(Extension):
    def extendMarkdown(self, md):
        md.inlinePatterns.register(Inline(r"\$`([^`]+)`\$", md), "formula", 195)  # before `...` is taken for code


def makeExtension(**options):
    return Formulas(**options)
