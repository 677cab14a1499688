"""Folders → the files of photos, and which of these are as they were.

In the order to read: `reason` (why a photo cannot be indexed), `scan` (folders → paths), `file_stamp` and
`seen_files` (what is unchanged), `photo_file` (path → bytes), `named_photo` (the photo that a person names).
"""
