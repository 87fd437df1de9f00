"""The model providers of the laptop stack, stood in for: chat, Bedrock's wire and Together's images.

Every stand-in answer is deterministic and says that no model was called (`x-promptmill-stand-in: true`).
"""
