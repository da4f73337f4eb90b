"""Names of the built-in modalities, in the order in which they are shown."""

STRUCTURE = "structure"
RELATION = "relation"
ATTRIBUTE = "attribute"
VALUE = "value"
IMAGE = "image"
NAME = "name"
TEXT = "text"  # names as vectors of a text encoder
MODALITIES = (STRUCTURE, RELATION, ATTRIBUTE, VALUE, IMAGE, NAME, TEXT)
