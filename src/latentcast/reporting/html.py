"""An HTML page: one file that loads nothing and runs nothing, in the library's one look."""

from html import escape

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root{color-scheme:light}
body{font:16px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;color:#222;background:#fff;
max-width:66rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .8rem;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:2.4rem 0 .4rem;border-bottom:2px solid #ddd;padding-bottom:.2rem}
h3{font-size:1.02rem;margin:1.2rem 0 .2rem;overflow-wrap:anywhere}
a{color:#004f80}
svg{max-width:100%;height:auto}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.88rem;margin:.4rem 0;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f5f2;padding:.7rem .9rem;margin:.2rem 0 .8rem;
font-size:.86rem}
summary{cursor:pointer;font-size:.88rem;color:#004f80}
footer{margin-top:3rem;color:#555;font-size:.88rem}
@media print{body{max-width:none;padding:0;font-size:11pt}h2{break-after:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def printable(text: object) -> str:
    """Text from anywhere with a mark for each sign that a page may not hold."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in str(text))


def said(text: object) -> str:
    """Text from anywhere as text of a page, and no more."""
    return escape(printable(text))


def sheet(title: str, body: str, style: str = "") -> str:
    """The whole page around a body whose text was `said`; `style` comes on top of the library's own."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{said(title)}</title><style>{STYLE}{style}</style></head>\n<body>{body}</body></html>\n"
    )
