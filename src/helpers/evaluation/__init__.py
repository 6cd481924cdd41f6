"""From the table of predictions to numbers: metrics, baselines, intervals, worst errors."""
