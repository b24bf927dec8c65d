"""The program as PyInstaller builds it, moved away from where it was built."""
