"""Programs that travel in task folders. They stand on the standard library and know nothing of this application."""
