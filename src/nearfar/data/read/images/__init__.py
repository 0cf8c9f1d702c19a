"""Images in the ways that people keep them: folders, arrays, tables, archives."""
