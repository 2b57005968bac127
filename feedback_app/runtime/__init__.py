"""A worker put together: the Faust app, its services, and the state that all workers share."""
