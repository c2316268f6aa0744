"""The colours that figures share; they differ in lightness too, for prints without colour."""

BLUE, ORANGE, GREEN, PURPLE, RED = "#1f5fa8", "#e08214", "#008f45", "#8e4585", "#c1272d"
INK, PALE = "#111111", "#c8c8c8"
