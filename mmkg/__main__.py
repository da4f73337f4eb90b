"""python -m mmkg"""

from .cli.app import main

main()
