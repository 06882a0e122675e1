#!/usr/bin/env python3
"""Puts a page and all that it loads, styles, scripts and pictures, into one file that opens alone.

    one_file.py PAGE FILE

Links to other pages of the site lead nowhere then, and are links no more.
"""
import base64
import mimetypes
import pathlib
import re
import sys
import urllib.parse

STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
SCRIPT = re.compile(r'<script src="([^"]+)"></script>')
PICTURE = re.compile(r'(<img\b[^>]*\bsrc="|<link rel="icon" href=")([^":]+)"')
LINK = re.compile(r'(<a\b[^>]*) href="(?!https?:)([^"]*)"')


def one_file(page):
    def text(match):
        return (page.parent / match[1].split("?")[0]).read_text()

    def picture(match):
        name = urllib.parse.unquote(match[2])
        data = base64.b64encode((page.parent / name).read_bytes()).decode()
        return f'{match[1]}data:{mimetypes.guess_type(name)[0]};base64,{data}"'
    html = page.read_text()
    inside = {"#" + name for name in re.findall(r'\bid="([^"]+)"', html)} | {"#"}
    html = LINK.sub(lambda m: m[0] if urllib.parse.unquote(m[2]) in inside else m[1], html)
    html = PICTURE.sub(picture, html)
    html = STYLE.sub(lambda m: f"<style>{re.sub(r'/[*]# sourceMappingURL.*?[*]/', '', text(m))}</style>", html)
    return SCRIPT.sub(lambda m: "<script>" + re.sub(r"//# sourceMappingURL.*", "", text(m)).replace("</script", "<\\/script") + "</script>", html)


if __name__ == "__main__":
    pathlib.Path(sys.argv[2]).write_text(one_file(pathlib.Path(sys.argv[1])))
