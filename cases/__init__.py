"""What recordings belong to: case files, links, and who may see them."""
