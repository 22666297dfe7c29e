"""Stories as data: one TOML table each, a verdict per row out (first-plant.md 3)."""
