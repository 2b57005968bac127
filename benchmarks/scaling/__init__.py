"""More workers, more readers, more load: what each costs, and how the work goes on meanwhile."""
