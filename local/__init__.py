"""The laptop deployment: the same template on MiniStack, with stand-in providers. Nothing here ships."""
