"""A trained model at work on untrimmed recordings: timeline, events, and how good they are."""
