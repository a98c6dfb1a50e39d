"""Who may ask GitHub next: fair under GitHub's limits, and around whatever is limited, fails or hangs."""
