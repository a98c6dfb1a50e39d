"""How connections are trusted, to GitHub and to the API server, and what is said where no answer comes."""
