"""The ground floor: sets, images, faces, metrics, scores and statistics."""
