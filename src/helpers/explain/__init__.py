"""Where and when a trained model looks, and what that is worth."""
