"""Sphinx: ``make docs`` builds the site into build/docs. Nothing is loaded from elsewhere."""

project = "Bunraku"
author = "The Bunraku authors"
extensions = ["myst_parser"]
exclude_patterns = ["*.in.md"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "Bunraku"
html_static_path = ["samples"]
nitpicky = True
