"""Front ends of deglare: the studio and the notebook widgets."""
