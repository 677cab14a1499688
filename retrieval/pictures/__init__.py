"""Photos made small, lit where the captioner looked, and laid out.

Reading order: `photo_pixels`, `thumbnail`, `verified_photos`, `attention_light`, `lettering`,
`contact_sheet`, `explanation_sheet`, `gallery`.
"""
