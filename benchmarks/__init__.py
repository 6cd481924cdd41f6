"""How fast the backbone is beside the implementations that there are; see README.md."""
