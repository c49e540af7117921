"""Entourage: one self-hosted server for people who work with social-media creators."""

__version__ = "0.1.0"
