"""Folders → the files of photos, and which of these are as they were.

In the order to read: `reason` (why a photo cannot be indexed), `file_stamp` (did a file change?),
`photo_file` (path → bytes), `scan` (folders → paths), `seen_files` (what is unchanged), `named_photo` (the
photo that a person names).
"""
