"""Generators: point spread functions, aligned crops, blur, and the sets built from them."""
