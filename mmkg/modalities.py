"""The names of the modalities, in the order in which they are shown."""

STRUCTURE = "structure"
RELATION = "relation"
ATTRIBUTE = "attribute"
VALUE = "value"
IMAGE = "image"
NAME = "name"
TEXT = "text"  # names by word vectors or a sentence model
MODALITIES = (STRUCTURE, RELATION, ATTRIBUTE, VALUE, IMAGE, NAME, TEXT)
SURFACE = frozenset((NAME, TEXT))  # modalities that read names
