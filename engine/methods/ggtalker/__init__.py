"""GGTalker (section 3): a head model moved by a diffusion transformer that hears, and what gives it its looks."""
