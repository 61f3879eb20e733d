"""Cards of sets: what the Hugging Face Hub, `datasets` and Croissant need to publish a set and read it."""
