"""How the studio looks: one dark ground on which colour means depth, quiet type, one accent.

The same colours as in the element's own style sheet and in `deglare.pictures`. Fonts are the system's: nothing is
fetched from anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradio.themes import Base

GROUND = "#18181a"
"""Behind pictures, and behind everything else."""
RAISED, SUNKEN, LINE = "#1f1f22", "#141416", "#323236"
INK, QUIET = "#e1e1e1", "#9a9aa2"
ACCENT = "#00dcff"
"""The pinned point, and what is chosen."""
REFLECTIVE = "#ff40a0"
WARNING = "#ffb454"
LAYER_COLOURS = {"predicted": "#f2a65a", "projected": "#6fb1fc", "fused": "#5fd38d", "truth": "#e1e1e1"}
"""The layers in plots: told apart by lightness too, and named in every legend."""

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Helvetica", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

VARIABLES = {
    "body_background_fill": GROUND,
    "body_text_color": INK,
    "body_text_color_subdued": QUIET,
    "background_fill_primary": GROUND,
    "background_fill_secondary": RAISED,
    "border_color_primary": LINE,
    "border_color_accent": ACCENT,
    "color_accent_soft": "#12343b",
    "link_text_color": ACCENT,
    "link_text_color_hover": "#8beeff",
    "link_text_color_visited": ACCENT,
    "link_text_color_active": ACCENT,
    "block_background_fill": GROUND,
    "block_border_color": LINE,
    "block_label_background_fill": GROUND,
    "block_label_text_color": QUIET,
    "block_title_text_color": QUIET,
    "block_info_text_color": QUIET,
    "panel_background_fill": GROUND,
    "input_background_fill": SUNKEN,
    "input_background_fill_focus": SUNKEN,
    "input_border_color": LINE,
    "input_border_color_focus": ACCENT,
    "input_placeholder_color": QUIET,
    "accordion_text_color": INK,
    "table_border_color": LINE,
    "table_even_background_fill": GROUND,
    "table_odd_background_fill": RAISED,
    "table_row_focus": "#12343b",
    "table_text_color": INK,
    "code_background_fill": SUNKEN,
    "button_secondary_background_fill": RAISED,
    "button_secondary_background_fill_hover": "#2a2a2e",
    "button_secondary_border_color": LINE,
    "button_secondary_text_color": INK,
    "button_primary_background_fill": "#0b5563",
    "button_primary_background_fill_hover": "#0d6c7e",
    "button_primary_border_color": ACCENT,
    "button_primary_text_color": "#ffffff",
    "button_cancel_background_fill": RAISED,
    "button_cancel_text_color": WARNING,
    "slider_color": ACCENT,
    "loader_color": ACCENT,
    "stat_background_fill": ACCENT,
    "error_background_fill": "#3a1d1d",
    "error_border_color": "#ff6b6b",
    "error_text_color": "#ffb4b4",
    "error_icon_color": "#ff6b6b",
    "checkbox_background_color": SUNKEN,
    "checkbox_label_background_fill": RAISED,
    "checkbox_label_background_fill_hover": "#2a2a2e",
    "checkbox_label_background_fill_selected": "#12343b",
    "checkbox_label_text_color": INK,
    "checkbox_border_color": LINE,
    "checkbox_background_color_selected": ACCENT,
}
PLAIN = {"block_shadow": "none", "block_radius": "4px", "container_radius": "4px", "input_radius": "4px"}
"""What has no second value for dark mode."""


def studio_theme() -> Base:
    """The theme; light mode is the same, so that no visitor's setting turns the ground white."""
    from gradio.themes import Base, sizes
    from gradio.themes.utils.fonts import Font

    theme = Base(
        primary_hue="cyan",
        neutral_hue="zinc",
        font=[Font(name) for name in SANS],
        font_mono=[Font(name) for name in MONO],
        text_size=sizes.text_sm,
        spacing_size=sizes.spacing_sm,
        radius_size=sizes.radius_sm,
    )
    return theme.set(**VARIABLES, **{f"{name}_dark": value for name, value in VARIABLES.items()}, **PLAIN)


