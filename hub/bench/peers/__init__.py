"""Plain Gradio apps, as one writes them without a hub: what the hub is compared with."""
