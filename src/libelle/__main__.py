"""`python -m libelle` is the command `libelle`."""

from libelle.cli.main import main

if __name__ == "__main__":
    main()
