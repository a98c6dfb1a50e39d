"""User tokens: the credential Secret, the pair in it, the device flow, and answers that wait to be stored."""
