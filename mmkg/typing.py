"""Array aliases and the modality names, in the order in which they are shown."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

STRUCTURE = "structure"
RELATION = "relation"
ATTRIBUTE = "attribute"
VALUE = "value"
IMAGE = "image"
NAME = "name"
TEXT = "text"  # names by word vectors or a sentence model
MODALITIES = (STRUCTURE, RELATION, ATTRIBUTE, VALUE, IMAGE, NAME, TEXT)
SURFACE = frozenset((NAME, TEXT))  # modalities that read names
