"""Pictures: is one like those that were learned, and where is it not?"""
