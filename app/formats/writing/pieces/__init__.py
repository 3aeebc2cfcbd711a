"""What writers share: conversations, patches, lines, and the facts that stand in every row."""
