"""Energy management system for §14a EnWG: takes the limit, distributes it, keeps the proof."""
