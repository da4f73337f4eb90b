"""Text becomes graphs: fields, terms, statements."""
