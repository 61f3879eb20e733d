"""Sets that others made: blurred images with their sharp ones, in published layouts."""
