"""How everything looks: the token table, the fonts, the icons and the one style that paints from them."""
