"""python -m mmkg"""

from .cli import main

main()
