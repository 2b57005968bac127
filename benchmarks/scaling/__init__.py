"""More workers, readers and load: costs, pauses and order."""
