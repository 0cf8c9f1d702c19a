"""Files as rows: tables, images, hubs."""
