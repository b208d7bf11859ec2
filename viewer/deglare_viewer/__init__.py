"""Front ends of deglare: the studio and the notebook widgets."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before Gradio is imported: nothing is sent to anybody
os.environ["GRADIO_RUN_HISTORY"] = "False"
