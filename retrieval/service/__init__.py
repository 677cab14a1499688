"""The HTTP service and its page: `retrieve serve`. Needs the packages of the extra `serve`.

In the order to read: `settings` (how it is reached), `query_vectors` (which are kept in memory),
`metrics`, `guard` (who may ask), `limits` (how much is taken on), `batches` (who waits is answered
together), `answers` (the JSON), `searches` (questions → answers), `desk` (what all routes share),
`search_routes`, `etags` (what a client has already), `photo_routes`, `edit_routes`, `page_files`, `defects`
(what nobody foresaw), `app` (the whole), `protocol` and `server` (how it runs), `page/` (the page: HTML, CSS
and JavaScript modules, as they are sent; `page.js` says in which order to read).
"""
