"""The report as one page that needs no network and runs no script.

In the order to read: `scale` (numbers to places on a drawing), `charts` (lines, bars and points as SVG),
`thumbnails` (photos inside the page), `tables` (what the page's tables say), `page` (the whole).
"""
