"""Training on a reader's own films; nothing else in Mammoview imports it."""
