"""The synthetic census forms (*bulletins individuels*) that come with libelle."""
