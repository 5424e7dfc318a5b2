"""The web page of a clinic: the worklist, what each plan was answered, and what people decided of it."""
