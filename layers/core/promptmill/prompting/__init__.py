"""Turning a caller's prompt into what a provider is sent, and the rule-based answer for when no model can be asked.

Everything in this package is pure: text in, text out. Import the module that holds what you need; nothing is
re-exported, so that a cold function loads only that.
"""
