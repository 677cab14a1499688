"""The report as one page that needs no network and runs no script.

In the order to read: `scale` (numbers to places on a drawing), `line_chart` (its parts), `recall_chart`,
`rank_chart`, `ann_chart` and `reliability_chart` (what is drawn), `gallery` (the worst misses), `page` (the
whole), `templates/` (how it looks).
"""