GOOD = LAYER_COLOURS["fused"]
PAGE_STYLE = f"""
:root, .dark {{ color-scheme: dark; }}
:root {{
  --ground: {GROUND}; --raised: {RAISED}; --sunken: {SUNKEN}; --line: {LINE}; --ink: {INK}; --quiet: {QUIET};
  --accent: {ACCENT}; --warning: {WARNING}; --good: {GOOD};
}}
body, gradio-app {{ background: {GROUND} !important; }}
.gradio-container, .gradio-container > main, .gradio-container .app {{
  max-width: none !important; padding: 0 !important; background: {GROUND};
}}
.gradio-container > main {{ padding: 0 12px 24px !important; }}
.dg-below h3 {{ font-size: 14px; font-weight: 600; color: {INK}; margin: 0; }}
.tabs, .tabitem, .tabitem > .column {{ gap: 0 !important; }}
.tabs {{ margin-top: -54px; pointer-events: none; }}
.tabs > * {{ pointer-events: auto; }}
.tabs > .tab-wrapper {{ margin-left: 92px; width: 400px; height: 42px; padding: 0; align-items: center; }}
.tabs > .tab-wrapper .tab-container {{ height: auto; }}
.tabs > .tab-wrapper .tab-container::after {{ display: none; }}
.tabitem {{ padding: 6px 0 0 !important; border: none !important; }}
#dg-studio > .html-container, #dg-films > .html-container, #dg-annotate > .html-container {{ padding: 0 11px; }}
#dg-applying {{ align-items: center; padding: 8px 4px 0; min-height: 44px; }}

#dg-head {{ align-items: center; flex-wrap: nowrap; height: 42px; }}
#dg-title {{ flex: 1 1 auto; min-width: 0; }}
#dg-title h1 {{ display: inline; font-size: 18px; font-weight: 600; letter-spacing: .02em; }}
#dg-title p {{ display: inline; color: {QUIET}; font-size: 12px; margin-left: 416px; }}
@media (max-width: 1240px) {{ #dg-title p {{ display: none; }} }}
#dg-run {{ flex: 0 0 auto; width: 260px; }}

.dg-quiet, .dg-quiet p, .dg-quiet li {{ color: {QUIET} !important; font-size: 12px !important; line-height: 1.45; }}
.dg-says {{ max-width: 46em; margin: 18vh auto; font-size: 15px; line-height: 1.5; text-align: center; }}
.dg-below {{ gap: 24px; padding: 12px 4px 0; }}
.dg-choices {{ justify-content: space-between; }}
.dg-choices > * {{ flex: 0 1 auto !important; width: auto !important; min-width: 0 !important; }}
.dg-segments .wrap {{ flex-wrap: nowrap; gap: 4px; }}
.dg-segments label {{ padding: 4px 10px; }}
.dg-segments label input {{ position: absolute; opacity: 0; width: 0; height: 0; }}
.dg-segments label span {{ margin: 0; }}
.dg-segments label:has(:focus-visible) {{ box-shadow: inset 0 0 0 2px {ACCENT}; }}
#dg-cards th, #dg-cards td {{ border-color: {LINE}; }}

.dg-table table {{ width: 100%; border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; }}
.dg-table th, .dg-table td {{ padding: 5px 8px; text-align: right; white-space: nowrap; }}
.dg-table tr {{ border-bottom: 1px solid {LINE}; }}
.dg-table .text, .dg-table tbody th {{ text-align: left; }}
.dg-table th {{ font-weight: 400; }}
.dg-table thead th {{ position: sticky; top: 0; background: {GROUND}; z-index: 1; }}
.dg-table thead button {{ color: {QUIET}; font: inherit; background: none; border: 0; padding: 0; cursor: pointer; }}
.dg-table thead button:hover, .dg-table [aria-sort] button {{ color: {INK}; }}
.dg-table tr.leads {{ cursor: pointer; }}
.dg-table tr.leads:hover {{ background: {RAISED}; }}
.dg-table tr.now th, .dg-table tr.now td {{ color: {ACCENT}; }}
.dg-table :focus-visible {{ outline: 2px solid {ACCENT}; outline-offset: -2px; }}
.dg-scroll .dg-table {{ max-height: 400px; overflow-y: auto; }}

.dg-trainings {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); gap: 14px 24px; }}
.dg-trainings {{ padding: 6px 4px; }}
.dg-trainings > .legend, .dg-trainings > p {{ grid-column: 1 / -1; margin: 0; }}
.dg-trainings .legend {{ display: flex; flex-wrap: wrap; gap: 4px 24px; padding: 0; list-style: none; }}
.dg-trainings .legend {{ font-size: 12.5px; }}
.dg-trainings .legend i {{ display: inline-block; width: 18px; height: 3px; margin: 0 8px 3px 0; }}
.dg-trainings .legend span {{ color: {QUIET}; margin-left: 8px; }}
.dg-trainings figure {{ margin: 0; min-width: 0; }}
.dg-trainings figcaption {{ display: flex; justify-content: space-between; gap: 12px; align-items: end; }}
.dg-trainings figcaption {{ height: 2.8em; font-size: 12px; padding-bottom: 4px; }}
.dg-trainings figcaption b {{ font-weight: 600; }}
.dg-trainings .reading {{ color: {QUIET}; text-align: right; font-variant-numeric: tabular-nums; }}
.dg-trainings canvas {{ display: block; width: 100%; height: 130px; }}
.dg-sight {{ height: 1px; }}
.dg-kept, .dg-downloads {{ display: grid; gap: 6px; padding: 4px 0; }}
.dg-kept-row, .dg-download {{ display: flex; gap: 8px; align-items: center; font-size: 13px; }}
.dg-kept-row a {{ flex: 0 0 auto; min-width: 18em; color: {ACCENT}; font-variant-numeric: tabular-nums; }}
.dg-kept-row input {{ flex: 1 1 auto; min-width: 6em; }}
.dg-download span {{ flex: 1 1 auto; color: {QUIET}; }}
.dg-kept-row input, .dg-kept-row button, .dg-download select, .dg-save {{
  background: {RAISED}; color: {INK}; border: 1px solid {LINE}; border-radius: 4px; padding: 3px 8px; font: inherit;
}}
.dg-download select {{ background-image: none; appearance: auto; padding-right: 4px; }}
.dg-kept-row button:hover, .dg-save:hover {{ border-color: {ACCENT}; }}
.dg-save {{ text-decoration: none; min-width: 4em; text-align: center; }}
.dg-save:not([href]) {{ opacity: .4; pointer-events: none; }}
.dg-kept-row :focus-visible, .dg-download :focus-visible {{ outline: 2px solid {ACCENT}; outline-offset: 1px; }}
"""
"""What the theme has no variable for."""
