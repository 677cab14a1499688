"""What a person asks: words, "phrases", -words and filters.

Reading order: `filters`, `query_language`, `caption_words`, `allowed_photos` (who is let through).
"""
