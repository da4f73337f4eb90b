"""SEVERAL GRAPHS: aligned pair by pair, then clustered so that no graph contradicts another."""
