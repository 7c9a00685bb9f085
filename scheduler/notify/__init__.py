"""Ways to reach a person, one small adapter each."""
