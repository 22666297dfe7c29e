"""Generated SPINE 1.3.0 types, one module per schema file; see tools/generate_spine_model.py."""
