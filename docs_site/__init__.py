"""What builds the documentation site beside MkDocs: links out of docs/, the notebook's page, the pictures."""
